#pragma once

#include <yaml-cpp/yaml.h>

#include <string>

#include "runtime/access/access.h"
#include "runtime/config/yaml_fields.h"

namespace onetake {

// The section `access` of onetake.yaml: who may call.
//
//   access:
//     tokens: ./onetake.tokens       # made by `onetake token`; a change is noticed within 2 s
//     certificates:                  # of clients, when tls.client_ca is given
//       - { name: agent.example.com, tenant: acme, roles: [execute] }
//     tenants:                       # absent: every tenant of a credential has every tool
//       acme: { tools: [book_appointment, find_appointment] }    # or { tools: all }
//
// or `access: open`: everybody who reaches the listener may do everything, as the tenant `tenant`.
// For a loopback address or a Unix socket only.
AccessRules ParseAccess(YamlFaults& faults, const YAML::Node& node, const std::string& folder);

// The rules without the section: by token only, and the file of tokens is beside onetake.yaml.
AccessRules DefaultAccess(const std::string& folder);

// Reads a scalar that is 1 to 64 of [A-Za-z0-9_.-]; otherwise a fault and "".
std::string AccessName(YamlFaults& faults, const YAML::Node& node, const std::string& field);

}  // namespace onetake
