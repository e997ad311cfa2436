#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace onetake {

// Makes a copy of the file at `path` in memory that nobody can change any more, after its SHA-256
// was found to be `sha256` (64 lower-case hex digits). The caller closes the descriptor. NOT_FOUND
// when it cannot be opened; INVALID_ARGUMENT when it is a symbolic link or no regular file, when
// others than its owner may write it, or the digest differs; UNAVAILABLE when there is no memory.
absl::StatusOr<int> OpenChecked(const std::string& path, const std::string& sha256);

// The SHA-256 of the file as it is now, 64 lower-case hex digits. NOT_FOUND, INVALID_ARGUMENT.
absl::StatusOr<std::string> Sha256OfFile(const std::string& path);

}  // namespace onetake
