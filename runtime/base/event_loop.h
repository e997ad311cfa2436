#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <deque>
#include <memory>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "runtime/base/clock.h"

namespace onetake {

// The one thread that runs the engine, all timers and all downstream I/O. Post() and InLoop() are
// thread-safe; the rest of Scheduler is for tasks of the loop itself.
class EventLoop final : public Scheduler {
 public:
  EventLoop();
  // Stops and joins. Tasks that have not run by then are destroyed unrun, on this thread; what they
  // hold may still Post() and Cancel() while it is destroyed.
  ~EventLoop() override;
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Starts the thread. Call once, before Stop().
  void Start();
  // Lets the running task end, then ends the thread. Idempotent; not from a task of the loop.
  // After it the loop's objects may be touched from the thread that called it.
  void Stop();
  bool InLoop() const { return work_.get_executor().running_in_this_thread(); }

  void Post(Task task) override;
  TimerId RunAfter(absl::Duration delay, Task task) override;
  void Cancel(TimerId id) override;

  // For code that must watch file descriptors on this loop (the HTTP client).
  asio::io_context& io() { return io_; }

 private:
  // Tasks wait here and not inside asio, so that the order of destruction is ours.
  struct Timer {
    Timer(asio::io_context& io, Task fire) : alarm(io), task(std::move(fire)) {}
    asio::steady_timer alarm;
    Task task;
  };

  void RunNext();

  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::thread thread_;
  absl::Mutex mutex_;
  std::deque<Task> posted_ ABSL_GUARDED_BY(mutex_);
  // Owned by the loop.
  uint64_t next_timer_ = 1;
  absl::flat_hash_map<TimerId, std::unique_ptr<Timer>> timers_;
};

}  // namespace onetake
