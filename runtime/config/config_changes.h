#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/config/config.h"

namespace onetake {

// What differs between the configuration that a server was started with and a fresh one, and takes
// effect at the next start only: names of fields, sorted. Pure.
std::vector<std::string> NeedRestart(const ServerConfig& started, const ServerConfig& fresh);

// The fresh rules as far as they may be taken over while the server runs: certificates and tenants.
// Where the tokens are stays as it was. nullopt: it is to be open to everybody, or not any more, so
// nothing is taken over before the next start. Pure.
std::optional<AccessRules> LiveAccess(const AccessRules& started, const AccessRules& fresh);

}  // namespace onetake
