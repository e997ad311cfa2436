#include "runtime/intent/state.h"

#include "runtime/base/check.h"

namespace onetake {
namespace {

using S = IntentState;
using E = IntentEvent;

std::optional<S> NextInFlight(E event) {
  switch (event) {
    case E::kSucceeded: return S::kSucceeded;
    case E::kNoEffect: return S::kRejected;
    case E::kAmbiguous:
    case E::kCrash: return S::kUnknown;
    // The attempt before left no effect, so nothing is unknown yet.
    case E::kResend: return S::kInFlight;
    case E::kNothingSafe:
    case E::kResolvedDone:
    case E::kResolvedNotDone:
    case E::kReversed:
    case E::kReinstated: return std::nullopt;
  }
  ONETAKE_CHECK(false);
}

std::optional<S> NextUnknown(E event) {
  switch (event) {
    case E::kSucceeded: return S::kSucceeded;
    // Only a probe may find no effect here: a refusal proves nothing (R14, which the policy
    // decides).
    case E::kNoEffect: return S::kRejected;
    // A resend does not make the earlier attempt known, and may itself be lost or crash.
    case E::kResend:
    case E::kAmbiguous:
    case E::kCrash: return S::kUnknown;
    case E::kNothingSafe: return S::kReview;
    // A person need not wait until we have nothing safe left to try.
    case E::kResolvedDone: return S::kSucceeded;
    case E::kResolvedNotDone: return S::kRejected;
    case E::kReversed:
    case E::kReinstated: return std::nullopt;
  }
  ONETAKE_CHECK(false);
}

}  // namespace

std::optional<S> Next(S state, E event) {
  switch (state) {
    case S::kInFlight: return NextInFlight(event);
    case S::kUnknown: return NextUnknown(event);
    case S::kReview:
      // A late answer of the downstream is evidence for the person, not a verdict (R16).
      if (event == E::kResolvedDone) return S::kSucceeded;
      if (event == E::kResolvedNotDone) return S::kRejected;
      return std::nullopt;
    case S::kSucceeded:
      if (event == E::kReversed) return S::kReversed;
      return std::nullopt;
    case S::kReversed:
      if (event == E::kReinstated) return S::kSucceeded;
      return std::nullopt;
    case S::kRejected: return std::nullopt;
  }
  ONETAKE_CHECK(false);
}

bool IsSettled(S state) {
  return state == S::kSucceeded || state == S::kRejected || state == S::kReversed;
}

bool OpensNextGeneration(S state) { return state == S::kRejected || state == S::kReversed; }

absl::string_view ToString(S state) {
  switch (state) {
    case S::kInFlight: return "IN_FLIGHT";
    case S::kSucceeded: return "SUCCEEDED";
    case S::kRejected: return "REJECTED";
    case S::kUnknown: return "UNKNOWN";
    case S::kReview: return "REVIEW";
    case S::kReversed: return "REVERSED";
  }
  ONETAKE_CHECK(false);
}

std::optional<S> IntentStateFromString(absl::string_view name) {
  for (S state :
       {S::kInFlight, S::kSucceeded, S::kRejected, S::kUnknown, S::kReview, S::kReversed}) {
    if (name == ToString(state)) return state;
  }
  return std::nullopt;
}

}  // namespace onetake
