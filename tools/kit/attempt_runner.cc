#include "tools/kit/attempt_runner.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"

namespace onetake {
namespace {

// How long after its hard timeout an executor may still report; after that it never will.
constexpr absl::Duration kGrace = absl::Seconds(10);

}  // namespace

std::string Said(const AttemptReport& report) {
  if (!report.failure.has_value()) return "success";
  return absl::StrCat(ToString(*report.failure), ", reached ", ToString(report.reached));
}

std::string Said(std::optional<FailureKind> failure) {
  return failure.has_value() ? std::string(ToString(*failure)) : "success";
}

struct AttemptRunner::State {
  absl::Mutex mutex;
  Ran ran ABSL_GUARDED_BY(mutex);
  bool over ABSL_GUARDED_BY(mutex) = false;
  absl::Notification done;
};

absl::StatusOr<std::string> AttemptRunner::Render(const Tool& tool, const Json& arguments,
                                                  absl::string_view key) {
  absl::StatusOr<std::string> rendered;
  absl::Notification done;
  loop_.Post([&] {
    rendered = executor_.Render(tool, arguments, key);
    done.Notify();
  });
  done.WaitForNotification();
  return rendered;
}

AttemptId AttemptRunner::Begin(const std::shared_ptr<const Tool>& tool, AttemptRequest request,
                               const std::shared_ptr<State>& state) {
  request.on_progress = [state](const AttemptProgress& progress) {
    absl::MutexLock lock(&state->mutex);
    state->ran.progress.push_back(progress);
  };
  AttemptId id{};
  absl::Notification begun;
  loop_.Post([&] {
    id = executor_.Start(tool, std::move(request), [state](AttemptReport report) {
      {
        absl::MutexLock lock(&state->mutex);
        state->ran.report = std::move(report);
        state->over = true;
      }
      state->done.Notify();
    });
    begun.Notify();
  });
  begun.WaitForNotification();
  return id;
}

AttemptRunner::Ran AttemptRunner::Wait(const std::shared_ptr<State>& state,
                                       absl::Duration timeout) {
  const bool answered = state->done.WaitForNotificationWithTimeout(timeout + kGrace);
  absl::MutexLock lock(&state->mutex);
  Ran ran = state->ran;
  ran.answered = answered;
  return ran;
}

AttemptRunner::Ran AttemptRunner::Run(const std::shared_ptr<const Tool>& tool,
                                      AttemptRequest request) {
  const auto state = std::make_shared<State>();
  const absl::Duration timeout = request.timeout;
  Begin(tool, std::move(request), state);
  return Wait(state, timeout);
}

AttemptRunner::Ran AttemptRunner::RunAndCancel(const std::shared_ptr<const Tool>& tool,
                                               AttemptRequest request, Begun begun) {
  const auto state = std::make_shared<State>();
  const AttemptId id = Begin(tool, std::move(request), state);
  begun();
  loop_.Post([this, id] { executor_.Cancel(id); });
  return Wait(state, absl::ZeroDuration());
}

AttemptRunner::Asked AttemptRunner::RunAndAsk(const std::shared_ptr<const Tool>& tool,
                                              AttemptRequest request) {
  const auto state = std::make_shared<State>();
  const absl::Duration timeout = request.timeout;
  const std::string rendered = request.rendered;
  Begin(tool, std::move(request), state);
  bool told = false;
  {
    absl::MutexLock lock(&state->mutex);
    const auto heard = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(state->mutex) {
      return state->over || !state->ran.progress.empty();
    };
    state->mutex.AwaitWithTimeout(absl::Condition(&heard), timeout + kGrace);
    told = !state->ran.progress.empty();
  }
  Asked asked;
  if (told) asked.probe = Probe(tool, rendered, timeout);
  asked.ran = Wait(state, timeout);
  return asked;
}

std::optional<ProbeReport> AttemptRunner::Probe(const std::shared_ptr<const Tool>& tool,
                                                std::string rendered, absl::Duration timeout) {
  struct Answer {
    ProbeReport report;
    absl::Notification done;
  };
  const auto answer = std::make_shared<Answer>();
  bool asked = false;
  absl::Notification begun;
  loop_.Post([&] {
    asked = executor_.Probe(tool, rendered, timeout, [answer](ProbeReport report) {
      answer->report = std::move(report);
      answer->done.Notify();
    });
    begun.Notify();
  });
  begun.WaitForNotification();
  if (!asked) return std::nullopt;
  if (!answer->done.WaitForNotificationWithTimeout(timeout + kGrace)) {
    return ProbeReport{.error = "the probe was never answered"};
  }
  return answer->report;
}

}  // namespace onetake
