#include "runtime/engine/settler.h"

#include <algorithm>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/base/failpoint.h"
#include "runtime/base/log.h"
#include "runtime/base/on_loop.h"
#include "runtime/base/planted_bug.h"
#include "runtime/engine/answer.h"
#include "runtime/engine/result_reference.h"
#include "runtime/engine/rules.h"
#include "runtime/policy/policy.h"
#include "runtime/policy/rules.h"

namespace onetake {
namespace {

std::optional<std::string> ResultOf(const AttemptReport& report) {
  if (report.result_json.empty()) return std::nullopt;
  return report.result_json;
}

// How far the clock may be set back by what keeps it right.
constexpr absl::Duration kClockSlack = absl::Minutes(1);

// Whether the downstream may have forgotten the key when an attempt that is sent after `delay`
// arrives, for which it has as long as it may live. Judged by the wall clock, which alone survives
// a restart, and by how long this process has known the key, so that a clock that is set back does
// not make it live longer.
bool KeyForgotten(const LiveIntent& live, const EngineContext& context, absl::Duration delay) {
  const absl::Duration lands_after = delay + context.AttemptTimeout(*live.tool);
  const absl::Time when = context.clock.Now() + lands_after;
  const absl::Duration known_for = context.clock.Elapsed() - live.started + lands_after;
  // A clock that is behind the claim tells nothing of its age.
  const bool is_of_the_future =
      live.resumed && context.clock.Now() + kClockSlack < live.record.first_sent_at;
  return live.safety.keyed && live.safety.key_retention > absl::ZeroDuration() &&
         !ONETAKE_PLANTED_BUG("key_retention_ignored") &&
         (is_of_the_future || when >= live.record.first_sent_at + live.safety.key_retention ||
          known_for >= live.safety.key_retention);
}

// Who waits for it with another write is told nothing: it would be taken for progress of that one.
void TellProgress(const LiveIntent& live, const AttemptProgress& progress) {
  for (const Waiter& waiter : live.waiters) {
    const bool told = waiter.call != nullptr && waiter.then == Waiter::Then::kAnswer;
    if (told && waiter.call->call.on_progress) waiter.call->call.on_progress(progress);
  }
}

// Whether the key may be forgotten by now: a full disk or a suspended machine may have kept a
// resend from its planned time.
bool IsTooLateToResend(const LiveIntent& live, const EngineContext& context) {
  return live.in_doubt && !live.safety.natural && KeyForgotten(live, context, absl::ZeroDuration());
}

// For a planted bug.
std::string RenderedAnew(const LiveIntent& live, const EngineContext& context) {
  const absl::StatusOr<Json> arguments = ParseJson(live.record.arguments_json, ResultLimits());
  if (!arguments.ok()) return live.record.request;
  return context.ExecutorOf(*live.tool).Render(*live.tool, *arguments, live.record.key).value();
}

}  // namespace

// The same request makes the same state even after that was undone; a key that is remembered does
// not.
bool Settler::MakesItAgain(const LiveIntent& live) const {
  return live.in_doubt && live.safety.natural &&
         (!live.safety.keyed || KeyForgotten(live, context_, absl::ZeroDuration()));
}

AttemptEnd Settler::EndOf(const LiveIntent& live, const AttemptReport& report) {
  return {.number = live.record.attempts,
          .reached = std::string(ToString(report.reached)),
          .failure = report.failure ? std::string(ToString(*report.failure)) : "",
          .http_status = report.http_status,
          .error = report.error,
          .latency = report.latency};
}

// A probe that found nothing may have been asked too early, and the row for which an attempt is
// refused may be an earlier attempt's. So for a refusal the ledger's mark counts, which is never
// cleared.
bool Settler::EarlierAmbiguous(const LiveIntent& live, FailureKind failure) {
  const bool was_probed = IsRefusal(failure) && live.safety.probed;
  return live.in_doubt || (was_probed && live.record.ambiguous);
}

Settler::Settler(EngineContext& context, OnEnd on_end)
    : context_(context), on_end_(std::move(on_end)) {}

void Settler::Begin(const LiveIntentPtr& live) {
  live->started = context_.clock.Elapsed();
  // An outcome that waits for room came before this claim, and may be of the same intent.
  const bool full = context_.unrecorded_outcomes > 0;
  if (!context_.draining && !full) return Send(live);
  const AttemptReport report{.failure = FailureKind::kNotSent,
                             .error = full ? "the ledger's disk is full" : "draining"};
  Record(live,
         {.to = IntentState::kRejected,
          .rule = std::string(full ? kNoEffectRule : kDrainNotSent),
          .attempt_end = EndOf(*live, report)},
         &Settler::Ended);
}

void Settler::Resume(const LiveIntentPtr& live) {
  live->started = context_.clock.Elapsed();
  live->resumed = true;
  live->last_ended = context_.began;
  live->in_doubt = true;
  live->happened = live->record.happened;
  live->still_runs = SaysItStillRuns(live->record.reason);
  live->recovered_plan = live->record.next_attempt_at;
  if (!live->record.job.empty()) return SchedulePoll(live);
  const FailureKind failure = KeyForgotten(*live, context_, absl::ZeroDuration())
                                  ? FailureKind::kRetentionOver
                                  : FailureKind::kCrash;
  OnFailure(live, failure, std::nullopt, {});
}

void Settler::Send(const LiveIntentPtr& live) {
  // A person who gives a verdict is told that nothing more is sent, and the verdict may be durable
  // by now.
  if (live->resolving > 0) {
    return Shed(live, {.failure = FailureKind::kNotSent, .error = "a person settles it"});
  }
  FailPoint("engine.before_dispatch");
  Breaker& breaker = context_.BreakerOf(*live->tool);
  if (!breaker.Admit()) {
    return Shed(live, {.failure = FailureKind::kNotSent,
                       .retry_after = breaker.RetryAfter(),
                       .error = "circuit breaker open"});
  }
  if (live->slot == nullptr) live->slot = context_.TakeSlot(*live->tool);
  if (live->slot == nullptr) {
    breaker.OnAbandon();
    return Shed(live, {.failure = FailureKind::kNotSent, .error = "the downstream is busy"});
  }
  const bool resend_is_safe = live->safety.keyed || live->safety.natural;
  AttemptRequest request{
      .rendered = ONETAKE_PLANTED_BUG("rendered_anew") ? RenderedAnew(*live, context_)
                                                       : live->record.request,
      .timeout = context_.AttemptTimeout(*live->tool),
      .transport_resend = resend_is_safe ? TransportResend::kAllowed : TransportResend::kForbidden,
      .number = live->record.attempts,
      .traceparent = context_.NewTraceparent(live->trace),
      .on_progress = [weak = std::weak_ptr<LiveIntent>(live)](const AttemptProgress& progress) {
        if (const LiveIntentPtr live = weak.lock()) TellProgress(*live, progress);
      }};
  live->attempt = context_.ExecutorOf(*live->tool)
                      .Start(live->tool, std::move(request), [this, live](AttemptReport report) {
                        OnReport(live, std::move(report));
                      });
}

void Settler::Shed(const LiveIntentPtr& live, const AttemptReport& report) {
  live->slot.reset();
  live->last_ended = context_.clock.Elapsed();
  OnFailure(live, *report.failure, EndOf(*live, report), report);
}

void Settler::OnReport(const LiveIntentPtr& live, AttemptReport report) {
  FailPoint("engine.after_reply");
  live->slot.reset();
  live->attempt.reset();
  live->recovered_plan.reset();
  live->last_ended = context_.clock.Elapsed();
  live->downstream_latency += report.latency;
  Account(context_, *live->tool, report);
  if (!live->in_doubt) context_.NoteLatency(*live->tool, report);
  if (live->ended) return Land(live, LateOf(*live, report));
  if (report.job.has_value()) return OnAccepted(live, report);
  if (report.failure.has_value()) {
    const FailureKind failure = *report.failure;
    return OnFailure(live, failure, EndOf(*live, report), report);
  }
  std::optional<std::string> result_ref =
      ResultRef(*live->tool, report.result_json, context_.options.tenant_key);
  Record(live,
         {.to = IntentState::kSucceeded,
          .rule = live->record.attempts > 1 ? "table.success_of_resend" : "table.success",
          .attempt_end = EndOf(*live, report),
          .result_json = std::move(report.result_json),
          .result_ref = std::move(result_ref)},
         &Settler::Ended);
}

Settler::ResendPlan Settler::PlanResend(const LiveIntent& live,
                                        const std::optional<AttemptEnd>& end,
                                        const AttemptReport& report) {
  const RetryLimits& limits = live.tool->retries;
  const absl::Time now = context_.clock.Now();
  absl::Duration delay =
      Backoff(limits, std::max(1, live.record.attempts), report.retry_after, context_.random);
  // An exhausted budget slows a safe retry down; it is no reason to give the intent to a person.
  if (!context_.BudgetOf(*live.tool).MayRetry()) delay = std::max(delay, limits.cap);
  absl::Time at = now + delay;
  // What was promised before a restart holds after it.
  if (!end.has_value() && live.record.next_attempt_at.has_value()) {
    at = std::max(at, *live.record.next_attempt_at);
    at = std::min(at, now + limits.total);  // the clock may have been set back
  }
  return {delay, at};
}

AttemptHistory Settler::HistoryOf(const LiveIntent& live, FailureKind failure,
                                  const ResendPlan& plan) const {
  const RetryLimits& limits = live.tool->retries;
  const absl::Duration spent = context_.clock.Elapsed() - live.started;
  return {.earlier_ambiguous = EarlierAmbiguous(live, failure),
          .may_send_again = !context_.draining &&
                            (live.record.attempts - live.record.waits < limits.attempts ||
                             ONETAKE_PLANTED_BUG("attempts_unlimited")) &&
                            spent + plan.delay <= limits.total,
          .retention_over = KeyForgotten(live, context_, plan.at - context_.clock.Now()),
          .earlier_happened = live.happened};
}

void Settler::OnFailure(const LiveIntentPtr& live, FailureKind failure,
                        std::optional<AttemptEnd> end, const AttemptReport& report) {
  const bool doubtful = EarlierAmbiguous(*live, failure) || MayHaveHappened(failure);
  const bool happened = live->happened || failure == FailureKind::kBodyUnreadable;
  live->still_runs = live->still_runs || report.still_runs;
  if (context_.draining && doubtful && !happened) {
    if (!end.has_value()) return Ended(live);  // nothing was done: the record says all there is
    const absl::string_view rule = live->abandoned ? "drain.abandoned" : "drain.left_unknown";
    return LeaveUnknown(live, std::move(end), live->still_runs ? kStillRuns : rule);
  }
  const ResendPlan plan = PlanResend(*live, end, report);
  // The downstream is at work on it and asked for patience: that spends no try.
  if (failure == FailureKind::kKeyInUse && end.has_value()) ++live->record.waits;
  const Decision decision =
      Decide(Effect::kWrite, live->safety, failure, HistoryOf(*live, failure, plan));
  live->in_doubt = doubtful;
  live->happened = happened;
  live->refusal_json.reset();
  live->retry_after = report.retry_after;
  if (IsRefusal(failure)) live->refusal_json = report.result_json;
  Transition transition{
      .rule = std::string(decision.rule), .attempt_end = std::move(end), .ambiguous = doubtful};
  switch (decision.action) {
    case Action::kRetry:
    case Action::kRetryAfter:
      transition.to = doubtful ? IntentState::kUnknown : live->record.state;
      if (live->still_runs && live->safety.probed) transition.rule = std::string(kStillRunsResend);
      transition.next_attempt_at = plan.at;
      return Record(live, std::move(transition), &Settler::ScheduleResend);
    case Action::kReject:
      transition.to = IntentState::kRejected;
      transition.result_json = ResultOf(report);
      return Record(live, std::move(transition), &Settler::Ended);
    case Action::kSucceed: return SucceedUnread(live, std::move(transition));
    case Action::kProbe:
      transition.to = IntentState::kUnknown;
      if (live->still_runs) transition.rule = std::string(kStillRuns);
      transition.next_attempt_at = FirstProbeAt(*live);
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
  live->in_doubt = true;
  Record(live,
         {.to = IntentState::kUnknown,
          .rule = std::string(rule),
          .attempt_end = std::move(end),
          .ambiguous = true},
         &Settler::Ended);
}

void Settler::ScheduleResend(const LiveIntentPtr& live) {
  if (context_.draining) return StopRetrying(live);
  if (Unwanted(*live) && Withdraw(live)) return;
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
  if (IsTooLateToResend(*live, context_)) {
    return OnFailure(live, FailureKind::kRetentionOver, std::nullopt, {});
  }
  absl::Duration closed_for = std::max(context_.BreakerOf(*live->tool).RetryAfter(),
                                       context_.ExecutorOf(*live->tool).NotReadyFor(*live->tool));
  if (closed_for <= absl::ZeroDuration()) {
    if (live->slot == nullptr) live->slot = context_.TakeSlot(*live->tool);
    if (live->slot == nullptr) closed_for = kBusyFor;
  }
  if (WaitsFor(live, closed_for, &Settler::BeginAttempt)) return;
  if (MakesItAgain(*live)) return UnlessUndone(live, &Settler::CountAttempt);
  CountAttempt(live);
}

void Settler::CountAttempt(const LiveIntentPtr& live) {
  if (context_.draining) return StopRetrying(live);
  const int number = live->record.attempts + 1;
  const bool still_runs = live->still_runs && live->safety.probed;
  const bool early = ONETAKE_PLANTED_BUG("resend_before_commit");
  if (early) CountAndSend(live);
  Record(live,
         {.to = live->record.state,
          .rule = still_runs ? std::string(kStillRunsResend) : "resend",
          .attempt_begin = number},
         early ? &Settler::StopRetrying : &Settler::CountAndSend);
}

// Something that would only be shed, or surely not be sent, is neither an attempt nor a question,
// so it costs none.
bool Settler::WaitsFor(const LiveIntentPtr& live, absl::Duration closed_for, Step then) {
  const RetryLimits& limits = live->tool->retries;
  if (closed_for <= absl::ZeroDuration()) return false;
  const absl::Duration delay = Backoff(limits, 1, closed_for, context_.random);
  if (context_.clock.Elapsed() - live->started + delay > limits.total) return false;
  live->timer = context_.scheduler.RunAfter(delay, [this, live, then] {
    live->timer = Scheduler::TimerId::kNone;
    (this->*then)(live);
  });
  return true;
}

void Settler::CountAndSend(const LiveIntentPtr& live) {
  ++live->record.attempts;
  if (Unwanted(*live) && Withdraw(live)) return;
  if (context_.draining) {
    return Shed(live, {.failure = FailureKind::kNotSent, .error = "draining"});
  }
  if (IsTooLateToResend(*live, context_)) {
    const AttemptReport unsent{.failure = FailureKind::kRetentionOver,
                               .error = "the key's retention was over before it could be sent"};
    live->slot.reset();
    return OnFailure(live, *unsent.failure, EndOf(*live, unsent), unsent);
  }
  Send(live);
}

void Settler::StopRetrying(const LiveIntentPtr& live) {
  // What is in flight, or on its way to the disk, sees the drain at its next step.
  if (live->attempt.has_value() || live->recording || live->ended) return;
  context_.scheduler.Cancel(live->timer);
  live->timer = Scheduler::TimerId::kNone;
  if (live->happened) {
    // The question whether it was undone comes here when it is answered.
    if (!live->asking) SucceedUnread(live, {.rule = "drain.body_not_fetched"});
    return;
  }
  if (live->record.state != IntentState::kInFlight) return Ended(live);
  Record(live, {.to = IntentState::kRejected, .rule = std::string(kDrainNotSent)}, &Settler::Ended);
}

// The executor's report, which follows, says what is known of the attempt and what may still run.
void Settler::Abandon(const LiveIntentPtr& live) {
  if (!live->attempt.has_value()) return;
  live->abandoned = true;
  context_.ExecutorOf(*live->tool).Cancel(*live->attempt);
}

bool Settler::Unwanted(const LiveIntent& live) const {
  const bool awaited = std::any_of(live.waiters.begin(), live.waiters.end(),
                                   [](const Waiter& waiter) { return waiter.call == nullptr; });
  return !awaited && !live.wanted_by.empty() &&
         std::all_of(live.wanted_by.begin(), live.wanted_by.end(), [this](const Turn& turn) {
           return context_.turns.Contains(turn, context_.clock.Elapsed());
         });
}

bool Settler::Withdraw(const LiveIntentPtr& live) {
  if (live->record.row == 0 || live->record.state != IntentState::kInFlight || live->in_doubt ||
      live->happened || live->attempt.has_value() || live->recording || live->ended) {
    return false;
  }
  Transition transition{.to = IntentState::kRejected, .rule = std::string(kWithdrawnRule)};
  // The attempt was begun in the ledger, but not sent.
  if (live->attempt_open) {
    const AttemptReport report{.failure = FailureKind::kNotSent, .error = "withdrawn"};
    transition.attempt_end = EndOf(*live, report);
  }
  context_.scheduler.Cancel(live->timer);
  live->timer = Scheduler::TimerId::kNone;
  Record(live, std::move(transition), &Settler::Ended);
  return true;
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
  if (transition.to == IntentState::kSucceeded && !transition.result_ref.has_value() &&
      !live->undoes_ref.empty()) {
    transition.result_ref = live->undoes_ref;
  }
  if (transition.actor.empty()) transition.actor = live->recovered ? "recovery" : "engine";
  live->recording = true;
  Transition copy = transition;
  auto recorded = [this, live, then,
                   transition = std::move(transition)](const absl::StatusOr<Applied>& applied) {
    OnRecorded(live, transition, then, applied);
  };
  context_.ledger.Apply(std::move(copy), OnLoop(context_.scheduler, std::move(recorded)));
}

void Settler::OnRecorded(const LiveIntentPtr& live, const Transition& transition, Step then,
                         const absl::StatusOr<Applied>& applied) {
  if (absl::IsResourceExhausted(applied.status())) {
    ++context_.unrecorded_outcomes;
    Log(LogLevel::kError, "ledger.full",
        {{LogField::kIntent, live->record.intent_id}, {LogField::kRule, transition.rule}});
    context_.scheduler.RunAfter(kDiskFullRetry, [this, live, transition, then] {
      --context_.unrecorded_outcomes;
      // From what a person has made of it there is no way to what happened.
      if (live->ended) return OnOvertaken(live, transition);
      Record(live, transition, then);
    });
    return;
  }
  if (live->ended && !applied.ok()) return OnOvertaken(live, transition);
  live->recording = false;
  // The ledger refuses not what happened, but what the downstream said about it: written as JSON it
  // is too long.
  if (absl::IsInvalidArgument(applied.status()) && transition.result_json.has_value()) {
    Log(LogLevel::kError, "intent.result_dropped",
        {{LogField::kIntent, live->record.intent_id},
         {LogField::kError, std::string(applied.status().message())}});
    Transition without = transition;
    without.result_json.reset();
    return Record(live, std::move(without), then);
  }
  if (!applied.ok()) return OnOvertaken(live, transition);
  IntentRecord& record = live->record;
  record.last_seq = applied->seq;
  if (transition.attempt_end.has_value()) live->attempt_open = false;
  if (transition.attempt_begin.has_value()) live->attempt_open = true;
  record.state = applied->state;
  record.reason = record.state == transition.to ? transition.rule : kReversedRule;
  record.probes = transition.probes.value_or(record.probes);
  record.job = transition.job.value_or(record.job);
  record.next_attempt_at = transition.next_attempt_at;
  record.ambiguous = record.ambiguous || transition.ambiguous;
  if (transition.result_json.has_value()) record.result_json = transition.result_json;
  if (IsSettled(record.state)) record.settled_at = transition.at;
  // What was read before is old not only when an attempt ends, but also when anything else tells
  // that the write took effect.
  if (transition.to == IntentState::kSucceeded) ++context_.writes_ended[DownstreamOf(*live->tool)];
  (this->*then)(live);
}

}  // namespace onetake
