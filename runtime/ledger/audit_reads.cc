#include "runtime/ledger/audit_reads.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "runtime/ledger/chain_base.h"
#include "runtime/ledger/rows.h"
#include "runtime/store/transaction.h"

namespace onetake {
namespace {

constexpr size_t kShortestPrefix = 4;
// Up to this many events of a tenant are found by its index and sorted; if it has more, all events
// are sifted.
constexpr int64_t kFewEvents = 2000;
constexpr int64_t kSiftedAtOnce = 2000;
constexpr absl::Duration kSiftingTime = absl::Milliseconds(25);

// Takes the row off that was read only to know whether there are more.
template <typename Record>
void Cut(std::vector<Record>& records, IntentDetail& detail) {
  constexpr size_t kMost = LedgerQueries::kDetailRows;
  if (records.size() <= kMost) return;
  records.resize(kMost);
  detail.cut = true;
}

}  // namespace

absl::StatusOr<std::unique_ptr<AuditReads>> AuditReads::Prepare(Database& database,
                                                                std::unique_ptr<RowKeys> keys,
                                                                const Clock& clock,
                                                                const AttributeIndex& attributes,
                                                                absl::Duration time_limit) {
  std::unique_ptr<AuditReads> reads(
      new AuditReads(database, std::move(keys), clock, attributes, time_limit));
  ONETAKE_RETURN_IF_ERROR(reads->intents_.Prepare());
  ONETAKE_RETURN_IF_ERROR(reads->calls_.Prepare());
  ONETAKE_RETURN_IF_ERROR(reads->PrepareEvents());
  ONETAKE_RETURN_IF_ERROR(reads->PrepareDetails());
  return reads;
}

// Parameter 9 says whether requests are told too, or only changes of intents; parameter 10, up to
// which event.
#define ONETAKE_LIST_EVENTS(narrowed, order)                                              \
  "SELECT " ONETAKE_EVENT_COLUMNS " FROM events e " narrowed                              \
  " AND (?9 = 1 OR e.kind NOT IN " ONETAKE_CALL_KINDS                                     \
  ")"                                                                                     \
  " AND (?2 = '' OR e.tenant = ?2) AND (?3 = '' OR e.intent_id = ?3)"                     \
  " AND (?4 = '' OR e.session_id = ?4) AND +e.at >= ?6 AND +e.at < ?7 AND ?8 IS NOT NULL" \
  " AND +e.seq > " ONETAKE_PRUNED_SEQ " AND ?10 IS NOT NULL ORDER BY " order " LIMIT ?5"
#define ONETAKE_UP_TO "NOT INDEXED WHERE e.seq > ?1 AND e.seq <= ?10"
#define ONETAKE_OF_TENANT "INDEXED BY events_at WHERE e.tenant = ?2 AND e.seq > ?1"
#define ONETAKE_OF_INTENT          \
  "INDEXED BY events_intent WHERE" \
  " e.intent_row IN (SELECT intent_row FROM intents WHERE intent_id = ?3) AND e.seq > ?1"
// An erasure may be of a call that opened no generation of this session; it is the last event of
// that call.
#define ONETAKE_OF_SESSION                                                              \
  "NOT INDEXED WHERE e.seq IN"                                                          \
  " (SELECT seq FROM events INDEXED BY events_intent WHERE seq > ?1 AND intent_row IN"  \
  "   (SELECT intent_row FROM intents WHERE session_id = ?4)"                           \
  " UNION SELECT x.seq FROM calls c INDEXED BY calls_session JOIN events x NOT INDEXED" \
  "   ON x.seq = c.last_seq WHERE c.session_id = ?4 AND c.session_id != ''"             \
  "   AND x.seq > ?1 AND x.kind = 'erased')"

absl::Status AuditReads::PrepareEvents() {
  EventLists& first = first_events_;
  EventLists& last = last_events_;
  ONETAKE_ASSIGN_OR_RETURN(first.by_seq,
                           database_.Prepare(ONETAKE_LIST_EVENTS(ONETAKE_UP_TO, "e.seq")));
  ONETAKE_ASSIGN_OR_RETURN(last.by_seq,
                           database_.Prepare(ONETAKE_LIST_EVENTS(ONETAKE_UP_TO, "e.seq DESC")));
  ONETAKE_ASSIGN_OR_RETURN(first.by_tenant,
                           database_.Prepare(ONETAKE_LIST_EVENTS(ONETAKE_OF_TENANT, "e.seq")));
  ONETAKE_ASSIGN_OR_RETURN(last.by_tenant,
                           database_.Prepare(ONETAKE_LIST_EVENTS(ONETAKE_OF_TENANT, "e.seq DESC")));
  ONETAKE_ASSIGN_OR_RETURN(first.by_intent,
                           database_.Prepare(ONETAKE_LIST_EVENTS(ONETAKE_OF_INTENT, "e.seq")));
  ONETAKE_ASSIGN_OR_RETURN(last.by_intent,
                           database_.Prepare(ONETAKE_LIST_EVENTS(ONETAKE_OF_INTENT, "e.seq DESC")));
  ONETAKE_ASSIGN_OR_RETURN(first.by_session,
                           database_.Prepare(ONETAKE_LIST_EVENTS(ONETAKE_OF_SESSION, "e.seq")));
  ONETAKE_ASSIGN_OR_RETURN(
      last.by_session, database_.Prepare(ONETAKE_LIST_EVENTS(ONETAKE_OF_SESSION, "e.seq DESC")));
  ONETAKE_ASSIGN_OR_RETURN(
      first.by_time,
      database_.Prepare(ONETAKE_LIST_EVENTS(
          "INDEXED BY events_at WHERE e.tenant = ?2 AND e.at < ?7 AND (e.at, e.seq) > (?8, ?1)",
          "e.at, e.seq")));
  ONETAKE_ASSIGN_OR_RETURN(count_events_,
                           database_.Prepare("SELECT count(*) FROM (SELECT 1 FROM events INDEXED BY"
                                             " events_at WHERE tenant = ?1 LIMIT ?2)"));
  ONETAKE_ASSIGN_OR_RETURN(select_last_seq_,
                           database_.Prepare("SELECT coalesce(max(seq), 0) FROM events"));
  ONETAKE_ASSIGN_OR_RETURN(select_pruned_seq_, database_.Prepare("SELECT " ONETAKE_PRUNED_SEQ));
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
      count_calls_, database_.Prepare("SELECT count(*), count(*) FILTER (WHERE " ONETAKE_HELD_BACK(
                        "c.role") ") FROM calls c WHERE c.intent_row = ?1"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_events_,
      database_.Prepare("SELECT " ONETAKE_EVENT_COLUMNS " FROM events e"
                        " WHERE e.intent_row = ?1 AND +e.seq > " ONETAKE_PRUNED_SEQ
                        " AND e.kind NOT IN " ONETAKE_CALL_KINDS " ORDER BY e.seq LIMIT ?2"));
  ONETAKE_ASSIGN_OR_RETURN(select_review_,
                           database_.Prepare("SELECT count(*), min(review_at) FROM intents"
                                             " WHERE review_at IS NOT NULL"
                                             " AND (?1 = '' OR tenant = ?1)"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_unsettled_,
      database_.Prepare("SELECT created_at FROM intents WHERE settled_at IS NULL LIMIT 100000"));
  return absl::OkStatus();
}

absl::StatusOr<IntentPage> AuditReads::ListIntents(const IntentFilter& filter,
                                                   IntentPosition position, int limit) {
  const TimeLimit time_limit(database_, clock_, time_limit_);
  return intents_.List(filter, position, limit);
}

absl::StatusOr<std::vector<CallSummary>> AuditReads::ListCalls(const CallFilter& filter,
                                                               CallPosition position, int limit) {
  const TimeLimit time_limit(database_, clock_, time_limit_);
  return calls_.List(filter, position, limit);
}

absl::StatusOr<DuplicateStats> AuditReads::GetDuplicates(const DuplicateQuestion& question) {
  const TimeLimit time_limit(database_, clock_, time_limit_);
  ONETAKE_ASSIGN_OR_RETURN(Transaction snapshot,
                           Transaction::Begin(database_, Transaction::Kind::kRead));
  absl::StatusOr<DuplicateStats> stats = calls_.Duplicates(question);
  ONETAKE_RETURN_IF_ERROR(snapshot.Commit());
  return stats;
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
  const int limit = LedgerQueries::kDetailRows + 1;
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
  ONETAKE_RETURN_IF_ERROR(Run(select_events_)
                              .Int(1, intent_row)
                              .Int(2, limit)
                              .ForEach([&](const Run& row) -> absl::Status {
                                ONETAKE_ASSIGN_OR_RETURN(detail.events.emplace_back(),
                                                         ReadEvent(row, *keys_));
                                return absl::OkStatus();
                              }));
  Cut(detail.attempts, detail);
  Cut(detail.calls, detail);
  Cut(detail.events, detail);
  return CountCalls(detail);
}

absl::Status AuditReads::CountCalls(IntentDetail& detail) {
  Run run(count_calls_);
  ONETAKE_RETURN_IF_ERROR(run.Int(1, detail.intent.row).Step().status());
  detail.call_count = run.Int(0);
  detail.held_back = run.Int(1);
  return absl::OkStatus();
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

absl::StatusOr<std::vector<absl::Time>> AuditReads::GetUnsettled() {
  const TimeLimit time_limit(database_, clock_, time_limit_);
  std::vector<absl::Time> claimed;
  ONETAKE_RETURN_IF_ERROR(Run(select_unsettled_).ForEach([&claimed](const Run& row) {
    claimed.push_back(absl::FromUnixMicros(row.Int(0)));
    return absl::OkStatus();
  }));
  return claimed;
}

// A tenant that is quiet among others must not make the others' events be looked at. How few its
// own events are is asked only where the others' are many.
absl::StatusOr<Statement*> AuditReads::Choose(EventLists& lists, const EventFilter& filter,
                                              int64_t events) {
  if (!filter.intent_id.empty()) return &lists.by_intent;
  if (!filter.session_id.empty()) return &lists.by_session;
  if (filter.ByTime()) return &lists.by_time;
  // A question without a tenant is for tests and tools in this process: all events fit.
  if (filter.tenant.empty() || events <= kFewEvents) return &lists.by_seq;
  Run run(count_events_);
  run.Text(1, filter.tenant).Int(2, kFewEvents + 1);
  ONETAKE_RETURN_IF_ERROR(run.Step().status());
  return run.Int(0) <= kFewEvents ? &lists.by_tenant : &lists.by_seq;
}

// Adds events to the page until it has `limit`.
absl::Status AuditReads::ReadEvents(Statement& statement, const EventFilter& filter,
                                    EventPosition position, int64_t last_seq, EventPage& page,
                                    size_t limit) {
  const int64_t at_after = ToColumn(filter.at_after.value_or(absl::InfinitePast()));
  Run run(statement);
  // On the first page the seq is 0, so an event of the very moment at which the time begins is
  // included.
  run.Int(1, position.seq)
      .Text(2, filter.tenant)
      .Text(3, filter.intent_id)
      .Text(4, filter.session_id)
      .Int(5, static_cast<int64_t>(limit - page.events.size()))
      .Int(6, at_after)
      .Int(7, ToColumn(filter.at_before.value_or(absl::InfiniteFuture())))
      .Int(8, position.seq == 0 ? at_after : ToColumn(position.at))
      .Int(9, filter.with_calls ? 1 : 0)
      .Int(10, last_seq);
  return run.ForEach([&](const Run& row) -> absl::Status {
    ONETAKE_ASSIGN_OR_RETURN(page.events.emplace_back(), ReadEvent(row, *keys_));
    return absl::OkStatus();
  });
}

// Goes on behind `seen_seq` of the page. Ends early, as AuditIntents does, with what it has found.
absl::Status AuditReads::SiftEvents(const EventFilter& filter, int64_t last_seq, EventPage& page,
                                    size_t limit) {
  const absl::Duration end = clock_.Elapsed() + kSiftingTime;
  do {
    const EventPosition from{.seq = page.seen_seq};
    // A position may be so far beyond the end that nothing can be added to it.
    page.seen_seq = from.seq + std::min(kSiftedAtOnce, last_seq - from.seq);
    ONETAKE_RETURN_IF_ERROR(
        ReadEvents(first_events_.by_seq, filter, from, page.seen_seq, page, limit));
  } while (page.events.size() < limit && page.seen_seq < last_seq && clock_.Elapsed() <= end);
  return absl::OkStatus();
}

// Looks from the end on, newest first. Ends early as well: if many events match and none of them is
// near the end, only those found by then are told.
absl::Status AuditReads::SiftLastEvents(const EventFilter& filter, EventPage& page, size_t limit) {
  ONETAKE_ASSIGN_OR_RETURN(const int64_t pruned, NumberOf(select_pruned_seq_));
  const absl::Duration end = clock_.Elapsed() + kSiftingTime;
  int64_t up_to = page.seen_seq;
  do {
    const EventPosition from{.seq = std::max(up_to - kSiftedAtOnce, pruned)};
    ONETAKE_RETURN_IF_ERROR(ReadEvents(last_events_.by_seq, filter, from, up_to, page, limit));
    up_to = from.seq;
  } while (page.events.size() < limit && up_to > pruned && clock_.Elapsed() <= end);
  if (page.events.size() < limit && up_to > pruned) page.searched_from = up_to + 1;
  return absl::OkStatus();
}

absl::StatusOr<EventPage> AuditReads::ListEvents(const EventFilter& filter, EventPosition position,
                                                 int limit) {
  if (filter.ByTime() && filter.tenant.empty()) {
    return absl::InvalidArgumentError("tenant: is required for events by time");
  }
  const TimeLimit time_limit(database_, clock_, time_limit_);
  ONETAKE_ASSIGN_OR_RETURN(Transaction snapshot,
                           Transaction::Begin(database_, Transaction::Kind::kRead));
  const size_t most = static_cast<size_t>(ClampLimit(limit));
  ONETAKE_ASSIGN_OR_RETURN(const int64_t last, LastSeq());
  ONETAKE_ASSIGN_OR_RETURN(Statement * list, Choose(first_events_, filter, last - position.seq));
  EventPage page;
  if (list == &first_events_.by_seq) {
    page.seen_seq = position.seq;
    ONETAKE_RETURN_IF_ERROR(SiftEvents(filter, last, page, most));
  } else {
    page.seen_seq = last;
    ONETAKE_RETURN_IF_ERROR(ReadEvents(*list, filter, position, last, page, most));
  }
  ONETAKE_RETURN_IF_ERROR(snapshot.Commit());
  if (page.events.size() == most) page.seen_seq = page.events.back().seq;
  page.more = page.events.size() == most || page.seen_seq < last;
  return page;
}

absl::StatusOr<EventPage> AuditReads::LastEvents(const EventFilter& filter, int limit) {
  if (filter.ByTime()) {
    return absl::InvalidArgumentError("the last events are asked for without a time");
  }
  const TimeLimit time_limit(database_, clock_, time_limit_);
  ONETAKE_ASSIGN_OR_RETURN(Transaction snapshot,
                           Transaction::Begin(database_, Transaction::Kind::kRead));
  EventPage page;
  ONETAKE_ASSIGN_OR_RETURN(page.seen_seq, LastSeq());
  ONETAKE_ASSIGN_OR_RETURN(Statement * list, Choose(last_events_, filter, page.seen_seq));
  const size_t most = static_cast<size_t>(ClampLimit(limit));
  if (list == &last_events_.by_seq) {
    ONETAKE_RETURN_IF_ERROR(SiftLastEvents(filter, page, most));
  } else {
    ONETAKE_RETURN_IF_ERROR(ReadEvents(*list, filter, {}, page.seen_seq, page, most));
  }
  ONETAKE_RETURN_IF_ERROR(snapshot.Commit());
  std::reverse(page.events.begin(), page.events.end());
  return page;
}

absl::StatusOr<int64_t> AuditReads::LastSeq() { return NumberOf(select_last_seq_); }

absl::StatusOr<int64_t> AuditReads::NumberOf(Statement& statement) {
  Run run(statement);
  ONETAKE_RETURN_IF_ERROR(run.Step().status());
  return run.Int(0);
}

}  // namespace onetake
