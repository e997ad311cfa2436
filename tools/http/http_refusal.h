#pragma once

#include "runtime/catalog/tool.h"
#include "runtime/engine/tool_executor.h"

namespace onetake {

// What a refusal over HTTP means whatever the request carries: an API's call or an MCP message.

// Whether the request was turned away before anything was done with it (425, 429).
bool RefusesUnprocessed(int status);

// Whether the request was given up while it was under way (408, 499), which is no refusal.
bool GivesUpMidway(int status);

// R14: the answer is to a copy of the request (`resent`), and the first one of a WRITE may have
// been taken. Turns a refusal of the copy into a loss, which the engine sends again and remembers.
void DoubtRefusalOfCopy(const Tool& tool, AttemptReport& report);

}  // namespace onetake
