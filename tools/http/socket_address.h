#pragma once

#include <sys/socket.h>

#include <optional>

#include "runtime/base/ip_address.h"

namespace onetake {

// nullopt when it is neither IPv4 nor IPv6. A zone is left out.
std::optional<IpAddress> AddressOf(const sockaddr& address);

}  // namespace onetake
