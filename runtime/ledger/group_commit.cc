#include "runtime/ledger/group_commit.h"

#include <string>
#include <utility>

#include "runtime/base/failpoint.h"
#include "runtime/base/log.h"
#include "runtime/base/planted_bug.h"
#include "runtime/base/status.h"
#include "runtime/base/this_thread.h"
#include "runtime/store/transaction.h"

namespace onetake {
namespace {

// Whether an error concerns one job, not the transaction.
bool ConcernsOneJob(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kNotFound: return true;
    default: return false;
  }
}

constexpr AtomicHistogram::Bounds kCommitSeconds = {0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                                    0.025,   0.05,   0.1,   0.25,   1,     5};
constexpr AtomicHistogram::Bounds kBatchSizes = {1, 2, 4, 8, 16, 32, 64, 128, 192, 256, 384, 512};

}  // namespace

GroupCommit::GroupCommit(Database& database, Options options)
    : database_(database),
      options_(std::move(options)),
      queue_(options_.queue_limit),
      syncs_(database.WalFrames()),
      commit_seconds_(kCommitSeconds),
      batch_jobs_(kBatchSizes),
      checkpointer_(database, syncs_) {}

GroupCommit::~GroupCommit() { Stop(); }

void GroupCommit::Submit(WriteJob job, Bound bound, Urgency urgency) {
  switch (queue_.Push(job, bound, urgency)) {
    case JobQueue<WriteJob>::Pushed::kQueued: FailPoint("ledger.queued"); return;
    case JobQueue<WriteJob>::Pushed::kFull:
      ++shed_;
      job.answer(absl::ResourceExhaustedError("the ledger's writer is behind: try again later"));
      return;
    case JobQueue<WriteJob>::Pushed::kClosed:
      job.answer(absl::UnavailableError("the ledger is closed"));
      return;
  }
}

void GroupCommit::Start() { thread_ = std::thread(&GroupCommit::Loop, this); }

void GroupCommit::Loop() {
  NameThisThread("ledger-writer");
  while (!queue_.Drained()) {
    const bool may_rest = failed_.ok() && checkpointer_.HasWork();
    std::vector<WriteJob> batch =
        Take(may_rest ? options_.idle : absl::InfiniteDuration(), options_.linger);
    if (!batch.empty()) {
      RunBatch(std::move(batch));
    } else if (may_rest) {
      RunIdle();
    }
  }
}

void GroupCommit::RunIdle() {
  if (failed_.ok()) KeepUp(checkpointer_.WhenIdle());
}

bool GroupCommit::RunOnce() {
  std::vector<WriteJob> batch = Take(absl::ZeroDuration(), absl::ZeroDuration());
  if (batch.empty()) return false;
  RunBatch(std::move(batch));
  return true;
}

void GroupCommit::Stop() {
  if (stopped_) return;
  stopped_ = true;
  queue_.Close();
  if (thread_.joinable()) {
    thread_.join();
  } else {
    while (RunOnce()) {
    }
  }
  RunIdle();
}

std::vector<WriteJob> GroupCommit::Take(absl::Duration patience, absl::Duration linger) {
  size_t jobs = 0;
  size_t bytes = 0;
  return queue_.Take(patience, linger, [&](const WriteJob& next) {
    bytes += next.bytes;
    return jobs++ == 0 || (jobs <= kBatchJobs && bytes <= kBatchBytes);
  });
}

void GroupCommit::RunBatch(std::vector<WriteJob> batch) {
  std::vector<absl::Status> answers(batch.size());
  const absl::Duration begun =
      options_.clock == nullptr ? absl::ZeroDuration() : options_.clock->Elapsed();
  absl::Status outcome = failed_.ok() ? Commit(batch, answers) : failed_;
  if (options_.clock != nullptr) {
    commit_seconds_.Observe(absl::ToDoubleSeconds(options_.clock->Elapsed() - begun));
  }
  batch_jobs_.Observe(static_cast<double>(batch.size()));
  NoteSpace(outcome);
  if (!outcome.ok() && !absl::IsResourceExhausted(outcome) && failed_.ok() &&
      !ONETAKE_PLANTED_BUG("commit_error_is_a_no")) {
    Fail(outcome);
  }
  // What callers are told, without SQLite's words; the log has those.
  if (absl::IsResourceExhausted(outcome)) {
    outcome = absl::ResourceExhaustedError("the ledger's disk is full");
  }
  FailPoint("ledger.before_wake");
  for (size_t i = 0; i < batch.size(); ++i) {
    if (ONETAKE_PLANTED_BUG("wake_before_commit") && !batch[i].answer) continue;
    batch[i].answer(outcome.ok() ? answers[i] : outcome);
  }
  FailPoint("ledger.after_wake");
  jobs_ += static_cast<int64_t>(batch.size());
  if (!outcome.ok()) return;
  if (options_.after_commit) options_.after_commit();
  KeepUp(checkpointer_.AfterCommit());
}

// A job that fails after it has written something takes the batch down with it. It is left out, and
// the others run again: that costs nothing as long as no caller has such a bug.
absl::Status GroupCommit::Commit(std::vector<WriteJob>& batch, std::vector<absl::Status>& answers) {
  for (;;) {
    absl::Status outcome = TryCommit(batch, answers);
    if (!absl::IsAborted(outcome)) return outcome;
  }
}

absl::Status GroupCommit::TryCommit(std::vector<WriteJob>& batch,
                                    std::vector<absl::Status>& answers) {
  FailPoint("ledger.before_begin");
  ONETAKE_ASSIGN_OR_RETURN(Transaction transaction,
                           Transaction::Begin(database_, Transaction::Kind::kWrite));
  const int64_t changes_before = database_.TotalChanges();
  for (size_t i = 0; i < batch.size(); ++i) {
    if (!batch[i].run) continue;  // left out
    const int64_t changes = database_.TotalChanges();
    answers[i] = batch[i].run();
    FailPoint("ledger.after_job");
    if (answers[i].ok()) continue;
    if (!ConcernsOneJob(answers[i])) return answers[i];
    if (database_.TotalChanges() == changes) continue;
    batch[i].run = nullptr;
    return absl::AbortedError("a job failed half-way");
  }
  FailPoint("ledger.before_commit");
  for (size_t i = 0; ONETAKE_PLANTED_BUG("wake_before_commit") && i < batch.size(); ++i) {
    if (batch[i].answer) std::exchange(batch[i].answer, nullptr)(answers[i]);
  }
  if (options_.before_commit) ONETAKE_RETURN_IF_ERROR(options_.before_commit());
  ONETAKE_RETURN_IF_ERROR(transaction.Commit());
  FailPoint("ledger.after_commit");
  ++commits_;
  if (database_.TotalChanges() != changes_before) syncs_.Committed(database_.WalFrames());
  return absl::OkStatus();
}

void GroupCommit::NoteSpace(const absl::Status& outcome) {
  const bool full = absl::IsResourceExhausted(outcome);
  if (full && !disk_full_) {
    Log(LogLevel::kError, "ledger.disk_full",
        {{LogField::kError, std::string(outcome.message())},
         {LogField::kAdvice, "free space: new writes are refused until a commit works again"}});
  } else if (disk_full_ && outcome.ok()) {
    Log(LogLevel::kInfo, "ledger.disk_has_space", {});
  }
  disk_full_ = full;
}

void GroupCommit::Fail(const absl::Status& status) {
  failed_ = Annotate(status, "the ledger has stopped");
  database_.KeepWalAtClose();
  options_.on_fatal(failed_);
}

// A checkpoint that finds no space has lost nothing: what it would have copied is in the WAL.
void GroupCommit::KeepUp(const absl::Status& checkpoint) {
  if (checkpoint.ok() || absl::IsResourceExhausted(checkpoint)) return;
  Fail(checkpoint);
}

GroupCommit::Stats GroupCommit::stats() const {
  return {commits_,
          syncs_.syncs(),
          jobs_,
          shed_,
          queue_.size(),
          disk_full_,
          commit_seconds_.Read(),
          batch_jobs_.Read()};
}

}  // namespace onetake
