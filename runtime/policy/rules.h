#pragma once

#include "absl/strings/string_view.h"

// The rules of Decide() that are read again from the ledger.
namespace onetake {

// The rule of a write that ended because none of its attempts had an effect.
inline constexpr absl::string_view kNoEffectRule = "limit.no_effect";

// Whether Decide() may ask the downstream (Action::kProbe) by this rule. It never sends again by
// such a rule.
bool LeadsToProbe(absl::string_view rule);

}  // namespace onetake
