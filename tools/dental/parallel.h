#pragma once

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"

namespace onetake::dental {

// Calls work(0) … work(count - 1) on `threads` threads, in order of start; returns when all have
// ended.
inline void RunParallel(int count, int threads, absl::FunctionRef<void(int)> work) {
  std::atomic<int> next = 0;
  std::vector<std::thread> workers;
  workers.reserve(static_cast<size_t>(threads));
  for (int i = 0; i < std::min(count, threads); ++i) {
    workers.emplace_back([&] {
      for (int at = next++; at < count; at = next++) work(at);
    });
  }
  for (std::thread& worker : workers) worker.join();
}

}  // namespace onetake::dental
