#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "runtime/base/status.h"
#include "runtime/intent/time_parts.h"
#include "runtime/intent/unicode.h"

namespace onetake {
namespace {

// The offsets that clocks really have lie within these. Others are refused.
constexpr int kWestmostMinutes = -12 * 60;
constexpr int kEastmostMinutes = 14 * 60;
constexpr int kStepMinutes = 15;
constexpr size_t kAnyLength = 1000;

constexpr absl::string_view kTwoZones = "has two time zones: give one";
constexpr absl::string_view kNoSuchOffset =
    "has a UTC offset that no place has: give one such as -05:00, or Z";
constexpr absl::string_view kRange =
    "may be a range of times, or a time with its UTC offset: give one time, such as "
    "2026-06-24T14:00:00-05:00";
constexpr absl::string_view kNoSuchZone =
    "names a time zone that is not known: give an offset such as -05:00, or Z";

// Whether it is a sign and its digits, without a space: "14:00 - 15:00" is a range.
bool IsOffset(const TokenCursor& cursor) {
  return cursor.IsMark("+-") && cursor.IsTightNumber(1, kAnyLength, 1);
}

// Whether an offset could as well be the later end of a range that begins with the time:
// "9:00-11:00", "2pm-4". Only an offset has its zero or four digits, behind a time that is as late
// or later.
bool MayEndRange(const TokenCursor& cursor, const ClockPart& clock) {
  if (!clock.dial_minutes() || !cursor.IsTightMark("-")) return false;
  const size_t digits = cursor.At(1).text.size();
  if (digits > 2) return false;
  const bool has_minutes = cursor.IsTightMark(":", 2) && cursor.IsTightNumber(2, 2, 3);
  const int end = cursor.Value(1) * 60 + (has_minutes ? cursor.Value(3) : 0);
  return digits == 1 || end > *clock.dial_minutes();
}

// Where the IANA name ends that begins at the cursor.
size_t NameEnd(const TokenCursor& cursor) {
  const absl::string_view text = cursor.text();
  size_t end = cursor.At().begin;
  while (end < text.size() && (absl::ascii_isalnum(static_cast<unsigned char>(text[end])) ||
                               absl::StrContains("/_+-", text.substr(end, 1)))) {
    ++end;
  }
  return end;
}

// The comment of "GMT-0500 (Central Daylight Time)" repeats the offset in words.
absl::StatusOr<bool> SkipComment(TokenCursor& cursor) {
  while (!cursor.AtEnd() && !cursor.IsMark(")")) cursor.Skip(1);
  if (cursor.AtEnd()) return UnreadableTime();
  cursor.Skip(1);
  return true;
}

}  // namespace

absl::StatusOr<bool> ZonePart::Take(TokenCursor& cursor, const ClockPart& clock) {
  if (cursor.IsWord("utc") || cursor.IsWord("gmt")) {
    cursor.Skip(1);
    return IsOffset(cursor) ? TakeOffset(cursor) : SetOffset(0);
  }
  if (cursor.IsAnyWord() && cursor.IsTightMark("/", 1)) return TakeName(cursor, NameEnd(cursor));
  if (cursor.IsMark("(") && offset_minutes_) return SkipComment(cursor);
  if (!clock.time()) return false;
  if (cursor.IsWord("z") || IsOffset(cursor)) {
    if (offset_minutes_) return absl::InvalidArgumentError(kTwoZones);
    if (IsOffset(cursor) && MayEndRange(cursor, clock)) return absl::InvalidArgumentError(kRange);
    if (IsOffset(cursor)) return TakeOffset(cursor);
    cursor.Skip(1);
    return SetOffset(0);
  }
  if (cursor.IsMark("[")) return TakeBracketedName(cursor);
  return false;
}

// -5, -05, -0500, -05:00
absl::StatusOr<bool> ZonePart::TakeOffset(TokenCursor& cursor) {
  const int sign = cursor.IsMark("-") ? -1 : 1;
  const size_t digits = cursor.At(1).text.size();
  if (digits == 3 || digits > 4) return absl::InvalidArgumentError(kNoSuchOffset);
  int hours = cursor.Value(1);
  int minutes = 0;
  cursor.Skip(2);
  if (digits == 4) {
    minutes = hours % 100;
    hours /= 100;
  } else if (cursor.IsTightMark(":")) {
    if (!cursor.IsTightNumber(2, 2, 1)) return absl::InvalidArgumentError(kNoSuchOffset);
    minutes = cursor.Value(1);
    cursor.Skip(2);
  }
  const int offset = sign * (hours * 60 + minutes);
  const bool real = minutes < 60 && offset % kStepMinutes == 0 && offset >= kWestmostMinutes &&
                    offset <= kEastmostMinutes;
  if (!real) return absl::InvalidArgumentError(kNoSuchOffset);
  return SetOffset(offset);
}

// Takes the text itself, from the cursor to `end`, because its case counts.
absl::StatusOr<bool> ZonePart::TakeName(TokenCursor& cursor, size_t end) {
  const size_t begin = cursor.At().begin;
  const std::string name(cursor.text().substr(begin, end - begin));
  if (!name_.empty() && name_ != name) return absl::InvalidArgumentError(kTwoZones);
  // The database has EST and the like, too: old fixed offsets, not what a caller in June means.
  if (!absl::StrContains(name, "/") && name != "UTC") return AmbiguousZone();
  if (!IsTimeZoneName(name)) return absl::InvalidArgumentError(kNoSuchZone);
  name_ = name;
  while (!cursor.AtEnd() && cursor.At().begin < end) cursor.Skip(1);
  return true;
}

absl::StatusOr<bool> ZonePart::TakeBracketedName(TokenCursor& cursor) {
  cursor.Skip(1);
  ONETAKE_RETURN_IF_ERROR(TakeName(cursor, NameEnd(cursor)).status());
  if (!cursor.IsTightMark("]")) return UnreadableTime();
  cursor.Skip(1);
  return true;
}

absl::StatusOr<bool> ZonePart::SetOffset(int minutes) {
  // "+0000 UTC", as Go prints it, says the same twice.
  if (offset_minutes_ && *offset_minutes_ != minutes) {
    return absl::InvalidArgumentError(kTwoZones);
  }
  offset_minutes_ = minutes;
  return true;
}

}  // namespace onetake
