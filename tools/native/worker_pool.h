#pragma once

#include <deque>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace onetake {

// A bounded pool of threads for tasks that may never end. Thread-safe. Threads are detached and
// hold the pool, so that one that hangs harms nobody but itself.
class WorkerPool : public std::enable_shared_from_this<WorkerPool> {
 public:
  struct Limits {
    int threads;    // threads that run tasks somebody waits for
    size_t queued;  // tasks that wait for a thread
  };
  static std::shared_ptr<WorkerPool> Make(Limits limits);

  enum class Taken { kYes, kFull, kAllHang };
  // kFull: as many tasks wait as may. kAllHang: as many threads hang as may.
  Taken Submit(absl::AnyInvocable<void()> task) ABSL_LOCKS_EXCLUDED(mutex_);
  // Says that nobody waits any more for one running task: another thread takes its place until it
  // ends. Every Abandon() is undone by the Ended() of that task.
  void Abandon() ABSL_LOCKS_EXCLUDED(mutex_);
  void Ended() ABSL_LOCKS_EXCLUDED(mutex_);
  // Takes no further tasks and drops those that wait. Returns whether all threads have ended within
  // `patience`.
  bool Stop(absl::Duration patience) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  explicit WorkerPool(Limits limits) : limits_(limits) {}
  void Grow() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Work() ABSL_LOCKS_EXCLUDED(mutex_);
  bool Wake() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_ || !tasks_.empty(); }
  bool Empty() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return threads_ == 0; }

  const Limits limits_;
  absl::Mutex mutex_;
  std::deque<absl::AnyInvocable<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  int threads_ ABSL_GUARDED_BY(mutex_) = 0;
  int idle_ ABSL_GUARDED_BY(mutex_) = 0;
  int abandoned_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace onetake
