#pragma once

#include <set>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace onetake {

// The calls that have not returned, also those whose time is over: what is not found of one of them
// may yet come. Thread-safe.
class RunningCalls {
 public:
  // One call, from before it begins until after it has returned.
  class Hold {
   public:
    Hold(RunningCalls& calls, std::string tool, std::string key)
        : calls_(calls), call_(std::move(tool), std::move(key)) {
      absl::MutexLock lock(&calls_.mutex_);
      calls_.running_.insert(call_);
    }
    ~Hold() {
      absl::MutexLock lock(&calls_.mutex_);
      calls_.running_.erase(calls_.running_.find(call_));
    }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    RunningCalls& calls_;
    const std::pair<std::string, std::string> call_;
  };

  bool Has(const std::string& tool, const std::string& key) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    return running_.count({tool, key}) != 0;
  }

 private:
  absl::Mutex mutex_;
  std::multiset<std::pair<std::string, std::string>> running_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace onetake
