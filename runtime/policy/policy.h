#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace onetake {

enum class Effect { kRead, kWrite };

// Why a WRITE may be sent again. Several may hold; none of them is NONE.
struct RetrySafety {
  bool keyed = false;           // the downstream honours an idempotency key
  bool natural = false;         // same request, same state
  bool probed = false;          // the downstream can be asked whether it happened
  bool replays_errors = false;  // KEYED only: the same key repeats a recorded 5xx for ever
  absl::Duration key_retention = absl::ZeroDuration();  // KEYED only: how long a key is remembered
};
// "KEYED", "KEYED+PROBED", "NONE" ...
std::string ToString(const RetrySafety& safety);

// How far an attempt got, as its executor saw it.
enum class Reached { kNothingSent, kSomethingSent, kStatusSeen, kBodyComplete };

// What an attempt that did not simply succeed means. One value a row of the retry table.
enum class FailureKind {
  kNotSent,             // DNS, connect refused, TLS handshake, shed before dispatch
  kRefusedUnprocessed,  // 429, 425, HTTP/2 REFUSED_STREAM
  kDefiniteRefusal,     // other 4xx
  kAlreadyGone,         // NATURAL: what was to be removed is not there (404 to a DELETE)
  kKeyInUse,            // the downstream works on this very key
  kKeyReused,           // the downstream holds this key with another body
  kServerError,         // 500, 502, 503, 504
  kReplayedError,       // 5xx of a KEYED downstream that replays errors
  kLost,                // timeout, reset, EOF after the first byte was sent
  kBodyUnreadable,      // 2xx, but the body is cut or unreadable
  kCrash,               // found in flight at start-up
  kRetentionOver,       // the downstream has forgotten the key
};

enum class Action {
  kRetry,       // again, after the backoff
  kRetryAfter,  // again, not before what the downstream asked for
  kFail,        // READ: final, answer FAILED
  kReject,      // surely no effect: REJECTED
  kProbe,       // ask the downstream; nothing is sent again before the answer
  kReview,      // only a person can tell
  kSucceed,     // it happened; the result is unavailable
};

struct Decision {
  Action action;
  // The rule that decided, for the ledger: "R3.keyed", "R14.refusal_after_ambiguous",
  // "table.definite_refusal", "limit.no_effect" ... A constant.
  absl::string_view rule;
};

// What else the table depends on.
struct AttemptHistory {
  bool earlier_ambiguous = false;  // R14: an earlier attempt of this generation may have happened
  bool may_send_again = true;      // attempts, total time, budget and draining allow one more
  bool retention_over = false;     // KEYED: now is past first send + key_retention
  bool earlier_happened = false;   // an earlier attempt was a kBodyUnreadable: it took effect
};

// The retry table of design section 3, and R3, R14. One pure function over closed enums.
//   - The safest useful action wins: a resend that R3 allows, else a probe, else a review.
//   - A failure that leaves no effect and cannot be retried any more ends as kReject (WRITE) or
//     kFail (READ); after an earlier ambiguous attempt it is no proof, so kProbe or kReview
//     instead.
//   - An ambiguous failure of a KEYED or NATURAL tool that may not be sent again is kProbe if
//     PROBED, else kReview.
//   - Once an attempt was answered 2xx, the end is kSucceed, whatever the attempts that tried to
//     fetch the body met: never a probe, a review or a "no".
//   - kKeyInUse and kKeyReused speak of a key: for a READ they are final, and for a WRITE that is
//     not KEYED kKeyInUse is a kDefiniteRefusal.
//   - kServerError of a tool with `replays_errors` is a kReplayedError.
//   - kAlreadyGone after an ambiguous attempt is kSucceed: the state that was asked for is there,
//     and by our own doing as far as anybody can tell. Of a WRITE that is not NATURAL it is a
//     kDefiniteRefusal.
Decision Decide(Effect effect, const RetrySafety& safety, FailureKind failure,
                const AttemptHistory& history);

// Whether an attempt that ended so means that the intent may have had an effect. True for kKeyInUse
// too: something is at work under our key, so no later refusal is proof (R14).
bool MayHaveHappened(FailureKind failure);

// Whether the downstream has answered this very request with a final "no": kDefiniteRefusal,
// kAlreadyGone.
bool IsRefusal(FailureKind failure);

absl::string_view ToString(Effect effect);
absl::string_view ToString(Reached reached);
absl::string_view ToString(FailureKind failure);
std::optional<FailureKind> FailureKindFromString(absl::string_view name);
absl::string_view ToString(Action action);

}  // namespace onetake
