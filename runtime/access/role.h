#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace onetake {

// What a credential may do. No role contains another.
enum class Role {
  kExecute,  // run tools and await their outcome
  kAudit,    // ask the ledger; no values of arguments and results
  kUnseal,   // with kAudit: see these values; each look is recorded in the ledger
  kOperate,  // settle what is in review, erase, see how the server does
};

absl::string_view ToString(Role role);
std::optional<Role> RoleFromString(absl::string_view name);

// A set of roles. A value.
class RoleSet {
 public:
  RoleSet() = default;
  RoleSet(std::initializer_list<Role> roles) {
    for (const Role role : roles) Add(role);
  }
  static RoleSet All() { return {Role::kExecute, Role::kAudit, Role::kUnseal, Role::kOperate}; }

  void Add(Role role) { bits_ = static_cast<uint8_t>(bits_ | Bit(role)); }
  bool Has(Role role) const { return (bits_ & Bit(role)) != 0; }
  bool empty() const { return bits_ == 0; }
  // Returns "execute,audit", in the order above.
  std::string ToText() const;
  bool operator==(const RoleSet& other) const { return bits_ == other.bits_; }

 private:
  static uint8_t Bit(Role role) { return static_cast<uint8_t>(1u << static_cast<unsigned>(role)); }
  uint8_t bits_ = 0;
};

// Reads "execute,audit". INVALID_ARGUMENT names the part that is no role, or says that there is
// none.
absl::StatusOr<RoleSet> ParseRoles(absl::string_view text);

}  // namespace onetake
