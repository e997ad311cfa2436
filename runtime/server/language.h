#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace onetake {

// Whether the field `language` of a request could be a BCP 47 tag; empty is none. INVALID_ARGUMENT
// with an ErrorDetail otherwise.
absl::Status CheckLanguage(absl::string_view language);

}  // namespace onetake
