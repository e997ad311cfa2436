#pragma once

#include "tests/bench/call_plan.h"

namespace onetake::bench {

// The same calls over ToolRuntime.Session: a stream for every four of them. Ends the process with
// a word on stderr when a stream breaks.
void RunSessions(const LoadArguments& arguments, Tally& tally);

}  // namespace onetake::bench
