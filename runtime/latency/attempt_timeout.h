#pragma once

#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "runtime/latency/histogram.h"

namespace onetake {

// The least samples that prove anything: with fewer, the prior holds.
inline constexpr int64_t kMinSamples = 50;

// What a manifest says about the hard timeout of one attempt.
struct AttemptRule {
  std::optional<absl::Duration> fixed;  // nullopt: auto
  absl::Duration floor;
  absl::Duration ceiling;
};

// The hard timeout that is in effect. `measured` may be null.
//   fixed  that
//   auto   p99.9 * 1.5, at least the floor, at most the ceiling; with fewer than kMinSamples
//          samples the ceiling, because a timeout that is too short makes duplicates and one that
//          is too long only keeps a socket open
// It is made from p99.9 because every attempt that is cut off is a write with an unknown outcome:
// one in a thousand is what may be settled that way. The margin lets the timeout grow when p99.9
// itself hides behind time-outs ("at least"): each round of them raises it by half, up to the
// ceiling.
absl::Duration AttemptTimeout(const AttemptRule& rule, const LatencyHistogram* measured);

// The time after which a lost attempt can no longer land: AttemptTimeout, or the measured p99.9
// when that is longer.
absl::Duration SettleAfter(const AttemptRule& rule, const LatencyHistogram* measured);

// How long a READ may go without an answer before it is slow enough for a second request: the
// percentile of `share`. nullopt with fewer than kMinSamples samples.
std::optional<absl::Duration> HedgeAfter(double share, const LatencyHistogram* measured);

// p99.9 * 1.5 in whole seconds: what an operator who wants a fixed timeout should write. nullopt
// with fewer than kMinSamples samples.
std::optional<absl::Duration> SuggestedAttempt(const LatencyHistogram* measured);

}  // namespace onetake
