#include "runtime/base/event_loop.h"

#include <algorithm>
#include <asio/post.hpp>

#include "runtime/base/check.h"
#include "runtime/base/this_thread.h"

namespace onetake {

EventLoop::EventLoop() : io_(1), work_(asio::make_work_guard(io_)) {}

EventLoop::~EventLoop() {
  Stop();
  // A task's captures may post or cancel as they die, so this goes on until nothing is left.
  for (bool left = true; left;) {
    std::deque<Task> posted;
    {
      absl::MutexLock lock(&mutex_);
      posted.swap(posted_);
    }
    const auto timers = std::exchange(timers_, {});
    left = !posted.empty() || !timers.empty();
  }
}

void EventLoop::Start() {
  ONETAKE_CHECK(!thread_.joinable() && !io_.stopped());
  thread_ = std::thread([this] {
    NameThisThread("loop");
    io_.run();
  });
}

void EventLoop::Stop() {
  ONETAKE_CHECK(!InLoop());
  io_.stop();
  if (thread_.joinable()) thread_.join();
}

void EventLoop::Post(Task task) {
  {
    absl::MutexLock lock(&mutex_);
    posted_.push_back(std::move(task));
  }
  asio::post(io_, [this] { RunNext(); });
}

void EventLoop::RunNext() {
  Task task;
  {
    absl::MutexLock lock(&mutex_);
    task = std::move(posted_.front());
    posted_.pop_front();
  }
  task();
}

Scheduler::TimerId EventLoop::RunAfter(absl::Duration delay, Task task) {
  const TimerId id{next_timer_++};
  auto timer = std::make_unique<Timer>(io_, std::move(task));
  timer->alarm.expires_after(absl::ToChronoNanoseconds(std::max(delay, absl::ZeroDuration())));
  timer->alarm.async_wait([this, id](const asio::error_code&) {
    // Cancel() takes the entry away first, so a timer that fired in the same moment stays silent.
    const auto node = timers_.extract(id);
    if (!node.empty()) node.mapped()->task();
  });
  timers_.emplace(id, std::move(timer));
  return id;
}

void EventLoop::Cancel(TimerId id) {
  // The timer is taken out first: what the task holds may cancel other timers as it dies.
  timers_.extract(id);
}

}  // namespace onetake
