#include "runtime/ledger/audit_reads.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "runtime/ledger/rows.h"
#include "runtime/store/transaction.h"

namespace onetake {
namespace {

constexpr size_t kShortestPrefix = 4;

// Sorts after everything that begins with `prefix`: no byte of UTF-8 is 0xff.
std::string EndOfPrefix(const std::string& prefix) { return prefix + '\xff'; }

}  // namespace

absl::StatusOr<std::unique_ptr<AuditReads>> AuditReads::Prepare(Database& database,
                                                                std::unique_ptr<RowKeys> keys,
                                                                const Clock& clock,
                                                                absl::Duration time_limit) {
  std::unique_ptr<AuditReads> reads(new AuditReads(database, std::move(keys), clock, time_limit));
  ONETAKE_RETURN_IF_ERROR(reads->PrepareIntents());
  ONETAKE_RETURN_IF_ERROR(reads->PrepareEvents());
  ONETAKE_RETURN_IF_ERROR(reads->PrepareDetails());
  return reads;
}

// One question over four indexes: the most selective filter chooses, the others only sift. All of
// them bind the same parameters.
#define ONETAKE_LIST_INTENTS(narrowed)                                                       \
  "SELECT " ONETAKE_INTENT_COLUMNS                                                           \
  ", (SELECT count(*) FROM calls c WHERE c.intent_row = i.intent_row)"                       \
  ", (SELECT count(*) FROM calls c WHERE c.intent_row = i.intent_row"                        \
  "   AND c.role IN " ONETAKE_HELD_BACK                                                      \
  ")"                                                                                        \
  " FROM intents i WHERE " narrowed                                                          \
  " AND i.intent_row < ?1 AND (?2 = '' OR i.tenant = ?2) AND (?3 = '' OR i.session_id = ?3)" \
  " AND (?4 = '' OR i.tool = ?4) AND (?5 = '' OR i.state = ?5)"                              \
  " AND (?6 = '' OR (i.intent_id >= ?6 AND i.intent_id < ?7)"                                \
  "      OR (i.key >= ?6 AND i.key < ?7))"                                                   \
  " AND i.created_at >= ?8 AND i.created_at < ?9"                                            \
  " AND (?10 = 0 OR EXISTS (SELECT 1 FROM calls c WHERE c.intent_row = i.intent_row"         \
  "      AND c.role IN " ONETAKE_HELD_BACK                                                   \
  "))"                                                                                       \
  " AND (?12 = 0 OR i.review_at IS NOT NULL)"                                                \
  " ORDER BY i.intent_row DESC LIMIT ?11"

#define ONETAKE_LIST_EVENTS(narrowed, order)                                         \
  "SELECT " ONETAKE_EVENT_COLUMNS " FROM events e WHERE " narrowed                   \
  " AND e.kind NOT IN " ONETAKE_CALL_KINDS                                           \
  " AND e.seq > ?1 AND (?2 = '' OR e.tenant = ?2) AND (?3 = '' OR e.intent_id = ?3)" \
  " AND (?4 = '' OR e.session_id = ?4) ORDER BY e.seq " order " LIMIT ?5"
#define ONETAKE_OF_INTENT "e.intent_row IN (SELECT intent_row FROM intents WHERE intent_id = ?3)"
#define ONETAKE_OF_SESSION "e.intent_row IN (SELECT intent_row FROM intents WHERE session_id = ?4)"

absl::Status AuditReads::PrepareIntents() {
  ONETAKE_ASSIGN_OR_RETURN(intents_by_row_, database_.Prepare(ONETAKE_LIST_INTENTS("1")));
  ONETAKE_ASSIGN_OR_RETURN(intents_by_session_,
                           database_.Prepare(ONETAKE_LIST_INTENTS("i.session_id = ?3")));
  ONETAKE_ASSIGN_OR_RETURN(intents_by_prefix_, database_.Prepare(ONETAKE_LIST_INTENTS(
                                                   "((i.intent_id >= ?6 AND i.intent_id < ?7)"
                                                   " OR (i.key >= ?6 AND i.key < ?7))")));
  ONETAKE_ASSIGN_OR_RETURN(
      intents_unsettled_,
      database_.Prepare(ONETAKE_LIST_INTENTS("i.settled_at IS NULL AND i.state = ?5")));
  ONETAKE_ASSIGN_OR_RETURN(intents_in_review_,
                           database_.Prepare(ONETAKE_LIST_INTENTS("i.review_at IS NOT NULL")));
  return absl::OkStatus();
}

absl::Status AuditReads::PrepareEvents() {
  EventLists& first = first_events_;
  EventLists& last = last_events_;
  ONETAKE_ASSIGN_OR_RETURN(first.by_seq, database_.Prepare(ONETAKE_LIST_EVENTS("1", "ASC")));
  ONETAKE_ASSIGN_OR_RETURN(last.by_seq, database_.Prepare(ONETAKE_LIST_EVENTS("1", "DESC")));
  ONETAKE_ASSIGN_OR_RETURN(first.by_intent,
                           database_.Prepare(ONETAKE_LIST_EVENTS(ONETAKE_OF_INTENT, "ASC")));
  ONETAKE_ASSIGN_OR_RETURN(last.by_intent,
                           database_.Prepare(ONETAKE_LIST_EVENTS(ONETAKE_OF_INTENT, "DESC")));
  ONETAKE_ASSIGN_OR_RETURN(first.by_session,
                           database_.Prepare(ONETAKE_LIST_EVENTS(ONETAKE_OF_SESSION, "ASC")));
  ONETAKE_ASSIGN_OR_RETURN(last.by_session,
                           database_.Prepare(ONETAKE_LIST_EVENTS(ONETAKE_OF_SESSION, "DESC")));
  return absl::OkStatus();
}

absl::Status AuditReads::PrepareDetails() {
  ONETAKE_ASSIGN_OR_RETURN(
      match_exact_,
      database_.Prepare("SELECT DISTINCT tenant, intent_id FROM intents"
                        " WHERE (intent_id = ?1 OR key = ?1) AND (?3 = '' OR tenant = ?3)"
                        " LIMIT 2"));
  ONETAKE_ASSIGN_OR_RETURN(
      match_prefix_,
      database_.Prepare("SELECT DISTINCT tenant, intent_id FROM intents"
                        " WHERE ((intent_id >= ?1 AND intent_id < ?2) OR (key >= ?1 AND key < ?2))"
                        " AND (?3 = '' OR tenant = ?3) LIMIT 2"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_generations_,
      database_.Prepare("SELECT " ONETAKE_FULL_INTENT " WHERE i.intent_id = ?1 AND i.tenant = ?2"
                        " ORDER BY i.generation"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_attempts_,
      database_.Prepare("SELECT " ONETAKE_ATTEMPT_COLUMNS " FROM attempts WHERE intent_row = ?1"
                        " ORDER BY number LIMIT ?2"));
  ONETAKE_ASSIGN_OR_RETURN(select_calls_, database_.Prepare("SELECT " ONETAKE_CALL_COLUMNS
                                                            " FROM calls c WHERE c.intent_row = ?1"
                                                            " ORDER BY c.call_row LIMIT ?2"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_events_,
      database_.Prepare("SELECT " ONETAKE_EVENT_COLUMNS " FROM events e"
                        " WHERE e.intent_row = ?1"
                        " AND e.kind NOT IN " ONETAKE_CALL_KINDS " ORDER BY e.seq LIMIT ?2"));
  ONETAKE_ASSIGN_OR_RETURN(select_review_,
                           database_.Prepare("SELECT count(*), min(review_at) FROM intents"
                                             " WHERE review_at IS NOT NULL"
                                             " AND (?1 = '' OR tenant = ?1)"));
  return absl::OkStatus();
}

Statement& AuditReads::ListFor(const IntentFilter& filter) {
  if (!filter.id_prefix.empty()) return intents_by_prefix_;
  if (!filter.session_id.empty()) return intents_by_session_;
  if (filter.review_only) return intents_in_review_;
  if (filter.state.has_value() && !IsSettled(*filter.state)) return intents_unsettled_;
  return intents_by_row_;
}

absl::StatusOr<std::vector<IntentSummary>> AuditReads::ListIntents(const IntentFilter& filter,
                                                                   int64_t before_row, int limit) {
  const TimeLimit time_limit(database_, clock_, time_limit_);
  const std::string prefix_end = EndOfPrefix(filter.id_prefix);
  Run run(ListFor(filter));
  run.Int(1, before_row <= 0 ? std::numeric_limits<int64_t>::max() : before_row)
      .Text(2, filter.tenant)
      .Text(3, filter.session_id)
      .Text(4, filter.tool)
      .Text(5, filter.state.has_value() ? ToString(*filter.state) : "")
      .Text(6, filter.id_prefix)
      .Text(7, prefix_end)
      .Int(8, ToColumn(filter.created_after.value_or(absl::InfinitePast())))
      .Int(9, ToColumn(filter.created_before.value_or(absl::InfiniteFuture())))
      .Int(10, filter.held_back_only ? 1 : 0)
      .Int(11, ClampLimit(limit))
      .Int(12, filter.review_only ? 1 : 0);
  std::vector<IntentSummary> summaries;
  ONETAKE_RETURN_IF_ERROR(run.ForEach([&](const Run& row) -> absl::Status {
    IntentSummary& summary = summaries.emplace_back();
    ONETAKE_ASSIGN_OR_RETURN(summary.intent, ReadIntent(row));
    summary.calls = row.Int(kIntentColumns);
    summary.held_back = row.Int(kIntentColumns + 1);
    return absl::OkStatus();
  }));
  return summaries;
}

absl::StatusOr<std::vector<AuditReads::Identity>> AuditReads::Match(Statement& statement,
                                                                    const std::string& tenant,
                                                                    const std::string& id) {
  const std::string end = EndOfPrefix(id);
  Run run(statement);
  run.Text(1, id).Text(2, end).Text(3, tenant);
  std::vector<Identity> matches;
  ONETAKE_RETURN_IF_ERROR(run.ForEach([&](const Run& row) {
    matches.push_back({std::string(row.Text(0)), std::string(row.Text(1))});
    return absl::OkStatus();
  }));
  return matches;
}

absl::StatusOr<AuditReads::Identity> AuditReads::Resolve(const std::string& tenant,
                                                         const std::string& id) {
  ONETAKE_ASSIGN_OR_RETURN(std::vector<Identity> matches, Match(match_exact_, tenant, id));
  if (matches.empty()) {
    if (id.size() < kShortestPrefix) {
      return absl::InvalidArgumentError(
          absl::StrCat("id: a prefix needs at least ", kShortestPrefix, " characters"));
    }
    ONETAKE_ASSIGN_OR_RETURN(matches, Match(match_prefix_, tenant, id));
  }
  if (matches.empty()) return absl::NotFoundError("id: no intent has this id, key or prefix");
  if (matches.size() > 1) {
    return WithDetail(
        absl::InvalidArgumentError("id: several intents fit; give more of it, or the tenant"),
        {.reason = "AMBIGUOUS_ID", .field = "id"});
  }
  return matches.front();
}

absl::StatusOr<std::vector<IntentDetail>> AuditReads::GetIntent(const std::string& tenant,
                                                                const std::string& id) {
  const TimeLimit time_limit(database_, clock_, time_limit_);
  ONETAKE_ASSIGN_OR_RETURN(Transaction snapshot,
                           Transaction::Begin(database_, Transaction::Kind::kRead));
  ONETAKE_ASSIGN_OR_RETURN(const Identity identity, Resolve(tenant, id));
  ONETAKE_ASSIGN_OR_RETURN(std::vector<IntentDetail> details, Generations(identity));
  for (IntentDetail& detail : details) ONETAKE_RETURN_IF_ERROR(AddDetails(detail));
  ONETAKE_RETURN_IF_ERROR(snapshot.Commit());
  return details;
}

absl::StatusOr<std::vector<IntentDetail>> AuditReads::Generations(const Identity& identity) {
  std::vector<IntentDetail> details;
  Run run(select_generations_);
  run.Text(1, identity.intent_id).Text(2, identity.tenant);
  ONETAKE_RETURN_IF_ERROR(run.ForEach([&](const Run& row) -> absl::Status {
    ONETAKE_ASSIGN_OR_RETURN(details.emplace_back().intent, ReadFullIntent(row, *keys_));
    return absl::OkStatus();
  }));
  return details;
}

absl::Status AuditReads::AddDetails(IntentDetail& detail) {
  const int64_t intent_row = detail.intent.row;
  const int limit = LedgerQueries::kDetailRows;
  ONETAKE_RETURN_IF_ERROR(Run(select_attempts_)
                              .Int(1, intent_row)
                              .Int(2, limit)
                              .ForEach([&](const Run& row) -> absl::Status {
                                ONETAKE_ASSIGN_OR_RETURN(detail.attempts.emplace_back(),
                                                         ReadAttempt(row, intent_row, *keys_));
                                return absl::OkStatus();
                              }));
  ONETAKE_RETURN_IF_ERROR(
      Run(select_calls_).Int(1, intent_row).Int(2, limit).ForEach([&](const Run& row) {
        absl::StatusOr<CallRecord> call = ReadCall(row);
        if (!call.ok()) return call.status();
        detail.calls.push_back(*std::move(call));
        return absl::OkStatus();
      }));
  return Run(select_events_)
      .Int(1, intent_row)
      .Int(2, limit)
      .ForEach([&](const Run& row) -> absl::Status {
        ONETAKE_ASSIGN_OR_RETURN(detail.events.emplace_back(), ReadEvent(row, *keys_));
        return absl::OkStatus();
      });
}

absl::StatusOr<ReviewStats> AuditReads::GetReviewStats(const std::string& tenant) {
  const TimeLimit time_limit(database_, clock_, time_limit_);
  Run run(select_review_);
  run.Text(1, tenant);
  ONETAKE_RETURN_IF_ERROR(run.Step().status());
  ReviewStats stats{.count = run.Int(0), .oldest = std::nullopt};
  if (!run.IsNull(1)) stats.oldest = absl::FromUnixMicros(run.Int(1));
  return stats;
}

Statement& AuditReads::EventLists::For(const EventFilter& filter) {
  if (!filter.intent_id.empty()) return by_intent;
  if (!filter.session_id.empty()) return by_session;
  return by_seq;
}

absl::StatusOr<std::vector<EventRecord>> AuditReads::ReadEvents(Statement& statement,
                                                                const EventFilter& filter,
                                                                int64_t after_seq, int limit) {
  const TimeLimit time_limit(database_, clock_, time_limit_);
  std::vector<EventRecord> events;
  Run run(statement);
  run.Int(1, after_seq)
      .Text(2, filter.tenant)
      .Text(3, filter.intent_id)
      .Text(4, filter.session_id)
      .Int(5, ClampLimit(limit));
  ONETAKE_RETURN_IF_ERROR(run.ForEach([&](const Run& row) -> absl::Status {
    ONETAKE_ASSIGN_OR_RETURN(events.emplace_back(), ReadEvent(row, *keys_));
    return absl::OkStatus();
  }));
  return events;
}

absl::StatusOr<std::vector<EventRecord>> AuditReads::ListEvents(const EventFilter& filter,
                                                                int64_t after_seq, int limit) {
  return ReadEvents(first_events_.For(filter), filter, after_seq, limit);
}

absl::StatusOr<std::vector<EventRecord>> AuditReads::LastEvents(const EventFilter& filter,
                                                                int limit) {
  ONETAKE_ASSIGN_OR_RETURN(std::vector<EventRecord> events,
                           ReadEvents(last_events_.For(filter), filter, /*after_seq=*/0, limit));
  std::reverse(events.begin(), events.end());
  return events;
}

}  // namespace onetake
