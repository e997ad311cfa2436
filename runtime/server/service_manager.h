#pragma once

#include "absl/strings/string_view.h"

namespace onetake {

// Tells the service manager that started this process, when there is one that wants to hear it, how
// far it is: "READY=1", "STOPPING=1", by the protocol of sd_notify(3): a datagram to the socket
// that the variable NOTIFY_SOCKET names. Whoever wants to hear nothing has not set it. Never
// blocks; a failure is logged and changes nothing.
void TellServiceManager(absl::string_view state);

}  // namespace onetake
