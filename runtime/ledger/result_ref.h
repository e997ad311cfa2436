#pragma once

#include "absl/strings/string_view.h"

namespace onetake {

// Part of ledger.h. The prefix of a Transition's result_ref which says that the write undoes the
// result whose result_ref follows, and that no write was known by that when this one was claimed.
// The ledger brings the two together when the later one of them succeeds, whichever it is (R7).
inline constexpr absl::string_view kUndoes = "undoes:";

}  // namespace onetake
