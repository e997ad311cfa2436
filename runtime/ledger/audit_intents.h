#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/base/clock.h"
#include "runtime/ledger/attribute_index.h"
#include "runtime/ledger/ledger_queries.h"
#include "runtime/store/database.h"

namespace onetake {

// Lists of intents by many filters: one question over several indexes. Each statement is narrowed
// by one index, that of the filter which promises the fewest rows. Some filters promise few by
// their nature; for the others the rows are counted, up to a bound. All statements sift by all
// filters. Owned by the thread of its connection.
class AuditIntents {
 public:
  // A page ends behind `max_sifted` intents that did not fit, or behind fewer when looking at them
  // has taken `time`: where the intents are read from a disk, each may cost a seek.
  struct Bounds {
    int max_sifted;
    absl::Duration time = absl::Milliseconds(25);
  };
  // All but `bounds` must outlive this.
  AuditIntents(Database& database, const AttributeIndex& attributes, const Clock& clock,
               Bounds bounds)
      : database_(database), attributes_(attributes), clock_(clock), bounds_(bounds) {}
  absl::Status Prepare();

  // As LedgerQueries in ledger_queries.h.
  absl::StatusOr<IntentPage> List(const IntentFilter& filter, IntentPosition position, int limit);

  // The query plan by which List() would find them, for tests: Statement::Plan().
  absl::StatusOr<std::string> Plan(const IntentFilter& filter);

 private:
  // A list in the order of the page, for filters that may promise many rows.
  struct LongList {
    Statement rows, count;
    bool by_row = false;  // in the order of rows, from calls; else by time
  };
  enum class RowOrder { kTime, kRow };

  absl::Status PrepareSmall();
  absl::Status PrepareByTime();
  absl::Status PrepareOpen();
  absl::Status PrepareByCall();
  absl::Status PrepareCalls(LongList& list, SqlLiteral rows, SqlLiteral count);
  Statement* Small(const IntentFilter& filter);  // null: all that it asks for may be many
  // The lists that could answer, each with the text that it is counted by.
  std::vector<std::pair<LongList*, std::string>> Choices(const IntentFilter& filter,
                                                         IntentPosition position);
  absl::StatusOr<LongList*> Long(const IntentFilter& filter, IntentPosition position);
  static absl::StatusOr<IntentPage> ReadSmall(Run& run, int limit);
  absl::StatusOr<IntentPage> ReadLong(Run& run, int limit, RowOrder order);
  static absl::StatusOr<IntentSummary> ReadSummary(const Run& row);

  Database& database_;
  const AttributeIndex& attributes_;
  const Clock& clock_;
  const Bounds bounds_;
  // Lists of few rows each, sorted.
  Statement by_prefix_, by_tool_call_, by_attribute_, by_session_;
  LongList by_row_, by_created_, by_tool_, by_state_, unsettled_, in_review_;
  LongList held_back_, replayed_, drift_, by_disposition_;
  Statement select_listed_;
};

}  // namespace onetake
