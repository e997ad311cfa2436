#pragma once

#include <optional>

#include "absl/strings/string_view.h"

namespace onetake {

// The life of one generation of an intent (design section 3):
//
//            claim               2xx
//   (none) -------> kInFlight --------> kSucceeded --(reversed)--> kReversed
//                     |  |                     ^---(reinstated)--------'
//                     |  |  '- surely no effect -> kRejected
//                     |  '---- may have happened -> kUnknown --> kSucceeded, kRejected, kReview
//                     '- crash ------------------> kUnknown
//   kReview, kUnknown --(a person, with evidence)--> kSucceeded, kRejected
//
// kResend changes no state: an attempt without effect is repeated in kInFlight, an unknown one in
// kUnknown. Every review was unknown before. What arrives after a verdict is no transition, but a
// conflict event (R16); that a person may then correct the verdict is a matter of the ledger.
enum class IntentState { kInFlight, kSucceeded, kRejected, kUnknown, kReview, kReversed };

enum class IntentEvent {
  kSucceeded,        // the downstream said yes, or a probe found the effect
  kNoEffect,         // surely no effect; from kUnknown only a probe may say so (R14)
  kAmbiguous,        // may have happened
  kCrash,            // found in flight at start-up
  kResend,           // another attempt under the same key begins, or is scheduled
  kNothingSafe,      // no safe retry and no probe is left
  kResolvedDone,     // a person found the effect
  kResolvedNotDone,  // a person found none
  kReversed,         // a settled reversing write undid it
  kReinstated,       // what undid it was undone itself
};

// Where `event` leads from `state`; nullopt when it may not happen there. Pure.
std::optional<IntentState> Next(IntentState state, IntentEvent event);

// SUCCEEDED, REJECTED and REVERSED: the outcome is known.
bool IsSettled(IntentState state);
// Whether the next call for the intent opens generation n+1 (R6, R7).
bool OpensNextGeneration(IntentState state);

// "IN_FLIGHT" ... as in the ledger and the API.
absl::string_view ToString(IntentState state);
std::optional<IntentState> IntentStateFromString(absl::string_view name);

}  // namespace onetake
