#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace onetake {

struct ListenAddress {
  std::string text;  // as gRPC takes it: "127.0.0.1:7171", "[::1]:7171", "unix:/run/onetake.sock"
  enum class Reach {
    kMachine,  // a loopback address or a Unix socket
    kNetwork,  // other machines too: needs TLS
  } reach = Reach::kMachine;
};

// Checks where a server is to listen: an address and port, or a Unix socket, but no name, because
// what a look-up says is not in our hands. A relative socket path is relative to `base_folder`.
// INVALID_ARGUMENT says what is wrong and what would be right.
absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view text,
                                                 absl::string_view base_folder);

}  // namespace onetake
