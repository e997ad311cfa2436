#include "runtime/base/status.h"
#include "runtime/intent/time_parts.h"

namespace onetake {
namespace {

constexpr absl::string_view kSeparators = "-/.";

constexpr absl::string_view kTwoDates = "has two dates: give one";
constexpr absl::string_view kNoDate = "has no calendar date: give it, such as 2026-06-24";
constexpr absl::string_view kNoYear = "has no year: give the date as 2026-06-24";
constexpr absl::string_view kShortYear = "has no four-digit year: give the date as 2026-06-24";
constexpr absl::string_view kOrder =
    "has day and month in an order that cannot be told: give the date as 2026-06-24";
constexpr absl::string_view kNoSuchDate = "has a date that the calendar does not have";
constexpr absl::string_view kWrongWeekday = "has a weekday that its date does not fall on";

bool IsSeparator(const TokenCursor& cursor, size_t ahead) {
  return cursor.IsTightMark(kSeparators, ahead) && !cursor.At(ahead + 1).spaced;
}

int Month(const TokenCursor& cursor, size_t ahead) {
  return cursor.IsAnyWord(ahead) ? MonthOf(cursor.At(ahead).text) : 0;
}

// Whether it is a year, and not the hour of "2026:..." or of "1400 hours".
bool IsYear(const TokenCursor& cursor, size_t ahead) {
  return cursor.IsNumber(4, 4, ahead) && !cursor.IsTightMark(":", ahead + 1) &&
         !IsHoursWord(cursor, ahead + 1);
}

size_t OrdinalLength(const TokenCursor& cursor, size_t ahead) {
  return cursor.IsAnyWord(ahead) && IsOrdinalSuffix(cursor.At(ahead).text) ? 1 : 0;
}

}  // namespace

absl::StatusOr<bool> DatePart::Take(TokenCursor& cursor) {
  if (cursor.IsNumber(8, 8)) {
    const int value = cursor.Value();
    cursor.Skip(1);
    return Set(value / 10000, value / 100 % 100, value % 100);
  }
  if (cursor.IsNumber(4, 4)) {
    if (IsSeparator(cursor, 1)) return TakeYearFirst(cursor);
    return IsYear(cursor, 0) ? TakeYear(cursor, 0) : false;
  }
  if (cursor.IsNumber(1, 2)) {
    const bool numeric = IsSeparator(cursor, 1) && cursor.IsNumber(1, 2, 2);
    return numeric ? TakeNumeric(cursor) : TakeDayThenMonth(cursor);
  }
  if (Month(cursor, 0) != 0) return TakeMonthThenDay(cursor);
  return TakeWeekday(cursor);
}

absl::StatusOr<absl::CivilDay> DatePart::Finish() const {
  if (month_ == 0) return absl::InvalidArgumentError(kNoDate);
  if (year_ == 0) return absl::InvalidArgumentError(kNoYear);
  const absl::CivilDay day(year_, month_, day_);
  // CivilDay turns February 30 into March 2.
  if (day.month() != month_ || day.day() != day_) return absl::InvalidArgumentError(kNoSuchDate);
  if (weekday_ != 0 && static_cast<int>(absl::GetWeekday(day)) + 1 != weekday_) {
    return absl::InvalidArgumentError(kWrongWeekday);
  }
  return day;
}

absl::StatusOr<bool> DatePart::TakeWeekday(TokenCursor& cursor) {
  const int weekday = cursor.IsAnyWord() ? WeekdayOf(cursor.At().text) : 0;
  if (weekday == 0) return false;
  if (weekday_ != 0) return absl::InvalidArgumentError(kTwoDates);
  weekday_ = weekday;
  cursor.Skip(cursor.IsTightMark(".", 1) ? 2 : 1);
  return true;
}

absl::StatusOr<bool> DatePart::TakeYear(TokenCursor& cursor, size_t ahead) {
  if (year_ != 0) return absl::InvalidArgumentError(kTwoDates);
  year_ = cursor.Value(ahead);
  if (year_ < 1000) return absl::InvalidArgumentError(kShortYear);
  cursor.Skip(ahead + 1);
  return true;
}

// 2026-06-24, 2026/6/24, 2026-Jun-24
absl::StatusOr<bool> DatePart::TakeYearFirst(TokenCursor& cursor) {
  const bool in_digits = cursor.IsNumber(1, 2, 2);
  const int month = in_digits ? cursor.Value(2) : Month(cursor, 2);
  const bool whole = (in_digits || month != 0) && IsSeparator(cursor, 3) &&
                     cursor.At(3).text == cursor.At(1).text && cursor.IsNumber(1, 2, 4);
  if (!whole) return UnreadableTime();
  const int year = cursor.Value();
  const int day = cursor.Value(4);
  cursor.Skip(5);
  return Set(year, month, day);
}

// Reads 06/24/2026, only where one of the two numbers cannot be a month.
absl::StatusOr<bool> DatePart::TakeNumeric(TokenCursor& cursor) {
  const bool whole = IsSeparator(cursor, 3) && cursor.At(3).text == cursor.At(1).text &&
                     cursor.At(4).kind == TimeToken::Kind::kNumber;
  if (!whole) {
    if (cursor.IsMark("/", 1)) return absl::InvalidArgumentError(kNoYear);
    return UnreadableTime();
  }
  if (!cursor.IsNumber(4, 4, 4)) return absl::InvalidArgumentError(kShortYear);
  const int first = cursor.Value();
  const int second = cursor.Value(2);
  const int year = cursor.Value(4);
  if (first <= 12 && second <= 12 && first != second) return absl::InvalidArgumentError(kOrder);
  cursor.Skip(5);
  return first <= 12 ? Set(year, first, second) : Set(year, second, first);
}

// 24 June 2026, 24th of June, 24-Jun-2026
absl::StatusOr<bool> DatePart::TakeDayThenMonth(TokenCursor& cursor) {
  size_t ahead = 1 + OrdinalLength(cursor, 1);
  if (cursor.IsWord("of", ahead) || cursor.IsMark(kSeparators, ahead)) ++ahead;
  const int month = Month(cursor, ahead);
  if (month == 0) return false;
  ONETAKE_RETURN_IF_ERROR(SetMonthAndDay(month, cursor.Value()));
  cursor.Skip(ahead + 1);
  return TakeYearBehind(cursor);
}

// June 24, 2026; Jun. 24th; June the 24th 2026
absl::StatusOr<bool> DatePart::TakeMonthThenDay(TokenCursor& cursor) {
  size_t ahead = 1;
  if (cursor.IsMark(kSeparators, ahead)) ++ahead;
  if (cursor.IsWord("the", ahead)) ++ahead;
  const bool is_hour = cursor.IsTightMark(":", ahead + 1) || MeridiemLength(cursor, ahead + 1) > 0;
  if (!cursor.IsNumber(1, 2, ahead) || is_hour) return UnreadableTime();
  ONETAKE_RETURN_IF_ERROR(SetMonthAndDay(Month(cursor, 0), cursor.Value(ahead)));
  ++ahead;
  cursor.Skip(ahead + OrdinalLength(cursor, ahead));
  return TakeYearBehind(cursor);
}

// Reads the year behind the date. It may come later, or not at all; but what hangs on the date by a
// separator is its year.
absl::StatusOr<bool> DatePart::TakeYearBehind(TokenCursor& cursor) {
  if (cursor.IsTightMark("-/", 0) && cursor.IsTightNumber(1, 3, 1)) {
    return absl::InvalidArgumentError(kShortYear);
  }
  const size_t ahead = cursor.IsMark(".,-/") ? 1 : 0;
  if (!IsYear(cursor, ahead)) return true;
  return TakeYear(cursor, ahead);
}

absl::StatusOr<bool> DatePart::Set(int year, int month, int day) {
  if (year_ != 0) return absl::InvalidArgumentError(kTwoDates);
  if (year < 1000) return absl::InvalidArgumentError(kShortYear);
  ONETAKE_RETURN_IF_ERROR(SetMonthAndDay(month, day));
  year_ = year;
  return true;
}

absl::Status DatePart::SetMonthAndDay(int month, int day) {
  if (month_ != 0) return absl::InvalidArgumentError(kTwoDates);
  // A month of zero would read as "not given".
  if (month == 0) return absl::InvalidArgumentError(kNoSuchDate);
  month_ = month;
  day_ = day;
  return absl::OkStatus();
}

}  // namespace onetake
