#pragma once

#include <memory>
#include <string>

#include "onetake/v1/manifest.pb.h"
#include "runtime/catalog/manifest_report.h"
#include "runtime/catalog/tool.h"

namespace onetake {

// The first 16 hex digits of SHA-256 over the manifest, its schema included: they differ exactly
// when the manifest says something else. Comments and the order of fields do not count.
std::string ManifestVersion(const v1::ToolManifest& manifest);

// Checks what the manifest means, puts in the defaults, and compiles every path, template and
// schema. What concerns other tools (a probe's) is left to LinkProbes(). Faults go to `report`; the
// tool is complete only if there is no error. Relative paths of secrets are relative to `folder`.
std::shared_ptr<Tool> CompileManifest(const v1::ToolManifest& manifest, const std::string& folder,
                                      ManifestReport& report);

}  // namespace onetake
