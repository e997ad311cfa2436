#pragma once

#include <yaml-cpp/yaml.h>

#include <string>
#include <vector>

#include "runtime/config/yaml_fields.h"
#include "tools/mcp/mcp_spec.h"

namespace onetake {

// Reads `mcp_servers` of onetake.yaml: a map from the name that manifests use to exactly one of
//
//   crm:    { url: "https://crm.example.com/mcp",
//             headers: { Authorization: { secret: { env: CRM_TOKEN }, prefix: "Bearer " } } }
//   files:  { command: [mcp-server-filesystem, ./data], environment: { MODE: strict } }
//
//   url          of the server's one endpoint; https, but for this machine
//   allow_networks   that it may be in besides the public ones: [10.0.0.0/8], as in a manifest
//   headers      NAME: text, or NAME: { secret: { env: NAME } or { file: PATH }, prefix: TEXT }
//   environment  of the program: NAME: text, or NAME: { secret: ... }
//   log_file     where its standard error goes; absent: nowhere
//   era          auto (default), 2026-07-28 or legacy: how the server is spoken to
//
// Relative paths are relative to `folder`; an argument of a command is left as it is. Faults are
// added to `faults`.
std::vector<McpServerSpec> ParseMcpServers(YamlFaults& faults, const YAML::Node& node,
                                           const std::string& folder);

}  // namespace onetake
