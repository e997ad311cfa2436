#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace onetake::dental {

// The zone of the practice: what a spelling without a zone means, and how the API writes instants.
absl::TimeZone PracticeZone();

// Reads a slot's instant from any spelling the practice takes ("2026-06-24T14:00:00-05:00",
// "2026-06-24T19:00:00Z", "2026-06-24 2pm"), so that the truth is compared by instant and two
// spellings cannot hide a double booking. INVALID_ARGUMENT.
absl::StatusOr<absl::Time> ParseSlot(absl::string_view text);

// Writes RFC 3339 with the practice's offset.
std::string FormatSlot(absl::Time slot);

}  // namespace onetake::dental
