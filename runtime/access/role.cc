#include "runtime/access/role.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace onetake {
namespace {

constexpr std::pair<Role, absl::string_view> kNames[] = {{Role::kExecute, "execute"},
                                                         {Role::kAudit, "audit"},
                                                         {Role::kUnseal, "unseal"},
                                                         {Role::kOperate, "operate"}};

}  // namespace

absl::string_view ToString(Role role) {
  for (const auto& [value, name] : kNames) {
    if (value == role) return name;
  }
  return "";
}

std::optional<Role> RoleFromString(absl::string_view name) {
  for (const auto& [value, known] : kNames) {
    if (name == known) return value;
  }
  return std::nullopt;
}

std::string RoleSet::ToText() const {
  std::string text;
  for (const auto& [role, name] : kNames) {
    if (Has(role)) absl::StrAppend(&text, text.empty() ? "" : ",", name);
  }
  return text;
}

absl::StatusOr<RoleSet> ParseRoles(absl::string_view text) {
  RoleSet roles;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    const std::optional<Role> role = RoleFromString(absl::StripAsciiWhitespace(part));
    if (!role.has_value()) {
      return absl::InvalidArgumentError(
          "roles: must be some of execute, audit, unseal and operate, with commas between them");
    }
    roles.Add(*role);
  }
  return roles;
}

}  // namespace onetake
