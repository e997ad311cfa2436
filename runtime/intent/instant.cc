#include "runtime/intent/instant.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "runtime/base/status.h"
#include "runtime/intent/time_text.h"

namespace onetake {
namespace {

absl::Status Bad(absl::string_view message) { return absl::InvalidArgumentError(message); }

absl::StatusOr<absl::TimeZone> Load(const std::string& name) {
  absl::TimeZone zone;
  if (!absl::LoadTimeZone(name, &zone)) {
    return Bad(absl::StrCat("needs the time zone ", name,
                            ", which this machine does not have (is tzdata installed?): give an "
                            "offset such as -05:00, or Z"));
  }
  return zone;
}

// The offset that `zone` has at `local`, when it has exactly one.
absl::StatusOr<int> OnlyOffset(const absl::TimeZone& zone, absl::CivilSecond local) {
  const absl::TimeZone::TimeInfo info = zone.At(local);
  switch (info.kind) {
    case absl::TimeZone::TimeInfo::UNIQUE: return zone.At(info.pre).offset;
    case absl::TimeZone::TimeInfo::SKIPPED:
      return Bad("is a local time that does not exist: clocks go forward over it; give another");
    case absl::TimeZone::TimeInfo::REPEATED: break;
  }
  return Bad("is a local time that comes twice: clocks go back over it; give the offset too");
}

// Seconds east of UTC that `text` means at its own local time.
absl::StatusOr<int> OffsetOf(const TimeText& text, absl::CivilSecond local,
                             absl::string_view default_zone) {
  if (text.zone.empty() && text.offset_minutes) return *text.offset_minutes * 60;
  const std::string name = text.zone.empty() ? std::string(default_zone) : text.zone;
  if (name.empty()) return Bad("has no time zone: add an offset such as -05:00, or Z");
  ONETAKE_ASSIGN_OR_RETURN(const absl::TimeZone zone, Load(name));
  if (!text.offset_minutes) return OnlyOffset(zone, local);
  const int offset = *text.offset_minutes * 60;
  const absl::Time instant = absl::FromCivil(local - offset, absl::UTCTimeZone());
  if (zone.At(instant).offset != offset) {
    return Bad("has an offset that its time zone does not have then: give one of the two");
  }
  return offset;
}

}  // namespace

absl::StatusOr<std::string> NormaliseInstant(absl::string_view text,
                                             absl::string_view default_zone) {
  ONETAKE_ASSIGN_OR_RETURN(const TimeText parts, ReadTimeText(text));
  if (!parts.time) return Bad("has no time of day: write it as 2026-06-24T14:00:00-05:00");
  const absl::CivilSecond local(parts.day.year(), parts.day.month(), parts.day.day(),
                                parts.time->hour, parts.time->minute, parts.time->second);
  ONETAKE_ASSIGN_OR_RETURN(const int offset, OffsetOf(parts, local, default_zone));
  const absl::CivilSecond utc = local - offset;
  if (utc.year() < 1000 || utc.year() > 9999) return Bad("is outside the years 1000 to 9999");
  return absl::StrFormat("%d-%02d-%02dT%02d:%02d:%02d%s%sZ", utc.year(), utc.month(), utc.day(),
                         utc.hour(), utc.minute(), utc.second(),
                         parts.time->fraction.empty() ? "" : ".", parts.time->fraction);
}

absl::StatusOr<std::string> NormaliseDate(absl::string_view text) {
  ONETAKE_ASSIGN_OR_RETURN(const TimeText parts, ReadTimeText(text));
  if (parts.time || parts.offset_minutes || !parts.zone.empty()) {
    return Bad("has more than a date: give the date alone, such as 2026-06-24");
  }
  return absl::StrFormat("%d-%02d-%02d", parts.day.year(), parts.day.month(), parts.day.day());
}

}  // namespace onetake
