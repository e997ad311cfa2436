// The part of LedgerWrites about writes that undo others (R7).
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/base/planted_bug.h"
#include "runtime/base/status.h"
#include "runtime/ledger/ledger_writes.h"
#include "runtime/ledger/result_ref.h"
#include "runtime/ledger/rows.h"
#include "runtime/ledger/transition_rules.h"

namespace onetake {
namespace {

std::string ReversedBy(const Transition& cause) {
  return absl::StrCat("{\"reversed_by_row\":", cause.row, "}");
}

}  // namespace

absl::Status LedgerWrites::PrepareReinstating() {
  // Finds what a reversal that knew no row has undone all the same.
  ONETAKE_ASSIGN_OR_RETURN(select_undone_, database_.Prepare(ONETAKE_UNDONE_BY_NAME));
  // Finds what keeps row ?1 from standing again when its reversal ?2 is undone: a later generation,
  // another write that may have undone it, or a later one that may set the same thing.
  ONETAKE_ASSIGN_OR_RETURN(
      select_against_,
      database_.Prepare("SELECT 1 FROM intents own CROSS JOIN intents later"
                        " ON later.intent_id = own.intent_id AND later.tenant = own.tenant"
                        " AND later.generation > own.generation WHERE own.intent_row = ?1"
                        " UNION ALL SELECT 1 FROM" ONETAKE_SET_BESIDE " AND other.intent_row > ?1"
                        " AND (other.state != 'REJECTED' OR other.review_at IS NOT NULL)"
                        " UNION ALL SELECT 1 FROM intents"
                        " WHERE intent_row IN (" ONETAKE_REVERSALS ") AND intent_row != ?2"
                        " AND (state = 'SUCCEEDED' OR settled_at IS NULL"
                        "      OR review_at IS NOT NULL) LIMIT 1"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_open_restoring_,
      database_.Prepare("SELECT 1 FROM intents WHERE intent_row IN (" ONETAKE_REVERSALS_UNDONE ")"
                        " AND (settled_at IS NULL OR review_at IS NOT NULL)"
                        " AND EXISTS (SELECT 1 FROM intents WHERE intent_row = ?1"
                        "  AND (state = 'REVERSED' OR reason = ?2)) LIMIT 1"));
  return absl::OkStatus();
}

// A success closes the write that it undoes; or it is closed itself, if another write undid it
// before it was known. Both, if it undoes one and was undone.
absl::StatusOr<IntentState> LedgerWrites::CloseReversed(const Transition& transition,
                                                        const Current& before) {
  if (transition.to != IntentState::kSucceeded) return transition.to;
  if (before.reverses_row != 0) {
    ONETAKE_RETURN_IF_ERROR(Reverse(before.reverses_row, transition));
  }
  const std::optional<std::string>& known =
      transition.result_ref.has_value() ? transition.result_ref : before.result_ref;
  if (!known.has_value()) return transition.to;
  absl::string_view ref = *known;
  const bool undoes = absl::ConsumePrefix(&ref, kUndoes);
  const std::string counterpart = undoes ? std::string(ref) : absl::StrCat(kUndoes, ref);
  int64_t other = 0;
  {
    Run run(select_counterpart_);
    run.Int(1, transition.row).Text(2, counterpart).Int(3, undoes ? 0 : 1);
    ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
    if (!found || ONETAKE_PLANTED_BUG("counterpart_not_found")) return transition.to;
    other = run.Int(0);
  }
  if (undoes) {
    ONETAKE_RETURN_IF_ERROR(Reverse(other, transition));
    return transition.to;
  }
  Transition reversal = transition;
  reversal.row = other;
  ONETAKE_RETURN_IF_ERROR(Reverse(transition.row, reversal));
  return IntentState::kReversed;
}

absl::StatusOr<Transition> LedgerWrites::Move(Transition transition, const Current& target,
                                              const Transition& cause) {
  transition.actor = cause.actor;
  transition.at = cause.at;
  ONETAKE_RETURN_IF_ERROR(UpdateIntent(transition, target));
  ONETAKE_RETURN_IF_ERROR(AppendEvent({.row = transition.row,
                                       .at = transition.at,
                                       .kind = EventKind(transition),
                                       .from = ToString(transition.from),
                                       .to = ToString(transition.to),
                                       .rule = transition.rule,
                                       .actor = transition.actor,
                                       .evidence = transition.evidence_json},
                                      RowCipher::Plain())
                              .status());
  return transition;
}

// R7: a settled reversal closes the generation it reverses, in its own transaction.
absl::Status LedgerWrites::Reverse(int64_t row, const Transition& reversal) {
  if (ONETAKE_PLANTED_BUG("rebooking_swallowed")) return absl::OkStatus();
  ONETAKE_ASSIGN_OR_RETURN(const std::optional<Current> target, FindIfThere(row, reversal.at));
  // The target may be gone: retention does not wait for a reversal that is under way.
  if (!target.has_value() || target->state != IntentState::kSucceeded) return absl::OkStatus();
  ONETAKE_RETURN_IF_ERROR(Move({.row = row,
                                .from = IntentState::kSucceeded,
                                .to = IntentState::kReversed,
                                .rule = kReversedRule,
                                .evidence_json = ReversedBy(reversal)},
                               *target, reversal)
                              .status());
  Transition cause = reversal;
  cause.row = row;
  return ReinstateUndone(*target, cause);
}

absl::StatusOr<int64_t> LedgerWrites::FindUndone(int64_t row, int64_t reverses_row) {
  if (reverses_row != 0) return reverses_row;
  Run run(select_undone_);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Int(1, row).Step());
  return found ? run.Int(0) : 0;
}

absl::Status LedgerWrites::ReinstateUndone(const Current& undoing, const Transition& cause) {
  const bool undoes =
      undoing.reverses_row != 0 || absl::StartsWith(undoing.result_ref.value_or(""), kUndoes);
  if (!undoes || ONETAKE_PLANTED_BUG("restoration_swallowed")) return absl::OkStatus();
  ONETAKE_ASSIGN_OR_RETURN(const int64_t row, FindUndone(cause.row, undoing.reverses_row));
  if (row == 0) return absl::OkStatus();
  {
    Run run(select_against_);
    ONETAKE_ASSIGN_OR_RETURN(const bool against, run.Int(1, row).Int(2, cause.row).Step());
    if (against) return DoubtReversal(row, "R7.may_stand_again", ReversedBy(cause), cause);
  }
  return Reinstate(row, cause);
}

absl::Status LedgerWrites::Reinstate(int64_t row, const Transition& cause) {
  ONETAKE_ASSIGN_OR_RETURN(const std::optional<Current> target, FindIfThere(row, cause.at));
  if (!target.has_value() || target->state != IntentState::kReversed) return absl::OkStatus();
  ONETAKE_ASSIGN_OR_RETURN(const Transition transition, Move({.row = row,
                                                              .from = IntentState::kReversed,
                                                              .to = IntentState::kSucceeded,
                                                              .rule = kReinstatedRule,
                                                              .evidence_json = ReversedBy(cause)},
                                                             *target, cause));
  // What stands again may be such a write itself.
  return CloseReversed(transition, *target).status();
}

// A reversal turned out not to have happened. What another one undid as well is undone.
absl::Status LedgerWrites::DoubtReversed(const Transition& correction, int64_t reverses_row) {
  ONETAKE_ASSIGN_OR_RETURN(const int64_t undone, FindUndone(correction.row, reverses_row));
  if (undone == 0) return absl::OkStatus();
  {
    Run run(select_reversed_by_);
    ONETAKE_RETURN_IF_ERROR(run.Int(1, undone).Step().status());
    if (run.Int(2) != 0) return absl::OkStatus();
  }
  return DoubtReversal(undone, "R7.reversal_corrected", ReversedBy(correction), correction);
}

// It may still be there, and may have been done again since: a person has to look at it before
// anybody does that.
absl::Status LedgerWrites::DoubtReversal(int64_t row, absl::string_view rule, std::string evidence,
                                         const Transition& cause) {
  ONETAKE_ASSIGN_OR_RETURN(const std::optional<Current> target, FindIfThere(row, cause.at));
  if (!target.has_value() || target->state != IntentState::kReversed) return absl::OkStatus();
  ONETAKE_RETURN_IF_ERROR(Run(update_review_).Int(1, row).Int(2, ToColumn(cause.at)).Finish());
  return AppendEvent({.row = row,
                      .at = cause.at,
                      .kind = "conflict",
                      .from = ToString(target->state),
                      .to = ToString(target->state),
                      .rule = rule,
                      .actor = cause.actor,
                      .evidence = evidence},
                     RowCipher::Plain())
      .status();
}

// Also whether one that undoes such a write has none: what is undone may stand again.
absl::StatusOr<bool> LedgerWrites::HasOpenReversal(int64_t row) {
  if (row == 0) return false;
  {
    Run run(select_open_reversal_);
    ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Int(1, row).Step());
    if (found) return true;
  }
  Run run(select_open_restoring_);
  return run.Int(1, row).Text(2, kReinstatedRule).Step();
}

absl::StatusOr<bool> LedgerWrites::HasOpenUndoing(const std::string& undoes,
                                                  const std::string& tenant) {
  Run run(select_open_undoing_);
  return run.Text(1, undoes).Text(2, tenant).Step();
}

absl::StatusOr<bool> LedgerWrites::IsBeingUndone(const IntentRecord& intent) {
  const std::string undoes = absl::StrCat(kUndoes, intent.intent_id);
  ONETAKE_ASSIGN_OR_RETURN(const bool itself, HasOpenUndoing(undoes, intent.tenant));
  if (itself) return true;
  if (intent.reverses_row != 0) return HasOpenReversal(intent.reverses_row);
  if (intent.undoes_ref.empty()) return false;
  return HasOpenUndoing(intent.undoes_ref, intent.tenant);
}

}  // namespace onetake
