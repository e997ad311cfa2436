#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "runtime/base/clock.h"
#include "tests/testing/sim_scheduler.h"

namespace onetake::sim {

// All that is left to chance in a run comes from its seed, by streams that do not disturb each
// other.
class Chance final : public Random {
 public:
  Chance(uint64_t seed, uint64_t stream) : random_(seed * 0x9e3779b97f4a7c15ULL + stream) {}
  uint64_t Next() override { return random_.Next(); }
  bool Is(double probability) { return Share() < probability; }
  double Share() { return static_cast<double>(Next() >> 11) * 0x1p-53; }
  // From `from` to `to`, both included.
  int64_t Int(int64_t from, int64_t to) {
    return from + static_cast<int64_t>(Next() % static_cast<uint64_t>(to - from + 1));
  }
  absl::Duration Time(absl::Duration from, absl::Duration to) {
    return absl::Microseconds(Int(absl::ToInt64Microseconds(from), absl::ToInt64Microseconds(to)));
  }
  template <typename T>
  const T& Of(const std::vector<T>& from) {
    return from[static_cast<size_t>(Int(0, static_cast<int64_t>(from.size()) - 1))];
  }

 private:
  testing::SimRandom random_;
};

}  // namespace onetake::sim
