#include "runtime/ledger/ledger_reads.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/limits.h"
#include "runtime/base/log.h"
#include "runtime/base/status.h"
#include "runtime/ledger/result_ref.h"
#include "runtime/ledger/rows.h"
#include "runtime/store/transaction.h"

namespace onetake {

absl::StatusOr<std::unique_ptr<LedgerReads>> LedgerReads::Prepare(Database& database,
                                                                  std::unique_ptr<RowKeys> keys) {
  std::unique_ptr<LedgerReads> reads(new LedgerReads(database, std::move(keys)));
  ONETAKE_RETURN_IF_ERROR(reads->PrepareAll());
  return reads;
}

absl::Status LedgerReads::PrepareAll() {
  ONETAKE_ASSIGN_OR_RETURN(
      select_call_,
      database_.Prepare("SELECT " ONETAKE_CALL_COLUMNS " FROM calls c WHERE c.session_id = ?1"
                        " AND c.tool_call_id = ?2 AND c.tenant = ?3"
                        " AND c.session_id != '' AND c.tool_call_id != ''"
                        " ORDER BY NOT EXISTS (SELECT 1 FROM intents i"
                        "   WHERE i.intent_row = c.intent_row), c.delivery LIMIT 1"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_by_row_, database_.Prepare("SELECT " ONETAKE_FULL_INTENT " WHERE i.intent_row = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_latest_,
      database_.Prepare("SELECT " ONETAKE_FULL_INTENT " WHERE i.intent_id = ?1 AND i.tenant = ?2"
                        " AND (?3 = 0 OR i.generation = ?3)"
                        " ORDER BY i.generation DESC LIMIT 1"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_standing_,
      database_.Prepare("SELECT " ONETAKE_FULL_INTENT " WHERE i.intent_id = ?1 AND i.tenant = ?2"
                        " AND i.settled_at IS NOT NULL AND (i.review_at IS NOT NULL"
                        "      OR (i.state = 'SUCCEEDED' AND i.reverses_row IS NULL))"
                        " ORDER BY i.review_at IS NULL, i.generation DESC LIMIT 1"));
  ONETAKE_ASSIGN_OR_RETURN(
      count_uncounted_,
      database_.Prepare("SELECT count(*) FROM intents WHERE intent_id = ?1 AND tenant = ?2"
                        " AND ((state = 'REJECTED' AND reason IN (?3, ?4, ?5))"
                        "      OR (state = 'REVERSED' AND reason = ?6))"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_reversal_, database_.Prepare("SELECT " ONETAKE_FULL_INTENT
                                          " WHERE i.intent_row IN (" ONETAKE_REVERSALS ")"
                                          " AND (i.settled_at IS NULL OR i.review_at IS NOT NULL)"
                                          " ORDER BY i.intent_row DESC LIMIT 1"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_restoring_, database_.Prepare("SELECT " ONETAKE_FULL_INTENT
                                           " WHERE i.intent_row IN (" ONETAKE_REVERSALS_UNDONE ")"
                                           " AND (i.settled_at IS NULL OR i.review_at IS NOT NULL)"
                                           " ORDER BY i.intent_row DESC LIMIT 1"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_restored_,
      database_.Prepare("SELECT intent_id FROM intents WHERE intent_row = coalesce("
                        "(SELECT reverses_row FROM intents WHERE intent_row = ?1),"
                        " (" ONETAKE_UNDONE_BY_NAME "))"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_later_nameless_,
      database_.Prepare("SELECT " ONETAKE_FULL_INTENT " WHERE i.intent_id = ?1 AND i.tenant = ?2"
                        " AND i.intent_row > ?3 AND" ONETAKE_NAMELESS
                        " ORDER BY i.intent_row DESC LIMIT 1"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_nameless_of_session_,
      database_.Prepare("SELECT " ONETAKE_FULL_INTENT " WHERE i.session_id = ?1 AND i.tenant = ?2"
                        " AND +i.intent_row > ?3 AND i.tool = ?4 AND" ONETAKE_NAMELESS
                        " ORDER BY i.intent_row DESC LIMIT 1"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_undoing_,
      database_.Prepare("SELECT " ONETAKE_FULL_INTENT " WHERE i.result_ref = ?1 AND +i.tenant = ?2"
                        " AND (i.settled_at IS NULL OR i.review_at IS NOT NULL)"
                        " ORDER BY i.intent_row DESC LIMIT 1"));
  // A day for a clock that was set back: only the rows say what came later.
  ONETAKE_ASSIGN_OR_RETURN(
      select_unknown_reversal_,
      database_.Prepare(
          "SELECT 1 FROM intents own JOIN intents undoing"
          " ON undoing.tenant = own.tenant AND undoing.tool = ?2"
          " AND undoing.created_at >= own.created_at - 86400000000"
          " WHERE own.intent_row = ?1 AND (own.result_ref IS NULL"
          "  OR substr(own.result_ref, 1, 7) = 'undoes:')"
          " AND undoing.intent_row > own.intent_row"
          " AND undoing.reverses_row IS NULL AND " ONETAKE_MAY_HAVE_HAPPENED(
              "undoing") " AND NOT EXISTS (SELECT 1 FROM intents known"
                         "  WHERE known.result_ref = substr(undoing.result_ref, ?3)"
                         "  AND known.tool = own.tool AND known.tenant = own.tenant) LIMIT 1"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_by_ref_,
      database_.Prepare("SELECT " ONETAKE_FULL_INTENT " WHERE i.result_ref = ?1 AND i.tool = ?2"
                        " AND i.tenant = ?3 ORDER BY i.intent_row DESC LIMIT 1"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_near_,
      database_.Prepare("SELECT " ONETAKE_FULL_INTENT " WHERE i.subject = ?1 AND i.subject != ''"
                        " AND i.tenant = ?2 AND i.intent_id != ?3 AND (i.settled_at IS NULL"
                        "      OR (i.state = 'SUCCEEDED' AND i.created_at >= ?4))"
                        " ORDER BY i.intent_row DESC LIMIT 1"));
  // What has no outcome is the newest of its subject (LedgerWrites::IsBeingSet).
  ONETAKE_ASSIGN_OR_RETURN(
      select_being_set_,
      database_.Prepare("SELECT " ONETAKE_FULL_INTENT " WHERE i.intent_row ="
                        " (SELECT intent_row FROM intents WHERE subject = ?1 AND subject != ''"
                        "  AND +tenant = ?2 ORDER BY intent_row DESC LIMIT 1)"
                        " AND i.intent_id != ?3 AND i.settled_at IS NULL"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_refused_after_,
      database_.Prepare("SELECT " ONETAKE_FULL_INTENT " WHERE i.subject = ?1 AND i.subject != ''"
                        " AND +i.tenant = ?2 AND i.intent_id != ?3 AND i.intent_row > ?4"
                        " AND i.state = 'REJECTED' AND i.review_at IS NOT NULL"
                        " ORDER BY i.intent_row DESC LIMIT 1"));
  // What came after it is told by the row; the clock may have been set back for up to an hour.
  ONETAKE_ASSIGN_OR_RETURN(
      select_undone_by_,
      database_.Prepare(
          "SELECT i.intent_id FROM intents own JOIN intents i"
          " ON i.tenant = own.tenant AND i.tool = ?2"
          " AND i.created_at >= own.created_at - 3600000000"
          " AND +i.intent_row > own.intent_row"
          " AND (+i.session_id = own.session_id OR +i.scope = own.scope)"
          " WHERE own.intent_row = ?1 AND +i.reverses_row IS NULL"
          " AND " ONETAKE_MAY_HAVE_HAPPENED(
              "i") " AND NOT EXISTS (SELECT 1 FROM intents known"
                   "  WHERE known.result_ref = substr(i.result_ref, ?3)"
                   "  AND known.tool = own.tool AND known.tenant = own.tenant) LIMIT 1"));
  ONETAKE_ASSIGN_OR_RETURN(select_last_seq_,
                           database_.Prepare("SELECT coalesce(max(seq), 0) FROM events"));
  ONETAKE_ASSIGN_OR_RETURN(select_unknown_,
                           database_.Prepare("SELECT " ONETAKE_FULL_INTENT
                                             " WHERE i.intent_row IN (" ONETAKE_OPEN_INTENTS
                                             " AND state = 'UNKNOWN' AND intent_row > ?1"
                                             " ORDER BY intent_row LIMIT ?2)"
                                             " ORDER BY i.intent_row"));
  return absl::OkStatus();
}

absl::Status LedgerReads::ReadOne(Run& run, std::optional<IntentRecord>& intent) {
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
  if (!found) return absl::OkStatus();
  ONETAKE_ASSIGN_OR_RETURN(intent, ReadFullIntent(run, *keys_));
  return absl::OkStatus();
}

absl::StatusOr<LookupResult> LedgerReads::Lookup(const LookupRequest& request) {
  ONETAKE_ASSIGN_OR_RETURN(Transaction snapshot,
                           Transaction::Begin(database_, Transaction::Kind::kRead));
  LookupResult result;
  if (!request.tool_call_id.empty()) ONETAKE_RETURN_IF_ERROR(FindCall(request, result));
  if (!request.intent_id.empty()) ONETAKE_RETURN_IF_ERROR(FindLatest(request, result));
  ONETAKE_RETURN_IF_ERROR(FindReversal(result.latest, result.reversal));
  if (!result.reversal.has_value()) {
    ONETAKE_RETURN_IF_ERROR(FindUndoing(request.intent_id, request.tenant, result.reversal));
  }
  ONETAKE_RETURN_IF_ERROR(FindUnknownReversal(request, result));
  if (result.highest >= limits::kGenerations) {
    ONETAKE_RETURN_IF_ERROR(CountUncounted(request, result));
  }
  ONETAKE_RETURN_IF_ERROR(FindTarget(request, result));
  ONETAKE_RETURN_IF_ERROR(FindReversal(result.target, result.target_reversal));
  // What names a result is not known by the write that was given it later and is undone by now.
  const bool is_gone = result.target.has_value() && !request.target_ref.empty() &&
                       (result.target->state == IntentState::kReversed ||
                        result.target->state == IntentState::kRejected);
  if (!result.target_reversal.has_value() && (!result.target.has_value() || is_gone)) {
    const std::string& undone =
        request.target_ref.empty() ? request.target_intent_id : request.target_ref;
    ONETAKE_RETURN_IF_ERROR(FindUndoing(undone, request.tenant, result.target_reversal));
  }
  ONETAKE_RETURN_IF_ERROR(FindRestored(result));
  if (!request.intent_id.empty() && !request.target_ref.empty() &&
      (is_gone || !result.target.has_value())) {
    ONETAKE_RETURN_IF_ERROR(FindNameless(request, result));
  }
  if (!request.near_subject.empty()) ONETAKE_RETURN_IF_ERROR(FindNear(request, result));
  if (!request.sets_subject.empty()) ONETAKE_RETURN_IF_ERROR(FindSetsSame(request, result));
  if (request.undone_row != 0) ONETAKE_RETURN_IF_ERROR(FindUndoneBy(request, result));
  ONETAKE_RETURN_IF_ERROR(snapshot.Commit());
  return result;
}

absl::Status LedgerReads::FindUndoneBy(const LookupRequest& request, LookupResult& result) {
  for (const std::string& tool : request.undoing_tools) {
    Run run(select_undone_by_);
    run.Int(1, request.undone_row).Text(2, tool).Int(3, int64_t{kUndoes.size()} + 1);
    ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
    if (!found) continue;
    result.undone_by_intent = std::string(run.Text(0));
    break;
  }
  return absl::OkStatus();
}

absl::Status LedgerReads::FindReversal(const std::optional<IntentRecord>& undone,
                                       std::optional<IntentRecord>& reversal) {
  if (!undone.has_value()) return absl::OkStatus();
  {
    Run run(select_reversal_);
    run.Int(1, undone->row);
    ONETAKE_RETURN_IF_ERROR(ReadOne(run, reversal));
  }
  const bool may_stand_again =
      undone->state == IntentState::kReversed || undone->reason == kReinstatedRule;
  if (reversal.has_value() || !may_stand_again) return absl::OkStatus();
  Run run(select_restoring_);
  run.Int(1, undone->row);
  return ReadOne(run, reversal);
}

absl::Status LedgerReads::FindRestored(LookupResult& result) {
  if (!result.target.has_value()) return absl::OkStatus();
  if (result.target->reverses_row == 0 && result.target->undoes_ref.empty()) {
    return absl::OkStatus();
  }
  Run run(select_restored_);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Int(1, result.target->row).Step());
  if (found) result.restores_intent = std::string(run.Text(0));
  return absl::OkStatus();
}

absl::Status LedgerReads::FindNameless(const LookupRequest& request, LookupResult& result) {
  const bool was_done =
      result.latest.has_value() && result.latest->state == IntentState::kSucceeded;
  int64_t after = was_done ? result.latest->row : 0;
  if (result.target.has_value()) {
    after = std::max(after, result.target->row);
    Run run(select_later_nameless_);
    run.Text(1, result.target->intent_id).Text(2, request.tenant).Int(3, after);
    return ReadOne(run, result.may_be_meant);
  }
  if (!was_done || request.session_id.empty()) return absl::OkStatus();
  Run run(select_nameless_of_session_);
  run.Text(1, request.session_id)
      .Text(2, request.tenant)
      .Int(3, after)
      .Text(4, request.target_tool);
  return ReadOne(run, result.may_be_meant);
}

absl::Status LedgerReads::FindUndoing(const std::string& undone, const std::string& tenant,
                                      std::optional<IntentRecord>& undoing) {
  if (undone.empty()) return absl::OkStatus();
  const std::string undoes = absl::StrCat(kUndoes, undone);
  Run run(select_undoing_);
  run.Text(1, undoes).Text(2, tenant);
  return ReadOne(run, undoing);
}

absl::Status LedgerReads::FindUnknownReversal(const LookupRequest& request, LookupResult& result) {
  if (!result.latest.has_value() || result.latest->state != IntentState::kSucceeded) {
    return absl::OkStatus();
  }
  for (const std::string& tool : request.undoing_tools) {
    Run run(select_unknown_reversal_);
    run.Int(1, result.latest->row).Text(2, tool).Int(3, int64_t{kUndoes.size()} + 1);
    ONETAKE_ASSIGN_OR_RETURN(result.may_be_undone, run.Step());
    if (result.may_be_undone) break;
  }
  return absl::OkStatus();
}

absl::Status LedgerReads::CountUncounted(const LookupRequest& request, LookupResult& result) {
  static_assert(std::size(kUnheardRules) == 3);
  Run run(count_uncounted_);
  run.Text(1, request.intent_id).Text(2, request.tenant).Text(6, kOverwrittenRule);
  for (int i = 0; i < 3; ++i) run.Text(3 + i, kUnheardRules[i]);
  ONETAKE_RETURN_IF_ERROR(run.Step().status());
  result.uncounted = static_cast<int>(run.Int(0));
  return absl::OkStatus();
}

absl::Status LedgerReads::FindTarget(const LookupRequest& request, LookupResult& result) {
  const bool by_intent = !request.target_intent_id.empty();
  if (!by_intent && request.target_ref.empty()) return absl::OkStatus();
  if (by_intent) {
    return FindCurrent(request.target_intent_id, request.tenant, result.target).status();
  }
  Run run(select_by_ref_);
  run.Text(1, request.target_ref).Text(2, request.target_tool).Text(3, request.tenant);
  return ReadOne(run, result.target);
}

absl::Status LedgerReads::FindNear(const LookupRequest& request, LookupResult& result) {
  Run run(select_near_);
  run.Text(1, request.near_subject)
      .Text(2, request.tenant)
      .Text(3, request.intent_id)
      .Int(4, ToColumn(request.near_since));
  return ReadOne(run, result.near);
}

absl::Status LedgerReads::FindSetsSame(const LookupRequest& request, LookupResult& result) {
  {
    Run run(select_being_set_);
    run.Text(1, request.sets_subject).Text(2, request.tenant).Text(3, request.intent_id);
    ONETAKE_RETURN_IF_ERROR(ReadOne(run, result.sets_same));
  }
  const bool is_done = result.latest.has_value() && result.latest->state == IntentState::kSucceeded;
  if (result.sets_same.has_value() || !is_done) return absl::OkStatus();
  Run run(select_refused_after_);
  run.Text(1, request.sets_subject)
      .Text(2, request.tenant)
      .Text(3, request.intent_id)
      .Int(4, result.latest->row);
  return ReadOne(run, result.sets_same);
}

absl::StatusOr<IntentRecord> LedgerReads::ByRow(int64_t row) {
  Run run(select_by_row_);
  run.Int(1, row);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
  if (!found) return absl::DataLossError("the ledger points at an intent that is not there");
  return ReadFullIntent(run, *keys_);
}

absl::Status LedgerReads::FindCall(const LookupRequest& request, LookupResult& result) {
  {
    Run run(select_call_);
    run.Text(1, request.session_id).Text(2, request.tool_call_id).Text(3, request.tenant);
    ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
    if (!found) return absl::OkStatus();
    ONETAKE_ASSIGN_OR_RETURN(result.call, ReadCall(run));
  }
  if (result.call->intent_row == 0) return absl::OkStatus();
  Run run(select_by_row_);
  run.Int(1, result.call->intent_row);
  return ReadOne(run, result.call_intent);  // it may have been removed, being older than the call
}

// Where the highest opens the next one, an earlier one that is contradicted comes first, and then
// one that stands: over those nothing is opened (LedgerWrites::OpensGeneration). An earlier
// generation of a cancellation that knew what it undoes is simply done.
absl::StatusOr<int> LedgerReads::FindCurrent(const std::string& intent_id,
                                             const std::string& tenant,
                                             std::optional<IntentRecord>& current) {
  {
    Run run(select_latest_);
    run.Text(1, intent_id).Text(2, tenant).Int(3, 0);
    ONETAKE_RETURN_IF_ERROR(ReadOne(run, current));
  }
  if (!current.has_value()) return 0;
  const int highest = current->generation;
  if (highest == 1 || !OpensNextGeneration(current->state)) return highest;
  Run run(select_standing_);
  run.Text(1, intent_id).Text(2, tenant);
  ONETAKE_RETURN_IF_ERROR(ReadOne(run, current));
  return highest;
}

absl::Status LedgerReads::FindLatest(const LookupRequest& request, LookupResult& result) {
  if (request.generation == 0) {
    ONETAKE_ASSIGN_OR_RETURN(result.highest,
                             FindCurrent(request.intent_id, request.tenant, result.latest));
    return absl::OkStatus();
  }
  Run run(select_latest_);
  run.Text(1, request.intent_id).Text(2, request.tenant).Int(3, request.generation);
  return ReadOne(run, result.latest);
}

absl::StatusOr<int64_t> LedgerReads::LastSeq() {
  Run run(select_last_seq_);
  ONETAKE_RETURN_IF_ERROR(run.Step().status());
  return run.Int(0);
}

absl::StatusOr<std::vector<IntentRecord>> LedgerReads::Unsettled(int64_t after_row, int limit) {
  std::vector<IntentRecord> intents;
  const size_t most = static_cast<size_t>(ClampLimit(limit));
  bool skipped = true;
  while (skipped && intents.size() < most) {
    skipped = false;
    Run run(select_unknown_);
    run.Int(1, after_row).Int(2, static_cast<int64_t>(most - intents.size()));
    ONETAKE_RETURN_IF_ERROR(run.ForEach([&](const Run& row) -> absl::Status {
      after_row = row.Int(0);
      absl::StatusOr<IntentRecord> intent = ReadFullIntent(row, *keys_);
      if (absl::IsDataLoss(intent.status())) {
        // A generation that cannot be read must not keep the others from being settled.
        skipped = true;
        Log(LogLevel::kError, "ledger.unreadable",
            {{LogField::kIntent, std::string(row.Text(2))},
             {LogField::kError, std::string(intent.status().message())}});
        return absl::OkStatus();
      }
      ONETAKE_RETURN_IF_ERROR(intent.status());
      intents.push_back(*std::move(intent));
      return absl::OkStatus();
    }));
  }
  return intents;
}

}  // namespace onetake
