#include "runtime/ledger/pruning.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/failpoint.h"
#include "runtime/base/log.h"
#include "runtime/base/planted_bug.h"
#include "runtime/base/status.h"
#include "runtime/ledger/rows.h"

namespace onetake {
namespace {

constexpr absl::string_view kRule = "retention.skeletons";

// Columns of select_events_.
constexpr int kAt = 2, kIntentRow = 4, kCallRow = 5, kIntentId = 6, kTool = 8, kSession = 9,
              kKind = 10;

void LogAltered(int64_t seq) {
  Log(LogLevel::kError, "ledger.altered",
      {{LogField::kError, absl::StrCat("event ", seq, " is not what was written: it is kept")},
       {LogField::kAdvice, "somebody else has written to the ledger: onetake ledger verify"}});
}

}  // namespace

absl::StatusOr<std::unique_ptr<Pruning>> Pruning::Prepare(Database& database, EventLog& events) {
  ONETAKE_ASSIGN_OR_RETURN(ChainBaseReader base, ChainBaseReader::Prepare(database));
  std::unique_ptr<Pruning> pruning(new Pruning(database, events, std::move(base)));
  ONETAKE_RETURN_IF_ERROR(pruning->PrepareAll());
  return pruning;
}

absl::Status Pruning::PrepareAll() {
  ONETAKE_RETURN_IF_ERROR(held_calls_.Prepare(database_));
  ONETAKE_ASSIGN_OR_RETURN(select_events_,
                           database_.Prepare("SELECT seq, hash, " ONETAKE_RECORD_COLUMNS
                                             " FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_intent_,
      database_.Prepare("SELECT settled_at, review_at FROM intents WHERE intent_row = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(select_last_,
                           database_.Prepare("SELECT coalesce((SELECT max(seq) FROM events), 0),"
                                             " coalesce((SELECT max(intent_row) FROM intents), 0),"
                                             " coalesce((SELECT max(call_row) FROM calls), 0)"));
#define ONETAKE_PREPARE_DELETE(statement, table, key) \
  ONETAKE_ASSIGN_OR_RETURN(                           \
      statement, database_.Prepare("DELETE FROM " table " WHERE " key " > ?1 AND " key " <= ?2"))
  ONETAKE_PREPARE_DELETE(delete_attributes_, "attributes", "call_row");
  ONETAKE_PREPARE_DELETE(delete_calls_, "calls", "call_row");
  ONETAKE_PREPARE_DELETE(delete_requests_, "requests", "intent_row");
  ONETAKE_PREPARE_DELETE(delete_bodies_, "bodies", "intent_row");
  ONETAKE_PREPARE_DELETE(delete_results_, "results", "intent_row");
  ONETAKE_PREPARE_DELETE(delete_keys_, "intent_keys", "intent_row");
  ONETAKE_PREPARE_DELETE(delete_attempts_, "attempts", "intent_row");
  ONETAKE_PREPARE_DELETE(delete_intents_, "intents", "intent_row");
  ONETAKE_PREPARE_DELETE(delete_events_, "events", "seq");
#undef ONETAKE_PREPARE_DELETE
  return absl::OkStatus();
}

absl::StatusOr<int64_t> Pruning::Prune(const AgeRules& rules, absl::Time now, int limit) {
  ONETAKE_ASSIGN_OR_RETURN(const ChainBase begin, base_.Read());
  ONETAKE_ASSIGN_OR_RETURN(const bool confirmed, base_.IsConfirmed(begin));
  if (!confirmed) {
    LogAltered(begin.head.seq);
    return 0;
  }
  ONETAKE_ASSIGN_OR_RETURN(ChainBase end, FindEnd(rules, now, ClampLimit(limit), begin));
  if (end.head.seq == begin.head.seq) return 0;
  ONETAKE_RETURN_IF_ERROR(WriteChainBase(database_, end));
  ONETAKE_RETURN_IF_ERROR(Delete(begin, end));
  ONETAKE_ASSIGN_OR_RETURN(end.event, events_.AppendNote({.tenant = "",
                                                          .at = now,
                                                          .kind = EventLog::kPrunedKind,
                                                          .rule = kRule,
                                                          .evidence = end.ToEvidence()}));
  ONETAKE_RETURN_IF_ERROR(WriteChainBase(database_, end));
  FailPoint("ledger.pruned");
  return end.head.seq - begin.head.seq;
}

absl::StatusOr<ChainBase> Pruning::FindEnd(const AgeRules& rules, absl::Time now, int limit,
                                           const ChainBase& begin) {
  int64_t last_seq = 0;
  int64_t last_intent = 0;
  int64_t last_call = 0;
  {
    Run last(select_last_);
    ONETAKE_RETURN_IF_ERROR(last.Step().status());
    last_seq = last.Int(0);
    last_intent = last.Int(1);
    last_call = last.Int(2);
  }
  const bool too_soon = ONETAKE_PLANTED_BUG("retention_too_short");
  const int64_t old_before = ToColumn(now - (too_soon ? rules.bodies : rules.skeletons));
  ChainBase end = begin;
  Run run(select_events_);
  run.Int(1, begin.head.seq).Int(2, limit);
  for (;;) {
    ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
    // Each table keeps its last row: without it, a new row would get the number of one that is
    // gone. An event of no row, and a table without any, keep nothing.
    if (!found || run.Int(0) >= last_seq ||
        run.OptionalInt(kIntentRow).value_or(-1) >= last_intent ||
        run.OptionalInt(kCallRow).value_or(-1) >= last_call) {
      return end;
    }
    if (!IsLinked(run, end.head)) {
      LogAltered(run.Int(0));
      return end;
    }
    ONETAKE_ASSIGN_OR_RETURN(const bool may_go, MayGo(run, rules, old_before));
    if (!may_go) return end;
    ONETAKE_ASSIGN_OR_RETURN(end.head.hash, ToDigest(run.Blob(1)));
    end.head.seq = run.Int(0);
    end.intent_row = std::max(end.intent_row, run.OptionalInt(kIntentRow).value_or(0));
    end.call_row = std::max(end.call_row, run.OptionalInt(kCallRow).value_or(0));
  }
}

bool Pruning::IsLinked(const Run& event, const ChainHead& before) {
  encoding_.Clear();
  encoding_.Begin("events");
  if (!encoding_.Columns(event, kAt, names_).ok()) return false;
  encoding_.End();
  return event.Int(0) == before.seq + 1 &&
         event.Blob(1) == hasher_.Link(event.Int(0), before.hash, hasher_.Rows(encoding_)).view();
}

absl::StatusOr<bool> Pruning::MayGo(const Run& event, const AgeRules& rules, int64_t old_before) {
  if (event.Int(kAt) >= old_before || Holds(rules.held_sessions, event.Text(kSession)) ||
      Holds(rules.held_tools, event.Text(kTool)) ||
      Holds(rules.held_intents, event.Text(kIntentId))) {
    return false;
  }
  if (event.Text(kKind) != "claimed") return true;
  const int64_t row = event.Int(kIntentRow);
  ONETAKE_ASSIGN_OR_RETURN(const bool held, held_calls_.Met(row, rules.held_sessions));
  if (held) return false;
  ONETAKE_ASSIGN_OR_RETURN(const bool settled, HasSettledBefore(row, old_before));
  if (!settled) return false;
  // It is asked again at each run, so no event says what was found.
  ONETAKE_ASSIGN_OR_RETURN(const bool as_recorded, events_.IsAsRecorded(row));
  if (!as_recorded) LogAltered(event.Int(0));
  return as_recorded;
}

absl::StatusOr<bool> Pruning::HasSettledBefore(int64_t intent_row, int64_t old_before) {
  Run run(select_intent_);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Int(1, intent_row).Step());
  return found && !run.IsNull(0) && run.Int(0) < old_before && run.IsNull(1);
}

absl::Status Pruning::Delete(const ChainBase& begin, const ChainBase& end) {
  for (Statement* statement : {&delete_attributes_, &delete_calls_}) {
    ONETAKE_RETURN_IF_ERROR(Run(*statement).Int(1, begin.call_row).Int(2, end.call_row).Finish());
  }
  for (Statement* statement : {&delete_requests_, &delete_bodies_, &delete_results_, &delete_keys_,
                               &delete_attempts_, &delete_intents_}) {
    ONETAKE_RETURN_IF_ERROR(
        Run(*statement).Int(1, begin.intent_row).Int(2, end.intent_row).Finish());
  }
  return Run(delete_events_).Int(1, begin.head.seq).Int(2, end.head.seq).Finish();
}

}  // namespace onetake
