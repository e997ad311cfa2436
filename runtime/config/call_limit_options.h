#pragma once

#include <cstddef>

#include "runtime/base/limits.h"

namespace onetake {

// How many calls may be under way and begin; runtime/server/call_limits.h enforces it.
struct CallLimitOptions {
  size_t in_flight = limits::kInFlight;         // over all tenants
  size_t tenant_in_flight = limits::kInFlight;  // of each tenant
  // How many calls a second a tenant may begin on the average, and how many at once after a pause
  // (token bucket). A rate of 0: no limit.
  int tenant_rate = 0;
  int tenant_burst = 0;
};

}  // namespace onetake
