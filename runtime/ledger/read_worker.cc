#include "runtime/ledger/read_worker.h"

#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "runtime/base/this_thread.h"

namespace onetake {
namespace {

absl::Status Closed() { return absl::UnavailableError("the ledger is closed"); }

const char* ThreadName(ReadWorker::For whom) {
  switch (whom) {
    case ReadWorker::For::kCalls: return "ledger-lookups";
    case ReadWorker::For::kSessions: return "ledger-sessions";
    case ReadWorker::For::kAuditors: return "ledger-auditors";
  }
  return "ledger-reads";
}

std::vector<ReadJob> TakeOne(JobQueue<ReadJob>& queue, absl::Duration patience) {
  bool taken = false;
  return queue.Take(patience, absl::ZeroDuration(),
                    [&](const ReadJob&) { return !std::exchange(taken, true); });
}

}  // namespace

void ReadWorker::Submit(ReadJob job) {
  switch (queue_.Push(job, JobQueue<ReadJob>::Bound::kShed)) {
    case JobQueue<ReadJob>::Pushed::kQueued: return;
    case JobQueue<ReadJob>::Pushed::kFull:
      job(absl::ResourceExhaustedError("the ledger's reader is behind: try again later"));
      return;
    case JobQueue<ReadJob>::Pushed::kClosed: job(Closed()); return;
  }
}

void ReadWorker::Refuse() {
  queue_.Close();
  const auto all = [](const ReadJob&) { return true; };
  for (ReadJob& job : queue_.Take(absl::ZeroDuration(), absl::ZeroDuration(), all)) job(Closed());
}

void ReadWorker::Start() { thread_ = std::thread(&ReadWorker::Loop, this); }

void ReadWorker::Loop() {
  NameThisThread(ThreadName(for_));
  if (for_ == For::kAuditors) LetOtherThreadsGoFirst();
  while (!queue_.Drained()) {
    for (ReadJob& job : TakeOne(queue_, absl::InfiniteDuration())) job(absl::OkStatus());
  }
}

bool ReadWorker::RunOnce() {
  std::vector<ReadJob> jobs = TakeOne(queue_, absl::ZeroDuration());
  for (ReadJob& job : jobs) job(absl::OkStatus());
  return !jobs.empty();
}

void ReadWorker::Stop() {
  queue_.Close();
  if (thread_.joinable()) thread_.join();
  while (RunOnce()) {
  }
}

}  // namespace onetake
