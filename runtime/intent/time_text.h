#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"

namespace onetake {

struct ClockTime {
  int hour = 0;
  int minute = 0;
  int second = 0;
  std::string fraction = "";  // digits after the point, without trailing zeros; often empty
};

// What one spelling of a date and time says, before any time zone is applied.
struct TimeText {
  absl::CivilDay day;
  std::optional<ClockTime> time;
  std::optional<int> offset_minutes;  // east of UTC: "-05:00", "Z", "GMT+1"
  std::string zone;                   // IANA name: "America/Chicago"; empty when there is none
};

// Reads RFC 3339, ISO 8601 and the spellings of people and programs: a date, a time and a zone,
// each at most once and in any order, with a weekday that must be true. What can be read in two
// ways is refused: 06/07/2026, EST, a two-digit year, "2pm" without a date. A time without am or pm
// is on the 24-hour clock. Errors are INVALID_ARGUMENT, begin with a verb and never quote the text.
// Pure.
absl::StatusOr<TimeText> ReadTimeText(absl::string_view text);

}  // namespace onetake
