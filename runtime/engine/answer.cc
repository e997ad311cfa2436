#include "runtime/engine/answer.h"

#include <utility>

#include "runtime/engine/guidance.h"
#include "runtime/engine/rules.h"

namespace onetake {
namespace {

Disposition DispositionOf(const IntentRecord& record) {
  // Whichever of the two is right, nobody but a person can say.
  if (IsContradicted(record)) return Disposition::kNeedsReview;
  switch (record.state) {
    case IntentState::kInFlight: return Disposition::kPending;
    case IntentState::kSucceeded:
    case IntentState::kReversed: return Disposition::kDone;
    case IntentState::kRejected:
      return record.reason == kWithdrawnRule ? Disposition::kWithdrawn : Disposition::kRejected;
    case IntentState::kUnknown:
      return record.job.empty() ? Disposition::kUncertain : Disposition::kPending;
    case IntentState::kReview: return Disposition::kNeedsReview;
  }
  return Disposition::kUncertain;
}

Answer Held(Disposition disposition, absl::string_view reason, const IntentRecord& record,
            const Tool* tool) {
  Answer answer;
  answer.disposition = disposition;
  answer.intent = View(record);
  answer.reason = std::string(reason);
  answer.tool = record.tool;
  answer.guidance = MakeGuidance(answer, record.tool, tool);
  return answer;
}

}  // namespace

IntentView View(const IntentRecord& record) {
  return {.id = record.intent_id,
          .key = record.key,
          .generation = record.generation,
          .state = record.state,
          .attempts = record.attempts};
}

Answer WithdrawnAnswer(const Tool& tool) {
  Answer answer;
  answer.disposition = Disposition::kWithdrawn;
  answer.reason = std::string(kWithdrawnRule);
  answer.tool = tool.name;
  answer.guidance = MakeGuidance(answer, tool.name, &tool);
  return answer;
}

Answer AnswerFromRecord(const IntentRecord& record, AnswerKind kind, const Tool* tool) {
  Answer answer;
  answer.disposition = DispositionOf(record);
  answer.replayed = kind == AnswerKind::kReplayed && IsSettled(record.state);
  answer.joined = kind == AnswerKind::kJoined;
  answer.intent = View(record);
  answer.reason = record.reason;
  answer.seq = record.last_seq;
  if (IsContradicted(record)) {
    answer.replayed = false;
    answer.reason = "R16.conflict";
    answer.tool = record.tool;
    answer.guidance = MakeGuidance(answer, record.tool, tool);
    return answer;
  }
  if (record.state == IntentState::kSucceeded || record.state == IntentState::kReversed) {
    answer.first_done_at = record.settled_at;
    answer.result_unavailable = !record.result_json.has_value();
  }
  if (IsSettled(record.state)) answer.result_json = record.result_json.value_or("");
  answer.tool = record.tool;
  answer.guidance = MakeGuidance(answer, record.tool, tool);
  return answer;
}

Answer HeldByTargetAnswer(const IntentRecord& target, const Tool& tool) {
  const bool refused = target.state == IntentState::kRejected && !target.review_at.has_value();
  Answer answer;
  answer.disposition = refused ? Disposition::kRejected : Disposition::kNeedsReview;
  answer.intent = View(target);
  answer.reason = std::string(refused ? kNothingToReverse : kOriginalUnsettled);
  answer.tool = tool.name;
  answer.guidance = MakeGuidance(answer, tool.name, &tool);
  return answer;
}

Answer HeldAnswer(absl::string_view reason, const IntentRecord& record, const Tool* tool) {
  return Held(record.review_at.has_value() ? Disposition::kNeedsReview : Disposition::kRejected,
              reason, record, tool);
}

Answer ReviewAnswer(absl::string_view reason, const IntentRecord& record, const Tool* tool) {
  return Held(Disposition::kNeedsReview, reason, record, tool);
}

Answer ClaimOnItsWayAnswer(const IntentRecord& record, const Tool& tool) {
  Answer answer;
  answer.disposition = Disposition::kUncertain;
  answer.intent = View(record);
  answer.intent->state = IntentState::kUnknown;
  answer.reason = std::string(kClaimOnItsWay);
  answer.tool = tool.name;
  answer.guidance = MakeGuidance(answer, tool.name, &tool);
  return answer;
}

Answer ClaimFailedAnswer(const IntentRecord& record, const Tool& tool) {
  Answer answer = NotAdmittedAnswer("R1.claim_failed", absl::ZeroDuration(), tool);
  answer.intent = View(record);
  answer.intent->state = IntentState::kRejected;
  return answer;
}

Answer ConflictAnswer(const IntentRecord& record, std::vector<ArgumentDiff> diff,
                      const Tool* tool) {
  Answer answer;
  answer.disposition = Disposition::kConflict;
  answer.intent = View(record);
  answer.conflicts = std::move(diff);
  answer.reason = "R8.drift";
  if (IsSettled(record.state)) {
    answer.first_done_at = record.settled_at;
    answer.result_json = record.result_json.value_or("");
  }
  answer.tool = record.tool;
  answer.guidance = MakeGuidance(answer, record.tool, tool);
  return answer;
}

Answer AnswerAgain(const IntentRecord& record, CallRole earlier, const Tool* tool) {
  if (earlier != CallRole::kConflict) return AnswerFromRecord(record, AnswerKind::kReplayed, tool);
  return ConflictAnswer(
      record, {{.path = "$", .recorded = "(not kept)", .received = "(another value)"}}, tool);
}

Answer NearAnswer(const IntentRecord& near, std::vector<ArgumentDiff> diff, const Tool& tool) {
  Answer answer;
  answer.disposition = Disposition::kNeedsConfirmation;
  answer.intent = View(near);
  answer.conflicts = std::move(diff);
  answer.reason = "R15.near_duplicate";
  answer.tool = tool.name;
  answer.guidance = MakeGuidance(answer, tool.name, &tool);
  return answer;
}

Answer ReadBackAnswer(const Tool& tool) {
  Answer answer;
  answer.disposition = Disposition::kNeedsConfirmation;
  answer.reason = "confirm.always";
  answer.tool = tool.name;
  answer.guidance = MakeGuidance(answer, tool.name, &tool);
  return answer;
}

Answer InvalidAnswer(absl::string_view tool_name, std::vector<InvalidArgument> invalid) {
  Answer answer;
  answer.disposition = Disposition::kInvalid;
  answer.invalid = std::move(invalid);
  answer.reason = "invalid_call";
  answer.tool = std::string(tool_name);
  answer.guidance = MakeGuidance(answer, tool_name, nullptr);
  return answer;
}

Answer NotAdmittedAnswer(absl::string_view reason, absl::Duration check_after, const Tool& tool) {
  Answer answer;
  answer.disposition = tool.effect == Effect::kRead ? Disposition::kFailed : Disposition::kRejected;
  answer.reason = std::string(reason);
  answer.tool = tool.name;
  answer.guidance = MakeGuidance(answer, tool.name, &tool);
  answer.guidance.check_after = check_after;
  return answer;
}

}  // namespace onetake
