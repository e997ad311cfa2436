#pragma once

#include "onetake/v1/ledger.pb.h"
#include "runtime/catalog/catalog.h"

namespace onetake {

// Judges the times of the catalog's manifests by what a server has measured of the tools of the
// same name, wherever it reaches them, and adds its findings to the diagnostics. Pure.
void LintMeasured(const v1::LatencyReportResponse& report, Catalog& catalog);

}  // namespace onetake
