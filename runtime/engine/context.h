#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "runtime/base/clock.h"
#include "runtime/catalog/latency_rules.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/tool_executor.h"
#include "runtime/engine/turns.h"
#include "runtime/latency/latency_book.h"
#include "runtime/policy/backoff.h"

namespace onetake {

struct LiveIntent;  // live_intent.h

// A version of a tool, and the set it was in: whatever tools it asks are taken from that set.
struct KnownTool {
  std::shared_ptr<const Tool> tool;  // nullptr: there is none
  std::shared_ptr<const ToolSet> tools;
};

// Room for one attempt at a downstream; destroying it gives the room back.
class DownstreamSlot {
 public:
  explicit DownstreamSlot(std::shared_ptr<size_t> taken) : taken_(std::move(taken)) { ++*taken_; }
  ~DownstreamSlot() { --*taken_; }
  DownstreamSlot(const DownstreamSlot&) = delete;
  DownstreamSlot& operator=(const DownstreamSlot&) = delete;

 private:
  const std::shared_ptr<size_t> taken_;
};

// What all parts of the engine share. Owned by the loop.
struct EngineContext {
  Engine::Options options;
  Clock& clock;
  Scheduler& scheduler;
  Random& random;
  Ledger& ledger;
  std::map<std::string, ToolExecutor*> executors;
  std::shared_ptr<const ToolSet> tools = std::make_shared<ToolSet>();
  // What tools were in the sets before, the newest last, at most kFormerVersions of each.
  static constexpr size_t kFormerVersions = 4;
  absl::flat_hash_map<std::string, std::vector<KnownTool>> former;

  // Elapsed() when this process began: what an earlier one had open was closed by then.
  absl::Duration began = absl::ZeroDuration();
  // Elapsed() when options.unsure_until is, as the clock went when this process began.
  absl::Duration unsure_elapsed = absl::ZeroDuration();
  DiscardedTurns turns;
  Engine::OnSettled on_settled = [](const IntentRecord&, const Answer&) {};
  // Recovery::Park and Unpark, for any live intent.
  std::function<void(LiveIntent&)> park = [](LiveIntent&) {};
  std::function<void(const std::shared_ptr<LiveIntent>&, Task)> unpark =
      [](const std::shared_ptr<LiveIntent>&, Task then) { then(); };

  bool draining = false;
  // Outcomes that wait for room on the disk. While there are any, no write is admitted.
  int unrecorded_outcomes = 0;
  uint64_t next_call = 0;

  absl::flat_hash_map<std::string, std::unique_ptr<RetryBudget>> budgets;  // by tool
  absl::flat_hash_map<std::string, std::unique_ptr<Breaker>> breakers;     // by downstream

  absl::flat_hash_map<std::string, std::shared_ptr<size_t>> slots_taken;  // by downstream

  LatencyBook latency;
  absl::flat_hash_map<std::string, uint64_t> writes_ended;  // by downstream

  void SetTools(std::shared_ptr<const ToolSet> next);
  // Returns the version that an intent was claimed under, if this process has known it; else the
  // tool as it is now, or, if it is gone, as it was last.
  KnownTool ToolOf(const IntentRecord& record) const;

  RetryBudget& BudgetOf(const Tool& tool);
  Breaker& BreakerOf(const Tool& tool);
  // nullptr: the tool's downstream has as many attempts under way as it may have. Probes and
  // questions about jobs need no slot: they end what is under way.
  std::shared_ptr<DownstreamSlot> TakeSlot(const Tool& tool);
  ToolExecutor& ExecutorOf(const Tool& tool) const;
  std::string NewCallId();
  // Records a call, whose role is known, with the answer that it gets; once a call.
  void RecordAnswer(CallRecord& call, const Answer& answer);
  // The header for one attempt on behalf of `trace`; empty without one.
  std::string NewTraceparent(const std::optional<TraceContext>& trace);
  // How many attempts of writes have ended at this tool's downstream. When it grows, what was read
  // there before is old.
  uint64_t WritesEnded(const Tool& tool) const;

  // What has been measured of this tool; nullptr: nothing.
  const LatencyHistogram* MeasuredLatency(const Tool& tool) const;
  // The hard timeout of an attempt that begins now.
  absl::Duration AttemptTimeout(const Tool& tool) const;
  // How long after its end a lost attempt may still land.
  absl::Duration SettleAfter(const Tool& tool) const;
  // Takes an attempt of this tool as a sample, if it is one; runtime/latency/README.md says which
  // are. An attempt of an earlier version is none: it says nothing of what is asked now. Do not
  // call it for a write that an earlier attempt may have done: its answer may be a repeated one.
  void NoteLatency(const Tool& tool, const AttemptReport& report);
  // An attempt that we gave up without an answer: it takes at least `waited`.
  void NoteGivenUp(const Tool& tool, absl::Duration waited);
};

// Feeds an attempt's outcome to the tool's budget and its downstream's breaker.
void Account(EngineContext& context, const Tool& tool, const AttemptReport& report);

// Statuses with an ErrorDetail, for a call of which nothing was done.
absl::Status DrainingError();
absl::Status ReusedToolCallIdError();
absl::Status OverloadedError(absl::string_view what);

}  // namespace onetake
