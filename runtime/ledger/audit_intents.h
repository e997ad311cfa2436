#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/ledger/attribute_index.h"
#include "runtime/ledger/ledger_queries.h"
#include "runtime/store/database.h"

namespace onetake {

// Lists of intents, by many filters: one question over several indexes. Each statement is narrowed
// by one index, chosen by the filter that promises the fewest rows; all of them sift by all
// filters. Owned by the thread of its connection.
class AuditIntents {
 public:
  // `attributes` must outlive this.
  AuditIntents(Database& database, const AttributeIndex& attributes)
      : database_(database), attributes_(attributes) {}
  absl::Status Prepare();

  // As LedgerQueries in ledger_queries.h.
  absl::StatusOr<std::vector<IntentSummary>> List(const IntentFilter& filter,
                                                  IntentPosition position, int limit);

  // How List() would find them, for tests: Statement::Plan().
  absl::StatusOr<std::string> Plan(const IntentFilter& filter) { return For(filter).Plan(); }

 private:
  absl::Status PrepareSmall();
  absl::Status PrepareInOrder();
  Statement& For(const IntentFilter& filter);
  Statement& ForCommon(const IntentFilter& filter);

  Database& database_;
  const AttributeIndex& attributes_;
  // Few rows each, sorted.
  Statement by_prefix_, by_tool_call_, by_attribute_, by_session_, unsettled_, in_review_;
  // In the order of the page.
  Statement by_row_, by_created_, by_tool_, by_state_;
  Statement held_back_, replayed_, drift_, by_disposition_;
};

}  // namespace onetake
