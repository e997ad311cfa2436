#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>

#include "runtime/base/clock.h"

namespace onetake::sim {

// Time, and everything that is due, of all programs in the simulation. A program's tasks die with
// it; those of the world (owner 0) do not. Time moves only from task to task. Single-threaded.
class SimLoop final : public Clock {
 public:
  using Owner = uint64_t;
  static constexpr Owner kWorld = 0;

  absl::Time Now() const override {
    return absl::UnixEpoch() + absl::Hours(500'000) + elapsed_ + jumped_;
  }
  absl::Duration Elapsed() const override { return elapsed_; }
  // The wall clock is set; no time passes.
  void Jump(absl::Duration step) { jumped_ += step; }

  Scheduler::TimerId Add(Owner owner, absl::Duration delay, Task task) {
    const uint64_t id = ++last_;
    // The whole microseconds of every clock here.
    const absl::Duration due = absl::Microseconds(
        absl::ToInt64Microseconds(elapsed_ + std::max(delay, absl::ZeroDuration())));
    tasks_.emplace(Due{due, id}, Entry{owner, std::move(task)});
    due_[id] = due;
    return Scheduler::TimerId{id};
  }
  void After(absl::Duration delay, Task task) { Add(kWorld, delay, std::move(task)); }

  void Cancel(Scheduler::TimerId timer) {
    const auto found = due_.find(static_cast<uint64_t>(timer));
    if (found == due_.end()) return;
    // Extracted first: what the task holds may cancel others as it dies.
    const auto node = tasks_.extract(Due{found->second, found->first});
    due_.erase(found);
  }

  // The program is gone, and what it had in mind.
  void Forget(Owner owner) {
    for (bool left = true; left;) {
      left = false;
      std::map<Due, Entry> gone;
      for (auto it = tasks_.begin(); it != tasks_.end();) {
        const auto next = std::next(it);
        if (it->second.owner == owner) {
          due_.erase(it->first.second);
          gone.insert(tasks_.extract(it));
          left = true;
        }
        it = next;
      }
    }
  }

  // Runs the next task; when none is due by `end`, it is `end` then, and false.
  bool RunNext(absl::Duration end) {
    if (tasks_.empty() || tasks_.begin()->first.first > end) {
      elapsed_ = std::max(elapsed_, end);
      return false;
    }
    auto node = tasks_.extract(tasks_.begin());
    due_.erase(node.key().second);
    elapsed_ = std::max(elapsed_, node.key().first);
    ++steps_;
    node.mapped().task();
    return true;
  }
  int64_t steps() const { return steps_; }

 private:
  using Due = std::pair<absl::Duration, uint64_t>;
  struct Entry {
    Owner owner;
    Task task;
  };
  absl::Duration elapsed_ = absl::Seconds(1);
  absl::Duration jumped_ = absl::ZeroDuration();
  uint64_t last_ = 0;
  int64_t steps_ = 0;
  std::map<Due, Entry> tasks_;
  std::unordered_map<uint64_t, absl::Duration> due_;
};

// The loop as one program sees it.
class ProgramLoop final : public Scheduler {
 public:
  ProgramLoop(SimLoop& loop, SimLoop::Owner owner) : loop_(loop), owner_(owner) {}
  ~ProgramLoop() override { loop_.Forget(owner_); }
  void Post(Task task) override { loop_.Add(owner_, absl::ZeroDuration(), std::move(task)); }
  TimerId RunAfter(absl::Duration delay, Task task) override {
    return loop_.Add(owner_, delay, std::move(task));
  }
  void Cancel(TimerId id) override { loop_.Cancel(id); }

 private:
  SimLoop& loop_;
  const SimLoop::Owner owner_;
};

}  // namespace onetake::sim
