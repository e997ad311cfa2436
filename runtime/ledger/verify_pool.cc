#include "runtime/ledger/verify_pool.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"

namespace onetake {
namespace {

constexpr int kMostThreads = 8;
constexpr int kAheadOfEach = 3;

int Count(int threads) {
  if (threads <= 0) threads = static_cast<int>(std::thread::hardware_concurrency());
  return std::clamp(threads, 1, kMostThreads);
}

}  // namespace

VerifyPool::VerifyPool(std::string path, int64_t from_seq, int64_t events, int threads)
    : path_(std::move(path)),
      from_seq_(from_seq),
      events_(events),
      ahead_(static_cast<int64_t>(Count(threads)) * kAheadOfEach) {
  for (int i = 0; i < Count(threads); ++i) threads_.emplace_back(&VerifyPool::Work, this);
}

VerifyPool::~VerifyPool() {
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
}

bool VerifyPool::MayBegin() const { return stopped_ || begun_ < taken_ + ahead_; }

std::optional<int64_t> VerifyPool::Begin() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(this, &VerifyPool::MayBegin));
  if (stopped_) return std::nullopt;
  return begun_++;
}

// A part that cannot be verified counts as one that is not intact: the caller finds out why.
void VerifyPool::Work() {
  absl::StatusOr<std::unique_ptr<Database>> database =
      Database::Open({path_, Database::Access::kReader, ""});
  std::unique_ptr<ChainVerifier> verifier;  // null: it cannot be read
  if (database.ok()) verifier = ChainVerifier::Prepare(**database, {}).value_or(nullptr);
  for (std::optional<int64_t> number = Begin(); number.has_value(); number = Begin()) {
    Result result;
    if (verifier != nullptr) {
      absl::StatusOr<Result> part = verifier->VerifyPart(from_seq_ + *number * events_, events_);
      if (part.ok()) result = *std::move(part);
    }
    absl::MutexLock lock(&mutex_);
    done_.emplace(*number, std::move(result));
  }
}

std::optional<ChainVerifier::Part> VerifyPool::Next() {
  absl::MutexLock lock(&mutex_);
  const auto is_done = [this]()
                           ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return done_.contains(taken_); };
  mutex_.Await(absl::Condition(&is_done));
  Result result = std::move(done_.extract(taken_).mapped());
  ++taken_;
  return result;
}

}  // namespace onetake
