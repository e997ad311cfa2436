#include "runtime/ledger/audit_intents.h"

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/ledger/rows.h"

namespace onetake {
namespace {

// Parameters, the same for every statement.
enum Parameter {
  kBeforeTime = 1,
  kBeforeRow,
  kTenant,
  kSession,
  kTool,
  kState,
  kPrefix,
  kPrefixEnd,
  kCreatedAfter,
  kCreatedBefore,
  kHeldBack,
  kReplayed,
  kDrift,
  kReview,
  kDisposition,
  kToolCall,
  kAttribute,
  kDigest,
  kLimit
};

bool HasTime(const IntentFilter& filter) {
  return filter.created_after.has_value() || filter.created_before.has_value();
}

// The most rows that a filter's index may promise without counting as many.
constexpr int64_t kMany = 2000;

// A position tells the order of its list: lists that come from calls are in the order of rows.
bool IsByRow(IntentPosition position) {
  return position.row > 0 && ToColumn(position.created_at) == ToColumn(absl::InfiniteFuture());
}

}  // namespace

// Whether some call of the intent was `what`.
#define ONETAKE_SOME_CALL(what) \
  " EXISTS (SELECT 1 FROM calls c WHERE c.intent_row = i.intent_row AND " what ")"

// Unary plus keeps the planner from an index that the statement was not made for.
#define ONETAKE_SIFTED \
  " AND (?3 = '' OR i.tenant = ?3) AND (?4 = '' OR i.session_id = ?4)"                      \
  " AND (?5 = '' OR i.tool = ?5) AND (?6 = '' OR i.state = ?6)"                             \
  " AND (?7 = '' OR (i.intent_id >= ?7 AND i.intent_id < ?8)"                               \
  "      OR (i.key >= ?7 AND i.key < ?8))"                                                  \
  " AND +i.created_at >= ?9 AND +i.created_at < ?10"                                        \
  " AND (?11 = 0 OR" ONETAKE_SOME_CALL(ONETAKE_HELD_BACK("c.role")) ")"                    \
  " AND (?12 = 0 OR" ONETAKE_SOME_CALL(ONETAKE_REPLAYED("c.role")) ")"                     \
  " AND (?13 = 0 OR" ONETAKE_SOME_CALL("c.role = 'conflict'") ")"                             \
  " AND (?14 = 0 OR i.review_at IS NOT NULL)"                                               \
  " AND (?15 = '' OR" ONETAKE_SOME_CALL("c.disposition = ?15") ")"                            \
  " AND (?16 = '' OR" ONETAKE_SOME_CALL("c.tool_call_id = ?16") ")"                           \
  " AND (?17 = '' OR EXISTS (SELECT 1 FROM calls c CROSS JOIN attributes a"                 \
  "      WHERE c.intent_row = i.intent_row AND a.call_row = c.call_row"                     \
  "      AND a.name = ?17 AND a.value_mac = ?18))"

#define ONETAKE_LISTED                                                 \
  "SELECT " ONETAKE_INTENT_COLUMNS                                     \
  ", (SELECT count(*) FROM calls c WHERE c.intent_row = i.intent_row)" \
  ", (SELECT count(*) FROM calls c WHERE c.intent_row = i.intent_row"  \
  "   AND " ONETAKE_HELD_BACK("c.role") ")"

// For few rows: the page itself, sorted by when the intents were claimed.
#define ONETAKE_SORTED(narrowed)                                               \
  ONETAKE_LISTED " FROM intents i " narrowed                                   \
                 " AND (i.created_at, i.intent_row) < (?1, ?2)" ONETAKE_SIFTED \
                 " ORDER BY i.created_at DESC, i.intent_row DESC LIMIT ?19"
// For many rows: where each row is, in the order of the page, and whether it fits.
#define ONETAKE_BY_TIME(narrowed)                                                     \
  "SELECT i.intent_row, i.created_at, (1" ONETAKE_SIFTED ") FROM intents i " narrowed \
  " AND (i.created_at, i.intent_row) < (?1, ?2) AND ?19 > 0"                          \
  " ORDER BY i.created_at DESC, i.intent_row DESC"
// For lists that come from calls: an intent may come several times, one after another.
#define ONETAKE_BY_CALL(narrowed)                                                              \
  "SELECT f.intent_row, i.created_at, (1" ONETAKE_SIFTED ") FROM calls f INDEXED BY " narrowed \
  " AND f.intent_row IS NOT NULL AND f.tenant = ?3 AND f.intent_row < ?2"                      \
  " AND i.intent_row = f.intent_row AND ?1 IS NOT NULL AND ?19 > 0"                            \
  " ORDER BY f.intent_row DESC"
// How many rows an index promises, counted up to kMany.
#define ONETAKE_COUNT(narrowed) "SELECT count(*) FROM (SELECT 1 FROM " narrowed " LIMIT ?4)"
#define ONETAKE_COUNT_CALLS(narrowed) \
  ONETAKE_COUNT("calls f INDEXED BY " narrowed " AND f.intent_row IS NOT NULL AND f.tenant = ?1")

absl::Status AuditIntents::Prepare() {
  ONETAKE_RETURN_IF_ERROR(PrepareSmall());
  ONETAKE_RETURN_IF_ERROR(PrepareByTime());
  ONETAKE_RETURN_IF_ERROR(PrepareByCall());
  ONETAKE_ASSIGN_OR_RETURN(
      select_listed_, database_.Prepare(ONETAKE_LISTED " FROM intents i WHERE i.intent_row = ?1"));
  return absl::OkStatus();
}

absl::Status AuditIntents::PrepareSmall() {
  ONETAKE_ASSIGN_OR_RETURN(
      by_prefix_, database_.Prepare(ONETAKE_SORTED("WHERE ((i.intent_id >= ?7 AND i.intent_id < ?8)"
                                                   " OR (i.key >= ?7 AND i.key < ?8))")));
  ONETAKE_ASSIGN_OR_RETURN(
      by_tool_call_,
      database_.Prepare(ONETAKE_SORTED(
          "WHERE i.intent_row IN (SELECT c.intent_row FROM calls c INDEXED BY calls_delivery"
          " WHERE c.tool_call_id = ?16 AND c.tool_call_id != '' AND c.session_id != ''"
          " UNION ALL SELECT c.intent_row FROM calls c INDEXED BY calls_without_session"
          " WHERE c.tool_call_id = ?16 AND c.tool_call_id != '' AND c.session_id = '')")));
  ONETAKE_ASSIGN_OR_RETURN(
      by_attribute_,
      database_.Prepare(ONETAKE_SORTED("WHERE i.intent_row IN (SELECT c.intent_row FROM attributes"
                                       " a INDEXED BY attributes_value CROSS JOIN calls c"
                                       " WHERE a.name = ?17 AND a.value_mac = ?18"
                                       " AND c.call_row = a.call_row)")));
  ONETAKE_ASSIGN_OR_RETURN(by_session_,
                           database_.Prepare(ONETAKE_SORTED("INDEXED BY intents_session"
                                                            " WHERE i.session_id = ?4")));
  return absl::OkStatus();
}

absl::Status AuditIntents::PrepareByTime() {
  ONETAKE_ASSIGN_OR_RETURN(
      by_row_.rows,
      database_.Prepare("SELECT i.intent_row, i.created_at, (1" ONETAKE_SIFTED
                        ") FROM intents i NOT INDEXED WHERE i.intent_row < ?2 AND ?1 IS NOT NULL"
                        " AND ?19 > 0 ORDER BY i.intent_row DESC"));
  ONETAKE_ASSIGN_OR_RETURN(by_created_.rows,
                           database_.Prepare(ONETAKE_BY_TIME("INDEXED BY intents_created"
                                                             " WHERE i.tenant = ?3"
                                                             " AND i.created_at >= ?9")));
  ONETAKE_ASSIGN_OR_RETURN(
      by_created_.count,
      database_.Prepare(ONETAKE_COUNT("intents INDEXED BY intents_created WHERE tenant = ?1"
                                      " AND created_at >= ?2 AND created_at < ?3")));
  ONETAKE_ASSIGN_OR_RETURN(
      by_tool_.rows, database_.Prepare(ONETAKE_BY_TIME("INDEXED BY intents_tool WHERE i.tenant = ?3"
                                                       " AND i.tool = ?5 AND i.created_at >= ?9")));
  ONETAKE_ASSIGN_OR_RETURN(
      by_tool_.count,
      database_.Prepare(ONETAKE_COUNT("intents INDEXED BY intents_tool WHERE tenant = ?1"
                                      " AND tool = ?5 AND created_at >= ?2 AND created_at < ?3")));
  ONETAKE_ASSIGN_OR_RETURN(
      by_state_.rows,
      database_.Prepare(ONETAKE_BY_TIME(
          "INDEXED BY intents_not_done WHERE (i.state = 'REJECTED' OR i.state = 'REVERSED')"
          " AND i.tenant = ?3 AND i.state = ?6 AND i.created_at >= ?9")));
  ONETAKE_ASSIGN_OR_RETURN(
      by_state_.count,
      database_.Prepare(ONETAKE_COUNT("intents INDEXED BY intents_not_done WHERE tenant = ?1"
                                      " AND (state = 'REJECTED' OR state = 'REVERSED')"
                                      " AND state = ?5"
                                      " AND created_at >= ?2 AND created_at < ?3")));
  return PrepareOpen();
}

absl::Status AuditIntents::PrepareOpen() {
  ONETAKE_ASSIGN_OR_RETURN(
      unsettled_.rows,
      database_.Prepare(ONETAKE_BY_TIME(
          "INDEXED BY intents_unsettled WHERE i.settled_at IS NULL AND i.tenant = ?3"
          " AND i.state = ?6 AND i.created_at >= ?9")));
  ONETAKE_ASSIGN_OR_RETURN(
      unsettled_.count,
      database_.Prepare(ONETAKE_COUNT("intents INDEXED BY intents_unsettled WHERE tenant = ?1"
                                      " AND settled_at IS NULL AND state = ?5"
                                      " AND created_at >= ?2 AND created_at < ?3")));
  ONETAKE_ASSIGN_OR_RETURN(
      in_review_.rows,
      database_.Prepare(ONETAKE_BY_TIME(
          "INDEXED BY intents_in_review WHERE i.review_at IS NOT NULL AND i.tenant = ?3"
          " AND i.created_at >= ?9")));
  ONETAKE_ASSIGN_OR_RETURN(
      in_review_.count,
      database_.Prepare(ONETAKE_COUNT("intents INDEXED BY intents_in_review WHERE tenant = ?1"
                                      " AND review_at IS NOT NULL"
                                      " AND created_at >= ?2 AND created_at < ?3")));
  return absl::OkStatus();
}

absl::Status AuditIntents::PrepareCalls(LongList& list, SqlLiteral rows, SqlLiteral count) {
  ONETAKE_ASSIGN_OR_RETURN(list.rows, database_.Prepare(rows));
  ONETAKE_ASSIGN_OR_RETURN(list.count, database_.Prepare(count));
  list.by_row = true;
  return absl::OkStatus();
}

absl::Status AuditIntents::PrepareByCall() {
  ONETAKE_RETURN_IF_ERROR(PrepareCalls(
      held_back_,
      ONETAKE_BY_CALL("calls_held_back CROSS JOIN intents i WHERE " ONETAKE_HELD_BACK("f.role")),
      ONETAKE_COUNT_CALLS("calls_held_back WHERE " ONETAKE_HELD_BACK("f.role"))));
  ONETAKE_RETURN_IF_ERROR(PrepareCalls(
      replayed_,
      ONETAKE_BY_CALL("calls_replayed CROSS JOIN intents i WHERE " ONETAKE_REPLAYED("f.role")),
      ONETAKE_COUNT_CALLS("calls_replayed WHERE " ONETAKE_REPLAYED("f.role"))));
  ONETAKE_RETURN_IF_ERROR(PrepareCalls(
      drift_, ONETAKE_BY_CALL("calls_drift CROSS JOIN intents i WHERE f.role = 'conflict'"),
      ONETAKE_COUNT_CALLS("calls_drift WHERE f.role = 'conflict'")));
  return PrepareCalls(by_disposition_,
                      ONETAKE_BY_CALL("calls_disposition CROSS JOIN intents i"
                                      " WHERE f.disposition != '' AND f.disposition != 'DONE'"
                                      " AND f.disposition = ?15"),
                      ONETAKE_COUNT_CALLS("calls_disposition WHERE f.disposition != ''"
                                          " AND f.disposition != 'DONE' AND f.disposition = ?5"));
}

Statement* AuditIntents::Small(const IntentFilter& filter) {
  if (!filter.id_prefix.empty()) return &by_prefix_;
  // An attribute may be everybody's, and some models number their ids anew in each conversation.
  if (!filter.session_id.empty()) return &by_session_;
  if (!filter.tool_call_id.empty()) return &by_tool_call_;
  if (!filter.attribute.empty()) return &by_attribute_;
  return nullptr;
}

// Filters that often promise few rows come first, as they win when all promise many.
std::vector<std::pair<AuditIntents::LongList*, std::string>> AuditIntents::Choices(
    const IntentFilter& filter, IntentPosition position) {
  const std::string state(filter.state.has_value() ? ToString(*filter.state) : "");
  const bool rare_state =
      filter.state == IntentState::kRejected || filter.state == IntentState::kReversed;
  std::vector<std::pair<LongList*, std::string>> choices;
  const bool time_only = position.row > 0 && !IsByRow(position);
  if (!time_only) {
    if (filter.drift_only) choices.emplace_back(&drift_, "");
    if (!filter.disposition.empty() && filter.disposition != "DONE") {
      choices.emplace_back(&by_disposition_, filter.disposition);
    }
    if (filter.held_back_only) choices.emplace_back(&held_back_, "");
    if (filter.replayed_only) choices.emplace_back(&replayed_, "");
  }
  if (IsByRow(position)) return choices;
  if (filter.review_only) choices.emplace_back(&in_review_, "");
  if (filter.state.has_value() && !IsSettled(*filter.state)) {
    choices.emplace_back(&unsettled_, state);
  }
  if (rare_state) choices.emplace_back(&by_state_, state);
  if (!filter.tool.empty()) choices.emplace_back(&by_tool_, filter.tool);
  if (choices.empty() || HasTime(filter)) choices.emplace_back(&by_created_, "");
  return choices;
}

absl::StatusOr<AuditIntents::LongList*> AuditIntents::Long(const IntentFilter& filter,
                                                           IntentPosition position) {
  // A question without a tenant is for tests and tools in this process; no index leads there.
  if (filter.tenant.empty()) return &by_row_;
  const auto choices = Choices(filter, position);
  LongList* best = nullptr;
  int64_t fewest = std::numeric_limits<int64_t>::max();
  for (const auto& [list, name] : choices) {
    if (choices.size() == 1) return list;
    Run run(list->count);
    run.Text(1, filter.tenant).Int(4, kMany);
    if (!list->by_row) {
      run.Int(2, ToColumn(filter.created_after.value_or(absl::InfinitePast())))
          .Int(3, ToColumn(filter.created_before.value_or(absl::InfiniteFuture())));
    }
    if (!name.empty()) run.Text(5, name);
    ONETAKE_RETURN_IF_ERROR(run.Step().status());
    if (run.Int(0) >= fewest) continue;
    best = list;
    fewest = run.Int(0);
  }
  return best;
}

absl::StatusOr<std::string> AuditIntents::Plan(const IntentFilter& filter) {
  if (const Statement* small = Small(filter)) return small->Plan();
  ONETAKE_ASSIGN_OR_RETURN(const LongList* list, Long(filter, {}));
  return list->rows.Plan();
}

absl::StatusOr<IntentPage> AuditIntents::ReadSmall(Run& run, int limit) {
  IntentPage page;
  ONETAKE_RETURN_IF_ERROR(run.ForEach([&](const Run& row) -> absl::Status {
    ONETAKE_ASSIGN_OR_RETURN(page.intents.emplace_back(), ReadSummary(row));
    return absl::OkStatus();
  }));
  if (page.intents.size() > static_cast<size_t>(limit)) {
    page.intents.resize(static_cast<size_t>(limit));
    page.next = {page.intents.back().intent.created_at, page.intents.back().intent.row};
  }
  return page;
}

absl::StatusOr<IntentSummary> AuditIntents::ReadSummary(const Run& row) {
  IntentSummary summary;
  ONETAKE_ASSIGN_OR_RETURN(summary.intent, ReadIntent(row));
  summary.calls = row.Int(kIntentColumns);
  summary.held_back = row.Int(kIntentColumns + 1);
  return summary;
}

// Ends behind a bounded number of rows that did not fit: two filters that are common alone and rare
// together would hold up everybody else's questions.
absl::StatusOr<IntentPage> AuditIntents::ReadLong(Run& run, int limit, RowOrder order) {
  IntentPage page;
  IntentPosition here;
  int sifted = 0;
  constexpr int kAtLeast = 64;  // however slow the disk is
  const absl::Duration end = clock_.Elapsed() + bounds_.time;
  for (;;) {
    ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
    if (!found) return page;
    const int64_t row = run.Int(0);
    const bool fits = run.Int(2) != 0 && row != here.row;
    if (fits && page.intents.size() == static_cast<size_t>(limit)) break;
    here = {order == RowOrder::kRow ? absl::InfiniteFuture() : absl::FromUnixMicros(run.Int(1)),
            row};
    if (fits) {
      Run listed(select_listed_);
      ONETAKE_ASSIGN_OR_RETURN(const bool there, listed.Int(1, row).Step());
      if (!there) return absl::DataLossError("an index names an intent that is not there");
      ONETAKE_ASSIGN_OR_RETURN(page.intents.emplace_back(), ReadSummary(listed));
    } else if (++sifted == bounds_.max_sifted || (sifted >= kAtLeast && clock_.Elapsed() > end)) {
      break;
    }
  }
  page.next = here;
  return page;
}

absl::StatusOr<IntentPage> AuditIntents::List(const IntentFilter& filter, IntentPosition position,
                                              int limit) {
  std::string digest;
  if (!filter.attribute.empty()) {
    if (!attributes_.Has(filter.attribute)) {
      return WithDetail(absl::InvalidArgumentError(
                            "attribute: is not an indexed one: onetake.yaml names those in "
                            "ledger.indexed_attributes"),
                        {.reason = "NOT_INDEXED", .field = "attribute"});
    }
    digest = attributes_.digest(filter.tenant, filter.attribute, filter.attribute_value);
  }
  limit = ClampLimit(limit);
  const int64_t created_before = ToColumn(filter.created_before.value_or(absl::InfiniteFuture()));
  const bool first = position.row <= 0;
  const std::string prefix_end = EndOfPrefix(filter.id_prefix);
  Statement* const small = Small(filter);
  LongList* many = nullptr;
  if (small == nullptr) {
    ONETAKE_ASSIGN_OR_RETURN(many, Long(filter, position));
    if (many == nullptr) return IntentPage{};  // the position belongs to another question's page
  }
  Run run(small != nullptr ? *small : many->rows);
  // Rows count from 1, so the first page begins right before `created_before`.
  run.Int(kBeforeTime, first ? created_before : ToColumn(position.created_at))
      .Int(kBeforeRow, first ? std::numeric_limits<int64_t>::max() : position.row)
      .Text(kTenant, filter.tenant)
      .Text(kSession, filter.session_id)
      .Text(kTool, filter.tool)
      .Text(kState, filter.state.has_value() ? ToString(*filter.state) : "")
      .Text(kPrefix, filter.id_prefix)
      .Text(kPrefixEnd, prefix_end)
      .Int(kCreatedAfter, ToColumn(filter.created_after.value_or(absl::InfinitePast())))
      .Int(kCreatedBefore, created_before)
      .Int(kHeldBack, filter.held_back_only ? 1 : 0)
      .Int(kReplayed, filter.replayed_only ? 1 : 0)
      .Int(kDrift, filter.drift_only ? 1 : 0)
      .Int(kReview, filter.review_only ? 1 : 0)
      .Text(kDisposition, filter.disposition)
      .Text(kToolCall, filter.tool_call_id)
      .Text(kAttribute, filter.attribute)
      .Text(kDigest, digest)
      .Int(kLimit, limit + 1);  // one more, to know whether there is another page
  if (small != nullptr) return ReadSmall(run, limit);
  return ReadLong(run, limit, many->by_row ? RowOrder::kRow : RowOrder::kTime);
}

}  // namespace onetake
