#include "runtime/ledger/event_log.h"

#include "absl/strings/str_cat.h"
#include "runtime/base/check.h"
#include "runtime/base/log.h"
#include "runtime/base/status.h"
#include "runtime/ledger/rows.h"

namespace onetake {

absl::StatusOr<std::unique_ptr<EventLog>> EventLog::Prepare(Database& database) {
  std::unique_ptr<EventLog> log(new EventLog(database));
  ONETAKE_RETURN_IF_ERROR(log->PrepareAll());
  return log;
}

absl::Status EventLog::PrepareAll() {
  ONETAKE_ASSIGN_OR_RETURN(genesis_, ReadGenesis(database_, hasher_));
  ONETAKE_ASSIGN_OR_RETURN(base_, ChainBaseReader::Prepare(database_));
  ONETAKE_ASSIGN_OR_RETURN(
      select_head_, database_.Prepare("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1"));
  ONETAKE_ASSIGN_OR_RETURN(select_hash_,
                           database_.Prepare("SELECT hash FROM events WHERE seq = ?1"));
  // The `last_seq` of a row tells a verifier which event changed it last.
  ONETAKE_ASSIGN_OR_RETURN(
      select_intent_row_,
      database_.Prepare("SELECT tenant, intent_id, generation, tool, session_id, last_seq, *"
                        " FROM intents WHERE intent_row = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(
      mark_intent_, database_.Prepare("UPDATE intents SET last_seq = ?2 WHERE intent_row = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_attempts_,
      database_.Prepare("SELECT * FROM attempts WHERE intent_row = ?1 ORDER BY number"));
  ONETAKE_ASSIGN_OR_RETURN(select_body_,
                           database_.Prepare("SELECT * FROM bodies WHERE intent_row = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(select_key_,
                           database_.Prepare("SELECT * FROM intent_keys WHERE intent_row = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_attributes_,
      database_.Prepare("SELECT * FROM attributes WHERE call_row = ?1 ORDER BY name"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_digests_,
      database_.Prepare("SELECT intent_row, call_row, digests FROM events WHERE seq = ?1"
                        " AND seq > " ONETAKE_PRUNED_SEQ));
  ONETAKE_ASSIGN_OR_RETURN(
      select_claim_,
      database_.Prepare("SELECT digests FROM events INDEXED BY events_intent WHERE intent_row = ?1"
                        " AND kind = 'claimed' AND +seq > " ONETAKE_PRUNED_SEQ
                        " ORDER BY seq LIMIT 1"));
  ONETAKE_ASSIGN_OR_RETURN(select_request_,
                           database_.Prepare("SELECT q.request, b.request_digest FROM requests q"
                                             " JOIN bodies b USING (intent_row)"
                                             " WHERE intent_row = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(select_result_,
                           database_.Prepare("SELECT * FROM results WHERE intent_row = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_call_row_,
      database_.Prepare("SELECT tenant, tool, session_id, intent_row, last_seq, * FROM calls"
                        " WHERE call_row = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(mark_call_,
                           database_.Prepare("UPDATE calls SET last_seq = ?2 WHERE call_row = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_intent_,
      database_.Prepare("SELECT intent_id, generation FROM intents WHERE intent_row = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(
      insert_event_,
      database_.Prepare("INSERT INTO events (seq, " ONETAKE_RECORD_COLUMNS ", hash) VALUES"
                        " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,"
                        " ?17)"));
  ONETAKE_ASSIGN_OR_RETURN(const ChainHead head, Head());
  opened_at_ = head.seq;
  return absl::OkStatus();
}

absl::StatusOr<ChainHead> EventLog::Head() {
  if (head_rollbacks_ == database_.Rollbacks()) return head_;
  const int64_t rollbacks = database_.Rollbacks();
  Run run(select_head_);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
  head_ = ChainHead{0, genesis_};
  if (found) {
    head_.seq = run.Int(0);
    ONETAKE_ASSIGN_OR_RETURN(head_.hash, ToDigest(run.Blob(1)));
  }
  head_rollbacks_ = rollbacks;
  return head_;
}

absl::StatusOr<int64_t> EventLog::NextSeq() {
  ONETAKE_ASSIGN_OR_RETURN(const ChainHead head, Head());
  return head.seq + 1;
}

absl::StatusOr<bool> EventLog::Extends(const ChainHead& earlier) {
  if (earlier.seq == 0) return earlier.hash == genesis_;
  {
    Run run(select_hash_);
    ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Int(1, earlier.seq).Step());
    if (found) return run.Blob(0) == earlier.hash.view();
  }
  ONETAKE_ASSIGN_OR_RETURN(const ChainBase base, base_->Read());
  ONETAKE_ASSIGN_OR_RETURN(const bool confirmed, base_->IsConfirmed(base));
  if (!confirmed || earlier.seq > base.head.seq) return false;
  return earlier.seq < base.head.seq || earlier.hash == base.head.hash;
}

absl::StatusOr<int64_t> EventLog::Append(const Change& change) {
  ONETAKE_ASSIGN_OR_RETURN(const ChainHead head, Head());
  Event event;
  event.at = ToColumn(change.at);
  event.kind = change.kind;
  event.from = change.from;
  event.to = change.to;
  event.rule = change.rule;
  event.actor = change.actor;
  event.evidence = change.evidence;
  event.sealed = change.sealed == Change::Sealed::kYes && !change.evidence.empty();
  ONETAKE_RETURN_IF_ERROR(TakeIntent(change.row, head.seq + 1, event));
  switch (change.wrote) {
    case Change::Wrote::kNothing: break;
    case Change::Wrote::kClaim:
      ONETAKE_RETURN_IF_ERROR(TakeRow(select_body_, "bodies", change.row, Part::kBody, event));
      ONETAKE_RETURN_IF_ERROR(TakeKey(change.row, event));
      ONETAKE_RETURN_IF_ERROR(TakeCall(change.call_row, head.seq + 1, event));
      ONETAKE_RETURN_IF_ERROR(TakeAttributes(change.call_row, event));
      ONETAKE_CHECK(event.intent_row == change.row);
      break;
    case Change::Wrote::kResult:
      ONETAKE_RETURN_IF_ERROR(TakeRow(select_result_, "results", change.row, Part::kResult, event));
      break;
  }
  return Insert(event, head);
}

absl::StatusOr<int64_t> EventLog::AppendCall(const Call& call) {
  ONETAKE_ASSIGN_OR_RETURN(const ChainHead head, Head());
  Event event;
  event.at = ToColumn(call.at);
  event.kind = call.kind;
  event.rule = call.rule;
  event.actor = call.actor;
  event.evidence = call.evidence;
  ONETAKE_RETURN_IF_ERROR(TakeCall(call.row, head.seq + 1, event));
  if (call.kind == kCallKind) ONETAKE_RETURN_IF_ERROR(TakeAttributes(call.row, event));
  if (event.intent_row.has_value()) {
    ONETAKE_RETURN_IF_ERROR(TakeIntentOfCall(*event.intent_row, event));
  }
  return Insert(event, head);
}

absl::StatusOr<int64_t> EventLog::AppendNote(const Note& note) {
  ONETAKE_ASSIGN_OR_RETURN(const ChainHead head, Head());
  Event event;
  event.at = ToColumn(note.at);
  event.tenant = std::string(note.tenant);
  event.kind = note.kind;
  event.rule = note.rule;
  event.actor = "engine";
  event.evidence = note.evidence;
  return Insert(event, head);
}

absl::StatusOr<int64_t> EventLog::ReadIntentRow(int64_t row, Event& event) {
  Run intent(select_intent_row_);
  intent.Int(1, row);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, intent.Step());
  ONETAKE_CHECK(found);
  event.intent_row = row;
  event.tenant = std::string(intent.Text(0));
  event.intent_id = std::string(intent.Text(1));
  event.generation = intent.Int(2);
  event.tool = std::string(intent.Text(3));
  event.session_id = std::string(intent.Text(4));
  rows_.Clear();
  rows_.Begin("intents");
  ONETAKE_RETURN_IF_ERROR(rows_.Columns(intent, 6, intent_names_));
  rows_.End();
  return intent.Int(5);
}

absl::Status EventLog::AddAttempts(int64_t row) {
  return Run(select_attempts_).Int(1, row).ForEach([&](const Run& attempt) {
    rows_.Begin("attempts");
    ONETAKE_RETURN_IF_ERROR(rows_.Columns(attempt, 0, attempt_names_));
    rows_.End();
    return absl::OkStatus();
  });
}

absl::Status EventLog::TakeIntent(int64_t row, int64_t seq, Event& event) {
  ONETAKE_ASSIGN_OR_RETURN(int64_t mark, ReadIntentRow(row, event));
  if (mark != seq) {
    ONETAKE_RETURN_IF_ERROR(Run(mark_intent_).Int(1, row).Int(2, seq).Finish());
    ONETAKE_ASSIGN_OR_RETURN(mark, ReadIntentRow(row, event));
    ONETAKE_CHECK(mark == seq);
  }
  ONETAKE_RETURN_IF_ERROR(AddAttempts(row));
  AppendPart(Part::kIntent, hasher_.Rows(rows_), event.digests);
  return absl::OkStatus();
}

absl::Status EventLog::TakeRow(Statement& select, absl::string_view table, int64_t row, Part part,
                               Event& event) {
  Run run(select);
  run.Int(1, row);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
  ONETAKE_CHECK(found);
  rows_.Clear();
  rows_.Begin(table);
  ONETAKE_RETURN_IF_ERROR(rows_.Columns(run, 0, part == Part::kBody ? body_names_ : result_names_));
  rows_.End();
  AppendPart(part, hasher_.Rows(rows_), event.digests);
  return absl::OkStatus();
}

absl::Status EventLog::TakeKey(int64_t row, Event& event) {
  Run run(select_key_);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Int(1, row).Step());
  if (!found) return absl::OkStatus();  // not sealed
  rows_.Clear();
  rows_.Begin("intent_keys");
  ONETAKE_RETURN_IF_ERROR(rows_.Columns(run, 0, key_names_));
  rows_.End();
  AppendPart(Part::kKey, hasher_.Rows(rows_), event.digests);
  return absl::OkStatus();
}

absl::Status EventLog::TakeAttributes(int64_t call_row, Event& event) {
  rows_.Clear();
  bool any = false;
  ONETAKE_RETURN_IF_ERROR(Run(select_attributes_).Int(1, call_row).ForEach([&](const Run& row) {
    any = true;
    rows_.Begin("attributes");
    ONETAKE_RETURN_IF_ERROR(rows_.Columns(row, 0, attribute_names_));
    rows_.End();
    return absl::OkStatus();
  }));
  if (any) AppendPart(Part::kAttributes, hasher_.Rows(rows_), event.digests);
  return absl::OkStatus();
}

absl::StatusOr<int64_t> EventLog::ReadCallRow(int64_t row, Event& event) {
  Run run(select_call_row_);
  run.Int(1, row);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
  ONETAKE_CHECK(found);
  event.call_row = row;
  event.tenant = std::string(run.Text(0));
  event.tool = std::string(run.Text(1));
  event.session_id = std::string(run.Text(2));
  event.intent_row = run.OptionalInt(3);
  rows_.Clear();
  rows_.Begin("calls");
  ONETAKE_RETURN_IF_ERROR(rows_.Columns(run, 5, call_names_));
  rows_.End();
  return run.Int(4);
}

absl::Status EventLog::TakeCall(int64_t row, int64_t seq, Event& event) {
  ONETAKE_ASSIGN_OR_RETURN(int64_t mark, ReadCallRow(row, event));
  if (mark != seq) {
    ONETAKE_RETURN_IF_ERROR(Run(mark_call_).Int(1, row).Int(2, seq).Finish());
    ONETAKE_ASSIGN_OR_RETURN(mark, ReadCallRow(row, event));
    ONETAKE_CHECK(mark == seq);
  }
  AppendPart(Part::kCall, hasher_.Rows(rows_), event.digests);
  return absl::OkStatus();
}

absl::Status EventLog::WitnessIntent(int64_t row, absl::Time at) {
  Event event;
  ONETAKE_ASSIGN_OR_RETURN(const int64_t mark, ReadIntentRow(row, event));
  ONETAKE_RETURN_IF_ERROR(AddAttempts(row));
  return Witness(mark, Part::kIntent, at, event);
}

absl::Status EventLog::WitnessCall(int64_t row, absl::Time at) {
  Event event;
  ONETAKE_ASSIGN_OR_RETURN(const int64_t mark, ReadCallRow(row, event));
  event.intent_row.reset();
  return Witness(mark, Part::kCall, at, event);
}

absl::StatusOr<bool> EventLog::IsAsRecorded(int64_t row) {
  Event event;
  ONETAKE_ASSIGN_OR_RETURN(const int64_t mark, ReadIntentRow(row, event));
  ONETAKE_RETURN_IF_ERROR(AddAttempts(row));
  ONETAKE_ASSIGN_OR_RETURN(const bool as_left, IsAsLeft(mark, Part::kIntent, event));
  if (!as_left) return false;
  return IsAsClaimed(row);
}

absl::StatusOr<bool> EventLog::IsAsLeft(int64_t seq, Part part, const Event& event) {
  Run run(select_digests_);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Int(1, seq).Step());
  const bool about_it = found && (part == Part::kIntent ? run.OptionalInt(0) == event.intent_row
                                                        : run.OptionalInt(1) == event.call_row);
  return about_it && FindPart(run.Blob(2), part) == hasher_.Rows(rows_).view();
}

// What is gone was erased, and cannot be sent.
absl::StatusOr<bool> EventLog::IsAsClaimed(int64_t row) {
  Run claim(select_claim_);
  ONETAKE_ASSIGN_OR_RETURN(const bool claimed, claim.Int(1, row).Step());
  Run body(select_body_);
  ONETAKE_ASSIGN_OR_RETURN(const bool has_body, body.Int(1, row).Step());
  if (!has_body) return true;
  if (!claimed) return false;
  rows_.Clear();
  rows_.Begin("bodies");
  const bool readable = rows_.Columns(body, 0, body_names_).ok();
  rows_.End();
  if (!readable || FindPart(claim.Blob(0), Part::kBody) != hasher_.Rows(rows_).view()) return false;
  Run request(select_request_);
  ONETAKE_ASSIGN_OR_RETURN(const bool has_request, request.Int(1, row).Step());
  return !has_request || sha256_.Of({request.Blob(0)}).view() == request.Blob(1);
}

absl::Status EventLog::Witness(int64_t seq, Part part, absl::Time at, Event& event) {
  ONETAKE_ASSIGN_OR_RETURN(const bool as_left, IsAsLeft(seq, part, event));
  if (as_left) return absl::OkStatus();
  Log(LogLevel::kError, "ledger.altered",
      {{LogField::kIntent, event.intent_id},
       {LogField::kAdvice, "somebody else has written to the ledger: onetake ledger verify"}});
  const std::string evidence = absl::StrCat(R"({"last_seq":)", seq, "}");
  event.at = ToColumn(at);
  event.kind = kAlteredKind;
  event.rule = "chain.altered";
  event.actor = "engine";
  event.evidence = evidence;
  ONETAKE_ASSIGN_OR_RETURN(const ChainHead head, Head());
  return Insert(event, head).status();
}

absl::Status EventLog::TakeIntentOfCall(int64_t row, Event& event) {
  Run run(select_intent_);
  run.Int(1, row);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
  if (!found) return absl::OkStatus();  // it has been removed, with all that it was about
  event.intent_id = std::string(run.Text(0));
  event.generation = run.Int(1);
  return absl::OkStatus();
}

Digest EventLog::RecordOf(const Event& event) {
  rows_.Clear();
  rows_.Begin("events");
  rows_.Int("at", event.at);
  rows_.Text("tenant", event.tenant);
  if (event.intent_row.has_value()) rows_.Int("intent_row", *event.intent_row);
  if (event.call_row.has_value()) rows_.Int("call_row", *event.call_row);
  rows_.Text("intent_id", event.intent_id);
  rows_.Int("generation", event.generation);
  rows_.Text("tool", event.tool);
  rows_.Text("session_id", event.session_id);
  rows_.Text("kind", event.kind);
  rows_.Text("from_state", event.from);
  rows_.Text("to_state", event.to);
  rows_.Text("rule", event.rule);
  rows_.Text("actor", event.actor);
  if (event.sealed) {
    rows_.Blob("evidence", event.evidence);
  } else {
    rows_.Text("evidence", event.evidence);
  }
  rows_.Blob("digests", event.digests);
  rows_.End();
  return hasher_.Rows(rows_);
}

absl::StatusOr<int64_t> EventLog::Insert(const Event& event, const ChainHead& head) {
  ChainHead next;
  next.seq = head.seq + 1;
  next.hash = hasher_.Link(next.seq, head.hash, RecordOf(event));
  Run run(insert_event_);
  run.Int(1, next.seq)
      .Int(2, event.at)
      .Text(3, event.tenant)
      .OptionalInt(4, event.intent_row)
      .OptionalInt(5, event.call_row)
      .Text(6, event.intent_id)
      .Int(7, event.generation)
      .Text(8, event.tool)
      .Text(9, event.session_id)
      .Text(10, event.kind)
      .Text(11, event.from)
      .Text(12, event.to)
      .Text(13, event.rule)
      .Text(14, event.actor)
      .Blob(16, event.digests)
      .Blob(17, next.hash.view());
  if (event.sealed) {
    run.Blob(15, event.evidence);
  } else {
    run.Text(15, event.evidence);
  }
  ONETAKE_ASSIGN_OR_RETURN(const int64_t changed, run.Change());
  ONETAKE_CHECK(changed == 1);
  head_ = next;
  return next.seq;
}

}  // namespace onetake
