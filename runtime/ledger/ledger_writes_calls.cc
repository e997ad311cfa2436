// The part of LedgerWrites about the records of calls.
#include <string>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "runtime/ledger/ledger_writes.h"
#include "runtime/ledger/rows.h"

namespace onetake {

absl::StatusOr<int64_t> LedgerWrites::UpdateCall(const CallRecord& call) {
  int64_t row = 0;
  Statement* update = &update_call_;
  {
    Run run(select_call_);
    run.Text(1, call.call_id);
    ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
    if (!found) return 0;
    row = run.Int(0);
    const bool same_intent = call.intent_row == 0 || !run.IsNull(2);
    if (same_intent && run.Text(1) == ToString(call.role)) update = &update_answer_;
    if (run.Int(3) <= events_->opened_at()) {
      ONETAKE_RETURN_IF_ERROR(
          events_->WitnessCall(row, call.answered_at.value_or(call.received_at)));
    }
  }
  ONETAKE_ASSIGN_OR_RETURN(const int64_t seq, events_->NextSeq());
  Run run(*update);
  run.Int(1, row)
      .Text(2, ToString(call.role))
      .Text(3, call.disposition)
      .Text(4, call.detail)
      .OptionalInt(5, ToColumn(call.answered_at))
      .Int(6, seq);
  if (update == &update_call_) {
    run.OptionalInt(7, call.intent_row == 0 ? std::nullopt : std::make_optional(call.intent_row));
  }
  ONETAKE_RETURN_IF_ERROR(run.Finish());
  return row;
}

absl::Status LedgerWrites::RecordCall(const CallRecord& call) {
  ONETAKE_ASSIGN_OR_RETURN(int64_t row, UpdateCall(call));
  const bool is_new = row == 0;
  if (is_new) {
    ONETAKE_ASSIGN_OR_RETURN(const Deliveries deliveries, FindDeliveries(call));
    ONETAKE_ASSIGN_OR_RETURN(row, InsertCall(call, call.intent_row, deliveries.last + 1));
  }
  return events_
      ->AppendCall({.row = row,
                    .at = call.answered_at.value_or(call.received_at),
                    .kind = is_new ? EventLog::kCallKind : EventLog::kAnsweredKind,
                    .rule = ToString(call.role)})
      .status();
}

absl::Status LedgerWrites::RecordShed(const ShedCalls& shed) {
  const std::string evidence = absl::StrCat("{\"calls\":", shed.count, "}");
  return events_
      ->AppendNote({.tenant = shed.tenant,
                    .at = shed.last_at,
                    .kind = EventLog::kShedKind,
                    .rule = "calls.shed",
                    .evidence = evidence})
      .status();
}

}  // namespace onetake
