#pragma once

#include <cstddef>
#include <deque>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace onetake {

// A queue from many threads to one worker. Never blocks the pushing side. Thread-safe.
template <typename Job>
class JobQueue {
 public:
  enum class Bound {
    kShed,    // refused when `limit` jobs wait
    kAlways,  // never refused for that reason
  };
  enum class Urgency {
    kNow,
    kSoon,  // nobody waits for it: it may wait for others
  };
  enum class Pushed { kQueued, kFull, kClosed };

  explicit JobQueue(size_t limit) : limit_(limit) {}

  // Takes the job only when it answers kQueued; otherwise the caller still has it.
  [[nodiscard]] Pushed Push(Job& job, Bound bound, Urgency urgency = Urgency::kNow)
      ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    if (closed_) return Pushed::kClosed;
    if (bound == Bound::kShed && jobs_.size() >= limit_) return Pushed::kFull;
    jobs_.push_back({std::move(job), urgency});
    if (urgency == Urgency::kNow) ++urgent_;
    return Pushed::kQueued;
  }

  // Waits up to `patience` for work, and then up to `linger` while all that waits may wait. Takes
  // jobs, oldest first, as long as `fits` agrees to the next one. Empty: none came, or the queue is
  // closed and drained.
  template <typename Fits>
  std::vector<Job> Take(absl::Duration patience, absl::Duration linger, Fits fits)
      ABSL_LOCKS_EXCLUDED(mutex_) {
    std::vector<Job> taken;
    absl::MutexLock lock(&mutex_);
    Wait(&JobQueue::HasWork, patience);
    if (!jobs_.empty()) Wait(&JobQueue::MustGo, linger);
    while (!jobs_.empty() && fits(jobs_.front().job)) {
      taken.push_back(std::move(jobs_.front().job));
      if (jobs_.front().urgency == Urgency::kNow) --urgent_;
      jobs_.pop_front();
    }
    return taken;
  }

  // Further jobs are refused; those inside are still taken.
  void Close() ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
  }
  size_t size() const ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    return jobs_.size();
  }
  bool Drained() const ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    return closed_ && jobs_.empty();
  }

 private:
  struct Entry {
    Job job;
    Urgency urgency;
  };

  // Without patience the kernel is not asked: a simulation's queues are empty most of the time.
  void Wait(bool (JobQueue::*ready)() const, absl::Duration patience)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (patience <= absl::ZeroDuration()) return;
    mutex_.AwaitWithTimeout(absl::Condition(this, ready), patience);
  }
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return closed_ || !jobs_.empty(); }
  bool MustGo() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return closed_ || urgent_ > 0 || jobs_.size() >= limit_ / 2;
  }

  const size_t limit_;
  mutable absl::Mutex mutex_;
  std::deque<Entry> jobs_ ABSL_GUARDED_BY(mutex_);
  size_t urgent_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace onetake
