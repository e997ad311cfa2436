#pragma once

#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/catalog/catalog.h"
#include "runtime/catalog/tool_changes.h"

namespace onetake {

// Logs a "manifest.diagnostic" for each thing that is said about the manifests, in the words of
// `onetake tools lint`.
void LogDiagnostics(const std::vector<Diagnostic>& diagnostics);

// Logs a "catalog.tool_added", "catalog.tool_changed" or "catalog.tool_removed" for each change.
void LogToolChanges(const std::vector<ToolChange>& changes);

}  // namespace onetake
