#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace onetake {

// Lets as many calls into the library at once as the plugin was promised. A call whose time is over
// hangs: it keeps its thread and gives its place away, as often as there are places. Thread-safe.
class CallGate {
 public:
  explicit CallGate(int threads) : places_(static_cast<size_t>(threads)) {}
  // False: no place until `until`, or the call's time is over. `ends` is when the call's time is
  // over; Leave() takes the same.
  [[nodiscard]] bool Enter(absl::Time until, absl::Time ends) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    while (true) {
      const absl::Time now = absl::Now();
      // Whoever asked has given it up: a process that stood still is no excuse for a late write.
      if (now >= ends) return false;
      const auto in_time = inside_.upper_bound(now);
      const auto running = static_cast<size_t>(std::distance(in_time, inside_.end()));
      if (running < places_ && inside_.size() < 2 * places_) {
        inside_.insert(ends);
        return true;
      }
      if (now >= until) return false;
      left_.WaitWithDeadline(&mutex_, in_time == inside_.end() ? until : std::min(until, *in_time));
    }
  }
  void Leave(absl::Time ends) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    inside_.erase(inside_.find(ends));
    left_.SignalAll();
  }

 private:
  const size_t places_;
  absl::Mutex mutex_;
  absl::CondVar left_;
  std::multiset<absl::Time> inside_ ABSL_GUARDED_BY(mutex_);  // when each one's time is over
};

}  // namespace onetake
