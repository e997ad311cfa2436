#pragma once

#include <map>
#include <utility>

#include "runtime/base/clock.h"

namespace onetake::testing {

// A clock that stands still until the test moves it, and the tasks that fall due meanwhile, in
// order. Single-threaded.
class SimScheduler final : public Clock, public Scheduler {
 public:
  absl::Time Now() const override {
    return absl::UnixEpoch() + absl::Hours(500'000) + elapsed_ + jumped_;
  }
  // The wall clock is set; no time passes.
  void Jump(absl::Duration step) { jumped_ += step; }
  absl::Duration Elapsed() const override { return elapsed_; }

  void Post(Task task) override { RunAfter(absl::ZeroDuration(), std::move(task)); }
  TimerId RunAfter(absl::Duration delay, Task task) override {
    const TimerId id{next_++};
    tasks_.emplace(Due{elapsed_ + std::max(delay, absl::ZeroDuration()), id}, std::move(task));
    return id;
  }
  void Cancel(TimerId id) override {
    for (auto it = tasks_.begin(); it != tasks_.end(); ++it) {
      if (it->first.second == id) {
        tasks_.erase(it);
        return;
      }
    }
  }

  // Runs what is due now, and what that posts, without moving time.
  void RunReady() { Advance(absl::ZeroDuration()); }
  void Advance(absl::Duration step) {
    const absl::Duration end = elapsed_ + step;
    while (!tasks_.empty() && tasks_.begin()->first.first <= end) {
      auto node = tasks_.extract(tasks_.begin());
      elapsed_ = node.key().first;
      node.mapped()();
    }
    elapsed_ = end;
  }
  // Moves time from task to task until nothing is left or `limit` has passed.
  void RunUntilIdle(absl::Duration limit) {
    const absl::Duration end = elapsed_ + limit;
    while (!tasks_.empty() && tasks_.begin()->first.first <= end) {
      Advance(tasks_.begin()->first.first - elapsed_);
    }
  }
  bool idle() const { return tasks_.empty(); }
  size_t waiting() const { return tasks_.size(); }

 private:
  using Due = std::pair<absl::Duration, TimerId>;
  absl::Duration elapsed_ = absl::Seconds(1);
  absl::Duration jumped_ = absl::ZeroDuration();
  uint64_t next_ = 1;
  std::map<Due, Task> tasks_;
};

// A fixed seed, so a failure replays.
class SimRandom final : public Random {
 public:
  explicit SimRandom(uint64_t seed) : state_(seed) {}
  uint64_t Next() override {
    // SplitMix64 (Steele, Lea, Flood, 2014).
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

 private:
  uint64_t state_;
};

}  // namespace onetake::testing
