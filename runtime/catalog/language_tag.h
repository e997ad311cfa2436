#pragma once

#include "absl/strings/string_view.h"

namespace onetake {

// Whether `tag` has the form of a language tag (RFC 5646, 2.1): subtags of up to 8 letters and
// digits, at most 35 bytes in all. Whether its subtags are registered does not matter.
bool IsLanguageTag(absl::string_view tag);

}  // namespace onetake
