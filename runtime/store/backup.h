#pragma once

#include <string>

#include "absl/status/status.h"

namespace onetake {

// Copies the SQLite database `source` into the new file `target`, as it was at one moment, while
// another process may go on writing to it: a VACUUM INTO by a read-only connection, then a full
// integrity check of the copy. Both paths from ResolveDatabasePath. `target` has mode 0600, no WAL,
// and is on disk when this returns; on failure it does not exist.
//
// Holds one snapshot of the source for as long as it takes, so the source's WAL grows meanwhile.
// Never to be called in a process that has `source` open. Blocks for seconds per GB.
//
//   ALREADY_EXISTS       there is a file named `target`: nothing of it was touched
//   NOT_FOUND            there is no `source`
//   DATA_LOSS            `source` is damaged, or the copy did not pass its check
//   others               as SqliteStatus
absl::Status BackUp(const std::string& source, const std::string& target);

}  // namespace onetake
