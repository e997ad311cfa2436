#pragma once

#include "onetake/v1/ledger.pb.h"
#include "runtime/server/latency_keeper.h"

namespace onetake {

// Fills in what is measured of a tool, what its manifest says, what is in effect, and the advice.
// Pure.
void Fill(const MeasuredTool& tool, v1::ToolLatency& message);

}  // namespace onetake
