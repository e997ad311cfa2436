#pragma once

#include <string>

#include "absl/status/status.h"

namespace onetake {

// What was created, renamed or removed beside `path` is on disk when this returns OK: syncing a
// file says nothing about its name. FAILED_PRECONDITION names `path`. Blocks on the disk.
absl::Status SyncFolderOf(const std::string& path);

}  // namespace onetake
