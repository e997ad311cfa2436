#pragma once

#include <string>

#include "absl/status/status.h"

namespace onetake {

// Puts on disk what was created, renamed or removed beside `path`: syncing a file says nothing
// about its name. FAILED_PRECONDITION names `path`. Blocks on the disk.
absl::Status SyncFolderOf(const std::string& path);

}  // namespace onetake
