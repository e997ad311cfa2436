#pragma once

#include <string>

#include "absl/status/status.h"

namespace onetake {

// Lets the members of a group connect to a Unix socket that was its owner's alone: group and mode
// 0660. Its folder must let them through as well. FAILED_PRECONDITION when there is no such group,
// or when this process may not give the socket to it.
absl::Status ShareSocket(const std::string& path, const std::string& group);

}  // namespace onetake
