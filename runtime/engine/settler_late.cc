#include <utility>

#include "runtime/base/limits.h"
#include "runtime/base/log.h"
#include "runtime/base/on_loop.h"
#include "runtime/base/planted_bug.h"
#include "runtime/engine/answer.h"
#include "runtime/engine/rules.h"
#include "runtime/engine/settler.h"
#include "runtime/policy/policy.h"

// The part of the settler that keeps what arrives after the verdict (R16).
namespace onetake {
namespace {

constexpr absl::string_view kLateSuccess = "R16.late_success";
constexpr absl::string_view kLateAcceptedJob = "R16.late_accepted_job";
constexpr absl::string_view kLateNothing = "R16.late_nothing";

// Whether an outcome is no news of the attempts before it, so that it contradicts no verdict (R14):
// a look-up that finds nothing may have been too early, and that the last attempt was not sent
// tells nothing of the earlier ones.
bool ProvesNothing(const LiveIntent& live, const Transition& transition) {
  const bool unsent = transition.attempt_end.has_value() &&
                      transition.attempt_end->failure == ToString(FailureKind::kNotSent);
  return transition.rule == kProbeNotApplied || (unsent && live.record.ambiguous);
}

}  // namespace

void Settler::Overtake(const LiveIntentPtr& live, IntentRecord record) {
  if (std::exchange(live->ended, true)) return;
  context_.scheduler.Cancel(live->timer);
  live->timer = Scheduler::TimerId::kNone;
  if (!live->attempt.has_value()) live->slot.reset();
  live->record = std::move(record);
  on_end_(live, End::kRecorded);
}

// Records as a conflict what whoever settled the intent meanwhile did not know.
void Settler::OnOvertaken(const LiveIntentPtr& live, const Transition& transition) {
  live->recording = false;
  live->slot.reset();
  std::optional<Late> late = LateOf(*live, transition);
  if (std::exchange(live->ended, true)) return Land(live, std::move(late));
  if (late.has_value()) RecordLate(*live, *std::move(late));
  Log(LogLevel::kWarning, "intent.overtaken",
      {{LogField::kIntent, live->record.intent_id}, {LogField::kRule, transition.rule}});
  on_end_(live, End::kOvertaken);
}

void Settler::Land(const LiveIntentPtr& live, std::optional<Late> late) {
  if (!late.has_value()) return on_end_(live, End::kLanded);
  RecordLate(*live, *std::move(late), [this, live] { on_end_(live, End::kLanded); });
}

// What was on its way to the ledger when the verdict came there first.
std::optional<Settler::Late> Settler::LateOf(const LiveIntent& live, const Transition& transition) {
  const std::optional<AttemptEnd>& end = transition.attempt_end;
  Late late{.says = transition.to,
            .rule = "R16.overtaken",
            .http_status = end.has_value() ? end->http_status : 0,
            .result_json = transition.result_json.value_or("")};
  if (IsSettled(transition.to) && !ProvesNothing(live, transition)) return late;
  if (live.record.state != IntentState::kRejected || !end.has_value()) return std::nullopt;
  // A 2xx was seen, and only its body is missing: it contradicts the verdict as a late one does.
  if (live.happened || transition.job.has_value()) {
    late.says = IntentState::kSucceeded;
    late.rule = std::string(live.happened ? kLateSuccess : kLateAcceptedJob);
    return late;
  }
  return Unsaid(FailureKindFromString(end->failure), late.http_status);
}

// A person has to hear of three kinds of report: an unreadable success, of which nothing but the
// status is known; an accepted job, which will run although somebody may have said that nothing
// did; and one that tells nothing of what a request did that was under way when somebody said so.
std::optional<Settler::Late> Settler::LateOf(const LiveIntent& live, const AttemptReport& report) {
  if (!report.failure.has_value() || *report.failure == FailureKind::kBodyUnreadable) {
    return Late{.says = IntentState::kSucceeded,
                .rule = std::string(report.job.has_value() ? kLateAcceptedJob : kLateSuccess),
                .http_status = report.http_status,
                .result_json = report.result_json};
  }
  if (IsRefusal(*report.failure) && !EarlierAmbiguous(live, *report.failure)) {
    return Late{.says = IntentState::kRejected,
                .rule = "R16.late_refusal",
                .http_status = report.http_status,
                .result_json = report.result_json};
  }
  if (live.record.state != IntentState::kRejected) return std::nullopt;
  return Unsaid(report.failure, report.http_status);
}

// Of an attempt that was under way when somebody said that nothing had been done. The ledger waits
// to hear how it ended. What it is refused for may be an earlier one's effect (R14).
Settler::Late Settler::Unsaid(std::optional<FailureKind> failure, int http_status) {
  const bool in_doubt = failure.has_value() && (MayHaveHappened(*failure) || IsRefusal(*failure)) &&
                        !ONETAKE_PLANTED_BUG("late_doubt_swallowed");
  return {.says = in_doubt ? IntentState::kUnknown : IntentState::kRejected,
          .rule = std::string(in_doubt ? absl::string_view(kLateUnknownRule) : kLateNothing),
          .http_status = http_status};
}

void Settler::RecordLate(const LiveIntent& live, Late late, Task then) {
  Log(LogLevel::kWarning, "intent.late_outcome",
      {{LogField::kTool, live.record.tool},
       {LogField::kIntent, live.record.intent_id},
       {LogField::kGeneration, int64_t{live.record.generation}},
       {LogField::kRule, late.rule}});
  Json evidence{{"http_status", late.http_status}, {"says", std::string(ToString(late.says))}};
  if (late.result_json.size() <= limits::kEvidenceBytes) {
    const absl::StatusOr<Json> result = ParseJson(late.result_json, ResultLimits());
    if (result.ok()) evidence["result"] = *result;
  }
  RecordLate(LateOutcome{.row = live.record.row,
                         .says = late.says,
                         .rule = std::move(late.rule),
                         .actor = "engine",
                         .at = context_.clock.Now(),
                         .evidence_json = DumpJson(evidence)},
             live.record.intent_id, std::move(then));
}

void Settler::RecordLate(LateOutcome outcome, std::string intent_id, Task then) {
  KeepLate(std::make_shared<UnkeptLate>(UnkeptLate{
      .outcome = std::move(outcome), .intent_id = std::move(intent_id), .then = std::move(then)}));
}

void Settler::KeepLate(const std::shared_ptr<UnkeptLate>& late) {
  LateOutcome copy = late->outcome;
  auto kept = [this, late](const absl::StatusOr<IntentRecord>& record) {
    OnLateKept(late, record);
  };
  context_.ledger.RecordLate(std::move(copy), OnLoop(context_.scheduler, std::move(kept)));
}

// An outcome that waits for room counts until it is recorded, also between its tries: a claim that
// comes before it would do again what it says is done.
void Settler::OnLateKept(const std::shared_ptr<UnkeptLate>& late,
                         const absl::StatusOr<IntentRecord>& record) {
  if (std::exchange(late->waits, false)) --context_.unrecorded_outcomes;
  if (record.ok()) TellConflict(*record);
  if (!absl::IsResourceExhausted(record.status())) late->then();
  if (record.ok()) return;
  const std::string error(record.status().message());
  if (absl::IsResourceExhausted(record.status())) {
    late->waits = true;
    ++context_.unrecorded_outcomes;
    Log(LogLevel::kError, "ledger.full",
        {{LogField::kIntent, late->intent_id}, {LogField::kRule, late->outcome.rule}});
    context_.scheduler.RunAfter(kDiskFullRetry, [this, late] { KeepLate(late); });
  } else if (absl::IsDataLoss(record.status())) {
    Log(LogLevel::kError, "ledger.unreadable",
        {{LogField::kIntent, late->intent_id}, {LogField::kError, error}});
  } else {
    Log(LogLevel::kError, "ledger.late_outcome_dropped", {{LogField::kError, error}});
  }
}

// Tells those who listen to the conversation, too, in the order of events.
void Settler::TellConflict(const IntentRecord& record) {
  if (!IsContradicted(record)) return;
  const std::shared_ptr<const Tool> tool = context_.ToolOf(record).tool;
  context_.on_settled(record, AnswerFromRecord(record, AnswerKind::kReplayed, tool.get()));
}

}  // namespace onetake
