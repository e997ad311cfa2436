#include "runtime/intent/phone.h"

#include <phonenumbers/phonenumber.pb.h>
#include <phonenumbers/phonenumberutil.h>

#include "absl/strings/str_cat.h"

// The only place that knows libphonenumber.
namespace onetake {
namespace {

using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

constexpr size_t kMaxBytes = 100;
constexpr absl::string_view kNoRegion = "ZZ";  // libphonenumber: demand a country code

absl::Status NotAPhone() {
  return absl::InvalidArgumentError(
      "is not a phone number: give it with its country code, such as +13125550123");
}

absl::Status ParseStatus(PhoneNumberUtil::ErrorType error) {
  switch (error) {
    case PhoneNumberUtil::NO_PARSING_ERROR: return absl::OkStatus();
    case PhoneNumberUtil::INVALID_COUNTRY_CODE_ERROR:
      return absl::InvalidArgumentError(
          "has no known country code: give the phone number with it, such as +13125550123");
    case PhoneNumberUtil::NOT_A_NUMBER: return NotAPhone();
    case PhoneNumberUtil::TOO_SHORT_AFTER_IDD:
    case PhoneNumberUtil::TOO_SHORT_NSN:
      return absl::InvalidArgumentError("is too short for a phone number: give all of its digits");
    case PhoneNumberUtil::TOO_LONG_NSN:
      return absl::InvalidArgumentError("is too long for a phone number: give one number");
  }
  return NotAPhone();
}

}  // namespace

absl::StatusOr<std::string> NormalisePhone(absl::string_view text,
                                           absl::string_view default_region) {
  if (text.size() > kMaxBytes) return NotAPhone();
  const PhoneNumberUtil& util = *PhoneNumberUtil::GetInstance();
  PhoneNumber number;
  const absl::Status parsed = ParseStatus(
      util.Parse(std::string(text),
                 std::string(default_region.empty() ? kNoRegion : default_region), &number));
  if (!parsed.ok()) return parsed;
  if (!util.IsPossibleNumber(number) || !util.IsValidNumber(number)) {
    return absl::InvalidArgumentError(
        "is not a phone number that exists in its country: check its digits");
  }
  std::string e164;
  util.Format(number, PhoneNumberUtil::E164, &e164);
  if (number.has_extension()) absl::StrAppend(&e164, ";ext=", number.extension());
  return e164;
}

bool IsPhoneRegion(absl::string_view region) {
  return PhoneNumberUtil::GetInstance()->GetCountryCodeForRegion(std::string(region)) != 0;
}

}  // namespace onetake
