// The part of LedgerWrites about what a crash left open, and what a copy of a ledger did.
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/log.h"
#include "runtime/base/planted_bug.h"
#include "runtime/base/status.h"
#include "runtime/ledger/ledger_writes.h"
#include "runtime/ledger/rows.h"
#include "runtime/ledger/transition_rules.h"
#include "runtime/store/transaction.h"

namespace onetake {

absl::StatusOr<std::vector<Transition>> LedgerWrites::FindCrashed(absl::Time now) {
  std::vector<Transition> crashed;
  ONETAKE_RETURN_IF_ERROR(Run(select_crashed_).ForEach([&](const Run& row) {
    Transition& transition = crashed.emplace_back();
    transition.row = row.Int(0);
    transition.from = row.Text(1) == ToString(IntentState::kInFlight) ? IntentState::kInFlight
                                                                      : IntentState::kUnknown;
    transition.to = ONETAKE_PLANTED_BUG("crash_means_rejected") ? IntentState::kRejected
                                                                : IntentState::kUnknown;
    transition.rule = CrashRule(row.Text(4));
    transition.actor = "recovery";
    transition.at = now;
    transition.ambiguous = true;
    if (!row.IsNull(2)) {
      AttemptEnd& end = transition.attempt_end.emplace();
      end.number = static_cast<int>(row.Int(2));
      end.failure = kCrashFailure;
    }
    // What the downstream asked for (Retry-After) holds across the restart.
    if (!row.IsNull(3)) transition.next_attempt_at = absl::FromUnixMicros(row.Int(3));
    return absl::OkStatus();
  }));
  return crashed;
}

absl::StatusOr<std::vector<int64_t>> LedgerWrites::FindRows(SqlLiteral select) {
  std::vector<int64_t> rows;
  ONETAKE_ASSIGN_OR_RETURN(Statement found, database_.Prepare(select));
  ONETAKE_RETURN_IF_ERROR(Run(found).ForEach([&](const Run& row) {
    rows.push_back(row.Int(0));
    return absl::OkStatus();
  }));
  return rows;
}

absl::Status LedgerWrites::LeaveToAPerson(const std::vector<int64_t>& unknown,
                                          absl::string_view rule, absl::Time now) {
  for (const int64_t row : unknown) {
    Transition transition;
    transition.row = row;
    transition.from = IntentState::kUnknown;
    transition.to = IntentState::kReview;
    transition.rule = std::string(rule);
    transition.actor = "recovery";
    transition.at = now;
    ONETAKE_RETURN_IF_ERROR(Apply(transition).status());
  }
  return absl::OkStatus();
}

// Nobody will hear any more what those attempts did.
absl::Status LedgerWrites::DoubtWhatWasUnderWay(absl::Time now) {
  ONETAKE_ASSIGN_OR_RETURN(
      const std::vector<int64_t> rows,
      FindRows("SELECT intent_row FROM meta CROSS JOIN intents"
               " ON intent_row = CAST(substr(name, length('under_way:') + 1) AS INTEGER)"
               " WHERE name >= 'under_way:' AND name < 'under_way;' ORDER BY intent_row"));
  for (const int64_t row : rows) {
    ONETAKE_RETURN_IF_ERROR(RecordLate({.row = row,
                                        .says = IntentState::kUnknown,
                                        .rule = std::string(kLateUnknownRule),
                                        .actor = "recovery",
                                        .at = now,
                                        .evidence_json = R"({"says":"UNKNOWN"})"})
                                .status());
  }
  return absl::OkStatus();
}

// What somebody else has written is not sent: it could be another request, to another tool, with
// the secrets of this one. It is looked for before any event vouches for the rows as they are.
absl::StatusOr<int64_t> LedgerWrites::MarkCrashed(absl::Time now) {
  ONETAKE_ASSIGN_OR_RETURN(
      std::vector<int64_t> altered,
      FindRows(ONETAKE_OPEN_INTENTS " AND state IN ('IN_FLIGHT', 'UNKNOWN') ORDER BY intent_row"));
  absl::Status read;
  std::erase_if(altered, [&](int64_t row) {
    const absl::StatusOr<bool> as_recorded = events_->IsAsRecorded(row);
    read.Update(as_recorded.status());
    const bool sound = !as_recorded.ok() || *as_recorded;
    if (!sound) {
      Log(LogLevel::kError, "ledger.altered",
          {{LogField::kError, absl::StrCat("row ", row,
                                           " of intents, or what hangs on it, is not"
                                           " what was written: it is not sent")},
           {LogField::kAdvice, "somebody else has written to the ledger: onetake ledger verify"}});
    }
    return sound;
  });
  ONETAKE_RETURN_IF_ERROR(read);
  ONETAKE_ASSIGN_OR_RETURN(const std::vector<Transition> crashed, FindCrashed(now));
  for (const Transition& transition : crashed) {
    ONETAKE_RETURN_IF_ERROR(Apply(transition).status());
  }
  ONETAKE_RETURN_IF_ERROR(LeaveToAPerson(altered, "chain.altered", now));
  ONETAKE_RETURN_IF_ERROR(DoubtWhatWasUnderWay(now));
  return static_cast<int64_t>(crashed.size());
}

absl::Status LedgerWrites::SettleNothingOfACopy(absl::Time now) {
  ONETAKE_ASSIGN_OR_RETURN(Transaction transaction,
                           Transaction::Begin(database_, Transaction::Kind::kWrite));
  ONETAKE_RETURN_IF_ERROR(MarkCrashed(now).status());
  ONETAKE_ASSIGN_OR_RETURN(
      const std::vector<int64_t> unknown,
      FindRows(ONETAKE_OPEN_INTENTS " AND state = 'UNKNOWN' ORDER BY intent_row"));
  ONETAKE_RETURN_IF_ERROR(LeaveToAPerson(unknown, "restore.unsettled", now));
  return transaction.Commit();
}

}  // namespace onetake
