#include "runtime/ledger/transition_rules.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace onetake {
namespace {

// The ledger alone reinstates (kReinstated): nobody asks it to.
bool IsLegal(IntentState from, IntentState to) {
  for (const IntentEvent event :
       {IntentEvent::kSucceeded, IntentEvent::kNoEffect, IntentEvent::kAmbiguous,
        IntentEvent::kCrash, IntentEvent::kResend, IntentEvent::kNothingSafe,
        IntentEvent::kResolvedDone, IntentEvent::kResolvedNotDone, IntentEvent::kReversed}) {
    if (Next(from, event) == to) return true;
  }
  return false;
}

bool IsOpen(IntentState state) {
  return state == IntentState::kInFlight || state == IntentState::kUnknown;
}

bool IsOutcome(IntentState state) {
  return state == IntentState::kSucceeded || state == IntentState::kRejected;
}

}  // namespace

absl::Status CheckTransition(const Transition& transition) {
  if (!IsLegal(transition.from, transition.to)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "no event leads from ", ToString(transition.from), " to ", ToString(transition.to)));
  }
  if (transition.attempt_begin.has_value() && !IsOpen(transition.to)) {
    return absl::InvalidArgumentError(
        absl::StrCat("no attempt may begin in ", ToString(transition.to)));
  }
  if (!transition.result_json.has_value()) return absl::OkStatus();
  if (!IsOutcome(transition.to)) {
    return absl::InvalidArgumentError(
        absl::StrCat("result_json belongs to an outcome, not to ", ToString(transition.to)));
  }
  if (transition.result_json->size() > kMaxBodyBytes) {
    return absl::InvalidArgumentError(absl::StrCat("result_json has ",
                                                   transition.result_json->size(),
                                                   " bytes, at most ", kMaxBodyBytes, " fit"));
  }
  return absl::OkStatus();
}

absl::Status CheckAttempts(const Transition& transition, int attempts, LastAttempt last) {
  if (transition.attempt_end.has_value()) {
    const int number = transition.attempt_end->number;
    if (number != attempts || last != LastAttempt::kOpen) {
      return absl::InvalidArgumentError(absl::StrCat("attempt ", number, " is not open"));
    }
    last = LastAttempt::kEnded;
  }
  if (!transition.attempt_begin.has_value()) return absl::OkStatus();
  if (last == LastAttempt::kOpen) {
    return absl::InvalidArgumentError(absl::StrCat("attempt ", attempts, " has not ended (R4)"));
  }
  if (*transition.attempt_begin != attempts + 1) {
    return absl::InvalidArgumentError(absl::StrCat("attempt_begin is ", *transition.attempt_begin,
                                                   ", the next attempt is ", attempts + 1));
  }
  return absl::OkStatus();
}

std::string CrashRule(absl::string_view reason) {
  return std::string(absl::StartsWith(reason, kStillRunsRules) ? reason : kCrashRule);
}

absl::string_view EventKind(const Transition& transition) {
  switch (transition.to) {
    case IntentState::kSucceeded:
      if (transition.from == IntentState::kReversed) return "reinstated";
      [[fallthrough]];
    case IntentState::kRejected:
      return transition.from == IntentState::kReview ? "resolved" : "settled";
    case IntentState::kReview: return "review";
    case IntentState::kReversed: return "reversed";
    case IntentState::kInFlight:
    case IntentState::kUnknown: break;
  }
  const std::optional<AttemptEnd>& end = transition.attempt_end;
  const bool cut_off = end.has_value() && end->failure == kCrashFailure;
  if (transition.rule == kCrashRule || cut_off) return "crashed";
  if (transition.job.has_value()) return "accepted";
  if (transition.from != transition.to) return "unknown";
  if (transition.attempt_begin.has_value()) return "resend";
  return transition.next_attempt_at.has_value() ? "scheduled" : "unchanged";
}

absl::string_view RuleOfVerdict(IntentState verdict) {
  return verdict == IntentState::kSucceeded ? "review.applied" : "review.not_applied";
}

}  // namespace onetake
