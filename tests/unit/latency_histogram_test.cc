#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "runtime/latency/histogram.h"
#include "tests/testing/sim_scheduler.h"
#include "tests/testing/status_matchers.h"

namespace onetake {
namespace {

using testing::SimRandom;
using testing::StatusIs;

void Add(LatencyHistogram& histogram, int times, absl::Duration latency) {
  for (int i = 0; i < times; ++i) histogram.AddAnswered(latency);
}
void Censor(LatencyHistogram& histogram, int times, absl::Duration waited) {
  for (int i = 0; i < times; ++i) histogram.AddCensored(waited);
}
double Ms(absl::Duration duration) { return absl::ToDoubleMilliseconds(duration); }

TEST(LatencyHistogram, IsEmptyWithoutSamples) {
  const LatencyHistogram histogram;
  EXPECT_EQ(histogram.count(), 0);
  EXPECT_EQ(histogram.Percentile(0.5), std::nullopt);
  EXPECT_EQ(histogram.ShareLongerThan(absl::Seconds(1)), std::nullopt);
  EXPECT_FALSE(histogram.IsShorterThanPercentile(absl::Seconds(1), 0.5));
}

TEST(LatencyHistogram, AValueReadBackIsNeverTooShortAndAtMostThreePercentTooLong) {
  for (double ms = 1; ms <= 600'000; ms *= 1.013) {
    LatencyHistogram histogram;
    histogram.AddAnswered(absl::Milliseconds(ms));
    const double read = Ms(histogram.Percentile(0.5)->value);
    EXPECT_GE(read, std::floor(ms * 1000) / 1000) << ms;
    EXPECT_LE(read, ms * 1.03) << ms;
  }
}

TEST(LatencyHistogram, OutliersCountAsTheNearestValueOfTheRange) {
  LatencyHistogram histogram;
  histogram.AddAnswered(absl::ZeroDuration());
  histogram.AddAnswered(-absl::Seconds(5));
  EXPECT_LE(Ms(histogram.Percentile(0.5)->value), 1.03);
  Add(histogram, 10, absl::InfiniteDuration());
  EXPECT_EQ(histogram.Percentile(0.99)->value, LatencyHistogram::kLongest);
}

TEST(LatencyHistogram, PercentilesAreThoseOfTheSortedSamples) {
  SimRandom random(11);
  LatencyHistogram histogram;
  std::vector<double> sorted;
  for (int i = 0; i < 4000; ++i) {
    const double ms = 50 + std::exp(static_cast<double>(random.Next() % 1000) / 120);
    sorted.push_back(ms);
    histogram.AddAnswered(absl::Milliseconds(ms));
  }
  std::sort(sorted.begin(), sorted.end());
  for (const double share : {0.5, 0.95, 0.99, 0.999}) {
    const double exact = sorted[static_cast<size_t>(std::ceil(share * 4000)) - 1];
    const LatencyHistogram::Figure figure = *histogram.Percentile(share);
    EXPECT_FALSE(figure.at_least);
    EXPECT_GE(Ms(figure.value), exact * 0.999) << share;
    EXPECT_LE(Ms(figure.value), exact * 1.03) << share;
  }
}

// The example is worked by hand: of 100, 60 answered at 1 s (S = 0.4), 20 censored at 2 s, the
// other 20 answered at 3 s (S = 0.4 * (1 - 10/20) = 0.2 after the first ten of them at 3 s).
TEST(LatencyHistogram, CensoredSamplesAreWeighedAsKaplanAndMeierDo) {
  LatencyHistogram histogram;
  Add(histogram, 60, absl::Seconds(1));
  Censor(histogram, 20, absl::Seconds(2));
  Add(histogram, 10, absl::Seconds(3));
  Add(histogram, 10, absl::Seconds(5));
  EXPECT_EQ(histogram.count(), 100);
  EXPECT_EQ(histogram.censored(), 20);
  EXPECT_NEAR(*histogram.ShareLongerThan(absl::Seconds(1)), 0.4, 1e-6);
  EXPECT_NEAR(*histogram.ShareLongerThan(absl::Seconds(2)), 0.4, 1e-6);
  EXPECT_NEAR(*histogram.ShareLongerThan(absl::Seconds(3)), 0.2, 1e-6);
  EXPECT_EQ(*histogram.ShareLongerThan(absl::Seconds(9)), 0);
  EXPECT_NEAR(Ms(histogram.Percentile(0.75)->value), 3000, 60);
  EXPECT_NEAR(Ms(histogram.Percentile(0.95)->value), 5000, 100);
}

TEST(LatencyHistogram, TimeoutsRaiseAPercentileAndNeverLowerIt) {
  LatencyHistogram answered;
  Add(answered, 100, absl::Seconds(4));
  for (const int timeouts : {1, 5, 50, 400}) {
    LatencyHistogram histogram = answered;
    Censor(histogram, timeouts, absl::Seconds(8));
    for (const double share : {0.5, 0.95, 0.99, 0.999}) {
      EXPECT_GE(histogram.Percentile(share)->value, answered.Percentile(share)->value);
    }
  }
}

TEST(LatencyHistogram, AShortWaitSaysNothingAboutLongerOnes) {
  LatencyHistogram histogram;
  Add(histogram, 100, absl::Seconds(4));
  Censor(histogram, 100, absl::Milliseconds(200));  // a READ that was given up young
  EXPECT_NEAR(Ms(histogram.Percentile(0.5)->value), 4000, 80);
  EXPECT_FALSE(histogram.Percentile(0.999)->at_least);
}

TEST(LatencyHistogram, APercentileBehindTimeoutsIsOnlyAtLeast) {
  LatencyHistogram histogram;
  Add(histogram, 90, absl::Seconds(1));
  Censor(histogram, 10, absl::Seconds(3));
  EXPECT_FALSE(histogram.Percentile(0.9)->at_least);
  const LatencyHistogram::Figure p95 = *histogram.Percentile(0.95);
  EXPECT_TRUE(p95.at_least);
  EXPECT_LE(p95.value, absl::Seconds(3));
  EXPECT_NEAR(Ms(p95.value), 3000, 50);
  EXPECT_NEAR(*histogram.ShareLongerThan(absl::Seconds(3)), 0.1, 1e-6);
  EXPECT_EQ(histogram.ShareLongerThan(absl::Seconds(8)), std::nullopt);
}

TEST(LatencyHistogram, ATimeoutThatCutsItsOwnPercentileIsShorterThanIt) {
  LatencyHistogram histogram;
  Add(histogram, 90, absl::Seconds(1));
  Censor(histogram, 10, absl::Seconds(3));
  EXPECT_TRUE(histogram.IsShorterThanPercentile(absl::Seconds(3), 0.95));
  EXPECT_TRUE(histogram.IsShorterThanPercentile(absl::Milliseconds(900), 0.5));
  EXPECT_FALSE(histogram.IsShorterThanPercentile(absl::Seconds(1), 0.5));
  EXPECT_FALSE(histogram.IsShorterThanPercentile(absl::Seconds(8), 0.95));
}

TEST(LatencyHistogram, OldSamplesFadeAndANewLatencyTakesOver) {
  LatencyHistogram histogram;
  Add(histogram, 20'000, absl::Milliseconds(100));
  EXPECT_LT(histogram.count(), LatencyHistogram::kMaxSamples);
  EXPECT_GE(histogram.count(), LatencyHistogram::kMaxSamples / 2);
  Add(histogram, 10'500, absl::Seconds(5));
  EXPECT_NEAR(Ms(histogram.Percentile(0.05)->value), 5000, 100);
}

TEST(LatencyHistogram, HalvingKeepsTheTail) {
  LatencyHistogram histogram;
  histogram.AddAnswered(absl::Seconds(20));
  histogram.AddCensored(absl::Seconds(30));
  Add(histogram, LatencyHistogram::kMaxSamples - 2, absl::Seconds(1));
  EXPECT_EQ(histogram.count(), LatencyHistogram::kMaxSamples / 2);
  EXPECT_EQ(histogram.censored(), 1);
  EXPECT_TRUE(histogram.Percentile(0.9999)->at_least);
}

TEST(LatencyHistogram, ReadsBackWhatItWrote) {
  LatencyHistogram histogram;
  EXPECT_EQ(histogram.Serialize(), "");
  Add(histogram, 3, absl::Milliseconds(1));
  Add(histogram, 70, absl::Seconds(4));
  Censor(histogram, 9, absl::Seconds(8));
  const std::string text = histogram.Serialize();
  const absl::StatusOr<LatencyHistogram> read = LatencyHistogram::Parse(text);
  ASSERT_THAT(read, testing::IsOk());
  EXPECT_EQ(read->Serialize(), text);
  EXPECT_EQ(read->count(), 82);
  EXPECT_EQ(read->censored(), 9);
  EXPECT_THAT(LatencyHistogram::Parse(""), testing::IsOk());
}

class CorruptHistogram : public ::testing::TestWithParam<const char*> {};

TEST_P(CorruptHistogram, IsRefused) {
  EXPECT_THAT(LatencyHistogram::Parse(GetParam()),
              StatusIs(absl::StatusCode::kInvalidArgument, ::testing::HasSubstr("histogram")));
}

INSTANTIATE_TEST_SUITE_P(Texts, CorruptHistogram,
                         ::testing::Values("x", "1", "1:", "1:x", ":5", "5:16/", "5:16/x", "5:0",
                                           "5:16,5:16", "6:16,5:16", "-1:16", "1344:16", "5:65536",
                                           "5:4294967296", "5:16,", ",5:16", "5: 16", "5:16/0",
                                           "5:16:3", "05:16", "5:16/1/1"));

}  // namespace
}  // namespace onetake
