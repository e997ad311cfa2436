#pragma once

#include <random>

#include "runtime/base/clock.h"

namespace onetake {

// The machine's clocks. Thread-safe.
class SystemClock final : public Clock {
 public:
  absl::Time Now() const override;
  absl::Duration Elapsed() const override;
};

// Seeded once from the operating system. Owned by one thread.
class SystemRandom final : public Random {
 public:
  SystemRandom();
  uint64_t Next() override { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

}  // namespace onetake
