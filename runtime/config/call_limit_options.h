#pragma once

#include <cstddef>

#include "runtime/base/limits.h"

namespace onetake {

// How many calls may be under way and begin; runtime/server/call_limits.h keeps them.
struct CallLimitOptions {
  size_t in_flight = limits::kInFlight;         // of all tenants
  size_t tenant_in_flight = limits::kInFlight;  // of one
  // Calls a second that a tenant may begin on the average, and at once after a pause (token
  // bucket). A rate of 0: no limit.
  int tenant_rate = 0;
  int tenant_burst = 0;
};

}  // namespace onetake
