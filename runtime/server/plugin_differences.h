#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/catalog/tool.h"
#include "tools/plugin/plugin_link.h"

namespace onetake {

// Reports to an operator where a plugin says of itself what the manifests of its tools do not:
// "add_note: the manifest trusts its probe, the plugin says that it has none", or where its
// parameters want what the manifest does not send. Nothing follows from it but a warning: the
// manifest decides. `plugin` is its name in onetake.yaml. Pure.
std::vector<std::string> PluginDifferences(const ToolSet& tools, absl::string_view plugin,
                                           const PluginDescription& description);

}  // namespace onetake
