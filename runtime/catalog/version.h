#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace onetake {

// The name of a text in logs, the ledger and the API: the first 16 hex digits of its SHA-256.
std::string VersionOf(absl::string_view bytes);

}  // namespace onetake
