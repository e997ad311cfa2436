#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "runtime/base/clock.h"
#include "runtime/ledger/atomic_histogram.h"
#include "runtime/ledger/checkpointer.h"
#include "runtime/ledger/job_queue.h"
#include "runtime/ledger/sync_count.h"
#include "runtime/store/database.h"

namespace onetake {

// One change of the ledger and whoever waits for it.
struct WriteJob {
  // Runs inside the transaction of its batch, maybe more than once (after a rollback), so it keeps
  // no state from one run to the next. FAILED_PRECONDITION, INVALID_ARGUMENT, ALREADY_EXISTS and
  // NOT_FOUND concern this job alone; any other error concerns the whole batch.
  absl::AnyInvocable<absl::Status()> run;
  // Runs once, outside any lock; if it is given OK, after the commit.
  absl::AnyInvocable<void(absl::Status)> answer;
  size_t bytes = 0;  // about what it adds to the batch
};

// The writer: takes everything queued, commits it in one transaction and wakes the waiters. It does
// not linger for a job that somebody waits for: the jobs that come while one batch is being synced
// are the next batch.
//   - A job that fails alone leaves nothing behind; the rest of its batch is committed.
//   - Disk full: every job of the batch gets RESOURCE_EXHAUSTED; the next batch tries again.
//   - Any other failure of the transaction: `on_fatal`. Nobody is told success. When it returns (in
//     tests), every job, then and later, is answered with that failure, and nothing is written.
// Submit is thread-safe; the rest is for one thread.
class GroupCommit {
 public:
  struct Options {
    size_t queue_limit;
    absl::Duration idle;  // without work for this long, the WAL is emptied
    std::function<void(const absl::Status&)> on_fatal;
    std::function<void()> after_commit;  // on the writer's thread, after the waiters are woken
    std::function<absl::Status()>
        before_commit;             // an error fails the batch; null: nothing is asked
    const Clock* clock = nullptr;  // by which commits are timed; null: they are not
    // How long jobs that nobody waits for may wait for others; each commit costs a sync.
    absl::Duration linger = absl::ZeroDuration();
  };
  using Bound = JobQueue<WriteJob>::Bound;
  using Urgency = JobQueue<WriteJob>::Urgency;
  struct Stats {
    int64_t commits = 0;  // transactions that were committed
    int64_t syncs = 0;    // syncs of the disk, by these and by checkpoints
    int64_t jobs = 0;     // jobs that were answered from a batch
    int64_t shed = 0;     // jobs refused because the queue was full
    size_t queued = 0;    // jobs that wait now
    bool disk_full = false;
    AtomicHistogram::Snapshot commit_seconds;  // from BEGIN to its being on disk
    AtomicHistogram::Snapshot batch_jobs;
  };

  static constexpr size_t kBatchJobs = 512;
  static constexpr size_t kBatchBytes = 1024 * 1024;

  GroupCommit(Database& database, Options options);
  ~GroupCommit();

  // A job that is refused is answered on this thread: RESOURCE_EXHAUSTED (full), UNAVAILABLE
  // (stopped).
  void Submit(WriteJob job, Bound bound, Urgency urgency = Urgency::kNow);

  void Start();
  // Runs one batch on this thread. Only without Start(). False when nothing was queued.
  bool RunOnce();
  // Does what the writer does when it has had nothing to do for a while. Only without Start().
  void RunIdle();
  // Commits what is queued, refuses the rest, and empties the WAL. Idempotent.
  void Stop();

  Stats stats() const;

 private:
  void Loop();
  std::vector<WriteJob> Take(absl::Duration patience, absl::Duration linger);
  void RunBatch(std::vector<WriteJob> batch);
  absl::Status Commit(std::vector<WriteJob>& batch, std::vector<absl::Status>& answers);
  absl::Status TryCommit(std::vector<WriteJob>& batch, std::vector<absl::Status>& answers);
  void NoteSpace(const absl::Status& outcome);
  void Fail(const absl::Status& status);
  void KeepUp(const absl::Status& checkpoint);

  Database& database_;
  const Options options_;
  JobQueue<WriteJob> queue_;
  std::thread thread_;
  std::atomic<int64_t> commits_{0}, jobs_{0}, shed_{0};
  SyncCount syncs_;
  AtomicHistogram commit_seconds_, batch_jobs_;
  std::atomic<bool> disk_full_{false};
  // Owned by the writer thread.
  Checkpointer checkpointer_;
  absl::Status failed_;  // sticky
  bool stopped_ = false;
};

}  // namespace onetake
