#pragma once

#include <cstdint>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"

namespace onetake {

using Task = absl::AnyInvocable<void()>;

// The source of time. Injected everywhere, so that a simulator can own it. Implementations are
// thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Wall time, for records only: it may jump either way. Whole microseconds, as the ledger keeps
  // them, so that a record reads back as it was written.
  virtual absl::Time Now() const = 0;
  // Time since an arbitrary origin, never going back: for durations, deadlines and latencies.
  virtual absl::Duration Elapsed() const = 0;
};

// Runs tasks one at a time, in the order they fall due. Everything that is "owned by the loop"
// is touched from its tasks only and needs no lock.
class Scheduler {
 public:
  enum class TimerId : uint64_t { kNone = 0 };

  virtual ~Scheduler() = default;
  // Thread-safe. Tasks posted by one thread run in that order.
  virtual void Post(Task task) = 0;
  // Runs the task after `delay`, on the monotonic clock; a negative one means now. Loop only.
  virtual TimerId RunAfter(absl::Duration delay, Task task) = 0;
  // Drops a timer that has not fired. Loop only. Unknown, finished and kNone ids are ignored, so
  // cancelling twice is harmless.
  virtual void Cancel(TimerId id) = 0;
};

// The source of randomness for jitter and ids. Not for secrets. Owned by the loop.
class Random {
 public:
  virtual ~Random() = default;
  virtual uint64_t Next() = 0;
};

}  // namespace onetake
