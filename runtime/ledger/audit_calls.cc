#include "runtime/ledger/audit_calls.h"

#include <map>
#include <string>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "runtime/base/status.h"
#include "runtime/ledger/rows.h"

namespace onetake {
namespace {

// Parameters of the lists, the same for each.
enum Parameter {
  kAfterTime = 1,
  kAfterRow,
  kTenant,
  kSession,
  kTool,
  kReceivedAfter,
  kReceivedBefore,
  kHeldBack,
  kLimit,
  kToolCall
};

absl::StatusOr<CallSummary> ReadSummary(const Run& row) {
  CallSummary summary;
  ONETAKE_ASSIGN_OR_RETURN(summary.call, ReadCall(row));
  summary.row = row.Int(kCallColumns);
  summary.intent_id = std::string(row.Text(kCallColumns + 1));
  summary.generation = static_cast<int>(row.Int(kCallColumns + 2));
  summary.opened_by = std::string(row.Text(kCallColumns + 3));
  return summary;
}

absl::StatusOr<std::vector<CallSummary>> ReadSummaries(Run& run) {
  std::vector<CallSummary> summaries;
  ONETAKE_RETURN_IF_ERROR(run.ForEach([&](const Run& row) -> absl::Status {
    ONETAKE_ASSIGN_OR_RETURN(summaries.emplace_back(), ReadSummary(row));
    return absl::OkStatus();
  }));
  return summaries;
}

}  // namespace

#define ONETAKE_LISTED_CALLS(from)                                              \
  "SELECT " ONETAKE_CALL_COLUMNS                                                \
  ", c.call_row, coalesce(i.intent_id, ''), coalesce(i.generation, 0)"          \
  ", coalesce((SELECT o.call_id FROM calls o WHERE o.intent_row = c.intent_row" \
  "   AND o.role = 'opened' ORDER BY o.call_row LIMIT 1), '')"                  \
  " FROM calls c " from
#define ONETAKE_WITH_INTENT " LEFT JOIN intents i ON i.intent_row = c.intent_row"

#define ONETAKE_LIST_CALLS(index, narrowed)       \
  ONETAKE_LISTED_CALLS(index ONETAKE_WITH_INTENT) \
  " WHERE " narrowed                                                               \
  " AND (c.received_at, c.call_row) > (?1, ?2)"                                    \
  " AND (?3 = '' OR c.tenant = ?3) AND (?4 = '' OR c.session_id = ?4)"             \
  " AND (?10 = '' OR c.tool_call_id = ?10)"                                        \
  " AND (?5 = '' OR c.tool = ?5) AND +c.received_at >= ?6 AND +c.received_at < ?7" \
  " AND (?8 = 0 OR (" ONETAKE_HELD_BACK("c.role") \
  " AND c.intent_row IS NOT NULL))"                                                \
  " ORDER BY c.received_at, c.call_row LIMIT ?9"

absl::Status AuditCalls::Prepare() {
  ONETAKE_ASSIGN_OR_RETURN(
      by_session_, database_.Prepare(ONETAKE_LIST_CALLS(
                       "INDEXED BY calls_session", "c.session_id = ?4 AND c.session_id != ''")));
  ONETAKE_ASSIGN_OR_RETURN(
      by_tool_call_, database_.Prepare(ONETAKE_LIST_CALLS(
                         "NOT INDEXED",
                         "c.call_row IN (SELECT call_row FROM calls INDEXED BY calls_delivery"
                         " WHERE tool_call_id = ?10 AND tool_call_id != '' AND session_id != ''"
                         " UNION ALL SELECT call_row FROM calls INDEXED BY calls_without_session"
                         " WHERE tool_call_id = ?10 AND tool_call_id != '' AND session_id = '')")));
  ONETAKE_ASSIGN_OR_RETURN(
      by_time_, database_.Prepare(ONETAKE_LIST_CALLS("INDEXED BY calls_received",
                                                     "c.tenant = ?3 AND c.received_at < ?7")));
  ONETAKE_ASSIGN_OR_RETURN(held_back_,
                           database_.Prepare(ONETAKE_LIST_CALLS(
                               "INDEXED BY calls_held_back_at",
                               "c.tenant = ?3 AND c.received_at < ?7"
                               " AND c.intent_row IS NOT NULL AND " ONETAKE_HELD_BACK("c.role"))));
  ONETAKE_ASSIGN_OR_RETURN(by_row_, database_.Prepare(ONETAKE_LIST_CALLS("NOT INDEXED", "1")));
  ONETAKE_ASSIGN_OR_RETURN(
      count_calls_,
      database_.Prepare("SELECT count(*) FROM calls INDEXED BY calls_received WHERE tenant = ?1"
                        " AND received_at >= ?2 AND received_at < ?3"));
  ONETAKE_ASSIGN_OR_RETURN(
      count_intents_,
      database_.Prepare("SELECT count(*) FROM intents INDEXED BY intents_created WHERE tenant = ?1"
                        " AND created_at >= ?2 AND created_at < ?3"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_held_back_,
      database_.Prepare("SELECT received_at, tool, role, intent_row FROM calls"
                        " INDEXED BY calls_held_back_at WHERE tenant = ?1 AND received_at >= ?2"
                        " AND received_at < ?3 AND intent_row IS NOT NULL"
                        " AND " ONETAKE_HELD_BACK("role") " AND (?4 = '' OR tool = ?4)"));
  ONETAKE_ASSIGN_OR_RETURN(
      select_newest_,
      database_.Prepare(ONETAKE_LISTED_CALLS(
          "INDEXED BY calls_held_back_at" ONETAKE_WITH_INTENT) " WHERE c.tenant = ?1 AND "
                                                               "c.received_at >= ?2 AND "
                                                               "c.received_at < ?3"
                                                               " AND c.intent_row IS NOT NULL "
                                                               "AND " ONETAKE_HELD_BACK(
                                                                   "c.role") " AND (?4 = '' OR "
                                                                             "c.tool = ?4) "
                                                                             "ORDER BY "
                                                                             "c.received_at DESC, "
                                                                             "c.call_row DESC "
                                                                             "LIMIT ?5"));
  return absl::OkStatus();
}

Statement& AuditCalls::For(const CallFilter& filter) {
  // Some models number their ids, anew in each conversation.
  if (!filter.session_id.empty()) return by_session_;
  if (!filter.tool_call_id.empty()) return by_tool_call_;
  // A question without a tenant is for tests and tools in this process; no index leads there.
  if (filter.tenant.empty()) return by_row_;
  return filter.held_back_only ? held_back_ : by_time_;
}

absl::StatusOr<std::vector<CallSummary>> AuditCalls::List(const CallFilter& filter,
                                                          CallPosition position, int limit) {
  const int64_t after = ToColumn(filter.received_after.value_or(absl::InfinitePast()));
  const bool first = position.row <= 0;
  Run run(For(filter));
  // Rows count from 1, so the first page begins right at `received_after`.
  run.Int(kAfterTime, first ? after : ToColumn(position.received_at))
      .Int(kAfterRow, first ? 0 : position.row)
      .Text(kTenant, filter.tenant)
      .Text(kSession, filter.session_id)
      .Text(kTool, filter.tool)
      .Int(kReceivedAfter, after)
      .Int(kReceivedBefore, ToColumn(filter.received_before.value_or(absl::InfiniteFuture())))
      .Int(kHeldBack, filter.held_back_only ? 1 : 0)
      .Int(kLimit, ClampLimit(limit))
      .Text(kToolCall, filter.tool_call_id);
  return ReadSummaries(run);
}

absl::StatusOr<DuplicateStats> AuditCalls::Duplicates(const DuplicateQuestion& question) {
  DuplicateStats stats;
  for (const auto& [statement, count] :
       {std::pair{&count_calls_, &stats.calls}, std::pair{&count_intents_, &stats.intents}}) {
    Run run(*statement);
    run.Text(1, question.tenant).Int(2, ToColumn(question.after)).Int(3, ToColumn(question.before));
    ONETAKE_RETURN_IF_ERROR(run.Step().status());
    *count = run.Int(0);
  }
  ONETAKE_RETURN_IF_ERROR(CountHeldBack(question, stats));
  if (question.calls > 0) ONETAKE_RETURN_IF_ERROR(FindNewest(question, stats));
  return stats;
}

// Days are counted here, because SQLite knows no zones.
absl::Status AuditCalls::CountHeldBack(const DuplicateQuestion& question, DuplicateStats& stats) {
  std::map<std::tuple<absl::CivilDay, std::string, std::string>, int64_t> counts;
  std::unordered_set<int64_t> intents;
  Run run(select_held_back_);
  run.Text(1, question.tenant)
      .Int(2, ToColumn(question.after))
      .Int(3, ToColumn(question.before))
      .Text(4, question.tool);
  ONETAKE_RETURN_IF_ERROR(run.ForEach([&](const Run& row) {
    const absl::Time at = absl::FromUnixMicros(row.Int(0));
    ++counts[{absl::ToCivilDay(at, question.zone), std::string(row.Text(1)),
              std::string(row.Text(2))}];
    intents.insert(row.Int(3));
    ++stats.held_back;
    return absl::OkStatus();
  }));
  stats.intents_held_back = static_cast<int64_t>(intents.size());
  for (const auto& [key, calls] : counts) {
    const auto& [day, tool, role_name] = key;
    ONETAKE_ASSIGN_OR_RETURN(const CallRole role, CallRoleFromString(role_name));
    stats.counts.push_back(
        {.day = absl::FormatCivilTime(day), .tool = tool, .role = role, .calls = calls});
  }
  return absl::OkStatus();
}

absl::Status AuditCalls::FindNewest(const DuplicateQuestion& question, DuplicateStats& stats) {
  Run run(select_newest_);
  run.Text(1, question.tenant)
      .Int(2, ToColumn(question.after))
      .Int(3, ToColumn(question.before))
      .Text(4, question.tool)
      .Int(5, ClampLimit(question.calls));
  ONETAKE_ASSIGN_OR_RETURN(stats.newest, ReadSummaries(run));
  return absl::OkStatus();
}

}  // namespace onetake
