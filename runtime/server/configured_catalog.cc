#include "runtime/server/configured_catalog.h"

#include <string>
#include <vector>

namespace onetake {

Catalog LoadCatalog(const ServerConfig& config) {
  KnownPeers peers{.plugins = std::vector<std::string>(),
                   .mcp_servers = std::vector<std::string>(),
                   .ledger_keeps = config.retention.skeletons};
  for (const PluginSpec& plugin : config.plugins) peers.plugins->push_back(plugin.name);
  for (const McpServerSpec& server : config.mcp_servers) peers.mcp_servers->push_back(server.name);
  return LoadCatalog(config.tool_folders, ProcessEnvironment(), peers);
}

}  // namespace onetake
