#include "runtime/base/event_loop.h"

#include <algorithm>
#include <asio/post.hpp>
#include <utility>

namespace onetake {
namespace {

// Asio's handlers must be copyable or movable; AnyInvocable is movable, which post() accepts.
struct Runner {
  Task task;
  void operator()() { task(); }
};

}  // namespace

EventLoop::EventLoop() : io_(1), work_(asio::make_work_guard(io_)) {}

EventLoop::~EventLoop() { Stop(); }

void EventLoop::Start() {
  thread_ = std::thread([this] { io_.run(); });
}

void EventLoop::Stop() {
  io_.stop();
  if (thread_.joinable()) thread_.join();
}

void EventLoop::Post(Task task) { asio::post(io_, Runner{std::move(task)}); }

Scheduler::TimerId EventLoop::RunAfter(absl::Duration delay, Task task) {
  const TimerId id{next_timer_++};
  auto timer = std::make_unique<asio::steady_timer>(io_);
  timer->expires_after(absl::ToChronoNanoseconds(std::max(delay, absl::ZeroDuration())));
  timer->async_wait([this, id, task = std::move(task)](const asio::error_code&) mutable {
    // Cancel() takes the entry away first, so a timer that fired in the same moment stays silent.
    if (timers_.erase(id) == 0) return;
    task();
  });
  timers_.emplace(id, std::move(timer));
  return id;
}

void EventLoop::Cancel(TimerId id) { timers_.erase(id); }

}  // namespace onetake
