#pragma once

#include <string>
#include <vector>

#include "runtime/engine/call_check.h"
#include "runtime/engine/context.h"

namespace onetake {

// Whether the caller may use the tool, or so much as hear of it.
bool IsAllowed(const ToolCall& call, const std::string& tool);

// Earlier versions of the call's tool, oldest first, to which it means another intent than it does
// now. Usually none: a manifest that changes keeps its identity.
std::vector<KnownTool> FormerMeanings(const EngineContext& context, const ToolCall& call);

}  // namespace onetake
