#include "runtime/ledger/key_check.h"

#include <string>

#include "runtime/base/status.h"
#include "runtime/store/statement.h"

namespace onetake {

absl::Status CheckIntentKey(Database& writer, absl::string_view check) {
  if (check.empty()) return absl::OkStatus();
  ONETAKE_ASSIGN_OR_RETURN(
      const std::string known,
      writer.QueryText(
          "SELECT coalesce((SELECT value FROM meta WHERE name = 'intent_key_check'), '')"));
  if (known == check) return absl::OkStatus();
  if (!known.empty()) {
    return absl::FailedPreconditionError(
        "intent_key: is not the one that this ledger was begun with: each call would count as new, "
        "and what was written would be written again. Put the former key back. If it is lost, move "
        "the ledger away and start once with --accept-restored: an empty one begins, and for 24 h "
        "new writes are confirmed by the user first, unless they are NATURAL and have no guarded "
        "arguments");
  }
  ONETAKE_ASSIGN_OR_RETURN(
      Statement insert,
      writer.Prepare("INSERT INTO meta (name, value) VALUES ('intent_key_check', ?1)"));
  return Run(insert).Text(1, check).Finish();
}

}  // namespace onetake
