// The part of MemoryLedger about a person's verdicts.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "runtime/ledger/subject.h"
#include "runtime/ledger/transition_rules.h"
#include "tests/testing/memory_ledger.h"

namespace onetake::testing {

using S = IntentState;

absl::Status MemoryLedger::CheckVerdict(const Resolution& resolution,
                                        const IntentRecord& record) const {
  if (resolution.verdict != S::kSucceeded && resolution.verdict != S::kRejected) {
    return absl::InvalidArgumentError("a person's verdict is SUCCEEDED or REJECTED");
  }
  const bool open = record.state == S::kUnknown || record.state == S::kReview;
  if (open || record.review_at.has_value()) return absl::OkStatus();
  return WithDetail(absl::FailedPreconditionError(absl::StrCat(
                        "the intent is ", ToString(record.state),
                        record.state == S::kInFlight ? ": it is running" : ": it is settled")),
                    {.reason = "NOT_IN_REVIEW", .field = "intent_id"});
}

// What was undone stays so, unless all that undid it has turned out not to have happened.
absl::StatusOr<S> MemoryLedger::StateAfter(const Resolution& resolution,
                                           const IntentRecord& record) const {
  if (record.state != S::kReversed) return resolution.verdict;
  if (resolution.verdict != S::kSucceeded || FindSetAfter(record) != nullptr) return S::kReversed;
  const std::vector<const IntentRecord*> reversals = ReversalsOf(record.row);
  const auto any = [&reversals](auto predicate) {
    return std::any_of(reversals.begin(), reversals.end(), predicate);
  };
  const bool stand = any([](const IntentRecord* by) { return !OpensNextGeneration(by->state); });
  const bool undone = !reversals.empty() || SetsAThing(record.subject);
  if (undone && !stand) return S::kSucceeded;
  const bool succeeded = any([](const IntentRecord* by) { return by->state == S::kSucceeded; });
  if (stand && !succeeded) {
    return WithDetail(absl::FailedPreconditionError("settle that one first"),
                      {.reason = "NOT_IN_REVIEW", .field = "intent_id"});
  }
  return S::kReversed;
}

absl::StatusOr<Transition> MemoryLedger::AsTransition(const Resolution& resolution,
                                                      const IntentRecord& record) const {
  const bool applied = resolution.verdict == S::kSucceeded;
  ONETAKE_ASSIGN_OR_RETURN(const S to, StateAfter(resolution, record));
  Transition transition{.row = record.row,
                        .from = record.state,
                        .to = to,
                        .rule = applied ? "review.applied" : "review.not_applied",
                        .actor = resolution.by,
                        .at = resolution.at};
  if (transition.to == S::kSucceeded) transition.result_ref = resolution.result_ref;
  return transition;
}

absl::StatusOr<IntentRecord> MemoryLedger::RecordVerdict(const Resolution& resolution) {
  const IntentRecord* meant =
      resolution.generation == 0
          ? Current(resolution.tenant, resolution.intent_id)
          : FindGeneration(resolution.tenant, resolution.intent_id, resolution.generation);
  if (meant == nullptr) return absl::NotFoundError("intent_id: no such intent or generation");
  ONETAKE_RETURN_IF_ERROR(CheckVerdict(resolution, *meant));
  IntentRecord& record = intents.at(meant->row - 1);
  ONETAKE_ASSIGN_OR_RETURN(const Transition transition, AsTransition(resolution, record));
  if (LastOf(record.row) == LastAttempt::kOpen) {
    EndAttempt(record,
               {.number = record.attempts, .failure = "LOST", .error = "resolved by a person"},
               resolution.at);
    if (transition.to == S::kRejected) under_way_.insert(record.row);
  }
  // A result that is there already stays: it is what the downstream said.
  if (transition.to == S::kSucceeded && !record.result_json.has_value()) {
    record.result_json = resolution.result_json;
  }
  Update(record, transition);
  const int64_t seq = Append(record, {.at = resolution.at,
                                      .kind = "resolved",
                                      .from = std::string(ToString(transition.from)),
                                      .to = std::string(ToString(transition.to)),
                                      .rule = transition.rule,
                                      .actor = resolution.by,
                                      .evidence_json = resolution.evidence_json});
  CloseReversed(record, transition);
  Overwrite(record, transition);
  CloseOverwritten(record, transition);
  const bool corrected = transition.from == S::kSucceeded && transition.to == S::kRejected;
  if (corrected) {
    DoubtReversed(record, transition);
    DoubtOverwritten(record, transition);
  }
  // A 2xx was seen, and only its body is missing.
  if (transition.to == S::kRejected && !IsSettled(transition.from) && record.happened) {
    return RecordOutcome({.row = record.row,
                          .says = S::kSucceeded,
                          .rule = "R16.late_success",
                          .actor = "engine",
                          .at = resolution.at,
                          .evidence_json = R"({"says":"SUCCEEDED"})"});
  }
  IntentRecord now = Told(record);
  now.last_seq = seq;
  return now;
}

}  // namespace onetake::testing
