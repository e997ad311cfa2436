#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <memory>
#include <thread>

#include "absl/container/flat_hash_map.h"
#include "runtime/base/clock.h"

namespace onetake {

// The one thread that runs the engine, all timers and all downstream I/O. Post() is thread-safe;
// the rest of Scheduler is for tasks of the loop itself.
class EventLoop final : public Scheduler {
 public:
  EventLoop();
  // Stops and joins. Tasks that have not run by then are destroyed unrun.
  ~EventLoop() override;
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Starts the thread. Call once.
  void Start();
  // Lets the running task end, then ends the thread. Idempotent; not from a task of the loop.
  void Stop();
  bool InLoop() const { return std::this_thread::get_id() == thread_.get_id(); }

  void Post(Task task) override;
  TimerId RunAfter(absl::Duration delay, Task task) override;
  void Cancel(TimerId id) override;

  // For what must watch file descriptors on this loop (the HTTP client).
  asio::io_context& io() { return io_; }

 private:
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::thread thread_;
  // Owned by the loop.
  uint64_t next_timer_ = 1;
  absl::flat_hash_map<TimerId, std::unique_ptr<asio::steady_timer>> timers_;
};

}  // namespace onetake
