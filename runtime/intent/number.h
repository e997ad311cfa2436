#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace onetake {

// The shortest plain decimal of a number, by value and without a double in between: "1", "1.00",
// "+1", "10e-1" are "1"; "-0" is "0"; "1e3" is "1000". At most 40 digits before and 40 behind the
// point, so that no exponent makes a big text. INVALID_ARGUMENT with advice, without the value.
absl::StatusOr<std::string> NormaliseNumber(absl::string_view text);

}  // namespace onetake
