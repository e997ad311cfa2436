#pragma once

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "runtime/ledger/ledger.h"

namespace onetake {

// The most that a row of bodies or results can hold, below SQLite's own limit of 2 MB a row.
inline constexpr size_t kMaxBodyBytes = 1'900'000;

// ToString(FailureKind::kCrash) of runtime/policy, which the ledger does not depend on.
inline constexpr char kCrashFailure[] = "CRASH";
inline constexpr char kCrashRule[] = "R12.crash";
// How the rules begin that say of an attempt that it is at work: a crash does not change that, and
// they stay.
inline constexpr absl::string_view kStillRunsRules = "R3.still_runs";
// The rule for what a crash left open, of which `reason` was recorded before.
std::string CrashRule(absl::string_view reason);

// Whether a transition may be asked for at all; INVALID_ARGUMENT says why not. Pure.
//   - Some event of Next() leads from `from` to `to`, and it is not one that the ledger makes by
//     itself, of another write's end (kReinstated).
//   - An attempt begins only while the outcome is open; a result comes only with an outcome.
absl::Status CheckTransition(const Transition& transition);

// Whether its attempts fit the `attempts` on record: only the last attempt can be open, and one is
// open at a time (R4). INVALID_ARGUMENT. Pure.
enum class LastAttempt { kEnded, kOpen };
absl::Status CheckAttempts(const Transition& transition, int attempts, LastAttempt last);

// The kind of the transition's event: "settled", "unknown", "review", "resolved" (by a person),
// "reversed", "reinstated", "crashed", "accepted" (as a job of the downstream), "resend" (an
// attempt begins), "scheduled" (one is due), "unchanged" (an attempt or a probe ended and told
// nothing new). Pure.
absl::string_view EventKind(const Transition& transition);

// The rule that a person's verdict is recorded with. Pure.
absl::string_view RuleOfVerdict(IntentState verdict);

}  // namespace onetake
