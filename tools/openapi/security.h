#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/openapi/operation.h"

namespace onetake {

// A header that carries a credential, which stays a reference.
struct SecretHeader {
  std::string name;      // "Authorization"
  std::string prefix;    // "Bearer "
  std::string variable;  // the environment variable that holds it
  std::string comment;   // what it must hold
};

// Returns the headers of the first alternative of the operation's security that manifests can
// express: http basic and bearer, API keys in a header or cookie, OAuth 2 and OpenID Connect as a
// bearer token that somebody else gets and renews. An alternative without any header is taken only
// when it is the only one. Variables are named after the schemes, `prefix` before them.
// INVALID_ARGUMENT when no alternative can be expressed: the reason of the first.
absl::StatusOr<std::vector<SecretHeader>> SecretHeadersOf(const OpenApiDescription& description,
                                                          const OpenApiOperation& operation,
                                                          const std::string& prefix);

}  // namespace onetake
