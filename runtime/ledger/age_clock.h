#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/store/database.h"

namespace onetake {

// The time that has surely come, for what must not be destroyed too soon. The wall clock may be
// set, or begin wrong with the machine: it counts as long as it agrees, to a day, with what has
// passed since it was last looked at. Otherwise time goes on from there as it passes for this
// process, until the wall clock has gone steadily on for three days: a server may have been off for
// long. Kept in the ledger, so that one start with a wrong clock, or several, cannot move it. A
// value.
struct AgeClock {
  static constexpr absl::Duration kTolerance = absl::Hours(24);
  static constexpr absl::Duration kBelievedAfter = absl::Hours(72);

  absl::Time at;           // has surely come
  absl::Time wall;         // what the wall clock said then
  absl::Duration doubted;  // for how long `wall` has gone on without being believed

  // Moves on: `passed` since the last time, by a clock that nobody sets; zero after a start.
  void GoOn(absl::Time now, absl::Duration passed);
  // How far `wall` is ahead of what is believed.
  absl::Duration Ahead() const;
};

// Loads the clock as it was kept; else it begins with the last event, or with `now` when there is
// none. DATA_LOSS and as statement.h.
absl::StatusOr<AgeClock> LoadAgeClock(Database& database, absl::Time now);
// Runs inside the caller's transaction.
absl::Status SaveAgeClock(Database& writer, const AgeClock& clock);

}  // namespace onetake
