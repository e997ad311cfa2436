#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "runtime/ledger/chain_verifier.h"

namespace onetake {

// Verifies the parts of a chain ahead, on several threads with a connection each. An event holds
// the hash before it, so a part can be verified while the one before it is. The taker of the parts,
// in order, holds them against each other. Only a few parts are ready at a time, so memory is
// bounded. Used by one thread.
class VerifyPool {
 public:
  // Verifies parts of `events` events each, from `from_seq` on. `threads` 0: one a core, at most 8.
  VerifyPool(std::string path, int64_t from_seq, int64_t events, int threads);
  ~VerifyPool();
  VerifyPool(const VerifyPool&) = delete;
  VerifyPool& operator=(const VerifyPool&) = delete;

  // Returns the next part. No value: it is not intact, or the chain ends in it, or it cannot be
  // read; the caller finds out which.
  std::optional<ChainVerifier::Part> Next() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  using Result = std::optional<ChainVerifier::Part>;
  void Work();
  // Returns the number of a part to verify; no value: there are no more.
  std::optional<int64_t> Begin() ABSL_LOCKS_EXCLUDED(mutex_);
  bool MayBegin() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string path_;
  const int64_t from_seq_;
  const int64_t events_;
  const int64_t ahead_;  // how many parts may be begun but not yet taken
  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t begun_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t taken_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<int64_t, Result> done_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace onetake
