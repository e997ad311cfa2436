#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace onetake {

// Checks where the server may listen and brings it to the form gRPC takes: "127.0.0.1:7171",
// "[::1]:7171", "unix:/run/onetake.sock". Only loopback addresses and Unix sockets: there is no TLS
// and no authentication in this version. `base_folder` is what a relative socket path is relative
// to. INVALID_ARGUMENT says what is wrong and what would be right.
absl::StatusOr<std::string> ParseListenAddress(absl::string_view text,
                                               absl::string_view base_folder);

}  // namespace onetake
