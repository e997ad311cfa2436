#pragma once

#include <yaml-cpp/yaml.h>

#include <string>
#include <vector>

#include "runtime/config/yaml_fields.h"
#include "tools/plugin/plugin_spec.h"

namespace onetake {

// Reads `plugins` of onetake.yaml: a map from the name that manifests use to exactly one of
//
//   dental: { native: ./dental.so, sha256: 9f86..., isolation: process, settings: { desks: 3 } }
//   pms:    { command: [./pms_plugin.py, --clinic, north], log_file: pms.log }
//   remote: { address: "pms.example.com:443", tls: { ca_file: ca.pem } }
//
//   sha256       of the library, required: no other file is loaded
//   isolation    threads (default) or process
//   threads      1..64, default 4: calls of the library that run at once
//   settings     any mapping; the plugin gets it as JSON
//   tls          ca_file, cert_file and key_file, server_name; required unless the address is
//                loopback or unix:
//   environment  of a child: NAME: text, or NAME: { secret: { env: NAME } } or { file: PATH }
//   log_file     where a child's standard error goes; absent: nowhere
//
// Relative paths are relative to `folder`. Faults are added to `faults`.
std::vector<PluginSpec> ParsePlugins(YamlFaults& faults, const YAML::Node& node,
                                     const std::string& folder);

}  // namespace onetake
