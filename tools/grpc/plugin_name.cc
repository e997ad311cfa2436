#include "tools/grpc/plugin_name.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

namespace onetake {

absl::StatusOr<std::optional<PluginName>> PluginName::Of(const PluginSpec& spec) {
  const size_t colon = spec.address.rfind(':');
  const bool looked_up = spec.kind == PluginSpec::Kind::kAddress &&
                         !absl::StartsWith(spec.address, "unix:") && colon != std::string::npos;
  if (!looked_up) return std::nullopt;
  ONETAKE_ASSIGN_OR_RETURN(UrlHost host,
                           ParseUrlHost(absl::string_view(spec.address).substr(0, colon)));
  if (host.kind == UrlHost::Kind::kAddress) return std::nullopt;
  const auto wire = spec.tls.has_value() ? EgressPolicy::Wire::kTls : EgressPolicy::Wire::kClear;
  ONETAKE_ASSIGN_OR_RETURN(EgressPolicy policy,
                           EgressPolicy::Make(wire, std::move(host), spec.allow_networks));
  return PluginName(std::move(policy), spec.address.substr(colon + 1));
}

absl::StatusOr<std::vector<std::string>> PluginName::Targets(
    const std::vector<IpAddress>& addresses) const {
  std::vector<std::string> targets;
  for (const IpAddress& given : addresses) {
    ONETAKE_RETURN_IF_ERROR(policy_.Check(given));
    const IpAddress address = given.Unmapped();
    const absl::string_view family = address.is_v4() ? "ipv4:" : "ipv6:";
    const std::string place = address.is_v4() ? absl::StrCat(address.ToString(), ":", port_)
                                              : absl::StrCat("[", address.ToString(), "]:", port_);
    const auto same = std::find_if(targets.begin(), targets.end(), [&](const std::string& target) {
      return absl::StartsWith(target, family);
    });
    if (same != targets.end()) {
      absl::StrAppend(&*same, ",", place);
    } else {
      targets.push_back(absl::StrCat(family, place));
    }
  }
  return targets;
}

}  // namespace onetake
