#include "runtime/latency/attempt_timeout.h"

#include <algorithm>

namespace onetake {
namespace {

constexpr double kTail = 0.999;
constexpr double kMargin = 1.5;

std::optional<absl::Duration> Measured(double share, const LatencyHistogram* measured) {
  if (measured == nullptr || measured->count() < kMinSamples) return std::nullopt;
  return measured->Percentile(share)->value;
}

}  // namespace

absl::Duration AttemptTimeout(const AttemptRule& rule, const LatencyHistogram* measured) {
  if (rule.fixed.has_value()) return *rule.fixed;
  const std::optional<absl::Duration> tail = Measured(kTail, measured);
  if (!tail.has_value()) return rule.ceiling;
  return std::clamp(*tail * kMargin, rule.floor, rule.ceiling);
}

absl::Duration SettleAfter(const AttemptRule& rule, const LatencyHistogram* measured) {
  return std::max(AttemptTimeout(rule, measured),
                  Measured(kTail, measured).value_or(absl::ZeroDuration()));
}

std::optional<absl::Duration> HedgeAfter(double share, const LatencyHistogram* measured) {
  return Measured(share, measured);
}

std::optional<absl::Duration> SuggestedAttempt(const LatencyHistogram* measured) {
  const std::optional<absl::Duration> tail = Measured(kTail, measured);
  if (!tail.has_value()) return std::nullopt;
  return absl::Ceil(*tail * kMargin, absl::Seconds(1));
}

}  // namespace onetake
