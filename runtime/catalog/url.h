#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/policy/egress.h"

namespace onetake {

struct HttpUrl {
  std::string origin;  // "https://api.example.com:8443": scheme and host in lower case
  std::string path;    // begins with "/", may have {holes}
  EgressPolicy::Wire wire = EgressPolicy::Wire::kTls;
  UrlHost host;
};

// Splits the URL of a manifest. Refused: other schemes than http and https; {holes} before the
// path; a user, query or fragment; hosts that ParseUrlHost() refuses; a port out of range;
// characters that no URL has; `.` and `..` as path segments. INVALID_ARGUMENT says what is wrong
// and what would be right, and quotes nothing.
absl::StatusOr<HttpUrl> ParseHttpUrl(absl::string_view text);

// INVALID_ARGUMENT when no connection to this host could be right: EgressPolicy::Make().
absl::Status CheckEgress(const HttpUrl& url, const std::vector<IpNetwork>& allow_networks);

}  // namespace onetake
