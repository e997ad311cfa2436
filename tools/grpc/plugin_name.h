#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/base/ip_address.h"
#include "runtime/policy/egress.h"
#include "tools/plugin/plugin_spec.h"

namespace onetake {

// The address of a plugin that is a host name, HOST:PORT. Like that of a manifest's URL, it is
// looked up and checked by us, and gRPC is handed addresses alone. A Unix socket and an IP address
// say themselves where they lead, and are as good as the operator who wrote them. Pure.
class PluginName {
 public:
  // nullopt: `spec` has no name that needs a look-up. INVALID_ARGUMENT when its host is none, or
  // when no connection to it could be right.
  static absl::StatusOr<std::optional<PluginName>> Of(const PluginSpec& spec);

  const std::string& host() const { return policy_.host().text; }

  // The addresses as gRPC takes them, "ipv4:192.0.2.1:443,192.0.2.2:443": a target for each family,
  // that of the first address first, as a target holds one family only. `addresses` is not empty.
  // FAILED_PRECONDITION when one of them is not allowed: then none is.
  absl::StatusOr<std::vector<std::string>> Targets(const std::vector<IpAddress>& addresses) const;

 private:
  PluginName(EgressPolicy policy, std::string port)
      : policy_(std::move(policy)), port_(std::move(port)) {}

  EgressPolicy policy_;
  std::string port_;
};

}  // namespace onetake
