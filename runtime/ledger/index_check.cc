#include "runtime/ledger/index_check.h"

#include "runtime/base/status.h"

namespace onetake {

absl::StatusOr<std::optional<std::string>> FindIndexChange(Database& ledger) {
  // Each is a snapshot of its own, so that a server that writes can shrink the WAL in between.
  constexpr SqlLiteral kChecks[] = {
      "PRAGMA integrity_check('meta')",      "PRAGMA integrity_check('seal_keys')",
      "PRAGMA integrity_check('latencies')", "PRAGMA integrity_check('intents')",
      "PRAGMA integrity_check('bodies')",    "PRAGMA integrity_check('requests')",
      "PRAGMA integrity_check('results')",   "PRAGMA integrity_check('intent_keys')",
      "PRAGMA integrity_check('attempts')",  "PRAGMA integrity_check('attributes')",
      "PRAGMA integrity_check('calls')",     "PRAGMA integrity_check('events')"};
  for (const SqlLiteral& check : kChecks) {
    ONETAKE_ASSIGN_OR_RETURN(std::string found, ledger.QueryText(check));
    if (found != "ok") return found;
  }
  return std::nullopt;
}

}  // namespace onetake
