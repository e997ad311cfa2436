#pragma once

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace onetake {

// Part of ledger.h. Before the subject of a write that sets the state of a thing: what the later
// one of two such writes did is what stands, and the earlier one is REVERSED (kOverwrittenRule).
inline constexpr absl::string_view kSets = "sets:";

inline bool SetsAThing(absl::string_view subject) { return absl::StartsWith(subject, kSets); }

}  // namespace onetake
