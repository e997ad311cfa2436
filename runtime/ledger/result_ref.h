#pragma once

#include "absl/strings/string_view.h"

namespace onetake {

// Part of ledger.h. Before a Transition's result_ref: the write undoes the result that the rest is
// the result_ref of, and no write was known by that when this one was claimed. The ledger brings
// the two together when the later one of them succeeds, whichever it is (R7).
inline constexpr absl::string_view kUndoes = "undoes:";

}  // namespace onetake
