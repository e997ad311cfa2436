#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "runtime/engine/tool_executor.h"
#include "tests/sim/downstream.h"
#include "tests/sim/dump.h"
#include "tests/sim/world.h"

namespace onetake::sim {

// What was sent under each key, by every onetaked there was; kept by the network.
struct SentLog {
  struct Key {
    bool open = false;  // the last one has not ended
    bool ambiguous = false;
    absl::Duration ambiguous_at;  // since when at the latest
    int sends = 0;
    int appointment = 0;   // of a cancellation
    std::string rendered;  // by the first one
    int wish = 0;
    // A person has said that it did not happen, and did not wait for the end of an attempt; and
    // onetaked has heard since that it did, and had the time to say so.
    bool denied = false, heard = false;
    // What its tool declared at the first one, and when that was.
    RetrySafety declared;
    absl::Duration first_at;
  };
  // Whoever waited for the answers is gone.
  void LoseAll(absl::Duration now) {
    for (auto& [key, sent] : keys) {
      if (!sent.open) continue;
      sent.open = false;
      sent.ambiguous = true;
      sent.ambiguous_at = now;
    }
  }
  // The ledger is an older one: what comes next under a key that it does not know is a first one.
  void Forget(const Dump& ledger) {
    for (auto& [key, sent] : keys) {
      if (ledger.Find(key) == nullptr) sent = {};
    }
  }
  // The rows that a look-up showed when it was answered.
  struct Look {
    absl::Duration at;
    std::string body;
  };
  std::map<std::string, Key> keys;
  std::map<std::string, std::vector<Look>> looks;  // by slot and provider
};

// The network between one onetaked and the downstreams: delays, loses, repeats. Checks what is sent
// when it is sent: R4, R11, I4.
class SimTool final : public ToolExecutor, public std::enable_shared_from_this<SimTool> {
 public:
  // Looks at every write that is about to leave.
  using OnSend = std::function<void(const std::string& key, int attempt)>;

  SimTool(World& world, Downstream& downstream, SentLog& log, Scheduler& program, OnSend on_send)
      : world_(world),
        downstream_(downstream),
        log_(log),
        program_(program),
        on_send_(std::move(on_send)) {}

  absl::StatusOr<std::string> Render(const Tool& tool, const Json& arguments,
                                     absl::string_view key) const override;
  AttemptId Start(const std::shared_ptr<const Tool>& tool, AttemptRequest request,
                  Done done) override;
  void Cancel(AttemptId id) override;

 private:
  struct Attempt {
    Done done;
    std::string key;   // empty: a READ
    std::string look;  // of onetaked's own look-up: slot and provider
    absl::Duration began;
  };

  void StartRead(AttemptId id, const Json& rendered, absl::Duration timeout);
  void StartWrite(AttemptId id, const Json& rendered, const AttemptRequest& request);
  void Land(AttemptId id, const Json& rendered, const AttemptRequest& request);
  bool WasShownNotDone(const Tool& tool, const Json& arguments, const SentLog::Key& sent);
  bool MayRepeat(const Tool& tool, const Json& arguments, const SentLog::Key& sent);
  void CheckSend(const Tool& tool, const Json& rendered, const AttemptRequest& request);
  void ReportLater(AttemptId id, absl::Duration after, AttemptReport report);
  void Finish(AttemptId id, AttemptReport report);

  World& world_;
  Downstream& downstream_;
  SentLog& log_;
  Scheduler& program_;
  const OnSend on_send_;
  uint64_t next_ = 0;
  std::map<AttemptId, Attempt> running_;
};

}  // namespace onetake::sim
