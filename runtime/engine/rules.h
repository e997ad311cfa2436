#pragma once

#include "absl/strings/string_view.h"

// The rules of the engine that are read again, from a record or an answer. Those of the policy are
// in runtime/policy/rules.h; a rule that is only written stands where it is written.
namespace onetake {

// A claimed write was taken back before anything was sent.
inline constexpr absl::string_view kWithdrawnRule = "R20.withdrawn";
// A claimed write was not sent, because a drain had begun.
inline constexpr absl::string_view kDrainNotSent = "drain.not_sent";

// An attempt is known to be still at work: the rule for what is planned then, and for what is left
// to a person.
inline constexpr absl::string_view kStillRuns = "R3.still_runs";
// The same for a resend that is planned: when that is due says nothing of when to probe.
inline constexpr absl::string_view kStillRunsResend = "R3.still_runs_resend";
// The same when all look-ups found nothing: it is left to a person.
inline constexpr absl::string_view kMayStillLand = "probe.may_still_land";
// No look-up has settled it, whatever is at work: it is left to a person.
inline constexpr absl::string_view kProbeExhausted = "probe.exhausted";
// Whether what is recorded under this rule may be at work even now, so that a look-up that finds
// nothing is not believed. What was to be left to a person is so after a restart, too.
inline bool SaysItStillRuns(absl::string_view rule) {
  return rule == kStillRuns || rule == kStillRunsResend || rule == kMayStillLand ||
         rule == kProbeExhausted;
}
// A probe found no effect, at a time when that could be believed.
inline constexpr absl::string_view kProbeNotApplied = "R3.probe_not_applied";
// A probe found no effect, which may show later.
inline constexpr absl::string_view kProbeNotAppliedYet = "probe.not_applied_yet";
inline constexpr absl::string_view kProbeInconclusive = "probe.inconclusive";

// An answer was given while a claim is on its way to the disk.
inline constexpr absl::string_view kClaimOnItsWay = "R1.claim_on_its_way";
// A reversing write was not sent: the write that it would undo was refused, or nobody can tell
// whether it took effect.
inline constexpr absl::string_view kNothingToReverse = "R7.nothing_to_reverse";
inline constexpr absl::string_view kOriginalUnsettled = "R7.original_unsettled";
// Whether a write that undoes another took effect is not known; only a person can tell.
inline constexpr absl::string_view kReversalUnsettled = "R7.reversal_unsettled";
// The same of an earlier write that sets the same thing.
inline constexpr absl::string_view kEarlierUnsettled = "R7.earlier_unsettled";
// One of two writes that touch the same intent, or set the same thing, waits for the other.
inline constexpr absl::string_view kWaitsForAnother = "R7.waits_for_another";
// What a write would undo is being undone by another one, which may have taken effect.
inline constexpr absl::string_view kBeingUndone = "R7.being_undone";
// The same was done, or is being done, for the same subject a moment ago.
inline constexpr absl::string_view kNearDuplicate = "R15.near_duplicate";
// An intent has had as many generations as it may have.
inline constexpr absl::string_view kTooManyGenerations = "limit.generations";
// A READ was given up, because the user has discarded its turn.
inline constexpr absl::string_view kBargeIn = "barge_in";

}  // namespace onetake
