#pragma once

#include <cstdint>
#include <cstdlib>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "runtime/ledger/sqlite_ledger.h"
#include "tests/bench/synthetic.h"

namespace onetake::bench {

// Keeps so many writes under way: each a claim, its outcome and the answer to its call; a tenth of
// them are replayed as well.
class Writers {
 public:
  // The writes `first` to `first` + `intents` - 1.
  Writers(SqliteLedger& ledger, int64_t first, int64_t intents)
      : ledger_(ledger), intents_(intents), end_(first + intents), next_(first), open_(intents) {}

  // Returns how many a second.
  double Run(int in_flight) {
    const absl::Time begin = absl::Now();
    for (int i = 0; i < in_flight; ++i) Next();
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &Writers::AllSettled));
    }
    return static_cast<double>(intents_) / absl::ToDoubleSeconds(absl::Now() - begin);
  }

 private:
  bool AllSettled() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return open_ == 0; }

  void Next() {
    int64_t n = 0;
    {
      absl::MutexLock lock(&mutex_);
      if (next_ == end_) return;
      n = next_++;
    }
    ClaimRequest request = MakeClaim(n);
    CallRecord call = request.call;
    ledger_.Claim(std::move(request), [this, call](absl::StatusOr<ClaimResult> claim) mutable {
      if (!claim.ok() || !claim->granted) std::abort();
      Settle(std::move(call), claim->row);
    });
  }

  void Settle(CallRecord call, int64_t row) {
    Transition outcome = MakeOutcome(row, IntentState::kSucceeded, call.received_at);
    call = Answered(std::move(call), row, "DONE");
    ledger_.Apply(std::move(outcome), [this, call](const absl::StatusOr<Applied>& applied) mutable {
      if (!applied.ok()) std::abort();
      const bool repeat = call.intent_row % 10 == 0;
      ledger_.RecordCall(call);
      if (repeat) ledger_.RecordCall(Repeated(std::move(call), CallRole::kReplayed, "DONE"));
      Next();
      absl::MutexLock lock(&mutex_);
      --open_;
    });
  }

  SqliteLedger& ledger_;
  const int64_t intents_;
  const int64_t end_;
  absl::Mutex mutex_;
  int64_t next_ ABSL_GUARDED_BY(mutex_);
  int64_t open_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace onetake::bench
