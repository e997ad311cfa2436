#include "runtime/engine/confirm_token.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "runtime/base/check.h"
#include "runtime/intent/key.h"

namespace onetake {
namespace {

// Empty for a call that names no turn.
std::string TurnMark(const Secret& tenant_key, absl::string_view turn_id) {
  if (turn_id.empty()) return "";
  return ConfirmationDigest(tenant_key, {"turn", turn_id}).substr(0, 8);
}

std::string Seal(const Secret& tenant_key, const ConfirmSubject& subject, absl::string_view mark,
                 absl::string_view expires) {
  return ConfirmationDigest(tenant_key,
                            {"token", subject.intent_id, subject.guarded, mark, expires});
}

}  // namespace

// seconds-since-1970 . mark-of-the-turn . digest
std::string MakeConfirmToken(const Secret& tenant_key, const ConfirmSubject& subject,
                             absl::string_view turn_id, absl::Time expires) {
  const std::string at = absl::StrCat(absl::ToUnixSeconds(expires));
  const std::string mark = TurnMark(tenant_key, turn_id);
  return absl::StrCat(at, ".", mark, ".", Seal(tenant_key, subject, mark, at));
}

ConfirmVerdict CheckConfirmToken(const Secret& tenant_key, const ConfirmSubject& subject,
                                 absl::string_view turn_id, absl::Time now,
                                 absl::string_view token) {
  if (token.empty()) return ConfirmVerdict::kMissing;
  const std::vector<absl::string_view> parts = absl::StrSplit(token, '.');
  int64_t expires = 0;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &expires) ||
      !SameDigest(parts[2], Seal(tenant_key, subject, parts[1], parts[0]))) {
    return ConfirmVerdict::kOtherArguments;
  }
  if (now >= absl::FromUnixSeconds(expires)) return ConfirmVerdict::kExpired;
  const bool asked_in_a_turn = !parts[1].empty();
  if (asked_in_a_turn && (turn_id.empty() || TurnMark(tenant_key, turn_id) == parts[1])) {
    return ConfirmVerdict::kSameTurn;
  }
  return ConfirmVerdict::kConfirmed;
}

absl::string_view ToString(ConfirmVerdict verdict) {
  switch (verdict) {
    case ConfirmVerdict::kConfirmed: return "confirm.confirmed";
    case ConfirmVerdict::kMissing: return "confirm.missing";
    case ConfirmVerdict::kOtherArguments: return "confirm.other_arguments";
    case ConfirmVerdict::kExpired: return "confirm.expired";
    case ConfirmVerdict::kSameTurn: return "confirm.same_turn";
  }
  ONETAKE_CHECK(false);
}

}  // namespace onetake
