#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/latency/attempt_timeout.h"
#include "runtime/latency/latency_book.h"

namespace onetake {
namespace {

constexpr AttemptRule Auto() {
  return {.fixed = std::nullopt, .floor = absl::Seconds(8), .ceiling = absl::Seconds(30)};
}

LatencyHistogram Of(int answered, absl::Duration latency, int censored = 0,
                    absl::Duration waited = absl::Seconds(1)) {
  LatencyHistogram histogram;
  for (int i = 0; i < answered; ++i) histogram.AddAnswered(latency);
  for (int i = 0; i < censored; ++i) histogram.AddCensored(waited);
  return histogram;
}

struct Case {
  const char* name;
  LatencyHistogram measured;
  double seconds;  // within 3 %
};

class AutoTimeout : public ::testing::TestWithParam<Case> {};

TEST_P(AutoTimeout, Is) {
  const absl::Duration timeout = AttemptTimeout(Auto(), &GetParam().measured);
  EXPECT_NEAR(absl::ToDoubleSeconds(timeout), GetParam().seconds, GetParam().seconds * 0.03);
}

INSTANTIATE_TEST_SUITE_P(
    Rules, AutoTimeout,
    ::testing::Values(
        Case{"NothingMeasuredIsTheCeiling", {}, 30},
        Case{"TooFewSamplesAreTheCeiling", Of(49, absl::Seconds(1)), 30},
        Case{"EnoughSamples", Of(50, absl::Seconds(7)), 10.5},
        Case{"NeverBelowTheFloor", Of(500, absl::Milliseconds(80)), 8},
        Case{"NeverAboveTheCeiling", Of(500, absl::Seconds(25)), 30},
        Case{"TimeoutsCountAsSamples", Of(0, {}, 50, absl::Seconds(8)), 12},
        Case{"AFewTimeoutsRaiseIt", Of(990, absl::Seconds(4), 10, absl::Seconds(8)), 12},
        Case{"OneInAThousandDoesNot", Of(1999, absl::Seconds(6), 1, absl::Seconds(8)), 9},
        Case{"AnOutlierStopsAtTheCeiling", Of(99, absl::Seconds(1), 1, absl::Minutes(9)), 30}),
    [](const auto& info) { return info.param.name; });

// Edge case 44: a slow but healthy target is not cut off for ever.
TEST(AutoTimeout, ASlowTargetRaisesItsTimeoutUntilItIsHeard) {
  LatencyHistogram measured = Of(60, absl::Seconds(1));
  const absl::Duration real = absl::Seconds(20);
  ASSERT_LT(AttemptTimeout(Auto(), &measured), real);
  int cut_off = 0;
  int answered = 0;
  for (int i = 0; i < 60; ++i) {
    const absl::Duration timeout = AttemptTimeout(Auto(), &measured);
    if (timeout < real) {
      measured.AddCensored(timeout);
      ++cut_off;
    } else {
      measured.AddAnswered(real);
      ++answered;
    }
  }
  EXPECT_LE(cut_off, 3);
  EXPECT_GE(answered, 57);
  EXPECT_GE(AttemptTimeout(Auto(), &measured), real);
}

TEST(AttemptTimeout, AFixedOneIsNotTouched) {
  const AttemptRule rule{
      .fixed = absl::Seconds(3), .floor = absl::Seconds(8), .ceiling = absl::Seconds(30)};
  const LatencyHistogram measured = Of(100, absl::Seconds(6));
  EXPECT_EQ(AttemptTimeout(rule, &measured), absl::Seconds(3));
  EXPECT_EQ(AttemptTimeout(rule, nullptr), absl::Seconds(3));
  // But what was lost may land as late as the downstream is known to be.
  EXPECT_GE(SettleAfter(rule, &measured), absl::Seconds(6));
  EXPECT_EQ(SettleAfter(rule, nullptr), absl::Seconds(3));
}

TEST(HedgeAfter, NeedsEnoughSamples) {
  EXPECT_EQ(HedgeAfter(0.95, nullptr), std::nullopt);
  LatencyHistogram measured = Of(49, absl::Milliseconds(100));
  EXPECT_EQ(HedgeAfter(0.95, &measured), std::nullopt);
  measured.AddAnswered(absl::Seconds(3));
  EXPECT_NEAR(absl::ToDoubleMilliseconds(*HedgeAfter(0.95, &measured)), 100, 3);
}

TEST(SuggestedAttempt, IsWhatTheStoryEndedWith) {
  LatencyHistogram measured = Of(1900, absl::Milliseconds(3000));
  for (int i = 0; i < 95; ++i) measured.AddAnswered(absl::Milliseconds(4200));
  for (int i = 0; i < 5; ++i) measured.AddAnswered(absl::Milliseconds(5100));
  EXPECT_EQ(SuggestedAttempt(&measured), absl::Seconds(8));
}

const LatencySubject kBook{"book", "https://api", "v1"};
const LatencySubject kBookV2{"book", "https://api", "v2"};
const LatencySubject kElsewhere{"book", "https://other", "v1"};

TEST(LatencyBook, KeepsToolsDownstreamsAndVersionsApart) {
  LatencyBook book;
  book.AddAnswered(kBook, absl::Seconds(1));
  book.AddCensored(kBook, absl::Seconds(2));
  book.AddAnswered(kElsewhere, absl::Seconds(1));
  EXPECT_EQ(book.Find(kBook)->count(), 2);
  EXPECT_EQ(book.Find(kBook)->censored(), 1);
  EXPECT_EQ(book.Find(kElsewhere)->count(), 1);
  EXPECT_EQ(book.Find(kBookV2), nullptr);
  book.AddAnswered(kBookV2, absl::Seconds(1));
  EXPECT_EQ(book.Find(kBookV2)->count(), 1);
  EXPECT_EQ(book.Find(kBook), nullptr) << "samples of an old version counted";
}

TEST(LatencyBook, GivesWhatHasChangedOnce) {
  LatencyBook book;
  EXPECT_TRUE(book.TakeChanged().empty());
  book.AddAnswered(kBook, absl::Seconds(1));
  book.AddAnswered(kElsewhere, absl::Seconds(1));
  ASSERT_EQ(book.TakeChanged().size(), 2);
  EXPECT_TRUE(book.TakeChanged().empty());
  book.GiveBack(kElsewhere);
  const std::vector<LatencyBook::Row> rows = book.TakeChanged();
  ASSERT_EQ(rows.size(), 1);
  EXPECT_EQ(rows[0].subject.downstream, "https://other");
  EXPECT_EQ(rows[0].histogram.count(), 1);
}

TEST(LatencyBook, ARestoredRowCountsUnlessSomethingNewerIsThere) {
  LatencyBook book;
  book.Restore({kBook, Of(10, absl::Seconds(1))});
  EXPECT_EQ(book.Find(kBook)->count(), 10);
  EXPECT_TRUE(book.TakeChanged().empty());
  book.Restore({kBook, Of(99, absl::Seconds(1))});
  EXPECT_EQ(book.Find(kBook)->count(), 10);
  book.AddAnswered(kBookV2, absl::Seconds(1));
  EXPECT_EQ(book.Find(kBookV2)->count(), 1);
}

}  // namespace
}  // namespace onetake
