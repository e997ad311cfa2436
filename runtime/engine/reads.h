#pragma once

#include <memory>
#include <set>

#include "runtime/engine/context.h"

namespace onetake {

// A valid call of a READ on its way to an answer.
struct ReadCall {
  ToolCall call;
  std::shared_ptr<const Tool> tool;
  Json arguments;
  CallRecord record;
  AnswerCallback done;
  absl::Duration arrived = absl::ZeroDuration();
  absl::Duration deadline = absl::ZeroDuration();  // Elapsed() when patience ends

  std::string request;
  int attempts = 0;
  std::optional<AttemptId> attempt;
  Scheduler::TimerId timer = Scheduler::TimerId::kNone;  // backoff
  Scheduler::TimerId patience = Scheduler::TimerId::kNone;
  absl::Duration downstream_latency = absl::ZeroDuration();
};

// Runs READs: freely retried within the caller's patience, cancelled when it ends. The ledger hears
// of a read once, afterwards, and nobody waits for that. Owned by the loop.
class Reads {
 public:
  explicit Reads(EngineContext& context) : context_(context) {}

  void Run(std::unique_ptr<ReadCall> call);
  // Ends every read now: FAILED.
  void CancelAll();
  // Ends the reads of a turn that was discarded. How many.
  int Discard(const Turn& turn);
  size_t live() const { return live_.size(); }

 private:
  using ReadPtr = std::shared_ptr<ReadCall>;

  void CheckDelivery(const ReadPtr& read);
  void Begin(const ReadPtr& read);
  void Send(const ReadPtr& read);
  void OnReport(const ReadPtr& read, AttemptReport report);
  void Fail(const ReadPtr& read, std::string reason, std::string result_json);
  void Finish(const ReadPtr& read, Answer answer);
  void Refuse(const ReadPtr& read, absl::Status status);
  bool Forget(const ReadPtr& read);

  EngineContext& context_;
  std::set<ReadPtr> live_;
};

}  // namespace onetake
