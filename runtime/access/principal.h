#pragma once

#include <memory>
#include <set>
#include <string>

#include "absl/strings/string_view.h"
#include "runtime/access/role.h"

namespace onetake {

// The tools that a tenant may use; null: every tool of the server.
using AllowedTools = std::shared_ptr<const std::set<std::string>>;

// Who calls, as the credential proves it: the only source of a tenant. A value.
struct Principal {
  // The credential's name in records: "token:voice-agent:3f9a…", "certificate:agent.example",
  // "anonymous".
  std::string name;
  std::string tenant;
  RoleSet roles;
  AllowedTools tools;
  // What the credential is looked up by, to see whether it still holds: one of the two, or none for
  // anonymous.
  std::string token_id;
  std::string certificate;
};

// Whether `name` is 1 to 64 of [A-Za-z0-9_.-], as tenants and names of credentials are.
bool IsAccessName(absl::string_view name);
inline constexpr absl::string_view kAccessNameRule = "must be 1 to 64 of [A-Za-z0-9_.-]";

}  // namespace onetake
