#include "runtime/access/permissions.h"

#include "absl/strings/strip.h"

namespace onetake {
namespace {

constexpr absl::string_view kRuntime = "onetake.v1.ToolRuntime";
constexpr absl::string_view kLedger = "onetake.v1.LedgerService";
constexpr absl::string_view kUpkeep = "onetake.v1.LedgerUpkeep";

// A report about all tenants together, LatencyReport, is for the operator, who sees the machine
// anyway. VerifyChain tells an auditor how long the whole chain is, and no more.
constexpr Permission kPermissions[] = {
    {kRuntime, "Execute", Role::kExecute},      {kRuntime, "Await", Role::kExecute},
    {kRuntime, "ListTools", Role::kExecute},    {kRuntime, "Session", Role::kExecute},
    {kLedger, "ListIntents", Role::kAudit},     {kLedger, "GetIntent", Role::kAudit},
    {kLedger, "ListEvents", Role::kAudit},      {kLedger, "WatchEvents", Role::kAudit},
    {kLedger, "ListCalls", Role::kAudit},       {kLedger, "DuplicateReport", Role::kAudit},
    {kLedger, "ReviewReport", Role::kAudit},    {kLedger, "VerifyChain", Role::kAudit},
    {kLedger, "ResolveIntent", Role::kOperate}, {kLedger, "LatencyReport", Role::kOperate},
    {kUpkeep, "Erase", Role::kOperate},
};

}  // namespace

absl::Span<const Permission> Permissions() { return kPermissions; }

std::optional<Role> RoleFor(absl::string_view full_method) {
  for (const Permission& permission : kPermissions) {
    absl::string_view rest = full_method;
    if (absl::ConsumePrefix(&rest, "/") && absl::ConsumePrefix(&rest, permission.service) &&
        absl::ConsumePrefix(&rest, "/") && rest == permission.method) {
      return permission.role;
    }
  }
  return std::nullopt;
}

}  // namespace onetake
