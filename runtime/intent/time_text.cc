#include "runtime/intent/time_text.h"

#include "runtime/base/status.h"
#include "runtime/intent/time_parts.h"
#include "runtime/intent/time_tokens.h"
#include "runtime/intent/unicode.h"

namespace onetake {
namespace {

constexpr size_t kMaxBytes = 100;

constexpr absl::string_view kRelative =
    "is relative to now: give the calendar date, such as 2026-06-24";
constexpr absl::string_view kPartOfDay = "names a part of the day: give the time, such as 14:00";
constexpr absl::string_view kEpoch =
    "is a bare number, whose unit cannot be told: write it as 2026-06-24T14:00:00Z";

// Whether it is seconds or milliseconds since 1970; eight digits are a date.
bool IsEpoch(const TokenCursor& cursor) {
  const bool has_fraction = cursor.IsTightMark(".", 1) && cursor.IsTightNumber(1, kMaxBytes, 2);
  return cursor.IsNumber(9, kMaxBytes) &&
         cursor.At(has_fraction ? 3 : 1).kind == TimeToken::Kind::kEnd;
}

bool TakeFiller(TokenCursor& cursor, const DatePart& date, const ClockPart& clock) {
  const bool word = cursor.IsWord("at") || cursor.IsWord("on") || cursor.IsWord("the");
  // In "June 24, 2026 - 2 pm" the dash before the time is no sign of an offset.
  const bool dash = cursor.IsMark("-") && cursor.At().spaced && cursor.At(1).spaced &&
                    date.has_day() && !clock.time();
  if (!word && !dash && !cursor.IsMark(",@")) return false;
  cursor.Skip(1);
  return true;
}

absl::StatusOr<bool> TakePart(TokenCursor& cursor, DatePart& date, ClockPart& clock,
                              ZonePart& zone) {
  const auto before_clock = date.has_day() ? ClockPart::Before::kDate : ClockPart::Before::kNothing;
  ONETAKE_ASSIGN_OR_RETURN(bool taken, clock.Take(cursor, before_clock));
  if (taken) return true;
  ONETAKE_ASSIGN_OR_RETURN(taken, date.Take(cursor));
  if (taken) return true;
  return zone.Take(cursor, clock);
}

// Explains the mistake by the word or mark at the cursor, which is no part of anything.
absl::Status Explain(const TokenCursor& cursor, const DatePart& date, const ClockPart& clock) {
  bool relative = false;
  bool part_of_day = false;
  // Behind a time, three or four letters are most likely one of the many zones that no list has.
  const size_t letters = cursor.IsAnyWord() ? cursor.At().text.size() : 0;
  bool zone = clock.time() && (letters == 3 || letters == 4);
  for (const TimeToken& token : cursor.tokens()) {
    relative |= IsRelativeWord(token.text);
    part_of_day |= IsPartOfDay(token.text);
    zone |= IsZoneAbbreviation(token.text);
  }
  if (relative && !date.has_day()) return absl::InvalidArgumentError(kRelative);
  if (part_of_day) return absl::InvalidArgumentError(kPartOfDay);
  if (relative) return absl::InvalidArgumentError(kRelative);
  return zone ? AmbiguousZone() : UnreadableTime();
}

}  // namespace

absl::Status UnreadableTime() {
  return absl::InvalidArgumentError(
      "cannot be read as a date and time: write ISO 8601, such as 2026-06-24 or "
      "2026-06-24T14:00:00-05:00");
}

absl::Status AmbiguousZone() {
  return absl::InvalidArgumentError(
      "names its time zone by letters, which are ambiguous: give an offset such as -05:00, or Z");
}

absl::StatusOr<TimeText> ReadTimeText(absl::string_view text) {
  if (text.size() > kMaxBytes) return UnreadableTime();
  const std::string plain = PlainText(text);
  TokenCursor cursor(plain);
  if (IsEpoch(cursor)) return absl::InvalidArgumentError(kEpoch);
  DatePart date;
  ClockPart clock;
  ZonePart zone;
  while (!cursor.AtEnd()) {
    if (TakeFiller(cursor, date, clock)) continue;
    ONETAKE_ASSIGN_OR_RETURN(const bool taken, TakePart(cursor, date, clock, zone));
    if (!taken) return Explain(cursor, date, clock);
  }
  ONETAKE_ASSIGN_OR_RETURN(const absl::CivilDay day, date.Finish());
  return TimeText{day, clock.time(), zone.offset_minutes(), zone.name()};
}

}  // namespace onetake
