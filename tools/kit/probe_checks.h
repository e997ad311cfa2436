#pragma once

#include <vector>

#include "runtime/catalog/tool.h"
#include "tools/kit/check_result.h"

namespace onetake {

// Checks that the probe of `tool`, when it is a READ of `manifests`, can be asked and tells our
// write from nothing and from somebody else's, by the very rules that settle a write. Answers are
// made up from the manifest: its paths are tested against each other, not against the downstream.
// `arguments` are those of the write. Empty for a READ. Pure.
std::vector<CheckResult> CheckProbe(const Tool& tool, const Json& arguments,
                                    const ToolSet& manifests);

}  // namespace onetake
