#pragma once

#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/event_loop.h"
#include "runtime/catalog/tool.h"
#include "tools/kit/check_result.h"

namespace onetake {

// Drives an HTTP tool, by the executor that serves it in onetaked, against a scripted downstream on
// this machine: the tool's own downstream is never called, and its secrets are not read.
// `arguments` must conform to the tool's schema. Blocks for a few seconds; not from the loop.
std::vector<CheckResult> CheckHttpTool(const Tool& tool, const Json& arguments, EventLoop& loop,
                                       const Clock& clock);

}  // namespace onetake
