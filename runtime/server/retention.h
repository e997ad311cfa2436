#pragma once

#include "absl/time/time.h"
#include "runtime/base/clock.h"
#include "runtime/ledger/ledger_upkeep.h"

namespace onetake {

// Lets what the ledger has kept for long enough age, in small batches, so that nothing waits long
// for one. It goes by a time that has surely come (age_clock.h): a wall clock that is ahead
// destroys nothing too soon, unless it is ahead for days. Owned by the loop; must outlive the
// upkeep's callbacks.
class Retention {
 public:
  static constexpr absl::Duration kFirst = absl::Minutes(1);  // a start has better things to do
  static constexpr absl::Duration kInterval = absl::Hours(1);
  static constexpr absl::Duration kPause = absl::Milliseconds(50);  // between two batches
  static constexpr int kBatch = 200;

  // `kept` is the age clock that the ledger was opened with.
  Retention(AgeRules rules, AgeClock kept, LedgerUpkeep& upkeep, const Clock& clock,
            Scheduler& loop);

  // Runs after kFirst, and from then on every kInterval. A batch that fails is logged, and tried
  // again at the next interval.
  void Start();

 private:
  void RunBatch();
  // The rules for a wall clock that says `now`.
  AgeRules RulesAt(absl::Time now);
  void OnAged(const absl::StatusOr<AgeResult>& aged);

  const AgeRules rules_;
  LedgerUpkeep& upkeep_;
  const Clock& clock_;
  Scheduler& loop_;
  AgeClock age_clock_;
  absl::Duration looked_at_;  // Elapsed() at the last look
  int64_t aged_ = 0;          // since the interval began
  int64_t pruned_ = 0;        // events; since then
};

}  // namespace onetake
