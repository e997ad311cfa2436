#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/ledger/ledger_queries.h"
#include "runtime/store/database.h"

namespace onetake {

// Lists of calls, and counts of what was held back. Owned by the thread of its connection.
class AuditCalls {
 public:
  explicit AuditCalls(Database& database) : database_(database) {}
  absl::Status Prepare();

  // As LedgerQueries in ledger_queries.h.
  absl::StatusOr<std::vector<CallSummary>> List(const CallFilter& filter, CallPosition position,
                                                int limit);
  // Runs in the snapshot that the caller has begun.
  absl::StatusOr<DuplicateStats> Duplicates(const DuplicateQuestion& question);

  // The query plan by which List() would find them, for tests: Statement::Plan().
  absl::StatusOr<std::string> Plan(const CallFilter& filter) { return For(filter).Plan(); }

 private:
  Statement& For(const CallFilter& filter);
  absl::Status CountHeldBack(const DuplicateQuestion& question, DuplicateStats& stats);
  absl::Status FindNewest(const DuplicateQuestion& question, DuplicateStats& stats);

  Database& database_;
  Statement by_session_, by_tool_call_, by_time_, held_back_, by_row_;
  Statement count_calls_, count_intents_, select_held_back_, select_newest_;
};

}  // namespace onetake
