#include "runtime/ledger/audit_intents.h"

#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
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

}  // namespace

// What a call of the intent has to have been.
#define ONETAKE_SOME_CALL(what) \
  " EXISTS (SELECT 1 FROM calls c WHERE c.intent_row = i.intent_row AND c." what ")"
#define ONETAKE_REPLAYED "('joined', 'replayed', 'redelivered')"

// Unary plus keeps the planner from an index that the statement was not made for.
#define ONETAKE_SIFTED \
  " AND (?3 = '' OR i.tenant = ?3) AND (?4 = '' OR i.session_id = ?4)"                      \
  " AND (?5 = '' OR i.tool = ?5) AND (?6 = '' OR i.state = ?6)"                             \
  " AND (?7 = '' OR (i.intent_id >= ?7 AND i.intent_id < ?8)"                               \
  "      OR (i.key >= ?7 AND i.key < ?8))"                                                  \
  " AND +i.created_at >= ?9 AND +i.created_at < ?10"                                        \
  " AND (?11 = 0 OR" ONETAKE_SOME_CALL("role IN " ONETAKE_HELD_BACK) ")"                    \
  " AND (?12 = 0 OR" ONETAKE_SOME_CALL("role IN " ONETAKE_REPLAYED) ")"                     \
  " AND (?13 = 0 OR" ONETAKE_SOME_CALL("role = 'conflict'") ")"                             \
  " AND (?14 = 0 OR i.review_at IS NOT NULL)"                                               \
  " AND (?15 = '' OR" ONETAKE_SOME_CALL("disposition = ?15") ")"                            \
  " AND (?16 = '' OR" ONETAKE_SOME_CALL("tool_call_id = ?16") ")"                           \
  " AND (?17 = '' OR EXISTS (SELECT 1 FROM calls c CROSS JOIN attributes a"                 \
  "      WHERE c.intent_row = i.intent_row AND a.call_row = c.call_row"                     \
  "      AND a.name = ?17 AND a.value_mac = ?18))"

#define ONETAKE_LISTED                                                 \
  "SELECT " ONETAKE_INTENT_COLUMNS                                     \
  ", (SELECT count(*) FROM calls c WHERE c.intent_row = i.intent_row)" \
  ", (SELECT count(*) FROM calls c WHERE c.intent_row = i.intent_row"  \
  "   AND c.role IN " ONETAKE_HELD_BACK ")"

// By when it was claimed.
#define ONETAKE_BY_TIME(narrowed)                                              \
  ONETAKE_LISTED " FROM intents i " narrowed                                   \
                 " AND (i.created_at, i.intent_row) < (?1, ?2)" ONETAKE_SIFTED \
                 " ORDER BY i.created_at DESC, i.intent_row DESC LIMIT ?19"
// By when it was recorded, from a list of calls.
#define ONETAKE_BY_CALL(narrowed)                                                        \
  ONETAKE_LISTED " FROM calls f INDEXED BY " narrowed                                    \
                 " AND f.intent_row IS NOT NULL AND f.tenant = ?3 AND f.intent_row < ?2" \
                 " AND i.intent_row = f.intent_row" ONETAKE_SIFTED                       \
                 " AND ?1 IS NOT NULL GROUP BY f.intent_row ORDER BY f.intent_row DESC LIMIT ?19"

absl::Status AuditIntents::Prepare() {
  ONETAKE_RETURN_IF_ERROR(PrepareSmall());
  return PrepareInOrder();
}

absl::Status AuditIntents::PrepareSmall() {
  ONETAKE_ASSIGN_OR_RETURN(by_prefix_, database_.Prepare(ONETAKE_BY_TIME(
                                           "WHERE ((i.intent_id >= ?7 AND i.intent_id < ?8)"
                                           " OR (i.key >= ?7 AND i.key < ?8))")));
  ONETAKE_ASSIGN_OR_RETURN(
      by_tool_call_,
      database_.Prepare(ONETAKE_BY_TIME(
          "WHERE i.intent_row IN (SELECT c.intent_row FROM calls c INDEXED BY calls_delivery"
          " WHERE c.tool_call_id = ?16 AND c.tool_call_id != '' AND c.session_id != ''"
          " UNION ALL SELECT c.intent_row FROM calls c INDEXED BY calls_without_session"
          " WHERE c.tool_call_id = ?16 AND c.tool_call_id != '' AND c.session_id = '')")));
  ONETAKE_ASSIGN_OR_RETURN(
      by_attribute_,
      database_.Prepare(ONETAKE_BY_TIME("WHERE i.intent_row IN (SELECT c.intent_row FROM attributes"
                                        " a INDEXED BY attributes_value CROSS JOIN calls c"
                                        " WHERE a.name = ?17 AND a.value_mac = ?18"
                                        " AND c.call_row = a.call_row)")));
  ONETAKE_ASSIGN_OR_RETURN(by_session_,
                           database_.Prepare(ONETAKE_BY_TIME("INDEXED BY intents_session"
                                                             " WHERE i.session_id = ?4")));
  ONETAKE_ASSIGN_OR_RETURN(unsettled_, database_.Prepare(ONETAKE_BY_TIME(
                                           "INDEXED BY intents_unsettled"
                                           " WHERE i.settled_at IS NULL AND i.state = ?6")));
  ONETAKE_ASSIGN_OR_RETURN(in_review_,
                           database_.Prepare(ONETAKE_BY_TIME("INDEXED BY intents_review"
                                                             " WHERE i.review_at IS NOT NULL")));
  return absl::OkStatus();
}

absl::Status AuditIntents::PrepareInOrder() {
  ONETAKE_ASSIGN_OR_RETURN(
      by_row_,
      database_.Prepare(ONETAKE_LISTED " FROM intents i NOT INDEXED WHERE i.intent_row < ?2"
                                       " AND ?1 IS NOT NULL" ONETAKE_SIFTED
                                       " ORDER BY i.intent_row DESC LIMIT ?19"));
  ONETAKE_ASSIGN_OR_RETURN(by_created_, database_.Prepare(ONETAKE_BY_TIME(
                                            "INDEXED BY intents_created WHERE i.tenant = ?3"
                                            " AND i.created_at >= ?9")));
  ONETAKE_ASSIGN_OR_RETURN(
      by_tool_, database_.Prepare(ONETAKE_BY_TIME("INDEXED BY intents_tool WHERE i.tenant = ?3"
                                                  " AND i.tool = ?5 AND i.created_at >= ?9")));
  ONETAKE_ASSIGN_OR_RETURN(
      by_state_, database_.Prepare(ONETAKE_BY_TIME(
                     "INDEXED BY intents_settled WHERE i.settled_at IS NOT NULL AND i.tenant = ?3"
                     " AND i.state = ?6 AND i.created_at >= ?9")));
  ONETAKE_ASSIGN_OR_RETURN(
      held_back_, database_.Prepare(ONETAKE_BY_CALL(
                      "calls_held_back CROSS JOIN intents i WHERE f.role IN " ONETAKE_HELD_BACK)));
  ONETAKE_ASSIGN_OR_RETURN(
      replayed_, database_.Prepare(ONETAKE_BY_CALL(
                     "calls_replayed CROSS JOIN intents i WHERE f.role IN " ONETAKE_REPLAYED)));
  ONETAKE_ASSIGN_OR_RETURN(
      drift_, database_.Prepare(
                  ONETAKE_BY_CALL("calls_drift CROSS JOIN intents i WHERE f.role = 'conflict'")));
  ONETAKE_ASSIGN_OR_RETURN(
      by_disposition_,
      database_.Prepare(ONETAKE_BY_CALL(
          "calls_disposition CROSS JOIN intents i WHERE f.disposition NOT IN ('', 'DONE')"
          " AND f.disposition = ?15")));
  return absl::OkStatus();
}

Statement& AuditIntents::For(const IntentFilter& filter) {
  if (!filter.id_prefix.empty()) return by_prefix_;
  if (!filter.tool_call_id.empty()) return by_tool_call_;
  if (!filter.attribute.empty()) return by_attribute_;
  if (!filter.session_id.empty()) return by_session_;
  if (filter.review_only) return in_review_;
  if (filter.state.has_value() && !IsSettled(*filter.state)) return unsettled_;
  // Without a tenant it is for tests and tools in this process, and no index leads there.
  return filter.tenant.empty() ? by_row_ : ForCommon(filter);
}

Statement& AuditIntents::ForCommon(const IntentFilter& filter) {
  if (filter.drift_only) return drift_;
  const bool common_state = filter.state == IntentState::kSucceeded;
  if (filter.state.has_value() && !common_state) return by_state_;
  if (!filter.tool.empty()) return by_tool_;
  if (common_state) return by_state_;
  if (HasTime(filter)) return by_created_;
  if (!filter.disposition.empty() && filter.disposition != "DONE") return by_disposition_;
  if (filter.held_back_only) return held_back_;
  return filter.replayed_only ? replayed_ : by_created_;
}

absl::StatusOr<std::vector<IntentSummary>> AuditIntents::List(const IntentFilter& filter,
                                                              IntentPosition position, int limit) {
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
  const int64_t created_before = ToColumn(filter.created_before.value_or(absl::InfiniteFuture()));
  const bool first = position.row <= 0;
  const std::string prefix_end = EndOfPrefix(filter.id_prefix);
  Run run(For(filter));
  // No row is 0, so the first page begins right before `created_before`.
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
      .Int(kLimit, ClampLimit(limit));
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

}  // namespace onetake
