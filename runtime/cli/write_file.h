#pragma once

#include <string>

#include "absl/status/status.h"

namespace onetake {

// Makes the file, or replaces what is in it: a file that is there is whole at any moment, the old
// one or the new one, and keeps its mode, and its owner and group where we may give it to them; a
// symbolic link stays. Where only the file itself can be written it is written in its place.
// FAILED_PRECONDITION, naming it, when that fails; of a new file nothing is left then.
absl::Status WriteFile(const std::string& path, const std::string& text);

}  // namespace onetake
