#pragma once

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// Values that the checks of several kinds of tool share.
namespace onetake {

// Nothing that a tool sends or says looks like these values by chance.
inline constexpr absl::string_view kKitKey = "kit0key0kit0key0kit0key0kit0key0";
inline constexpr char kKitSecret[] = "kit-secret-b1c9e0";
inline constexpr char kKitSecretVariable[] = "ONETAKE_KIT_SECRET";  // holds it while the kit runs

inline constexpr absl::Duration kKitShort = absl::Seconds(1);  // a timeout that is run into
inline constexpr absl::Duration kKitLong = absl::Seconds(5);   // one that is not

}  // namespace onetake
