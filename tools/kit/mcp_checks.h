#pragma once

#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/event_loop.h"
#include "runtime/catalog/tool.h"
#include "tools/kit/check_result.h"

namespace onetake {

// Drives a tool of an MCP server, by the executor that serves it in onetaked, against a scripted
// server on this machine: the tool's own server is never called, so its `reviewed` is not compared
// with anything. `arguments` must conform to the tool's schema. Blocks for a few seconds; not from
// the loop.
std::vector<CheckResult> CheckMcpTool(const Tool& tool, const Json& arguments, EventLoop& loop,
                                      const Clock& clock, Random& random);

}  // namespace onetake
