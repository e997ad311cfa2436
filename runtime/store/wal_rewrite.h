#pragma once

#include <string>

#include "absl/status/status.h"

namespace onetake {

// Writes the WAL of a database anew, as it is read, and syncs it. Before the database is opened by
// its only writer.
//
// After a sync that has failed, the system takes the pages for written (fsync(2), "Handling of
// errors"): a process that starts then reads frames that are in memory only, and no later sync
// would bring them to the disk. Commits on top of such a gap would be gone with the next power
// loss, although each of them was synced. Blocks for as long as it takes to write the WAL, at most
// some tens of megabytes; nothing when there is none, as after a clean stop.
absl::Status RewriteWal(const std::string& database_path, const std::string& vfs);

}  // namespace onetake
