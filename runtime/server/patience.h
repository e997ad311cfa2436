#pragma once

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace onetake {

// The time kept free before an RPC's deadline, for the answer to be written and to reach the
// caller.
inline constexpr absl::Duration kAnswerMargin = absl::Milliseconds(50);

// How long a call may wait for its outcome: `wanted`, but no longer than what leaves the margin of
// the `left` time of its RPC (infinite when the RPC has no deadline). DEADLINE_EXCEEDED when
// nothing is left: then nobody would hear the answer, and nothing must be begun.
absl::StatusOr<absl::Duration> FitPatience(absl::Duration wanted, absl::Duration left);

// Within how much of the `left` time a call must be answered although the ledger has not: half of
// the margin before the RPC's deadline, or half of what is left.
absl::Duration LastMoment(absl::Duration left);

}  // namespace onetake
