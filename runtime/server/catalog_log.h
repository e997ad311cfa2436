#pragma once

#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/catalog/catalog.h"
#include "runtime/catalog/tool_changes.h"

namespace onetake {

// "manifest.diagnostic", one each: what is said about the manifests, as `onetake tools lint` says
// it.
void LogDiagnostics(const std::vector<Diagnostic>& diagnostics);

// "catalog.tool_added", "catalog.tool_changed", "catalog.tool_removed", one each.
void LogToolChanges(const std::vector<ToolChange>& changes);

}  // namespace onetake
