#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "runtime/intent/time_text.h"
#include "runtime/intent/time_tokens.h"

// The three parts of a date and time. Take() reads one part at the cursor: true when it was there
// and the cursor has moved behind it, false when something else is there, INVALID_ARGUMENT when it
// is there and wrong, or was there before.
namespace onetake {

// A calendar date in any usual form, its year perhaps apart from it ("Wed Jun 24 14:00:00 2026"),
// and a weekday.
class DatePart {
 public:
  absl::StatusOr<bool> Take(TokenCursor& cursor);
  // Month and day have been read.
  bool has_day() const { return month_ != 0; }
  // The date, when it is whole, is in the calendar, and falls on the weekday.
  absl::StatusOr<absl::CivilDay> Finish() const;

 private:
  absl::StatusOr<bool> TakeWeekday(TokenCursor& cursor);
  absl::StatusOr<bool> TakeYear(TokenCursor& cursor, size_t ahead);
  absl::StatusOr<bool> TakeYearFirst(TokenCursor& cursor);
  absl::StatusOr<bool> TakeNumeric(TokenCursor& cursor);
  absl::StatusOr<bool> TakeDayThenMonth(TokenCursor& cursor);
  absl::StatusOr<bool> TakeMonthThenDay(TokenCursor& cursor);
  absl::StatusOr<bool> TakeYearBehind(TokenCursor& cursor);
  absl::StatusOr<bool> Set(int year, int month, int day);
  absl::Status SetMonthAndDay(int month, int day);

  int year_ = 0;  // 0: not read yet; the same for the others
  int month_ = 0;
  int day_ = 0;
  int weekday_ = 0;
};

// A time of day on the 24-hour clock, or on the 12-hour clock with am or pm.
class ClockPart {
 public:
  enum class Before { kNothing, kDate };  // "T" and compact forms need the date before them
  absl::StatusOr<bool> Take(TokenCursor& cursor, Before before);
  const std::optional<ClockTime>& time() const { return time_; }
  // Minutes on the dial, am and pm left aside, of a time as people write it: without "T" and
  // seconds. Such a time may be the beginning of "9:00-11:00".
  const std::optional<int>& dial_minutes() const { return dial_minutes_; }

 private:
  absl::StatusOr<bool> TakeBehindT(TokenCursor& cursor);
  absl::StatusOr<bool> TakeClock(TokenCursor& cursor);
  absl::StatusOr<bool> TakeHourAlone(TokenCursor& cursor);
  absl::StatusOr<bool> TakeCompact(TokenCursor& cursor);
  absl::StatusOr<bool> Set(ClockTime time);

  std::optional<ClockTime> time_;
  std::optional<int> dial_minutes_;
};

// Z, UTC, GMT, an offset, an IANA name, or an offset with an IANA name in brackets (RFC 9557).
class ZonePart {
 public:
  // Bare signs and Z belong to the time before them.
  absl::StatusOr<bool> Take(TokenCursor& cursor, const ClockPart& clock);
  const std::optional<int>& offset_minutes() const { return offset_minutes_; }
  const std::string& name() const { return name_; }

 private:
  absl::StatusOr<bool> TakeOffset(TokenCursor& cursor);
  absl::StatusOr<bool> TakeName(TokenCursor& cursor, size_t end);
  absl::StatusOr<bool> TakeBracketedName(TokenCursor& cursor);
  absl::StatusOr<bool> SetOffset(int minutes);

  std::optional<int> offset_minutes_;
  std::string name_;
};

// Words and messages that several parts need.
bool IsHoursWord(const TokenCursor& cursor, size_t ahead);       // "1400 hours"
size_t MeridiemLength(const TokenCursor& cursor, size_t ahead);  // tokens of "pm", "p.m."; 0: none
absl::Status UnreadableTime();
absl::Status AmbiguousZone();

}  // namespace onetake
