#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "runtime/base/event_loop.h"
#include "runtime/engine/tool_executor.h"

namespace onetake {

// Each says in words how it went: "success", or "LOST, reached SOMETHING_SENT"; "success" or
// "LOST".
std::string Said(const AttemptReport& report);
std::string Said(std::optional<FailureKind> failure);

// Runs attempts on an executor of `loop` and waits for them, from a thread that is not the loop's.
class AttemptRunner {
 public:
  AttemptRunner(EventLoop& loop, ToolExecutor& executor) : loop_(loop), executor_(executor) {}

  struct Ran {
    AttemptReport report;
    std::vector<AttemptProgress> progress;
    bool answered = true;  // false: `done` was not called in time, which breaks the contract
  };
  // When the executor is told to cancel the attempt: never, or once `begun` says that it is on its
  // way.
  using Begun = absl::AnyInvocable<void()>;
  absl::StatusOr<std::string> Render(const Tool& tool, const Json& arguments,
                                     absl::string_view key);
  Ran Run(const std::shared_ptr<const Tool>& tool, AttemptRequest request);
  // Waits for `begun` to return, then cancels.
  Ran RunAndCancel(const std::shared_ptr<const Tool>& tool, AttemptRequest request, Begun begun);
  // Asks about the attempt as soon as it tells its progress. `probe` is nullopt when it was over
  // before it had told any, or the executor cannot ask.
  struct Asked {
    Ran ran;
    std::optional<ProbeReport> probe;
  };
  Asked RunAndAsk(const std::shared_ptr<const Tool>& tool, AttemptRequest request);
  // nullopt: the executor cannot ask.
  std::optional<ProbeReport> Probe(const std::shared_ptr<const Tool>& tool, std::string rendered,
                                   absl::Duration timeout);

 private:
  struct State;
  AttemptId Begin(const std::shared_ptr<const Tool>& tool, AttemptRequest request,
                  const std::shared_ptr<State>& state);
  static Ran Wait(const std::shared_ptr<State>& state, absl::Duration timeout);

  EventLoop& loop_;
  ToolExecutor& executor_;
};

}  // namespace onetake
