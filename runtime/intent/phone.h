#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace onetake {

// Turns any spelling of a number into "+13125550123"; an extension stays, as in RFC 3966:
// "+13125550123;ext=42". `default_region` (ISO 3166 alpha-2) is for numbers without a country code;
// empty: +NN is required. INVALID_ARGUMENT, without the number, when it is not a number that the
// numbering plan of its country can assign. Pure and thread-safe.
absl::StatusOr<std::string> NormalisePhone(absl::string_view text,
                                           absl::string_view default_region);

// Whether `region` can be such a default: an upper case code of a country with telephones.
bool IsPhoneRegion(absl::string_view region);

}  // namespace onetake
