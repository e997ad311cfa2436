#include "runtime/latency/histogram.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "runtime/base/check.h"

namespace onetake {
namespace {

constexpr double kRounding = 1e-9;  // of the products below

absl::Status Corrupt(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("histogram: ", what));
}

}  // namespace

int LatencyHistogram::BucketOf(absl::Duration value) {
  const auto us =
      static_cast<uint64_t>(absl::ToInt64Microseconds(std::clamp(value, kShortest, kLongest)));
  const int octave = std::bit_width(us) - 1;
  const auto sub = static_cast<int>((us >> (octave - kSubBits)) & ((1U << kSubBits) - 1));
  return ((octave - kFirstOctave) << kSubBits) + sub;
}

absl::Duration LatencyHistogram::LowerEdge(int bucket) {
  const int octave = (bucket >> kSubBits) + kFirstOctave;
  const int64_t sub = bucket & ((1 << kSubBits) - 1);
  return absl::Microseconds(((int64_t{1} << kSubBits) + sub) << (octave - kSubBits));
}

absl::Duration LatencyHistogram::UpperEdge(int bucket) {
  return std::min(LowerEdge(bucket + 1), kLongest);
}

void LatencyHistogram::AddAnswered(absl::Duration latency) {
  answered_[BucketOf(latency)] += kWeight;
  answered_weight_ += kWeight;
  FadeIfFull();
}

void LatencyHistogram::AddCensored(absl::Duration waited) {
  censored_[BucketOf(waited)] += kWeight;
  censored_weight_ += kWeight;
  FadeIfFull();
}

void LatencyHistogram::FadeIfFull() {
  if (answered_weight_ + censored_weight_ < kMaxSamples * kWeight) return;
  for (uint32_t& weight : answered_) weight /= 2;
  for (uint32_t& weight : censored_) weight /= 2;
  answered_weight_ = std::accumulate(answered_.begin(), answered_.end(), int64_t{0});
  censored_weight_ = std::accumulate(censored_.begin(), censored_.end(), int64_t{0});
}

int LatencyHistogram::LongestBucket() const {
  for (int bucket = kBuckets - 1; bucket >= 0; --bucket) {
    if (answered_[bucket] + censored_[bucket] > 0) return bucket;
  }
  return -1;
}

// Among the samples that lasted until a bucket, the share that was answered in it is the chance to
// be answered then; the product of the chances not to be is the share that is slower. A sample that
// was censored in a bucket had not been answered in it.
std::optional<int> LatencyHistogram::PercentileBucket(double share) const {
  auto waiting = static_cast<double>(answered_weight_ + censored_weight_);
  double slower = 1;
  for (int bucket = 0; bucket < kBuckets && waiting > 0; ++bucket) {
    slower *= 1 - answered_[bucket] / waiting;
    if (answered_[bucket] > 0 && slower <= 1 - share + kRounding) return bucket;
    waiting -= answered_[bucket] + censored_[bucket];
  }
  return std::nullopt;
}

std::optional<LatencyHistogram::Figure> LatencyHistogram::Percentile(double share) const {
  ONETAKE_CHECK(share > 0 && share < 1);
  if (count() == 0) return std::nullopt;
  if (const std::optional<int> bucket = PercentileBucket(share)) {
    return Figure{.value = UpperEdge(*bucket), .at_least = false};
  }
  return Figure{.value = std::max(LowerEdge(LongestBucket()), kShortest), .at_least = true};
}

std::optional<double> LatencyHistogram::ShareLongerThan(absl::Duration limit) const {
  if (count() == 0) return std::nullopt;
  auto waiting = static_cast<double>(answered_weight_ + censored_weight_);
  double slower = 1;
  const int last = BucketOf(limit);
  for (int bucket = 0; bucket <= last && waiting > 0; ++bucket) {
    slower *= 1 - answered_[bucket] / waiting;
    waiting -= answered_[bucket] + censored_[bucket];
  }
  if (slower > kRounding && last > LongestBucket()) return std::nullopt;
  return slower > kRounding ? slower : 0;
}

bool LatencyHistogram::IsShorterThanPercentile(absl::Duration limit, double share) const {
  if (count() == 0) return false;
  const std::optional<int> bucket = PercentileBucket(share);
  return bucket.has_value() ? BucketOf(limit) < *bucket : BucketOf(limit) <= LongestBucket();
}

std::string LatencyHistogram::Serialize() const {
  std::string text;
  for (int bucket = 0; bucket < kBuckets; ++bucket) {
    if (answered_[bucket] + censored_[bucket] == 0) continue;
    absl::StrAppend(&text, text.empty() ? "" : ",", bucket, ":", answered_[bucket]);
    if (censored_[bucket] > 0) absl::StrAppend(&text, "/", censored_[bucket]);
  }
  return text;
}

absl::StatusOr<LatencyHistogram> LatencyHistogram::Parse(absl::string_view text) {
  LatencyHistogram histogram;
  int last = -1;
  for (const absl::string_view entry : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> halves = absl::StrSplit(entry, ':');
    const std::pair<absl::string_view, absl::string_view> weights =
        absl::StrSplit(halves.second, '/');
    int bucket = 0;
    uint32_t answered = 0;
    uint32_t censored = 0;
    if (!absl::SimpleAtoi(halves.first, &bucket) || !absl::SimpleAtoi(weights.first, &answered) ||
        (!weights.second.empty() && !absl::SimpleAtoi(weights.second, &censored))) {
      return Corrupt("an entry is not \"bucket:weight/weight\"");
    }
    if (bucket <= last || bucket >= kBuckets) return Corrupt("buckets are not in order");
    last = bucket;
    histogram.answered_[bucket] = answered;
    histogram.censored_[bucket] = censored;
    histogram.answered_weight_ += answered;
    histogram.censored_weight_ += censored;
  }
  if (histogram.answered_weight_ + histogram.censored_weight_ >= kMaxSamples * kWeight) {
    return Corrupt("more samples than are kept");
  }
  if (histogram.Serialize() != text) return Corrupt("not as it is written");
  return histogram;
}

}  // namespace onetake
