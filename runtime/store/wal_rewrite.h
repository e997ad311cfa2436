#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace onetake {

// Writes the WAL of a database anew, as it is read, and syncs it. To be called before the database
// is opened by its only writer.
//
// After a sync that has failed, the system takes the pages for written (fsync(2), "Handling of
// errors"): a process that starts then reads frames that are in memory only, and no later sync
// would bring them to the disk. Commits on top of such a gap would be gone with the next power
// loss, although each of them was synced. Blocks for as long as it takes to write the WAL, at most
// some tens of megabytes; does nothing when there is none, as after a clean stop.
absl::Status RewriteWal(const std::string& database_path, const std::string& vfs);

// Returns the first column of the first row that `sql` gives, in the database's own file: what is
// in its WAL is not looked at, and nothing is written. Nothing: there is no WAL, or it is empty, or
// there is no such file or row. As SqliteStatus when the file cannot be read.
absl::StatusOr<std::optional<std::string>> QueryBehindWal(const std::string& database_path,
                                                          const std::string& vfs, const char* sql);

}  // namespace onetake
