#include "runtime/cli/time_range.h"

#include "absl/strings/str_cat.h"

namespace onetake {
namespace {

constexpr char kShown[] = "%Y-%m-%d %H:%M:%S%Ez";

// The time of "21:00" on that day.
std::optional<absl::Time> OnDay(absl::CivilDay day, absl::string_view text, absl::TimeZone zone) {
  const std::string whole = absl::StrCat(absl::FormatCivilTime(day), " ", text);
  absl::Time time;
  for (const char* format : {"%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%E*S"}) {
    if (absl::ParseTime(format, whole, zone, &time, nullptr)) return time;
  }
  return std::nullopt;
}

std::optional<absl::Time> Today(absl::string_view text, absl::Time now, absl::TimeZone zone) {
  return OnDay(absl::ToCivilDay(now, zone), text, zone);
}

}  // namespace

absl::Time ParseTime(absl::string_view text, absl::Time now, absl::TimeZone zone) {
  absl::Duration ago;
  if (absl::ParseDuration(text, &ago) && ago >= absl::ZeroDuration()) return now - ago;
  absl::Time time;
  if (absl::ParseTime(absl::RFC3339_full, text, &time, nullptr)) return time;
  for (const char* format : {"%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%E*S", "%Y-%m-%dT%H:%M",
                             "%Y-%m-%dT%H:%M:%E*S"}) {
    if (absl::ParseTime(format, text, zone, &time, nullptr)) return time;
  }
  const std::optional<absl::Time> today = Today(text, now, zone);
  if (!today.has_value()) return absl::InfinitePast();
  if (*today <= now) return *today;
  return OnDay(absl::ToCivilDay(now, zone) - 1, text, zone).value_or(*today);
}

std::string CheckTime(const std::string& text) {
  if (ParseTime(text, absl::UnixEpoch(), absl::UTCTimeZone()) != absl::InfinitePast()) return "";
  return absl::StrCat("must be ", kTimeHelp);
}

absl::StatusOr<TimeRange> ParseTimeRange(absl::string_view since, absl::string_view until,
                                         absl::Time now, absl::TimeZone zone) {
  TimeRange range;
  if (!since.empty()) range.since = ParseTime(since, now, zone);
  if (!until.empty()) range.until = ParseTime(until, now, zone);
  if (!range.since.has_value() || !range.until.has_value()) return range;
  if (*range.until < *range.since) {
    const std::optional<absl::Time> today = Today(until, now, zone);
    if (today.has_value() && *today > now) range.until = today;
  }
  if (*range.since <= *range.until) return range;
  return absl::InvalidArgumentError(
      absl::StrCat("--until, ", absl::FormatTime(kShown, *range.until, zone),
                   ", is before --since, ", absl::FormatTime(kShown, *range.since, zone)));
}

}  // namespace onetake
