#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "runtime/base/secret.h"

namespace onetake {

// What a confirmation is for: this intent with these guarded arguments, beside this near duplicate.
// A change in any of them is another question. A further generation of what has been made needs a
// new yes.
struct ConfirmSubject {
  std::string intent_id;
  std::string guarded;         // digest of them
  std::string near_intent_id;  // empty: the question is whether to run it at all
  // When the generation before took effect, or may have.
  absl::Time done_at = absl::InfinitePast();
};

inline constexpr absl::Duration kConfirmFor = absl::Minutes(10);

// A token, made now, that makes the call of `subject` run for kConfirmFor; `turn_id` is the user's
// turn in which it was asked, if known. Holds no argument; cannot be made without the key. Pure.
std::string MakeConfirmToken(const Secret& tenant_key, const ConfirmSubject& subject,
                             absl::string_view turn_id, absl::Time now);

enum class ConfirmVerdict {
  kConfirmed,
  kMissing,          // no token
  kOtherArguments,   // made for another intent or other arguments, or not made by us
  kAnotherQuestion,  // another near duplicate is there than the one that was asked about
  kUsed,             // it has made the generation before, or may have
  kExpired,
  kSameTurn,  // the user has not spoken since: a model that repeats itself confirms nothing
};
ConfirmVerdict CheckConfirmToken(const Secret& tenant_key, const ConfirmSubject& subject,
                                 absl::string_view turn_id, absl::Time now,
                                 absl::string_view token);

// "confirm.expired" ..., for the answer's reason and the ledger.
absl::string_view ToString(ConfirmVerdict verdict);

}  // namespace onetake
