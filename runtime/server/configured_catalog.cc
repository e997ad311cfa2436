#include "runtime/server/configured_catalog.h"

#include <string>
#include <utility>
#include <vector>

namespace onetake {

Catalog LoadCatalog(const ServerConfig& config) {
  std::vector<std::string> plugins;
  plugins.reserve(config.plugins.size());
  for (const PluginSpec& plugin : config.plugins) plugins.push_back(plugin.name);
  return LoadCatalog(config.tool_folders, ProcessEnvironment(), {.plugins = std::move(plugins)});
}

}  // namespace onetake
