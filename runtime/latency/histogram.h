#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace onetake {

// How long a downstream takes, from 1 ms to 10 min (what is outside counts as the nearest of the
// two), in log-linear buckets: 64 to an octave, so a value read back is at most 1.6 % too long and
// never too short.
//
// A sample is an answer, or censored: we stopped waiting, so it takes at least that long. Figures
// are Kaplan-Meier estimates (1958): a censored sample counts among those that may be slower for as
// long as it lasted, and says nothing beyond. So time-outs raise a percentile, and a percentile
// that hides behind them is known only as "at least".
//
// Old samples fade: at kMaxSamples the weight of all is halved, so that what is measured now has
// the greater say after some 2,000 further samples. A lone old sample is gone after five halvings.
// Copies like a value; 11 kB. Thread-compatible.
class LatencyHistogram {
 public:
  static constexpr absl::Duration kShortest = absl::Milliseconds(1);
  static constexpr absl::Duration kLongest = absl::Minutes(10);
  static constexpr int64_t kMaxSamples = 4096;

  void AddAnswered(absl::Duration latency);
  void AddCensored(absl::Duration waited);

  // Samples that still count, faded ones in proportion, rounded up.
  int64_t count() const { return ToSamples(answered_weight_ + censored_weight_); }
  int64_t censored() const { return ToSamples(censored_weight_); }

  struct Figure {
    absl::Duration value;
    bool at_least = false;  // so many samples were censored that the true figure may be longer
  };
  // The latency that a share of `share` does not exceed: 0.95 for p95; 0 < share < 1. nullopt
  // without samples.
  std::optional<Figure> Percentile(double share) const;

  // The share of requests that take longer than `limit`, 0..1. nullopt when nobody has waited that
  // long, so that it is not known, and without samples.
  std::optional<double> ShareLongerThan(absl::Duration limit) const;

  // Whether `limit` is shorter than the percentile, as far as a bucket can tell: never true of a
  // limit that the percentile only equals, unless that percentile is an "at least".
  bool IsShorterThanPercentile(absl::Duration limit, double share) const;

  // A short text for a ledger or a wire: "bucket:weight" or "bucket:weight/censored weight", joined
  // by commas. Parse refuses (INVALID_ARGUMENT) whatever Serialize does not write.
  std::string Serialize() const;
  static absl::StatusOr<LatencyHistogram> Parse(absl::string_view text);

 private:
  static constexpr int kSubBits = 6;
  static constexpr int kFirstOctave = 9;  // 2^9 us is just below 1 ms
  static constexpr int kOctaves = 21;     // 2^30 us is just above 10 min
  static constexpr int kBuckets = kOctaves << kSubBits;
  // A new sample's weight, so that halving does not drop the few samples of a tail at once.
  static constexpr uint32_t kWeight = 16;

  static int BucketOf(absl::Duration value);
  static absl::Duration LowerEdge(int bucket);
  static absl::Duration UpperEdge(int bucket);
  static int64_t ToSamples(int64_t weight) { return (weight + kWeight - 1) / kWeight; }
  // The bucket in which the estimated share of slower requests falls to 1 - share, or nullopt.
  std::optional<int> PercentileBucket(double share) const;
  int LongestBucket() const;  // -1 without samples
  void FadeIfFull();

  std::array<uint32_t, kBuckets> answered_{};
  std::array<uint32_t, kBuckets> censored_{};
  int64_t answered_weight_ = 0;
  int64_t censored_weight_ = 0;
};

}  // namespace onetake
