#pragma once

#include <optional>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace onetake {

// Tells the service manager that started this process how far it is: "READY=1", "STOPPING=1",
// "WATCHDOG=1", by the protocol of sd_notify(3): a datagram to the socket that the variable
// NOTIFY_SOCKET names. Without the variable, nobody wants to hear it. Never blocks; a failure is
// logged and changes nothing.
void TellServiceManager(absl::string_view state);

// How long the service manager waits for a "WATCHDOG=1" before it takes this process for one that
// hangs, and ends it: WATCHDOG_USEC, as sd_watchdog_enabled(3) reads it. nullopt: for ever, or it
// waits for another process.
std::optional<absl::Duration> ServiceManagerPatience();

}  // namespace onetake
