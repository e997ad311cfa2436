#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "onetake/v1/runtime.pb.h"
#include "runtime/base/clock.h"
#include "runtime/base/lifetime.h"
#include "runtime/engine/engine.h"
#include "runtime/ledger/ledger_queries.h"

namespace onetake {

// What is settled of one conversation, told once each and in the order of `seq`: page by page from
// the ledger, then what came meanwhile, then as it comes. Owned by the loop.
class SettledFeed {
 public:
  struct Outcome {
    int64_t seq = 0;
    std::string tool;
    std::string intent_id;
    Answer answer;
  };
  // Called from the loop. It may call Stop(), and does not destroy the feed.
  class Listener {
   public:
    virtual ~Listener() = default;
    // The conversation goes on behind this event. Called once, before all others but OnFailed().
    virtual void OnPosition(int64_t seq) = 0;
    virtual void OnOutcome(Outcome outcome) = 0;
    // A result that was given to AddResult().
    virtual void OnResult(v1::SessionEvent result) = 0;
    // What is on record is told.
    virtual void OnLive() = 0;
    // The ledger cannot be read, so nothing more is told.
    virtual void OnFailed(absl::Status why) = 0;
  };

  // All of them must outlive it.
  SettledFeed(LedgerQueries& queries, Engine& engine, Scheduler& loop, Listener& listener)
      : queries_(queries), engine_(engine), loop_(loop), listener_(listener) {}

  // Tells what came behind `after_seq`; nullopt: what comes from now on. Once.
  void Begin(std::string tenant, std::string session_id, std::optional<int64_t> after_seq);
  // The engine has recorded an outcome that this conversation wants.
  void Add(Outcome outcome);
  // A call is answered with an outcome, which is not told once more. The answer waits until what
  // settled earlier is told: its `seq` must not be seen before.
  void AddResult(v1::SessionEvent result);
  // Whether it has caught up with the ledger.
  bool live() const { return live_; }
  // How many results of AddResult() wait for that.
  size_t waiting() const { return results_meanwhile_.size(); }
  // Nothing is told any more.
  void Stop() { stopped_ = true; }

 private:
  void CatchUp();
  void OnPage(absl::StatusOr<EventPage> page);
  void TellNext();
  void GoLive();
  void Tell(Outcome outcome);

  LedgerQueries& queries_;
  Engine& engine_;
  Scheduler& loop_;
  Listener& listener_;
  std::string tenant_;
  std::string session_id_;
  bool stopped_ = false;
  bool live_ = false;
  int64_t position_ = 0;  // everything up to it was told, or is not of this session
  std::deque<EventRecord> history_;
  bool more_history_ = true;
  std::vector<Outcome> outcomes_meanwhile_;  // while catching up
  std::vector<v1::SessionEvent> results_meanwhile_;
  std::set<int64_t> told_by_result_;
  Lifetime lifetime_;
};

}  // namespace onetake
