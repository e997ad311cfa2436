#pragma once

#include <chrono>
#include <thread>

namespace onetake::testing {

// Whether `condition` comes true within `limit`. For what another process or thread does without a
// way to be told of it; where there is a notification, wait for that. The only place in the tests
// that sleeps, and no test's verdict depends on how long.
template <typename Condition>
bool Eventually(Condition condition, std::chrono::milliseconds limit = std::chrono::seconds(60)) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace onetake::testing
