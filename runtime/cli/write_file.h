#pragma once

#include <string>

#include "absl/status/status.h"

namespace onetake {

// Makes the file, or replaces what is in it. FAILED_PRECONDITION, naming it, when that fails.
absl::Status WriteFile(const std::string& path, const std::string& text);

}  // namespace onetake
