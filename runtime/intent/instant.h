#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace onetake {

// "2026-06-24T19:00:00Z" of any spelling that ReadTimeText takes. `default_zone` is the IANA name
// for texts without a zone; empty: a zone is required. Errors are INVALID_ARGUMENT, with advice and
// without the text. Pure but for the zone's file, read once a process; thread-safe.
absl::StatusOr<std::string> NormaliseInstant(absl::string_view text,
                                             absl::string_view default_zone);

// "2026-06-24" of any spelling of a date alone.
absl::StatusOr<std::string> NormaliseDate(absl::string_view text);

}  // namespace onetake
