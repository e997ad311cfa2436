#include "runtime/engine/confirm_token.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "runtime/base/check.h"
#include "runtime/intent/key.h"

namespace onetake {
namespace {

// By how much a clock may be corrected between the question and the yes.
constexpr absl::Duration kClockSlack = absl::Minutes(1);

// The mark of a turn, or of a near duplicate; empty for none.
std::string Mark(const Secret& tenant_key, absl::string_view kind, absl::string_view id) {
  if (id.empty()) return "";
  return ConfirmationDigest(tenant_key, {kind, id}).substr(0, 8);
}

std::string Seal(const Secret& tenant_key, const ConfirmSubject& subject, absl::string_view turn,
                 absl::string_view near, absl::string_view made_at) {
  return ConfirmationDigest(tenant_key,
                            {"token", subject.intent_id, subject.guarded, turn, near, made_at});
}

}  // namespace

// milliseconds-since-1970 . mark-of-the-turn . mark-of-the-near-duplicate . digest
std::string MakeConfirmToken(const Secret& tenant_key, const ConfirmSubject& subject,
                             absl::string_view turn_id, absl::Time now) {
  const std::string at = absl::StrCat(absl::ToUnixMillis(now));
  const std::string turn = Mark(tenant_key, "turn", turn_id);
  const std::string near = Mark(tenant_key, "near", subject.near_intent_id);
  return absl::StrCat(at, ".", turn, ".", near, ".", Seal(tenant_key, subject, turn, near, at));
}

ConfirmVerdict CheckConfirmToken(const Secret& tenant_key, const ConfirmSubject& subject,
                                 absl::string_view turn_id, absl::Time now,
                                 absl::string_view token) {
  if (token.empty()) return ConfirmVerdict::kMissing;
  const std::vector<absl::string_view> parts = absl::StrSplit(token, '.');
  int64_t made_at_ms = 0;
  if (parts.size() != 4 || !absl::SimpleAtoi(parts[0], &made_at_ms) ||
      !SameDigest(parts[3], Seal(tenant_key, subject, parts[1], parts[2], parts[0]))) {
    return ConfirmVerdict::kOtherArguments;
  }
  const absl::Time made_at = absl::FromUnixMillis(made_at_ms);
  const bool clock_was_set_back = made_at > now + kClockSlack;
  if (now >= made_at + kConfirmFor || clock_was_set_back) return ConfirmVerdict::kExpired;
  if (made_at <= subject.done_at) return ConfirmVerdict::kUsed;
  if (!subject.near_intent_id.empty() &&
      Mark(tenant_key, "near", subject.near_intent_id) != parts[2]) {
    return ConfirmVerdict::kAnotherQuestion;
  }
  const bool asked_in_a_turn = !parts[1].empty();
  if (asked_in_a_turn && (turn_id.empty() || Mark(tenant_key, "turn", turn_id) == parts[1])) {
    return ConfirmVerdict::kSameTurn;
  }
  return ConfirmVerdict::kConfirmed;
}

absl::string_view ToString(ConfirmVerdict verdict) {
  switch (verdict) {
    case ConfirmVerdict::kConfirmed: return "confirm.confirmed";
    case ConfirmVerdict::kMissing: return "confirm.missing";
    case ConfirmVerdict::kOtherArguments: return "confirm.other_arguments";
    case ConfirmVerdict::kAnotherQuestion: return "confirm.another_question";
    case ConfirmVerdict::kUsed: return "confirm.used";
    case ConfirmVerdict::kExpired: return "confirm.expired";
    case ConfirmVerdict::kSameTurn: return "confirm.same_turn";
  }
  ONETAKE_CHECK(false);
}

}  // namespace onetake
