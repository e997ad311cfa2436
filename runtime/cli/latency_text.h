#pragma once

#include <string>

#include "onetake/v1/ledger.pb.h"

namespace onetake {

// The report as a table, then what is advised, the warnings first. Pure.
std::string RenderLatencies(const v1::LatencyReportResponse& report);

}  // namespace onetake
