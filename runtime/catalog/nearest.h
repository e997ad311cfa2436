#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace onetake {

// The candidate nearest in spelling, for "did you mean": case is ignored, and at most a third of
// the name's letters (and at least two) may be wrong. It is the first of equally near ones; empty
// when none is near. Cost: name length times candidate length, for each candidate.
std::string NearestName(absl::string_view name, const std::vector<std::string>& candidates);

}  // namespace onetake
