#include "runtime/policy/policy.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "runtime/base/check.h"
#include "runtime/base/planted_bug.h"
#include "runtime/policy/rules.h"

namespace onetake {
namespace {

// A READ may always run again; "–" in the table is a failure that a READ cannot have.
Decision DecideRead(FailureKind failure, const AttemptHistory& history) {
  switch (failure) {
    case FailureKind::kNotSent:
    case FailureKind::kServerError:
    case FailureKind::kReplayedError:
    case FailureKind::kLost:
    case FailureKind::kBodyUnreadable:
      if (history.may_send_again) return {Action::kRetry, "table.read"};
      return {Action::kFail, "limit.read"};
    case FailureKind::kRefusedUnprocessed:
      if (history.may_send_again) return {Action::kRetryAfter, "table.refused_unprocessed"};
      return {Action::kFail, "limit.read"};
    case FailureKind::kDefiniteRefusal:
    case FailureKind::kAlreadyGone: return {Action::kFail, "table.definite_refusal"};
    case FailureKind::kKeyInUse:
    case FailureKind::kKeyReused:
    case FailureKind::kCrash:
    case FailureKind::kRetentionOver: return {Action::kFail, "table.not_for_read"};
  }
  ONETAKE_CHECK(false);
}

// The row of the table that `failure` is in, for a WRITE with this safety.
FailureKind RowOf(const RetrySafety& safety, FailureKind failure) {
  if (failure == FailureKind::kKeyInUse && !safety.keyed) return FailureKind::kDefiniteRefusal;
  if (failure == FailureKind::kAlreadyGone && !safety.natural) {
    return FailureKind::kDefiniteRefusal;
  }
  if (failure == FailureKind::kServerError && safety.keyed && safety.replays_errors) {
    return FailureKind::kReplayedError;
  }
  // Without a key of ours that the downstream remembers, a 5xx is a 5xx.
  if (failure == FailureKind::kReplayedError && !safety.keyed) return FailureKind::kServerError;
  return failure;
}

// R3: what may be sent again although it may have happened. nullopt: nothing.
std::optional<Decision> Resend(Action action, const RetrySafety& safety,
                               const AttemptHistory& history) {
  if (!history.may_send_again) return std::nullopt;
  if (ONETAKE_PLANTED_BUG("lost_write_sent_again")) return Decision{action, "R3.keyed"};
  if (safety.keyed && !history.retention_over) return Decision{action, "R3.keyed"};
  if (safety.natural) return Decision{action, "R3.natural"};
  return std::nullopt;
}

// The rules that are handed to ProbeOrReview().
constexpr absl::string_view kLimitOfResends = "limit.resend";
constexpr absl::string_view kRetentionOverRule = "R3.retention_over";
constexpr absl::string_view kNotResendable = "R3.not_resendable";
constexpr absl::string_view kNotProcessedAfterAmbiguous = "R14.not_processed_after_ambiguous";
constexpr absl::string_view kRefusalAfterAmbiguous = "R14.refusal_after_ambiguous";
constexpr absl::string_view kReplayedErrorRule = "table.replayed_error";
constexpr absl::string_view kProbeRules[] = {
    kLimitOfResends,        kRetentionOverRule, kNotResendable, kNotProcessedAfterAmbiguous,
    kRefusalAfterAmbiguous, kReplayedErrorRule,
};

Decision ProbeOrReview(const RetrySafety& safety, absl::string_view rule) {
  return {safety.probed ? Action::kProbe : Action::kReview, rule};
}

// Why Resend() said no to an ambiguous attempt, for the ledger.
absl::string_view HeldBackBy(const RetrySafety& safety, const AttemptHistory& history) {
  if (safety.natural || (safety.keyed && !history.retention_over)) return kLimitOfResends;
  return safety.keyed ? kRetentionOverRule : kNotResendable;
}

Decision ResendOrAsk(Action action, const RetrySafety& safety, const AttemptHistory& history) {
  if (ONETAKE_PLANTED_BUG("all_to_a_person")) return {Action::kReview, kLimitOfResends};
  if (const auto resend = Resend(action, safety, history)) return *resend;
  return ProbeOrReview(safety, HeldBackBy(safety, history));
}

// It took effect; only the result is missing, and only a resend can still fetch it.
Decision FetchBodyOrSucceed(const RetrySafety& safety, FailureKind failure,
                            const AttemptHistory& history) {
  switch (failure) {
    case FailureKind::kDefiniteRefusal:
    case FailureKind::kAlreadyGone:
    case FailureKind::kKeyReused:
    case FailureKind::kReplayedError: return {Action::kSucceed, "table.body_unreadable"};
    case FailureKind::kNotSent:
    case FailureKind::kRefusedUnprocessed:
    case FailureKind::kKeyInUse:
    case FailureKind::kServerError:
    case FailureKind::kLost:
    case FailureKind::kBodyUnreadable:
    case FailureKind::kCrash:
    case FailureKind::kRetentionOver: break;
  }
  const bool asked_to_wait =
      failure == FailureKind::kRefusedUnprocessed || failure == FailureKind::kKeyInUse;
  const Action again = asked_to_wait ? Action::kRetryAfter : Action::kRetry;
  return Resend(again, safety, history)
      .value_or(Decision{Action::kSucceed, "table.body_unreadable"});
}

// This attempt had no effect, and the world may look different next time.
Decision DecideUnprocessed(Action again, absl::string_view rule, const RetrySafety& safety,
                           const AttemptHistory& history) {
  if (history.earlier_ambiguous) {
    if (const auto resend = Resend(again, safety, history)) return *resend;
    return ProbeOrReview(safety, kNotProcessedAfterAmbiguous);
  }
  if (history.may_send_again) return {again, rule};
  return {Action::kReject, kNoEffectRule};
}

Decision DecideWrite(const RetrySafety& safety, FailureKind failure,
                     const AttemptHistory& history) {
  if (history.earlier_happened || failure == FailureKind::kBodyUnreadable) {
    return FetchBodyOrSucceed(safety, failure, history);
  }
  switch (failure) {
    case FailureKind::kNotSent:
      return DecideUnprocessed(Action::kRetry, "table.not_sent", safety, history);
    case FailureKind::kRefusedUnprocessed:
      return DecideUnprocessed(Action::kRetryAfter, "table.refused_unprocessed", safety, history);
    case FailureKind::kDefiniteRefusal:
      // The same request would be refused again, so a resend is of no use even where R3 allows it.
      if (history.earlier_ambiguous && !ONETAKE_PLANTED_BUG("refusal_after_doubt_believed")) {
        return ProbeOrReview(safety, kRefusalAfterAmbiguous);
      }
      return {Action::kReject, "table.definite_refusal"};
    // This is the one refusal that is an answer about the earlier attempt: the same request again
    // leaves the same state, and that state is there.
    case FailureKind::kAlreadyGone:
      if (history.earlier_ambiguous) return {Action::kSucceed, "table.already_gone"};
      return {Action::kReject, "table.definite_refusal"};
    case FailureKind::kKeyInUse: return ResendOrAsk(Action::kRetryAfter, safety, history);
    // A probe would look for our own request, and the key may stand for another one.
    case FailureKind::kKeyReused: return {Action::kReview, "table.key_reused"};
    case FailureKind::kReplayedError: return ProbeOrReview(safety, kReplayedErrorRule);
    case FailureKind::kServerError:
    case FailureKind::kLost:
    case FailureKind::kCrash:
    case FailureKind::kRetentionOver: return ResendOrAsk(Action::kRetry, safety, history);
    case FailureKind::kBodyUnreadable: break;  // handled above
  }
  ONETAKE_CHECK(false);
}

constexpr std::array kReachedNames = {
    std::pair{Reached::kNothingSent, "NOTHING_SENT"},
    std::pair{Reached::kSomethingSent, "SOMETHING_SENT"},
    std::pair{Reached::kStatusSeen, "STATUS_SEEN"},
    std::pair{Reached::kBodyComplete, "BODY_COMPLETE"},
};
constexpr std::array kFailureNames = {
    std::pair{FailureKind::kNotSent, "NOT_SENT"},
    std::pair{FailureKind::kRefusedUnprocessed, "REFUSED_UNPROCESSED"},
    std::pair{FailureKind::kDefiniteRefusal, "DEFINITE_REFUSAL"},
    std::pair{FailureKind::kAlreadyGone, "ALREADY_GONE"},
    std::pair{FailureKind::kKeyInUse, "KEY_IN_USE"},
    std::pair{FailureKind::kKeyReused, "KEY_REUSED"},
    std::pair{FailureKind::kServerError, "SERVER_ERROR"},
    std::pair{FailureKind::kReplayedError, "REPLAYED_ERROR"},
    std::pair{FailureKind::kLost, "LOST"},
    std::pair{FailureKind::kBodyUnreadable, "BODY_UNREADABLE"},
    std::pair{FailureKind::kCrash, "CRASH"},
    std::pair{FailureKind::kRetentionOver, "RETENTION_OVER"},
};
constexpr std::array kActionNames = {
    std::pair{Action::kRetry, "RETRY"},     std::pair{Action::kRetryAfter, "RETRY_AFTER"},
    std::pair{Action::kFail, "FAIL"},       std::pair{Action::kReject, "REJECT"},
    std::pair{Action::kProbe, "PROBE"},     std::pair{Action::kReview, "REVIEW"},
    std::pair{Action::kSucceed, "SUCCEED"},
};

template <typename Names, typename Enum>
absl::string_view NameOf(const Names& names, Enum value) {
  for (const auto& [candidate, name] : names) {
    if (candidate == value) return name;
  }
  ONETAKE_CHECK(false);
}

}  // namespace

Decision Decide(Effect effect, const RetrySafety& safety, FailureKind failure,
                const AttemptHistory& history) {
  if (effect == Effect::kRead) return DecideRead(failure, history);
  AttemptHistory known = history;
  known.retention_over |= failure == FailureKind::kRetentionOver;
  return DecideWrite(safety, RowOf(safety, failure), known);
}

bool LeadsToProbe(absl::string_view rule) {
  return std::find(std::begin(kProbeRules), std::end(kProbeRules), rule) != std::end(kProbeRules);
}

bool MayHaveHappened(FailureKind failure) {
  switch (failure) {
    case FailureKind::kNotSent:
    case FailureKind::kRefusedUnprocessed:
    case FailureKind::kDefiniteRefusal:
    case FailureKind::kAlreadyGone: return false;
    case FailureKind::kKeyInUse:
    case FailureKind::kKeyReused:
    case FailureKind::kServerError:
    case FailureKind::kReplayedError:
    case FailureKind::kLost:
    case FailureKind::kBodyUnreadable:
    case FailureKind::kCrash:
    case FailureKind::kRetentionOver: return true;
  }
  ONETAKE_CHECK(false);
}

bool IsRefusal(FailureKind failure) {
  return failure == FailureKind::kDefiniteRefusal || failure == FailureKind::kAlreadyGone;
}

std::string ToString(const RetrySafety& safety) {
  std::vector<absl::string_view> parts;
  if (safety.keyed) parts.emplace_back("KEYED");
  if (safety.natural) parts.emplace_back("NATURAL");
  if (safety.probed) parts.emplace_back("PROBED");
  return parts.empty() ? "NONE" : absl::StrJoin(parts, "+");
}

absl::string_view ToString(Effect effect) { return effect == Effect::kRead ? "READ" : "WRITE"; }
absl::string_view ToString(Reached reached) { return NameOf(kReachedNames, reached); }
absl::string_view ToString(FailureKind failure) { return NameOf(kFailureNames, failure); }
std::optional<FailureKind> FailureKindFromString(absl::string_view name) {
  for (const auto& [failure, known] : kFailureNames) {
    if (known == name) return failure;
  }
  return std::nullopt;
}
absl::string_view ToString(Action action) { return NameOf(kActionNames, action); }

}  // namespace onetake
