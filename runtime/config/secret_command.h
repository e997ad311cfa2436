#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/base/secret.h"

namespace onetake {

// Returns what `command` (an absolute path and arguments; no shell) writes to its standard output,
// at most 4096 bytes. FAILED_PRECONDITION: it cannot be started, ends with another status than 0,
// says too much, or is not done in `limit` (it is killed then). Blocks.
absl::StatusOr<Secret> ReadSecretFromCommand(const std::vector<std::string>& command,
                                             absl::Duration limit);

}  // namespace onetake
