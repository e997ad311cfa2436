#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace onetake {

// A URL as the client that connects reads it.
struct UrlParts {
  std::string scheme;  // http or https
  std::string host;    // IPv6 in brackets
  std::string port;    // the scheme's own when none is given
  std::string path;    // begins with "/"
  std::string query;   // without "?"
};

// Splits it by libcurl's own reader, so that what is checked is what is asked. INVALID_ARGUMENT,
// quoting nothing: it is no URL, has another scheme, or has a user, a zone or a fragment in it.
absl::StatusOr<UrlParts> SplitUrl(const std::string& url);

}  // namespace onetake
