#include "runtime/ledger/ledger_writes.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "runtime/base/check.h"
#include "runtime/base/log.h"
#include "runtime/base/planted_bug.h"
#include "runtime/base/status.h"
#include "runtime/ledger/rows.h"
#include "runtime/ledger/subject.h"
#include "runtime/ledger/transition_rules.h"

namespace onetake {
namespace {

// Since when the generation waits for a person after this transition. That another write undid it,
// or was undone itself, does not answer what a late outcome has asked.
std::optional<int64_t> ReviewAt(const Transition& transition, std::optional<int64_t> before) {
  if (transition.to == IntentState::kReview) return ToColumn(transition.at);
  const bool reversal = transition.from == IntentState::kSucceeded;
  const bool by_another =
      (reversal && transition.to == IntentState::kReversed) || transition.rule == kReinstatedRule;
  return by_another ? before : std::nullopt;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LedgerWrites>> LedgerWrites::Prepare(
    Database& database, std::unique_ptr<RowKeys> keys, const AttributeIndex& attributes) {
  std::unique_ptr<LedgerWrites> writes(new LedgerWrites(database, std::move(keys), attributes));
  ONETAKE_RETURN_IF_ERROR(writes->PrepareAll());
  return writes;
}

absl::Status LedgerWrites::PrepareAll() {
  ONETAKE_ASSIGN_OR_RETURN(events_, EventLog::Prepare(database_));
  ONETAKE_ASSIGN_OR_RETURN(
      select_latest_,
      database_.Prepare(
          "SELECT generation, state, reverses_row, review_at, intent_row, (SELECT count(*) FROM"
          " intents WHERE intent_id = ?1 AND tenant = ?2 AND review_at IS NOT NULL),"
          " (SELECT coalesce(max(intent_row), 0) FROM intents WHERE intent_id = ?1"
          "  AND tenant = ?2 AND state = 'SUCCEEDED' AND reverses_row IS NULL) FROM intents"
          " WHERE intent_id = ?1 AND tenant = ?2 ORDER BY generation DESC LIMIT 1"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_deliveries_,
      database_.Prepare("SELECT coalesce(max(c.delivery), 0), count(i.intent_row) FROM calls c"
                        " LEFT JOIN intents i ON i.intent_row = c.intent_row"
                        " WHERE c.session_id = ?1 AND c.tool_call_id = ?2 AND c.tenant = ?3"
                        " AND c.session_id != '' AND c.tool_call_id != ''"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_current_,
      database_.Prepare(
          "SELECT i.state, i.attempts, a.ended_at IS NULL AND a.number IS NOT NULL,"
          " i.settled_at, i.reverses_row, i.review_at, i.last_seq, "
          "i.result_ref, i.subject, " ONETAKE_SEAL_COLUMNS " FROM intents i LEFT JOIN attempts a"
          " ON a.intent_row = i.intent_row AND a.number = i.attempts" ONETAKE_SEAL_JOIN
          " WHERE i.intent_row = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_crashed_,
      database_.Prepare(
          "SELECT i.intent_row, i.state, a.number, i.next_attempt_at, i.reason FROM intents i"
          " LEFT JOIN attempts a ON a.intent_row = i.intent_row"
          " AND a.number = i.attempts AND a.ended_at IS NULL"
          " WHERE i.intent_row IN (" ONETAKE_OPEN_INTENTS " AND state IN ('IN_FLIGHT', 'UNKNOWN'))"
          " AND (i.state = 'IN_FLIGHT' OR a.number IS NOT NULL)"
          " ORDER BY i.intent_row"));
  ONETAKE_ASSIGN_OR_RETURN(
      insert_intent_,
      database_.Prepare("INSERT INTO intents (tenant, intent_id, generation, key, tool,"
                        " tool_version, canonicaliser, scope, session_id, safety, state, ambiguous,"
                        " attempts, reason, created_at, first_sent_at, next_attempt_at,"
                        " reverses_row, subject, guarded, sealed, last_seq, result_ref)"
                        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'IN_FLIGHT', ?11, 1,"
                        " ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, nullif(?21, ''))"));
  ONETAKE_ASSIGN_OR_RETURN(
      insert_body_, database_.Prepare("INSERT INTO bodies (intent_row, identity, arguments, clear,"
                                      " request_digest) VALUES (?1, ?2, ?3, ?4, ?5)"));
  ONETAKE_ASSIGN_OR_RETURN(
      insert_request_,
      database_.Prepare("INSERT INTO requests (intent_row, request, hides) VALUES (?1, ?2, ?3)"));
  // A request that hides something holds what the schema keeps out of the ledger; it goes as soon
  // as it will not be sent again.
  ONETAKE_ASSIGN_OR_RETURN(
      forget_hiding_,
      database_.Prepare("DELETE FROM requests WHERE intent_row = ?1 AND hides = 1"));
  ONETAKE_ASSIGN_OR_RETURN(
      insert_result_,
      database_.Prepare("INSERT INTO results (intent_row, result) VALUES (?1, ?2)"));
  ONETAKE_ASSIGN_OR_RETURN(
      insert_missing_result_,
      database_.Prepare("INSERT OR IGNORE INTO results (intent_row, result) VALUES (?1, ?2)"));
  ONETAKE_ASSIGN_OR_RETURN(
      insert_attempt_,
      database_.Prepare(
          "INSERT INTO attempts (intent_row, number, started_at) VALUES (?1, ?2, ?3)"));
  ONETAKE_ASSIGN_OR_RETURN(
      insert_call_,
      database_.Prepare("INSERT INTO calls (call_id, tenant, session_id, tool_call_id, delivery,"
                        " turn_id, tool, fingerprint, role, intent_row, disposition, detail,"
                        " received_at, answered_at, credential, trace_id, last_seq)"
                        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,"
                        " ?15, ?16, ?17)"));
  ONETAKE_ASSIGN_OR_RETURN(insert_attribute_,
                           database_.Prepare("INSERT INTO attributes (call_row, name, value_mac)"
                                             " VALUES (?1, ?2, ?3)"));
  ONETAKE_ASSIGN_OR_RETURN(
      update_intent_,
      database_.Prepare("UPDATE intents SET state = ?3, ambiguous = max(ambiguous, ?4),"
                        " attempts = ?5, reason = ?6, settled_at = ?7, next_attempt_at = ?8,"
                        " result_ref = coalesce(?9, result_ref),"
                        " probes = coalesce(?10, probes), job = coalesce(?11, job),"
                        " review_at = ?12, last_seq = ?13"
                        " WHERE intent_row = ?1 AND state = ?2"
                        // A generation settles once; after that, it can only be undone, stand
                        // again, or be corrected by a person.
                        " AND (settled_at IS NULL OR (state = 'SUCCEEDED' AND ?3 = 'REVERSED')"
                        "      OR (state = 'REVERSED' AND ?3 = 'SUCCEEDED')"
                        "      OR (review_at IS NOT NULL AND ?12 IS NULL))"));
  ONETAKE_ASSIGN_OR_RETURN(
      update_attempt_,
      database_.Prepare("UPDATE attempts SET ended_at = ?3, reached = ?4, failure = ?5,"
                        " http_status = ?6, error = ?7, latency_us = ?8"
                        " WHERE intent_row = ?1 AND number = ?2 AND ended_at IS NULL"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_call_, database_.Prepare("SELECT call_row, role, intent_row, last_seq FROM calls"
                                      " WHERE call_id = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(
      update_call_, database_.Prepare("UPDATE calls SET role = ?2, disposition = ?3, detail = ?4,"
                                      " answered_at = ?5, last_seq = ?6,"
                                      " intent_row = coalesce(intent_row, ?7)"
                                      " WHERE call_row = ?1"));
  // This statement touches fewer indexes, and nearly always suffices.
  ONETAKE_ASSIGN_OR_RETURN(update_answer_,
                           database_.Prepare("UPDATE calls SET disposition = ?3, detail = ?4,"
                                             " answered_at = ?5, last_seq = ?6"
                                             " WHERE call_row = ?1 AND ?2 IS NOT NULL"));
  // By default the one that answers a look-up (LedgerReads::FindCurrent).
  ONETAKE_ASSIGN_OR_RETURN(
      select_generation_,
      database_.Prepare("SELECT intent_row FROM intents WHERE intent_id = ?1 AND tenant = ?2"
                        " AND (?3 = 0 OR generation = ?3)"
                        " ORDER BY (state NOT IN ('REJECTED', 'REVERSED') AND generation ="
                        "  (SELECT max(generation) FROM intents"
                        "   WHERE intent_id = ?1 AND tenant = ?2)) DESC,"
                        " review_at IS NULL,"
                        " (state = 'SUCCEEDED' AND reverses_row IS NULL) DESC,"
                        " generation DESC LIMIT 1"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_reversed_by_,
      database_.Prepare("SELECT count(*),"
                        " coalesce(sum(state NOT IN ('REJECTED', 'REVERSED')), 0),"
                        " coalesce(sum(state = 'SUCCEEDED'), 0) FROM intents"
                        " WHERE intent_row IN (" ONETAKE_REVERSALS ")"));
  // Finds a reversal that a look-up would find.
  ONETAKE_ASSIGN_OR_RETURN(
      select_open_reversal_,
      database_.Prepare("SELECT 1 FROM intents WHERE intent_row IN (" ONETAKE_REVERSALS ")"
                        " AND (settled_at IS NULL OR review_at IS NOT NULL) LIMIT 1"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_open_undoing_,
      database_.Prepare("SELECT 1 FROM intents WHERE result_ref = ?1 AND +tenant = ?2"
                        " AND (settled_at IS NULL OR review_at IS NOT NULL) LIMIT 1"));
  ONETAKE_RETURN_IF_ERROR(PrepareReinstating());
  ONETAKE_RETURN_IF_ERROR(PrepareOverwriting());
  ONETAKE_RETURN_IF_ERROR(PrepareVerdicts());
  // Finds the other half of a write and the write that undoes it, by result_ref; the undoing one
  // has the higher row.
  ONETAKE_ASSIGN_OR_RETURN(
      select_counterpart_,
      database_.Prepare("SELECT other.intent_row FROM intents own"
                        " JOIN intents other ON other.result_ref = ?2"
                        " AND +other.tenant = own.tenant"
                        " WHERE own.intent_row = ?1 AND other.state = 'SUCCEEDED'"
                        " AND other.review_at IS NULL"
                        " AND (other.intent_row > own.intent_row) = ?3"
                        " ORDER BY other.intent_row DESC LIMIT 1"));
  ONETAKE_ASSIGN_OR_RETURN(select_happened_,
                           database_.Prepare("SELECT 1 FROM attempts WHERE intent_row = ?1"
                                             " AND failure = 'BODY_UNREADABLE' LIMIT 1"));
  ONETAKE_ASSIGN_OR_RETURN(
      update_review_, database_.Prepare("UPDATE intents SET review_at = coalesce(review_at, ?2)"
                                        " WHERE intent_row = ?1"));
  return absl::OkStatus();
}

absl::StatusOr<ClaimResult> LedgerWrites::Claim(const ClaimRequest& request) {
  const IntentRecord& intent = request.intent;
  ONETAKE_ASSIGN_OR_RETURN(const bool opens, OpensGeneration(intent));
  ONETAKE_ASSIGN_OR_RETURN(const Deliveries deliveries, FindDeliveries(request.call));
  // What may be undone already is not undone once more, nor done before that has ended (R7).
  ONETAKE_ASSIGN_OR_RETURN(const bool being_undone, IsBeingUndone(intent));
  ONETAKE_ASSIGN_OR_RETURN(const bool being_set, IsBeingSet(intent));
  if (!opens || being_undone || being_set || deliveries.of_intents > 0) return ClaimResult{};
  // A durable claim counts as "may have been sent" from this moment on.
  const absl::Time first_sent_at =
      intent.first_sent_at == absl::Time() ? intent.created_at : intent.first_sent_at;
  ONETAKE_ASSIGN_OR_RETURN(const int64_t row, InsertIntent(intent, first_sent_at));
  ONETAKE_RETURN_IF_ERROR(InsertBody(row, intent));
  ONETAKE_RETURN_IF_ERROR(BeginAttempt(row, 1, first_sent_at));
  ONETAKE_ASSIGN_OR_RETURN(const int64_t call_row,
                           InsertCall(request.call, row, deliveries.last + 1));
  ONETAKE_RETURN_IF_ERROR(AppendEvent({.row = row,
                                       .at = intent.created_at,
                                       .kind = "claimed",
                                       .from = "",
                                       .to = ToString(IntentState::kInFlight),
                                       .rule = "R1.claim",
                                       .actor = "engine",
                                       .wrote = EventLog::Change::Wrote::kClaim,
                                       .call_row = call_row},
                                      RowCipher::Plain())
                              .status());
  return ClaimResult{true, row};
}

absl::StatusOr<bool> LedgerWrites::OpensGeneration(const IntentRecord& intent) {
  Run run(select_latest_);
  run.Text(1, intent.intent_id).Text(2, intent.tenant);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
  if (!found) return true;
  const std::optional<IntentState> state = IntentStateFromString(run.Text(1));
  if (!state.has_value()) return absl::DataLossError("an intent has an unknown state");
  // A generation that a late outcome contradicts may have taken effect: a person decides first
  // (R16).
  if (!run.IsNull(3)) return false;
  if (*state == IntentState::kReversed) {
    ONETAKE_ASSIGN_OR_RETURN(const bool open, HasOpenReversal(run.Int(4)));
    if (open) return false;
  }
  // Two generations of one intent are never alive at once, whatever the caller believes.
  const bool undoes_another =
      run.IsNull(2) ? intent.reverses_row > run.Int(4) : intent.reverses_row != run.Int(2);
  const bool next_reversal =
      *state == IntentState::kSucceeded && intent.reverses_row != 0 && undoes_another;
  // An earlier generation may have taken effect, too, although the next one was refused or undone;
  // one that a person found applied has, unless what is undone now was made after it.
  const bool stands = run.Int(6) != 0 && intent.reverses_row <= run.Int(6);
  const bool opens = OpensNextGeneration(*state) && run.Int(5) == 0 && !stands;
  return intent.generation > run.Int(0) &&
         (opens || next_reversal || ONETAKE_PLANTED_BUG("no_generation_check"));
}

absl::StatusOr<int64_t> LedgerWrites::InsertIntent(const IntentRecord& intent,
                                                   absl::Time first_sent_at) {
  ONETAKE_ASSIGN_OR_RETURN(const int64_t seq, events_->NextSeq());
  ONETAKE_RETURN_IF_ERROR(Run(insert_intent_)
                              .Text(1, intent.tenant)
                              .Text(2, intent.intent_id)
                              .Int(3, intent.generation)
                              .Text(4, intent.key)
                              .Text(5, intent.tool)
                              .Text(6, intent.tool_version)
                              .Int(7, intent.canonicaliser)
                              .Text(8, intent.scope)
                              .Text(9, intent.session_id)
                              .Text(10, intent.safety)
                              .Int(11, intent.ambiguous ? 1 : 0)
                              .Text(12, intent.reason)
                              .Int(13, ToColumn(intent.created_at))
                              .Int(14, ToColumn(first_sent_at))
                              .OptionalInt(15, ToColumn(intent.next_attempt_at))
                              .OptionalInt(16, intent.reverses_row == 0
                                                   ? std::nullopt
                                                   : std::make_optional(intent.reverses_row))
                              .Text(17, intent.subject)
                              .Text(18, intent.guarded)
                              .Int(19, keys_->SealsNewRows() ? 1 : 0)
                              .Int(20, seq)
                              .Text(21, intent.undoes_ref)
                              .Finish());
  return database_.LastInsertedRow();
}

absl::Status LedgerWrites::InsertBody(int64_t row, const IntentRecord& intent) {
  ONETAKE_ASSIGN_OR_RETURN(
      const RowCipher cipher,
      keys_->Begin(row, intent.tenant, intent.intent_id, intent.generation, intent.created_at));
  ONETAKE_ASSIGN_OR_RETURN(const std::string identity,
                           cipher.Store(sealed_column::kIdentity, intent.identity_json));
  ONETAKE_ASSIGN_OR_RETURN(const std::string arguments,
                           cipher.Store(sealed_column::kArguments, intent.arguments_json));
  ONETAKE_ASSIGN_OR_RETURN(const std::string request,
                           cipher.Store(sealed_column::kRequest, intent.request));
  const Digest digest = hasher_.Of({request});
  Run body(insert_body_);
  body.Int(1, row).Text(4, intent.clear_json).Blob(5, digest.view());
  cipher.Bind(body, 2, identity);
  cipher.Bind(body, 3, arguments);
  ONETAKE_RETURN_IF_ERROR(body.Finish());
  Run run(insert_request_);
  run.Int(1, row).Int(3, intent.hides ? 1 : 0);
  cipher.Bind(run, 2, request);
  return run.Finish();
}

absl::Status LedgerWrites::BeginAttempt(int64_t row, int number, absl::Time at) {
  return Run(insert_attempt_).Int(1, row).Int(2, number).Int(3, ToColumn(at)).Finish();
}

absl::Status LedgerWrites::EndAttempt(int64_t row, const AttemptEnd& end, absl::Time at,
                                      const RowCipher& cipher) {
  ONETAKE_ASSIGN_OR_RETURN(const std::string error,
                           cipher.Store(sealed_column::Error(end.number), end.error));
  Run run(update_attempt_);
  run.Int(1, row)
      .Int(2, end.number)
      .Int(3, ToColumn(at))
      .Text(4, end.reached)
      .Text(5, end.failure)
      .Int(6, end.http_status)
      .Int(8, absl::ToInt64Microseconds(end.latency));
  cipher.Bind(run, 7, error);
  ONETAKE_ASSIGN_OR_RETURN(const int64_t changed, run.Change());
  if (changed == 1) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("attempt ", end.number, " is not open"));
}

// A result that is there already stays: it is what the downstream said.
absl::Status LedgerWrites::InsertResult(Statement& insert, int64_t row, absl::string_view result,
                                        const RowCipher& cipher) {
  ONETAKE_ASSIGN_OR_RETURN(const std::string stored, cipher.Store(sealed_column::kResult, result));
  Run run(insert);
  run.Int(1, row);
  if (ONETAKE_PLANTED_BUG("result_in_clear")) {
    run.Text(2, result);
  } else {
    cipher.Bind(run, 2, stored);
  }
  return run.Finish();
}

absl::StatusOr<LedgerWrites::Deliveries> LedgerWrites::FindDeliveries(const CallRecord& call) {
  if (call.session_id.empty() || call.tool_call_id.empty()) return Deliveries{};
  Run run(select_deliveries_);
  run.Text(1, call.session_id).Text(2, call.tool_call_id).Text(3, call.tenant);
  ONETAKE_RETURN_IF_ERROR(run.Step().status());
  return Deliveries{run.Int(0), run.Int(1)};
}

absl::StatusOr<int64_t> LedgerWrites::InsertCall(const CallRecord& call, int64_t intent_row,
                                                 int64_t delivery) {
  ONETAKE_ASSIGN_OR_RETURN(const int64_t seq, events_->NextSeq());
  ONETAKE_RETURN_IF_ERROR(
      Run(insert_call_)
          .Text(1, call.call_id)
          .Text(2, call.tenant)
          .Text(3, call.session_id)
          .Text(4, call.tool_call_id)
          .Int(5, delivery)
          .Text(6, call.turn_id)
          .Text(7, call.tool)
          .Text(8, call.fingerprint)
          .Text(9, ToString(call.role))
          .OptionalInt(10, intent_row == 0 ? std::nullopt : std::make_optional(intent_row))
          .Text(11, call.disposition)
          .Text(12, call.detail)
          .Int(13, ToColumn(call.received_at))
          .OptionalInt(14, ToColumn(call.answered_at))
          .Text(15, call.credential)
          .Text(16, call.trace_id)
          .Int(17, seq)
          .Finish());
  const int64_t row = database_.LastInsertedRow();
  ONETAKE_RETURN_IF_ERROR(InsertAttributes(call, row));
  return row;
}

absl::Status LedgerWrites::InsertAttributes(const CallRecord& call, int64_t call_row) {
  for (const auto& [name, value] : call.attributes) {
    if (!attributes_.Has(name)) continue;
    const std::string digest = attributes_.digest(call.tenant, name, value);
    ONETAKE_RETURN_IF_ERROR(
        Run(insert_attribute_).Int(1, call_row).Text(2, name).Text(3, digest).Finish());
  }
  return absl::OkStatus();
}

absl::StatusOr<LedgerWrites::Current> LedgerWrites::Find(int64_t row, absl::Time at) {
  ONETAKE_ASSIGN_OR_RETURN(std::optional<Current> current, FindIfThere(row, at));
  if (!current) return absl::FailedPreconditionError(absl::StrCat("the ledger has no row ", row));
  return *std::move(current);
}

absl::StatusOr<std::optional<LedgerWrites::Current>> LedgerWrites::FindIfThere(int64_t row,
                                                                               absl::Time at) {
  Run run(select_current_);
  run.Int(1, row);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
  if (!found) return std::nullopt;
  const std::optional<IntentState> state = IntentStateFromString(run.Text(0));
  if (!state.has_value()) return absl::DataLossError("an intent has an unknown state");
  const LastAttempt last = run.Int(2) != 0 ? LastAttempt::kOpen : LastAttempt::kEnded;
  const bool under_way = !IsSettled(*state) && *state != IntentState::kReview;
  if (!under_way || run.Int(6) <= events_->opened_at()) {
    ONETAKE_RETURN_IF_ERROR(events_->WitnessIntent(row, at));
  }
  absl::StatusOr<RowCipher> cipher = keys_->Of(run, 9);
  if (absl::IsDataLoss(cipher.status())) {
    // What this key would seal is lost with it; the outcome must not be.
    Log(LogLevel::kError, "ledger.key_damaged",
        {{LogField::kIntent, std::string(run.Text(10))},
         {LogField::kError, std::string(cipher.status().message())}});
    cipher = RowCipher::Erased();
  }
  ONETAKE_RETURN_IF_ERROR(cipher.status());
  return Current{*state,
                 static_cast<int>(run.Int(1)),
                 last,
                 run.OptionalInt(3),
                 run.OptionalInt(4).value_or(0),
                 run.OptionalInt(5),
                 run.OptionalText(7),
                 SetsAThing(run.Text(8)),
                 *std::move(cipher)};
}

absl::StatusOr<Applied> LedgerWrites::Apply(const Transition& transition) {
  ONETAKE_RETURN_IF_ERROR(CheckTransition(transition));
  ONETAKE_ASSIGN_OR_RETURN(const Current current, Find(transition.row, transition.at));
  if (current.state != transition.from) {
    return absl::FailedPreconditionError(absl::StrCat("row ", transition.row, " is ",
                                                      ToString(current.state), ", not ",
                                                      ToString(transition.from)));
  }
  ONETAKE_RETURN_IF_ERROR(CheckAttempts(transition, current.attempts, current.last));
  if (transition.attempt_end.has_value()) {
    ONETAKE_RETURN_IF_ERROR(
        EndAttempt(transition.row, *transition.attempt_end, transition.at, current.cipher));
  }
  ONETAKE_RETURN_IF_ERROR(UpdateIntent(transition, current));
  if (transition.attempt_begin.has_value()) {
    ONETAKE_RETURN_IF_ERROR(BeginAttempt(transition.row, *transition.attempt_begin, transition.at));
  }
  // Once a generation's key is gone, no result is kept for it.
  const bool has_result = transition.result_json.has_value() && !current.cipher.IsErased();
  if (has_result) {
    ONETAKE_RETURN_IF_ERROR(
        InsertResult(insert_result_, transition.row, *transition.result_json, current.cipher));
  }
  if (IsSettled(transition.to)) {
    ONETAKE_RETURN_IF_ERROR(Run(forget_hiding_).Int(1, transition.row).Finish());
  }
  if (ONETAKE_PLANTED_BUG("audit_outside_transaction")) {
    ONETAKE_RETURN_IF_ERROR(database_.RunScript("COMMIT; BEGIN IMMEDIATE"));
  }
  ONETAKE_ASSIGN_OR_RETURN(const int64_t seq,
                           AppendEvent({.row = transition.row,
                                        .at = transition.at,
                                        .kind = EventKind(transition),
                                        .from = ToString(transition.from),
                                        .to = ToString(transition.to),
                                        .rule = transition.rule,
                                        .actor = transition.actor,
                                        .evidence = transition.evidence_json,
                                        .wrote = has_result ? EventLog::Change::Wrote::kResult
                                                            : EventLog::Change::Wrote::kNothing},
                                       current.cipher));
  ONETAKE_ASSIGN_OR_RETURN(const IntentState state, CloseReversed(transition, current));
  ONETAKE_RETURN_IF_ERROR(Overwrite(transition, current));
  return Applied{.seq = seq, .state = state};
}

absl::Status LedgerWrites::UpdateIntent(const Transition& transition, const Current& current) {
  std::optional<int64_t> settled_at;
  // A reversal does not move the time at which the intent took effect.
  if (IsSettled(transition.to)) settled_at = current.settled_at.value_or(ToColumn(transition.at));
  ONETAKE_ASSIGN_OR_RETURN(const int64_t seq, events_->NextSeq());
  ONETAKE_ASSIGN_OR_RETURN(const int64_t changed,
                           Run(update_intent_)
                               .Int(1, transition.row)
                               .Text(2, ToString(transition.from))
                               .Text(3, ToString(transition.to))
                               .Int(4, transition.ambiguous ? 1 : 0)
                               .Int(5, transition.attempt_begin.value_or(current.attempts))
                               .Text(6, transition.rule)
                               .OptionalInt(7, settled_at)
                               .OptionalInt(8, ToColumn(transition.next_attempt_at))
                               .OptionalText(9, transition.result_ref)
                               .OptionalInt(10, transition.probes)
                               .OptionalText(11, transition.job)
                               .OptionalInt(12, ReviewAt(transition, current.review_at))
                               .Int(13, seq)
                               .Change());
  ONETAKE_CHECK(changed == 1);  // found in this very transaction
  return absl::OkStatus();
}

absl::StatusOr<int64_t> LedgerWrites::AppendEvent(EventLog::Change change,
                                                  const RowCipher& cipher) {
  ONETAKE_ASSIGN_OR_RETURN(const std::string evidence,
                           cipher.Store(sealed_column::kEvidence, change.evidence));
  change.evidence = evidence;
  if (!cipher.IsPlain()) change.sealed = EventLog::Change::Sealed::kYes;
  return events_->Append(change);
}

}  // namespace onetake
