#include <cstdlib>
#include <utility>

#include "runtime/base/status.h"
#include "runtime/intent/time_parts.h"

namespace onetake {
namespace {

constexpr size_t kMaxFractionDigits = 9;
constexpr size_t kAnyLength = 1000;

constexpr absl::string_view kTwoTimes = "has two times of day: give one";
constexpr absl::string_view kNoSuchTime =
    "has a time that the clock does not have: give 00:00:00 to 23:59:59, or 1 to 12 with am or pm";
constexpr absl::string_view kMidnight =
    "says midnight, which begins one day and ends another: give 00:00 with the day it begins";
constexpr absl::string_view kLongFraction =
    "has a fraction of a second that is too long: give at most 9 digits";

// The digits behind ".", or "," as ISO 8601 prefers.
std::string TakeFraction(TokenCursor& cursor) {
  if (!cursor.IsTightMark(".,") || !cursor.IsTightNumber(1, kAnyLength, 1)) return "";
  std::string digits = cursor.At(1).text;
  cursor.Skip(2);
  return digits;
}

// Moves a time of the 12-hour clock, when am or pm follows, to the 24-hour clock.
absl::Status TakeMeridiem(TokenCursor& cursor, ClockTime& time) {
  const size_t length = MeridiemLength(cursor, 0);
  if (length == 0) return absl::OkStatus();
  if (time.hour < 1 || time.hour > 12) return absl::InvalidArgumentError(kNoSuchTime);
  time.hour = time.hour % 12 + (cursor.At().text[0] == 'p' ? 12 : 0);
  cursor.Skip(length);
  return absl::OkStatus();
}

}  // namespace

bool IsHoursWord(const TokenCursor& cursor, size_t ahead) {
  return cursor.IsWord("h", ahead) || cursor.IsWord("hrs", ahead) || cursor.IsWord("hours", ahead);
}

size_t MeridiemLength(const TokenCursor& cursor, size_t ahead) {
  if (cursor.IsWord("am", ahead) || cursor.IsWord("pm", ahead)) {
    return cursor.IsTightMark(".", ahead + 1) ? 2 : 1;
  }
  const bool spelled_apart = (cursor.IsWord("a", ahead) || cursor.IsWord("p", ahead)) &&
                             cursor.IsMark(".", ahead + 1) && cursor.IsWord("m", ahead + 2);
  if (!spelled_apart) return 0;
  return cursor.IsTightMark(".", ahead + 3) ? 4 : 3;
}

absl::StatusOr<bool> ClockPart::Take(TokenCursor& cursor, Before before) {
  if (cursor.IsWord("midnight")) return absl::InvalidArgumentError(kMidnight);
  const size_t twelve = cursor.IsNumber(2, 2) && cursor.Value() == 12 ? 1 : 0;
  if (cursor.IsWord("noon", twelve)) {
    cursor.Skip(twelve + 1);
    dial_minutes_ = 12 * 60;
    return Set({.hour = 12});
  }
  if (before == Before::kDate && cursor.IsWord("t") && cursor.IsTightNumber(1, 6, 1)) {
    cursor.Skip(1);
    absl::StatusOr<bool> taken = TakeBehindT(cursor);
    dial_minutes_.reset();
    return taken;
  }
  if (cursor.IsNumber(4, 4) && IsHoursWord(cursor, 1)) {
    absl::StatusOr<bool> taken = TakeCompact(cursor);
    cursor.Skip(1);
    return taken;
  }
  if (!cursor.IsNumber(1, 2)) return false;
  if (cursor.IsTightMark(":", 1)) return TakeClock(cursor);
  if (MeridiemLength(cursor, 1) > 0) return TakeHourAlone(cursor);
  return false;
}

absl::StatusOr<bool> ClockPart::TakeBehindT(TokenCursor& cursor) {
  if (MeridiemLength(cursor, 1) > 0) return TakeHourAlone(cursor);
  return cursor.IsTightMark(":", 1) ? TakeClock(cursor) : TakeCompact(cursor);
}

// 14:00, 2:00:30.5 pm
absl::StatusOr<bool> ClockPart::TakeClock(TokenCursor& cursor) {
  if (!cursor.IsNumber(1, 2) || !cursor.IsTightNumber(2, 2, 2)) {
    return absl::InvalidArgumentError(kNoSuchTime);
  }
  ClockTime time{.hour = cursor.Value(), .minute = cursor.Value(2)};
  cursor.Skip(3);
  if (cursor.IsTightMark(":")) {
    if (!cursor.IsTightNumber(2, 2, 1)) return absl::InvalidArgumentError(kNoSuchTime);
    time.second = cursor.Value(1);
    cursor.Skip(2);
    time.fraction = TakeFraction(cursor);
  } else {
    dial_minutes_ = time.hour * 60 + time.minute;
  }
  if (IsHoursWord(cursor, 0)) cursor.Skip(1);
  ONETAKE_RETURN_IF_ERROR(TakeMeridiem(cursor, time));
  return Set(std::move(time));
}

// 2 pm
absl::StatusOr<bool> ClockPart::TakeHourAlone(TokenCursor& cursor) {
  if (!cursor.IsNumber(1, 2)) return absl::InvalidArgumentError(kNoSuchTime);
  ClockTime time{.hour = cursor.Value()};
  dial_minutes_ = time.hour * 60;
  cursor.Skip(1);
  ONETAKE_RETURN_IF_ERROR(TakeMeridiem(cursor, time));
  return Set(std::move(time));
}

// 14, 1400, 140000.5
absl::StatusOr<bool> ClockPart::TakeCompact(TokenCursor& cursor) {
  const std::string digits = cursor.At().text;
  if (digits.size() % 2 != 0) return absl::InvalidArgumentError(kNoSuchTime);
  const auto pair_at = [&digits](size_t begin) {
    return begin < digits.size() ? std::atoi(digits.substr(begin, 2).c_str()) : 0;
  };
  ClockTime time{.hour = pair_at(0), .minute = pair_at(2), .second = pair_at(4)};
  cursor.Skip(1);
  if (digits.size() == 6) time.fraction = TakeFraction(cursor);
  return Set(std::move(time));
}

absl::StatusOr<bool> ClockPart::Set(ClockTime time) {
  if (time_) return absl::InvalidArgumentError(kTwoTimes);
  // Refused with the rest: 24:00, a second spelling of the next day's 00:00; and the leap second
  // 23:59:60, which most programs behind us do not have, so it would reach them as another instant.
  if (time.hour > 23 || time.minute > 59 || time.second > 59) {
    return absl::InvalidArgumentError(kNoSuchTime);
  }
  while (!time.fraction.empty() && time.fraction.back() == '0') time.fraction.pop_back();
  if (time.fraction.size() > kMaxFractionDigits) return absl::InvalidArgumentError(kLongFraction);
  time_ = std::move(time);
  return true;
}

}  // namespace onetake
