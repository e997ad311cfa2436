// The part of LedgerWrites about verdicts that are not the engine's: a person's, and what arrives
// after one.
#include "absl/strings/str_cat.h"
#include "runtime/base/planted_bug.h"
#include "runtime/base/status.h"
#include "runtime/ledger/ledger_writes.h"
#include "runtime/ledger/rows.h"

namespace onetake {
namespace {

constexpr char kResolvedAttempt[] = "resolved by a person before it ended";

bool Contradicts(IntentState recorded, IntentState said) {
  // A generation that was undone since had taken effect.
  if (recorded == IntentState::kReversed) recorded = IntentState::kSucceeded;
  return IsSettled(recorded) && recorded != said;
}

}  // namespace

absl::Status LedgerWrites::PrepareVerdicts() {
  ONETAKE_ASSIGN_OR_RETURN(
      insert_under_way_,
      database_.Prepare("INSERT OR REPLACE INTO meta VALUES ('under_way:' || ?1, '')"));
  ONETAKE_ASSIGN_OR_RETURN(delete_under_way_,
                           database_.Prepare("DELETE FROM meta WHERE name = 'under_way:' || ?1"));
  return absl::OkStatus();
}

absl::StatusOr<LedgerWrites::Changed> LedgerWrites::RecordLate(const LateOutcome& outcome) {
  ONETAKE_ASSIGN_OR_RETURN(const Current current, Find(outcome.row, outcome.at));
  const bool conflict = Contradicts(current.state, outcome.says);
  ONETAKE_RETURN_IF_ERROR(Run(delete_under_way_).Int(1, outcome.row).Finish());
  if (conflict) {
    ONETAKE_RETURN_IF_ERROR(
        Run(update_review_).Int(1, outcome.row).Int(2, ToColumn(outcome.at)).Finish());
  }
  ONETAKE_ASSIGN_OR_RETURN(const int64_t seq, AppendEvent({.row = outcome.row,
                                                           .at = outcome.at,
                                                           .kind = conflict ? "conflict" : "late",
                                                           .from = ToString(current.state),
                                                           .to = ToString(current.state),
                                                           .rule = outcome.rule,
                                                           .actor = outcome.actor,
                                                           .evidence = outcome.evidence_json},
                                                          current.cipher));
  return Changed{.row = outcome.row, .seq = seq};
}

absl::StatusOr<int64_t> LedgerWrites::FindGeneration(const Resolution& resolution) {
  Run run(select_generation_);
  run.Text(1, resolution.intent_id).Text(2, resolution.tenant).Int(3, resolution.generation);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
  if (!found) return absl::NotFoundError("intent_id: no such intent or generation");
  return run.Int(0);
}

absl::Status LedgerWrites::CheckResolution(const Resolution& resolution, const Current& current) {
  if (resolution.verdict != IntentState::kSucceeded &&
      resolution.verdict != IntentState::kRejected) {
    return absl::InvalidArgumentError("a person's verdict is SUCCEEDED or REJECTED");
  }
  const bool open = current.state == IntentState::kUnknown || current.state == IntentState::kReview;
  if (open || current.review_at.has_value()) return absl::OkStatus();
  return WithDetail(absl::FailedPreconditionError(absl::StrCat(
                        "the intent is ", ToString(current.state),
                        current.state == IntentState::kInFlight
                            ? ": it is running; wait until its outcome is known or doubtful"
                            : ": its outcome is known, and nothing contradicts it")),
                    {.reason = "NOT_IN_REVIEW", .field = "intent_id"});
}

// If a downstream's success was undone, or replaced, it stays REVERSED whatever a person says of
// it, unless what did that has turned out not to have happened: then it stands, if the person says
// so.
absl::StatusOr<IntentState> LedgerWrites::StateAfter(const Resolution& resolution, int64_t row,
                                                     const Current& current) {
  if (current.state != IntentState::kReversed) return resolution.verdict;
  if (resolution.verdict != IntentState::kSucceeded) return IntentState::kReversed;
  ONETAKE_ASSIGN_OR_RETURN(const std::optional<Setting> replaced, FindSetAfter(row));
  if (replaced.has_value()) return IntentState::kReversed;
  Run run(select_reversed_by_);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Int(1, row).Step());
  const bool any = found && run.Int(0) != 0;
  const bool none_stands = any ? run.Int(1) == 0 : current.sets_a_thing;
  if (none_stands) return IntentState::kSucceeded;
  // The word that it stands would be lost when that one is found not to have happened.
  if (any && run.Int(2) == 0) {
    return WithDetail(
        absl::FailedPreconditionError("another write that undoes it has no outcome yet, or is in"
                                      " review: settle that one first"),
        {.reason = "NOT_IN_REVIEW", .field = "intent_id"});
  }
  return IntentState::kReversed;
}

absl::StatusOr<LedgerWrites::Changed> LedgerWrites::Resolve(const Resolution& resolution) {
  ONETAKE_ASSIGN_OR_RETURN(const int64_t row, FindGeneration(resolution));
  ONETAKE_ASSIGN_OR_RETURN(const Current current, Find(row, resolution.at));
  ONETAKE_RETURN_IF_ERROR(CheckResolution(resolution, current));
  if (ONETAKE_PLANTED_BUG("verdict_swallowed")) return Changed{.row = row};
  Transition transition;
  transition.row = row;
  transition.from = current.state;
  ONETAKE_ASSIGN_OR_RETURN(transition.to, StateAfter(resolution, row, current));
  transition.rule = std::string(RuleOfVerdict(resolution.verdict));
  transition.actor = resolution.by;
  transition.at = resolution.at;
  if (transition.to == IntentState::kSucceeded) transition.result_ref = resolution.result_ref;
  if (current.last == LastAttempt::kOpen) {
    const AttemptEnd end{.number = current.attempts, .failure = "LOST", .error = kResolvedAttempt};
    ONETAKE_RETURN_IF_ERROR(EndAttempt(row, end, resolution.at, current.cipher));
    if (transition.to == IntentState::kRejected && !ONETAKE_PLANTED_BUG("under_way_forgotten")) {
      ONETAKE_RETURN_IF_ERROR(Run(insert_under_way_).Int(1, row).Finish());
    }
  }
  ONETAKE_RETURN_IF_ERROR(UpdateIntent(transition, current));
  ONETAKE_RETURN_IF_ERROR(Run(forget_hiding_).Int(1, row).Finish());
  auto wrote = EventLog::Change::Wrote::kNothing;
  // A result is not kept for a generation that has aged or was erased. The person's evidence is
  // theirs, and is kept in clear.
  const bool is_gone = current.cipher.IsErased();
  const RowCipher plain = RowCipher::Plain();
  if (resolution.result_json.has_value() && transition.to == IntentState::kSucceeded && !is_gone) {
    wrote = EventLog::Change::Wrote::kResult;
    ONETAKE_RETURN_IF_ERROR(
        InsertResult(insert_missing_result_, row, *resolution.result_json, current.cipher));
  }
  ONETAKE_ASSIGN_OR_RETURN(const int64_t seq, AppendEvent({.row = row,
                                                           .at = resolution.at,
                                                           .kind = "resolved",
                                                           .from = ToString(transition.from),
                                                           .to = ToString(transition.to),
                                                           .rule = transition.rule,
                                                           .actor = resolution.by,
                                                           .evidence = resolution.evidence_json,
                                                           .wrote = wrote},
                                                          is_gone ? plain : current.cipher));
  ONETAKE_RETURN_IF_ERROR(CloseReversed(transition, current).status());
  ONETAKE_RETURN_IF_ERROR(Overwrite(transition, current));
  ONETAKE_RETURN_IF_ERROR(CloseOverwritten(transition, current));
  const bool corrected =
      transition.from == IntentState::kSucceeded && transition.to == IntentState::kRejected;
  if (corrected) {
    ONETAKE_RETURN_IF_ERROR(DoubtReversed(transition, current.reverses_row));
    ONETAKE_RETURN_IF_ERROR(DoubtOverwritten(transition, current));
  }
  if (transition.to == IntentState::kRejected && !IsSettled(transition.from)) {
    ONETAKE_ASSIGN_OR_RETURN(const bool happened, Run(select_happened_).Int(1, row).Step());
    if (happened) return ContradictBySuccess(row, resolution.at);
  }
  return Changed{.row = row, .seq = seq};
}

// A 2xx was seen, and only its body is missing: it contradicts the verdict as a late one does.
absl::StatusOr<LedgerWrites::Changed> LedgerWrites::ContradictBySuccess(int64_t row,
                                                                        absl::Time at) {
  return RecordLate({.row = row,
                     .says = IntentState::kSucceeded,
                     .rule = "R16.late_success",
                     .actor = "engine",
                     .at = at,
                     .evidence_json = R"({"says":"SUCCEEDED"})"});
}

}  // namespace onetake
