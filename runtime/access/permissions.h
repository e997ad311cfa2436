#pragma once

#include <optional>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/access/role.h"

namespace onetake {

// The role that a method of our services needs.
struct Permission {
  absl::string_view service;  // "onetake.v1.ToolRuntime"
  absl::string_view method;   // "Execute"
  Role role;
};

// All methods. One that is not listed is nobody's: it is denied. Health checks and reflection are
// gRPC's own services and open to whoever reaches the listener; they tell nothing of a tenant.
absl::Span<const Permission> Permissions();

// Finds the role by the method's full name, "/onetake.v1.ToolRuntime/Execute"; nullopt: not listed.
std::optional<Role> RoleFor(absl::string_view full_method);

}  // namespace onetake
