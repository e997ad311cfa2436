#pragma once

#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "runtime/catalog/tool.h"

namespace onetake {

// The set of tools that a call which comes now runs under. A set that was taken is kept: a call
// asks once and goes on with what it got. Thread-safe.
class CurrentTools {
 public:
  explicit CurrentTools(std::shared_ptr<const ToolSet> tools) : tools_(std::move(tools)) {}

  // Never nullptr.
  std::shared_ptr<const ToolSet> Get() const ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    return tools_;
  }

  // To be called only from the task of the loop that gives the engine the same set.
  void Set(std::shared_ptr<const ToolSet> tools) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    tools_.swap(tools);  // the last reference to the old set may end here, outside the lock
  }

 private:
  mutable absl::Mutex mutex_;
  std::shared_ptr<const ToolSet> tools_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace onetake
