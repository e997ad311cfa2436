#include "tools/native/worker_pool.h"

#include <thread>
#include <utility>

namespace onetake {

std::shared_ptr<WorkerPool> WorkerPool::Make(Limits limits) {
  return std::shared_ptr<WorkerPool>(new WorkerPool(limits));
}

WorkerPool::Taken WorkerPool::Submit(absl::AnyInvocable<void()> task) {
  absl::MutexLock lock(&mutex_);
  if (abandoned_ >= 2 * limits_.threads) return Taken::kAllHang;
  if (stopping_ || tasks_.size() >= limits_.queued) return Taken::kFull;
  tasks_.push_back(std::move(task));
  Grow();
  return Taken::kYes;
}

void WorkerPool::Grow() {
  const bool needed = static_cast<size_t>(idle_) < tasks_.size();
  if (!needed || threads_ - abandoned_ >= limits_.threads || threads_ >= 2 * limits_.threads) {
    return;
  }
  ++threads_;
  std::thread([self = shared_from_this()] { self->Work(); }).detach();
}

void WorkerPool::Work() {
  while (true) {
    absl::AnyInvocable<void()> task;
    {
      absl::MutexLock lock(&mutex_);
      ++idle_;
      mutex_.Await(absl::Condition(this, &WorkerPool::Wake));
      --idle_;
      // A thread that took the place of one that hung goes when that one is back.
      const bool too_many = threads_ - abandoned_ > limits_.threads;
      if (stopping_ || too_many) {
        --threads_;
        return;
      }
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    std::exchange(task, nullptr)();
  }
}

void WorkerPool::Abandon() {
  absl::MutexLock lock(&mutex_);
  ++abandoned_;
  Grow();
}

void WorkerPool::Ended() {
  absl::MutexLock lock(&mutex_);
  --abandoned_;
}

bool WorkerPool::Stop(absl::Duration patience) {
  absl::MutexLock lock(&mutex_);
  stopping_ = true;
  tasks_.clear();
  return mutex_.AwaitWithTimeout(absl::Condition(this, &WorkerPool::Empty), patience);
}

}  // namespace onetake
