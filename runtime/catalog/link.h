#pragma once

#include <memory>
#include <vector>

#include "onetake/v1/manifest.pb.h"
#include "runtime/catalog/catalog.h"
#include "runtime/catalog/manifest_report.h"
#include "runtime/catalog/tool.h"

namespace onetake {

// One manifest on its way into the catalog.
struct CatalogEntry {
  v1::ToolManifest manifest;
  std::shared_ptr<Tool> tool;  // nullptr when the file is no YAML
  ManifestReport report;
};

// Checks what can only be said about all tools together: a name belongs to one tool, and a probe is
// a READ that can be called with what the write has. Faults go to the entry's report.
void LinkTools(std::vector<CatalogEntry>& entries, const KnownPeers& peers);

}  // namespace onetake
