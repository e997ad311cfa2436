#pragma once

#include <algorithm>
#include <cmath>

#include "absl/time/time.h"

namespace onetake {

// Says when refused callers are to come again: each at a moment of its own, so that they do not all
// meet the same full house, and no more of them a second than there is room for. Not thread-safe;
// times are of the monotonic clock.
class ComeAgain {
 public:
  // The longest wait. When so many wait that it would be longer, they come closer together.
  static constexpr absl::Duration kAtMost = absl::Seconds(5);

  // How long the next caller is to wait: at least `at_least`, and until `apart` after the one
  // before.
  absl::Duration Next(absl::Duration now, absl::Duration at_least, absl::Duration apart) {
    const absl::Duration earliest = now + at_least;
    const bool full = next_ > now + std::max(at_least, kAtMost);
    const absl::Duration when = full ? earliest : std::max(next_, earliest);
    next_ = when + apart;
    return when - now;
  }

 private:
  absl::Duration next_ = -absl::InfiniteDuration();
};

// How many events there are a second, over the last seconds; the longer ago, the less an event
// counts. Not thread-safe; times are of the monotonic clock.
class Pace {
 public:
  void Note(absl::Duration now) {
    each_second_ = At(now) + 1 / absl::ToDoubleSeconds(kMemory);
    noted_at_ = now;
  }

  double At(absl::Duration now) const {
    return each_second_ * std::exp(-absl::FDivDuration(now - noted_at_, kMemory));
  }

 private:
  static constexpr absl::Duration kMemory = absl::Seconds(2);

  double each_second_ = 0;
  absl::Duration noted_at_ = absl::ZeroDuration();
};

}  // namespace onetake
