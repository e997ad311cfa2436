#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace onetake {

// Turns any spelling that ReadTimeText takes into "2026-06-24T19:00:00Z". `default_zone` is the
// IANA name for texts without a zone; empty: a zone is required. Errors are INVALID_ARGUMENT, with
// advice and without the text. Pure except for the zone's file, read once a process; thread-safe.
absl::StatusOr<std::string> NormaliseInstant(absl::string_view text,
                                             absl::string_view default_zone);

// Turns any spelling of a date alone into "2026-06-24".
absl::StatusOr<std::string> NormaliseDate(absl::string_view text);

}  // namespace onetake
