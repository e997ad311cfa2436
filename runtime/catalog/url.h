#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace onetake {

struct HttpUrl {
  std::string origin;  // "https://api.example.com:8443": scheme and host in lower case
  std::string path;    // begins with "/", may have {holes}
};

// Splits the URL of a manifest. Refused: other schemes than http and https; {holes} before the
// path; a user, query or fragment; a port out of range; characters that no URL has; `.` and `..`
// as path segments. INVALID_ARGUMENT says what is wrong and what would be right, and quotes
// nothing.
absl::StatusOr<HttpUrl> ParseHttpUrl(absl::string_view text);

// Whether `origin` is this machine: localhost, 127.x.x.x or [::1].
bool IsLoopback(absl::string_view origin);

}  // namespace onetake
