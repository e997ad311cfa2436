#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace onetake {

// A histogram with fixed bounds that one thread fills and any thread reads.
class AtomicHistogram {
 public:
  static constexpr size_t kBounds = 12;
  using Bounds = std::array<double, kBounds>;  // upper bounds, rising

  struct Snapshot {
    std::vector<double> bounds;
    std::vector<uint64_t> counts;  // one more than bounds: what is beyond the last one
    double sum = 0;
  };

  explicit AtomicHistogram(const Bounds& bounds) : bounds_(bounds) {}

  // Adds a value; for the one thread.
  void Observe(double value) {
    size_t i = 0;
    while (i < kBounds && value > bounds_.at(i)) ++i;
    counts_.at(i).fetch_add(1, std::memory_order_relaxed);
    sum_.store(sum_.load(std::memory_order_relaxed) + value, std::memory_order_relaxed);
  }

  // Reads the figures, from any thread. A value that is observed meanwhile may be in it in part.
  Snapshot Read() const {
    Snapshot snapshot{.bounds = {bounds_.begin(), bounds_.end()}, .counts = {}, .sum = sum_.load()};
    for (const std::atomic<uint64_t>& count : counts_) snapshot.counts.push_back(count.load());
    return snapshot;
  }

 private:
  const Bounds bounds_;
  std::array<std::atomic<uint64_t>, kBounds + 1> counts_{};
  std::atomic<double> sum_{0};
};

}  // namespace onetake
