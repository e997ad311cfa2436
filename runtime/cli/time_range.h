#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// The times that --since and --until take. Pure.
namespace onetake {

inline constexpr char kTimeHelp[] =
    "a time such as 21:00 (the last that was; yesterday's, if it is not 21:00 yet), 2026-06-24 "
    "21:00 or 2026-06-24T21:00:00Z, or how long ago, such as 2h";

// Reads RFC 3339; "2026-06-24 21:00" or "2026-06-24" in `zone`; "21:00", the last that was at `now`
// in `zone`; or how long ago: "2h". InfinitePast() for anything else.
absl::Time ParseTime(absl::string_view text, absl::Time now, absl::TimeZone zone);

// A check for CLI11: an error text, or "" when `text` is such a time.
std::string CheckTime(const std::string& text);

struct TimeRange {
  std::optional<absl::Time> since;
  std::optional<absl::Time> until;
};
// Reads the two flags, which are as ParseTime() takes them; "" for one that was not given. If the
// last `until` that was would be before `since`, and today's is still to come, today's is meant.
// INVALID_ARGUMENT: the range ends before it begins.
absl::StatusOr<TimeRange> ParseTimeRange(absl::string_view since, absl::string_view until,
                                         absl::Time now, absl::TimeZone zone);

}  // namespace onetake
