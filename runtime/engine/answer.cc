#include "runtime/engine/answer.h"

#include <utility>

#include "runtime/base/planted_bug.h"
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
  Answer answer = NewAnswer(disposition, reason, record.tool);
  answer.intent = View(record);
  return Worded(std::move(answer), tool);
}

}  // namespace

IntentView View(const IntentRecord& record) {
  return {.id = record.intent_id,
          .key = record.key,
          .generation = record.generation,
          .state = record.state,
          .attempts = record.attempts};
}

bool IsOpen(Disposition disposition) {
  return disposition == Disposition::kPending || disposition == Disposition::kUncertain;
}

Answer NewAnswer(Disposition disposition, absl::string_view reason, absl::string_view tool) {
  Answer answer;
  answer.disposition = disposition;
  answer.reason = std::string(reason);
  answer.tool = std::string(tool);
  return answer;
}

Answer Worded(Answer answer, const Tool* tool) {
  answer.guidance = MakeGuidance(answer, tool);
  return answer;
}

Answer WithdrawnAnswer(const Tool& tool) {
  return Worded(NewAnswer(Disposition::kWithdrawn, kWithdrawnRule, tool.name), &tool);
}

Answer AnswerFromRecord(const IntentRecord& record, AnswerKind kind, const Tool* tool) {
  Answer answer = NewAnswer(DispositionOf(record), record.reason, record.tool);
  answer.replayed = kind == AnswerKind::kReplayed && IsSettled(record.state);
  answer.joined = kind == AnswerKind::kJoined;
  answer.intent = View(record);
  answer.seq = record.last_seq;
  if (IsContradicted(record)) {
    answer.replayed = false;
    answer.reason = "R16.conflict";
    return Worded(std::move(answer), tool);
  }
  if (record.state == IntentState::kSucceeded || record.state == IntentState::kReversed) {
    answer.first_done_at = record.settled_at;
    answer.result_unavailable = !record.result_json.has_value();
    answer.result_gone = answer.result_unavailable && record.bodies != Bodies::kKept;
  }
  if (IsSettled(record.state)) answer.result_json = record.result_json.value_or("");
  return Worded(std::move(answer), tool);
}

Answer HeldByTargetAnswer(const IntentRecord& target, const Tool& tool) {
  const bool refused = target.state == IntentState::kRejected && !target.review_at.has_value();
  Answer answer = NewAnswer(refused ? Disposition::kRejected : Disposition::kNeedsReview,
                            refused ? kNothingToReverse : kOriginalUnsettled, tool.name);
  answer.intent = View(target);
  return Worded(std::move(answer), &tool);
}

Answer HeldAnswer(absl::string_view reason, const IntentRecord& record, const Tool* tool) {
  return Held(record.review_at.has_value() ? Disposition::kNeedsReview : Disposition::kRejected,
              reason, record, tool);
}

Answer ReviewAnswer(absl::string_view reason, const IntentRecord& record, const Tool* tool) {
  return Held(Disposition::kNeedsReview, reason, record, tool);
}

Answer DoneBeforeAnswer(absl::Duration check_after, const Tool& tool) {
  Answer answer = Worded(NewAnswer(Disposition::kUncertain, kWaitsForAnother, tool.name), &tool);
  answer.guidance.check_after = check_after;
  return answer;
}

Answer BeingUndoneAnswer(const IntentRecord& record, const Tool& tool) {
  Answer answer = NewAnswer(Disposition::kUncertain, kBeingUndone, tool.name);
  answer.intent = View(record);
  if (record.row == 0) answer.intent->state = IntentState::kUnknown;
  return Worded(std::move(answer), &tool);
}

Answer ClaimOnItsWayAnswer(const IntentRecord& record, const Tool& tool) {
  Answer answer = NewAnswer(Disposition::kUncertain, kClaimOnItsWay, tool.name);
  answer.intent = View(record);
  answer.intent->state = IntentState::kUnknown;
  return Worded(std::move(answer), &tool);
}

Answer ClaimFailedAnswer(const IntentRecord& record, const Tool& tool) {
  Answer answer = NotAdmittedAnswer("R1.claim_failed", absl::ZeroDuration(), tool);
  answer.intent = View(record);
  answer.intent->state = IntentState::kRejected;
  return answer;
}

Answer ConflictAnswer(const IntentRecord& record, std::vector<ArgumentDiff> diff,
                      const Tool* tool) {
  Answer answer = NewAnswer(Disposition::kConflict, "R8.drift", record.tool);
  answer.intent = View(record);
  answer.conflicts = std::move(diff);
  const bool undone = OpensNextGeneration(record.state);
  answer.other_is_gone = undone && !IsContradicted(record);
  if (record.state == IntentState::kSucceeded || record.state == IntentState::kReversed) {
    answer.first_done_at = record.settled_at;
  }
  if (IsSettled(record.state)) answer.result_json = record.result_json.value_or("");
  return Worded(std::move(answer), tool);
}

Answer NearConflictAnswer(const IntentRecord& near, std::vector<ArgumentDiff> diff,
                          const Tool& tool) {
  Answer answer = NewAnswer(Disposition::kConflict, kNearDuplicate, tool.name);
  answer.intent = View(near);
  if (ONETAKE_PLANTED_BUG("near_tells_result")) answer.result_json = near.result_json.value_or("");
  answer.conflicts = std::move(diff);
  answer.other_is_gone = OpensNextGeneration(near.state) && !IsContradicted(near);
  answer.replaces = !tool.intent.sets.empty();
  return Worded(std::move(answer), &tool);
}

Answer AnswerAgain(const IntentRecord& record, CallRole earlier, const Tool* tool) {
  if (earlier != CallRole::kConflict) return AnswerFromRecord(record, AnswerKind::kReplayed, tool);
  return ConflictAnswer(record, {{.path = "$"}}, tool);
}

Answer NearAnswer(const IntentRecord& near, std::vector<ArgumentDiff> diff, const Tool& tool) {
  Answer answer = NewAnswer(Disposition::kNeedsConfirmation, kNearDuplicate, tool.name);
  answer.intent = View(near);
  answer.conflicts = std::move(diff);
  answer.replaces = !tool.intent.sets.empty();
  return Worded(std::move(answer), &tool);
}

Answer ReadBackAnswer(const Tool& tool) {
  return Worded(NewAnswer(Disposition::kNeedsConfirmation, "confirm.always", tool.name), &tool);
}

Answer InvalidAnswer(absl::string_view tool_name, std::vector<InvalidArgument> invalid) {
  Answer answer = NewAnswer(Disposition::kInvalid, "invalid_call", tool_name);
  answer.invalid = std::move(invalid);
  return Worded(std::move(answer), nullptr);
}

Answer NotAdmittedAnswer(absl::string_view reason, absl::Duration check_after, const Tool& tool) {
  const bool is_read = tool.effect == Effect::kRead;
  Answer answer = Worded(
      NewAnswer(is_read ? Disposition::kFailed : Disposition::kRejected, reason, tool.name), &tool);
  answer.guidance.check_after = check_after;
  return answer;
}

}  // namespace onetake
