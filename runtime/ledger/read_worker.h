#pragma once

#include <cstddef>
#include <thread>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "runtime/ledger/job_queue.h"

namespace onetake {

// A read: called with OK to run, or with the reason for which it will not. Either way it answers.
using ReadJob = absl::AnyInvocable<void(absl::Status)>;

// Runs reads one after the other on a thread of its own, from a bounded queue. Submit and
// Refuse are thread-safe; the rest is for one thread.
class ReadWorker {
 public:
  enum class For { kCalls, kSessions, kAuditors };

  // Auditors' reads run with what the calls leave of the machine.
  ReadWorker(size_t queue_limit, For whom) : queue_(queue_limit), for_(whom) {}
  ~ReadWorker() { Stop(); }

  // A read that is refused is called on this thread: RESOURCE_EXHAUSTED (full), UNAVAILABLE
  // (stopped).
  void Submit(ReadJob job);

  // Refuses what is queued and what comes later, on this thread. Thread-safe.
  void Refuse();

  void Start();
  // Runs one read on this thread. Only without Start(). False when nothing was queued.
  bool RunOnce();
  // Runs what is queued and refuses the rest. Idempotent.
  void Stop();

 private:
  void Loop();
  JobQueue<ReadJob> queue_;
  const For for_;
  std::thread thread_;
};

}  // namespace onetake
