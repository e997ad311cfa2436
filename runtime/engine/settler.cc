#include "runtime/engine/settler.h"

#include <algorithm>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/base/failpoint.h"
#include "runtime/base/log.h"
#include "runtime/engine/call_check.h"
#include "runtime/policy/policy.h"

namespace onetake {
namespace {

constexpr absl::Duration kDiskFullRetry = absl::Milliseconds(250);

AttemptEnd EndOf(const LiveIntent& live, const AttemptReport& report) {
  return {.number = live.record.attempts,
          .reached = std::string(ToString(report.reached)),
          .failure = report.failure ? std::string(ToString(*report.failure)) : "",
          .http_status = report.http_status,
          .error = report.error,
          .latency = report.latency};
}

// By what a reversing tool will name this result.
std::optional<std::string> ResultRef(const Tool& tool, const std::string& result_json) {
  if (!tool.result_ref.has_value()) return std::nullopt;
  const absl::StatusOr<Json> result = ParseJson(result_json, ResultLimits());
  const Json* node = result.ok() ? tool.result_ref->Find(*result) : nullptr;
  if (node == nullptr || node->is_null()) return std::nullopt;
  return ReferenceText(*node);
}

std::optional<std::string> ResultOf(const AttemptReport& report) {
  if (report.result_json.empty()) return std::nullopt;
  return report.result_json;
}

bool KeyForgotten(const LiveIntent& live, absl::Time when) {
  return live.safety.keyed && live.safety.key_retention > absl::ZeroDuration() &&
         when >= live.record.first_sent_at + live.safety.key_retention;
}

}  // namespace

Settler::Settler(EngineContext& context, OnEnd on_end)
    : context_(context), on_end_(std::move(on_end)) {}

void Settler::Begin(const LiveIntentPtr& live) {
  live->started = context_.clock.Elapsed();
  if (!context_.draining) return Send(live);
  AttemptReport report{.failure = FailureKind::kNotSent, .error = "draining"};
  Record(
      live,
      {.to = IntentState::kRejected, .rule = "drain.not_sent", .attempt_end = EndOf(*live, report)},
      &Settler::Ended);
}

void Settler::Resume(const LiveIntentPtr& live) {
  live->started = context_.clock.Elapsed();
  live->last_ended = live->started;
  live->ambiguous = true;
  const FailureKind failure =
      KeyForgotten(*live, context_.clock.Now()) ? FailureKind::kRetentionOver : FailureKind::kCrash;
  Act(live, failure, std::nullopt, {});
}

void Settler::Send(const LiveIntentPtr& live) {
  FailPoint("engine.before_dispatch");
  Breaker& breaker = context_.BreakerOf(*live->tool);
  if (!breaker.Admit()) {
    const AttemptReport shed{.failure = FailureKind::kNotSent,
                             .retry_after = breaker.RetryAfter(),
                             .error = "circuit breaker open"};
    live->last_ended = context_.clock.Elapsed();
    return Act(live, *shed.failure, EndOf(*live, shed), shed);
  }
  const bool resend_is_safe = live->safety.keyed || live->safety.natural;
  AttemptRequest request{
      .rendered = live->record.request,
      .timeout = live->tool->timeouts.Attempt(),
      .transport_resend = resend_is_safe ? TransportResend::kAllowed : TransportResend::kForbidden};
  live->attempt = context_.ExecutorOf(*live->tool)
                      ->Start(live->tool, std::move(request), [this, live](AttemptReport report) {
                        OnReport(live, std::move(report));
                      });
}

void Settler::OnReport(const LiveIntentPtr& live, AttemptReport report) {
  FailPoint("engine.after_reply");
  if (!live->attempt.has_value()) return;  // abandoned: the ledger has it as UNKNOWN
  live->attempt.reset();
  live->last_ended = context_.clock.Elapsed();
  live->downstream_latency += report.latency;
  Account(context_, *live->tool, report);
  if (report.failure.has_value()) {
    const FailureKind failure = *report.failure;
    return Act(live, failure, EndOf(*live, report), report);
  }
  std::optional<std::string> result_ref = ResultRef(*live->tool, report.result_json);
  Record(live,
         {.to = IntentState::kSucceeded,
          .rule = live->record.attempts > 1 ? "table.success_of_resend" : "table.success",
          .attempt_end = EndOf(*live, report),
          .result_json = std::move(report.result_json),
          .result_ref = std::move(result_ref)},
         &Settler::Ended);
}

void Settler::Act(const LiveIntentPtr& live, FailureKind failure, std::optional<AttemptEnd> end,
                  const AttemptReport& report) {
  const RetryLimits& limits = live->tool->retries;
  const bool doubtful = live->ambiguous || MayHaveHappened(failure);
  const bool happened = live->happened || failure == FailureKind::kBodyUnreadable;
  if (context_.draining && doubtful && !happened) {
    return LeaveUnknown(live, std::move(end), "drain.left_unknown");
  }
  absl::Duration delay =
      Backoff(limits, std::max(1, live->record.attempts), report.retry_after, context_.random);
  // An exhausted budget slows a safe retry down; it is no reason to give the intent to a person.
  if (!context_.BudgetOf(*live->tool).MayRetry()) delay = std::max(delay, limits.cap);
  const absl::Time next = context_.clock.Now() + delay;
  const AttemptHistory history{
      .earlier_ambiguous = live->ambiguous,
      .may_send_again = !context_.draining && live->record.attempts < limits.attempts &&
                        context_.clock.Elapsed() - live->started + delay <= limits.total,
      .retention_over = KeyForgotten(*live, next),
      .earlier_happened = live->happened};
  const Decision decision = Decide(Effect::kWrite, live->safety, failure, history);
  live->ambiguous = doubtful;
  live->happened = happened;
  Transition transition{
      .rule = std::string(decision.rule), .attempt_end = std::move(end), .ambiguous = doubtful};
  switch (decision.action) {
    case Action::kRetry:
    case Action::kRetryAfter:
      transition.to = doubtful ? IntentState::kUnknown : live->record.state;
      transition.next_attempt_at = next;
      return Record(live, std::move(transition), &Settler::ScheduleResend);
    case Action::kReject:
      transition.to = IntentState::kRejected;
      transition.result_json = ResultOf(report);
      return Record(live, std::move(transition), &Settler::Ended);
    case Action::kSucceed:
      transition.to = IntentState::kSucceeded;
      return Record(live, std::move(transition), &Settler::Ended);
    case Action::kProbe:
      transition.to = IntentState::kUnknown;
      return Record(live, std::move(transition), &Settler::ScheduleProbe);
    case Action::kReview:
      transition.to = IntentState::kUnknown;
      transition.ambiguous = true;
      return Record(live, std::move(transition), &Settler::ToReview);
    case Action::kFail: break;
  }
  ONETAKE_CHECK(false && "a WRITE never ends as FAILED");
}

void Settler::LeaveUnknown(const LiveIntentPtr& live, std::optional<AttemptEnd> end,
                           absl::string_view rule) {
  live->ambiguous = true;
  Record(live,
         {.to = IntentState::kUnknown,
          .rule = std::string(rule),
          .attempt_end = std::move(end),
          .ambiguous = true},
         &Settler::Ended);
}

void Settler::ScheduleResend(const LiveIntentPtr& live) {
  if (context_.draining) return StopRetrying(live);
  const absl::Duration delay =
      live->record.next_attempt_at.value_or(context_.clock.Now()) - context_.clock.Now();
  live->timer = context_.scheduler.RunAfter(delay, [this, live] {
    live->timer = Scheduler::TimerId::kNone;
    BeginAttempt(live);
  });
}

// The attempt is counted durably before it is sent, so that no restart forgets one.
void Settler::BeginAttempt(const LiveIntentPtr& live) {
  if (context_.draining) return StopRetrying(live);
  Record(live,
         {.to = live->record.state, .rule = "resend", .attempt_begin = live->record.attempts + 1},
         &Settler::CountAndSend);
}

void Settler::CountAndSend(const LiveIntentPtr& live) {
  ++live->record.attempts;
  Send(live);
}

void Settler::StopRetrying(const LiveIntentPtr& live) {
  // What is in flight, or on its way to the disk, sees the drain at its next step.
  if (live->attempt.has_value() || live->recording || live->ended) return;
  context_.scheduler.Cancel(live->timer);
  live->timer = Scheduler::TimerId::kNone;
  if (live->happened) {
    return Record(live, {.to = IntentState::kSucceeded, .rule = "drain.body_not_fetched"},
                  &Settler::Ended);
  }
  if (live->record.state != IntentState::kInFlight) return Ended(live);
  Record(live, {.to = IntentState::kRejected, .rule = "drain.not_sent"}, &Settler::Ended);
}

void Settler::Abandon(const LiveIntentPtr& live) {
  if (!live->attempt.has_value()) return;
  const AttemptId attempt = *live->attempt;
  live->attempt.reset();
  const AttemptReport report{.reached = Reached::kSomethingSent,
                             .failure = FailureKind::kLost,
                             .error = "given up by the drain"};
  LeaveUnknown(live, EndOf(*live, report), "drain.abandoned");
  context_.ExecutorOf(*live->tool)->Cancel(attempt);
}

void Settler::ToReview(const LiveIntentPtr& live) {
  Log(LogLevel::kWarning, "intent.needs_review",
      {{LogField::kTool, live->record.tool},
       {LogField::kIntent, live->record.intent_id},
       {LogField::kGeneration, int64_t{live->record.generation}},
       {LogField::kRule, live->record.reason}});
  Record(live, {.to = IntentState::kReview, .rule = live->record.reason}, &Settler::Ended);
}

void Settler::Ended(const LiveIntentPtr& live) {
  if (std::exchange(live->ended, true)) return;
  on_end_(live, End::kRecorded);
}

void Settler::Record(const LiveIntentPtr& live, Transition transition, Step then) {
  transition.row = live->record.row;
  transition.from = live->record.state;
  transition.at = context_.clock.Now();
  if (transition.actor.empty()) transition.actor = live->recovered ? "recovery" : "engine";
  live->recording = true;
  Transition copy = transition;
  context_.ledger.Apply(std::move(copy), [this, live, then, transition = std::move(transition)](
                                             absl::Status status) mutable {
    context_.scheduler.Post(
        [this, live, then, transition = std::move(transition), status = std::move(status)] {
          OnRecorded(live, transition, then, status);
        });
  });
}

void Settler::OnRecorded(const LiveIntentPtr& live, const Transition& transition, Step then,
                         const absl::Status& status) {
  if (absl::IsResourceExhausted(status)) {
    ++context_.unrecorded_outcomes;
    Log(LogLevel::kError, "ledger.full",
        {{LogField::kIntent, live->record.intent_id}, {LogField::kRule, transition.rule}});
    context_.scheduler.RunAfter(kDiskFullRetry, [this, live, transition, then] {
      --context_.unrecorded_outcomes;
      Record(live, transition, then);
    });
    return;
  }
  live->recording = false;
  if (!status.ok()) {
    live->ended = true;
    Log(LogLevel::kWarning, "intent.overtaken",
        {{LogField::kIntent, live->record.intent_id}, {LogField::kRule, transition.rule}});
    return on_end_(live, End::kOvertaken);
  }
  IntentRecord& record = live->record;
  record.state = transition.to;
  record.reason = transition.rule;
  record.next_attempt_at = transition.next_attempt_at;
  record.ambiguous = record.ambiguous || transition.ambiguous;
  if (transition.result_json.has_value()) record.result_json = transition.result_json;
  if (IsSettled(record.state)) record.settled_at = transition.at;
  (this->*then)(live);
}

}  // namespace onetake
