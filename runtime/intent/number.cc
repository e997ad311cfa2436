#include "runtime/intent/number.h"

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/base/status.h"
#include "runtime/intent/unicode.h"

namespace onetake {
namespace {

constexpr int kMaxDigits = 40;  // on each side of the point
constexpr size_t kMaxBytes = 200;

absl::Status NotANumber() {
  return absl::InvalidArgumentError(
      "is not a plain number: write digits with a point, such as 1250.5, without separators or "
      "units");
}

absl::Status TooLong() {
  return absl::InvalidArgumentError(
      absl::StrCat("has more than ", kMaxDigits, " digits before or behind the point"));
}

std::string TakeDigits(absl::string_view& text) {
  size_t end = 0;
  while (end < text.size() && absl::ascii_isdigit(static_cast<unsigned char>(text[end]))) ++end;
  std::string digits(text.substr(0, end));
  text.remove_prefix(end);
  return digits;
}

// Reads the exponent behind an "e"; no number of ours has one of more than four digits.
absl::StatusOr<int> ReadExponent(absl::string_view text) {
  const bool negative = absl::ConsumePrefix(&text, "-");
  if (!negative) absl::ConsumePrefix(&text, "+");
  std::string digits = TakeDigits(text);
  if (digits.empty() || !text.empty()) return NotANumber();
  digits.erase(0, digits.find_first_not_of('0'));
  if (digits.size() > 4) return TooLong();
  int exponent = 0;
  if (!digits.empty() && !absl::SimpleAtoi(digits, &exponent)) return NotANumber();
  return negative ? -exponent : exponent;
}

// The value is 0.`digits` times ten to the power of `point`; `digits` has no zeros at its ends.
absl::StatusOr<std::string> PlainDecimal(const std::string& digits, int point) {
  const int behind = static_cast<int>(digits.size()) - point;
  if (point > kMaxDigits || behind > kMaxDigits) return TooLong();
  if (point <= 0) return absl::StrCat("0.", std::string(-point, '0'), digits);
  if (behind <= 0) return absl::StrCat(digits, std::string(-behind, '0'));
  return absl::StrCat(digits.substr(0, point), ".", digits.substr(point));
}

}  // namespace

absl::StatusOr<std::string> NormaliseNumber(absl::string_view text) {
  if (text.size() > kMaxBytes) return TooLong();
  const std::string plain = TrimText(PlainText(text));
  absl::string_view rest = plain;
  const bool negative = absl::ConsumePrefix(&rest, "-");
  if (!negative) absl::ConsumePrefix(&rest, "+");
  const std::string whole = TakeDigits(rest);
  const std::string fraction = absl::ConsumePrefix(&rest, ".") ? TakeDigits(rest) : "";
  if (whole.empty() && fraction.empty()) return NotANumber();
  int exponent = 0;
  if (absl::ConsumePrefix(&rest, "e") || absl::ConsumePrefix(&rest, "E")) {
    ONETAKE_ASSIGN_OR_RETURN(exponent, ReadExponent(rest));
  } else if (!rest.empty()) {
    return NotANumber();
  }

  std::string digits = whole + fraction;
  const size_t first = digits.find_first_not_of('0');
  if (first == std::string::npos) return std::string("0");
  digits = digits.substr(first, digits.find_last_not_of('0') - first + 1);
  const int point = static_cast<int>(whole.size()) - static_cast<int>(first) + exponent;
  ONETAKE_ASSIGN_OR_RETURN(const std::string decimal, PlainDecimal(digits, point));
  return absl::StrCat(negative ? "-" : "", decimal);
}

}  // namespace onetake
