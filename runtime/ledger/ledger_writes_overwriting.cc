// The part of LedgerWrites about writes that set the state of one thing (R7, subject.h). They are
// claimed one after the other, so what has no outcome is the newest of them, and of those that took
// effect only the last one is SUCCEEDED.
#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "runtime/ledger/ledger_writes.h"
#include "runtime/ledger/rows.h"
#include "runtime/ledger/subject.h"

namespace onetake {
namespace {

std::string OverwrittenBy(int64_t row) {
  return absl::StrCat("{\"overwritten_by_row\":", row, "}");
}

}  // namespace

absl::Status LedgerWrites::PrepareOverwriting() {
  ONETAKE_ASSIGN_OR_RETURN(
      select_newest_of_subject_,
      database_.Prepare("SELECT intent_id, settled_at IS NULL FROM intents WHERE subject = ?1"
                        " AND subject != '' AND +tenant = ?2 ORDER BY intent_row DESC LIMIT 1"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_set_before_,
      database_.Prepare("SELECT other.intent_row, other.state, other.reason FROM" ONETAKE_SET_BESIDE
                        " AND other.intent_row < ?1 AND other.state IN ('SUCCEEDED', 'REVERSED')"
                        " ORDER BY other.intent_row DESC LIMIT 1"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_set_after_,
      database_.Prepare("SELECT other.intent_row, other.state, other.reason FROM" ONETAKE_SET_BESIDE
                        " AND other.intent_row > ?1 AND other.state IN ('SUCCEEDED', 'REVERSED')"
                        " ORDER BY other.intent_row LIMIT 1"));
  return absl::OkStatus();
}

absl::StatusOr<bool> LedgerWrites::IsBeingSet(const IntentRecord& intent) {
  if (!SetsAThing(intent.subject)) return false;
  Run run(select_newest_of_subject_);
  ONETAKE_ASSIGN_OR_RETURN(const bool found,
                           run.Text(1, intent.subject).Text(2, intent.tenant).Step());
  return found && run.Int(1) != 0 && run.Text(0) != intent.intent_id;
}

absl::StatusOr<std::optional<LedgerWrites::Setting>> LedgerWrites::FindSetBefore(int64_t row) {
  return ReadSetting(select_set_before_, row);
}

absl::StatusOr<std::optional<LedgerWrites::Setting>> LedgerWrites::FindSetAfter(int64_t row) {
  return ReadSetting(select_set_after_, row);
}

absl::StatusOr<std::optional<LedgerWrites::Setting>> LedgerWrites::ReadSetting(Statement& select,
                                                                               int64_t row) {
  Run run(select);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Int(1, row).Step());
  if (!found) return std::nullopt;
  const std::optional<IntentState> state = IntentStateFromString(run.Text(1));
  if (!state.has_value()) return absl::DataLossError("an intent has an unknown state");
  return Setting{run.Int(0), *state, std::string(run.Text(2))};
}

absl::Status LedgerWrites::Overwrite(const Transition& success, const Current& before) {
  if (success.to != IntentState::kSucceeded || !before.sets_a_thing) return absl::OkStatus();
  ONETAKE_ASSIGN_OR_RETURN(const std::optional<Setting> earlier, FindSetBefore(success.row));
  if (!earlier.has_value() || earlier->state != IntentState::kSucceeded) return absl::OkStatus();
  return MoveOverwritten(earlier->row, success.row, success);
}

// Only a person finds out that late what took effect, and then a later one may have done so first.
absl::Status LedgerWrites::CloseOverwritten(const Transition& success, const Current& before) {
  if (success.to != IntentState::kSucceeded || !before.sets_a_thing) return absl::OkStatus();
  ONETAKE_ASSIGN_OR_RETURN(const std::optional<Setting> later, FindSetAfter(success.row));
  return later.has_value() ? MoveOverwritten(success.row, later->row, success) : absl::OkStatus();
}

absl::Status LedgerWrites::MoveOverwritten(int64_t row, int64_t by, const Transition& cause) {
  ONETAKE_ASSIGN_OR_RETURN(const std::optional<Current> target, FindIfThere(row, cause.at));
  // It may be REVERSED by now, by a write that undoes it.
  if (!target.has_value() || target->state != IntentState::kSucceeded) return absl::OkStatus();
  return Move({.row = row,
               .from = IntentState::kSucceeded,
               .to = IntentState::kReversed,
               .rule = kOverwrittenRule,
               .evidence_json = OverwrittenBy(by)},
              *target, cause)
      .status();
}

// A write turned out not to have happened: what it has replaced may stand.
absl::Status LedgerWrites::DoubtOverwritten(const Transition& correction, const Current& before) {
  if (!before.sets_a_thing) return absl::OkStatus();
  ONETAKE_ASSIGN_OR_RETURN(const std::optional<Setting> earlier, FindSetBefore(correction.row));
  const bool replaced = earlier.has_value() && earlier->state == IntentState::kReversed &&
                        earlier->reason == kOverwrittenRule;
  if (!replaced) return absl::OkStatus();
  ONETAKE_ASSIGN_OR_RETURN(const std::optional<Setting> later, FindSetAfter(earlier->row));
  if (later.has_value()) return absl::OkStatus();
  return DoubtReversal(earlier->row, "R7.overwriting_corrected", OverwrittenBy(correction.row),
                       correction);
}

}  // namespace onetake
