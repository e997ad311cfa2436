#include "tools/dental/slot_time.h"

#include <array>

#include "absl/strings/ascii.h"
#include "runtime/base/check.h"

namespace onetake::dental {

absl::TimeZone PracticeZone() {
  static const absl::TimeZone zone = [] {
    absl::TimeZone loaded;
    ONETAKE_CHECK(absl::LoadTimeZone("America/Chicago", &loaded));
    return loaded;
  }();
  return zone;
}

absl::StatusOr<absl::Time> ParseSlot(absl::string_view text) {
  static constexpr std::array<const char*, 10> kSpellings = {
      "%Y-%m-%d%ET%H:%M:%E*S%Ez", "%Y-%m-%d%ET%H:%M%Ez", "%Y-%m-%d %H:%M:%E*S%Ez",
      "%Y-%m-%d %H:%M%Ez",        "%Y-%m-%dT%H:%M:%E*S", "%Y-%m-%dT%H:%M",
      "%Y-%m-%d %H:%M:%E*S",      "%Y-%m-%d %I:%M %p",   "%Y-%m-%d %I %p",
      "%Y-%m-%d %H:%M",
  };
  // strptime wants a space before "pm" or none; one form serves both.
  std::string spelling(absl::StripAsciiWhitespace(text));
  if (spelling.size() > 2 && absl::ascii_tolower(spelling.back()) == 'm' &&
      absl::ascii_isdigit(spelling[spelling.size() - 3])) {
    spelling.insert(spelling.size() - 2, " ");
  }
  absl::Time slot;
  for (const char* format : kSpellings) {
    if (absl::ParseTime(format, spelling, PracticeZone(), &slot, nullptr)) return slot;
  }
  return absl::InvalidArgumentError(
      "must be an instant such as 2026-06-24T14:00:00-05:00 or 2026-06-24 2pm");
}

std::string FormatSlot(absl::Time slot) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%S%Ez", slot, PracticeZone());
}

}  // namespace onetake::dental
