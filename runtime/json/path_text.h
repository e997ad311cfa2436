#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace onetake {

// Extends a path for messages: `.name`, or `['other name']` when it is no plain identifier. Long
// names are cut at 64 bytes and control characters shown as `?`, since names come from outside.
void AppendMember(absl::string_view name, std::string& path);
void AppendIndex(size_t index, std::string& path);

}  // namespace onetake
