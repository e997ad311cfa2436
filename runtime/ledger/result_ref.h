#pragma once

#include "absl/strings/string_view.h"

namespace onetake {

// Part of ledger.h. The prefix of a Transition's result_ref: the write undoes what was not known at
// its claim by what follows (R7). That is a result_ref, by which the ledger brings the two together
// when the later one succeeds, or an intent_id, which has no next generation before this one ends.
inline constexpr absl::string_view kUndoes = "undoes:";

}  // namespace onetake
