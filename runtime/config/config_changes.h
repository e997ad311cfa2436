#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/config/config.h"

namespace onetake {

// The fields that differ between the configuration that a server was started with and a fresh one,
// and take effect at the next start only, sorted by name. Pure.
std::vector<std::string> NeedRestart(const ServerConfig& started, const ServerConfig& fresh);

// The fresh rules as far as they may be taken over while the server runs: certificates and tenants.
// Where the tokens are stays as it was. nullopt: access becomes open to everybody, or no longer is,
// so nothing is taken over before the next start. Pure.
std::optional<AccessRules> LiveAccess(const AccessRules& started, const AccessRules& fresh);

}  // namespace onetake
