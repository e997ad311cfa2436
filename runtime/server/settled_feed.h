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
    // Whether the conversation itself has claimed it, so that the ledger lists it as its own.
    bool own = true;
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
    // Whether the peer was told that this intent is open, and not yet how it ended.
    virtual bool Awaits(const std::string& intent_id) const = 0;
    // What is on record is told.
    virtual void OnLive() = 0;
    // The ledger cannot be read, so nothing more is told.
    virtual void OnFailed(absl::Status why) = 0;
  };

  // All of them must outlive it.
  SettledFeed(LedgerQueries& queries, Engine& engine, Scheduler& loop, Listener& listener)
      : queries_(queries), engine_(engine), loop_(loop), listener_(listener) {}

  // The most outcomes of the conversation that are kept while it catches up; when there are more,
  // they are read from the ledger.
  static constexpr size_t kMostKept = 64;

  // Tells what came behind `after_seq`; nullopt: what comes from now on. Once.
  void Begin(std::string tenant, std::string session_id, std::optional<int64_t> after_seq);
  // The engine has recorded an outcome that this conversation wants.
  void Add(Outcome outcome);
  // A call is answered with an outcome, which is not told once more. The answer waits until what
  // settled earlier is told: its `seq` must not be seen before. Without a `seq` it takes that of
  // the event about the same generation, if that is still to be told.
  void AddResult(v1::SessionEvent result);
  // Whether it has caught up with the ledger.
  bool live() const { return live_; }
  // How many results of AddResult() wait for that.
  size_t waiting() const { return results_meanwhile_.size(); }
  // Nothing is told any more.
  void Stop() { stopped_ = true; }

 private:
  void FindPosition(std::optional<int64_t> after_seq);
  void OnPosition(std::optional<int64_t> after_seq, int64_t last);
  void CatchUp();
  void OnPage(absl::StatusOr<EventPage> page);
  void AskAgain(Task ask);
  void TellNext();
  void TellEvent(const EventRecord& event, const Answer& answer);
  // Tells the results that wait and have such a seq, in that order.
  void TellResults(int64_t first, int64_t last);
  // Tells the results that wait and have no seq as this event, if they are of it. False: none is.
  bool TellResultsAs(const EventRecord& event);
  void GoLive();
  void Tell(Outcome outcome);
  // Whether a page behind the position has it.
  bool IsListed(const Outcome& outcome) const { return outcome.own && outcome.seq > position_; }

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
  bool more_history_ = false;  // behind what was asked for
  // While it catches up. What the next page has is not among the outcomes.
  std::vector<Outcome> outcomes_meanwhile_;
  std::vector<v1::SessionEvent> results_meanwhile_;
  std::set<int64_t> told_by_result_;
  Lifetime lifetime_;
};

}  // namespace onetake
