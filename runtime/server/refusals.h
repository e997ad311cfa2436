#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "runtime/base/clock.h"

namespace onetake {

// Counts the requests that were not let in, by reason, and logs them, at most one line a second: a
// peer that guesses must not fill the disk. Thread-safe.
class Refusals {
 public:
  explicit Refusals(const Clock& clock) : clock_(clock) {}

  void Count(const absl::Status& refused) ABSL_LOCKS_EXCLUDED(mutex_);
  std::map<std::string, int64_t> counts() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  const Clock& clock_;
  mutable absl::Mutex mutex_;
  std::map<std::string, int64_t> counts_ ABSL_GUARDED_BY(mutex_);
  int64_t unlogged_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Duration log_after_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();
};

}  // namespace onetake
