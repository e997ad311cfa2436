#pragma once

#include <string>

#include "absl/status/status.h"

namespace onetake {

// Makes the file, or replaces what is in it: a file that is there is whole at any moment, the old
// one or the new one, and keeps its rights; a symbolic link stays. FAILED_PRECONDITION, naming it,
// when that fails; of a new file nothing is left then.
absl::Status WriteFile(const std::string& path, const std::string& text);

}  // namespace onetake
