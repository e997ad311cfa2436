#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "absl/strings/str_format.h"
#include "runtime/policy/backoff.h"
#include "tests/testing/sim_scheduler.h"

namespace onetake {
namespace {

using ::onetake::testing::SimRandom;
using ::onetake::testing::SimScheduler;

constexpr RetryLimits kLimits{.attempts = 5,
                              .total = absl::Minutes(2),
                              .base = absl::Milliseconds(200),
                              .cap = absl::Seconds(10)};

// Always the same draw, to reach the ends of the range.
class FixedRandom final : public Random {
 public:
  explicit FixedRandom(uint64_t value) : value_(value) {}
  uint64_t Next() override { return value_; }

 private:
  uint64_t value_;
};
constexpr uint64_t kHighest = std::numeric_limits<uint64_t>::max();

TEST(BackoffTest, CeilingDoublesUntilTheCap) {
  struct Case {
    int retry;
    absl::Duration ceiling;
  };
  for (const Case& c : {Case{1, absl::Milliseconds(200)}, Case{2, absl::Milliseconds(400)},
                        Case{3, absl::Milliseconds(800)}, Case{6, absl::Milliseconds(6400)},
                        Case{7, absl::Seconds(10)}, Case{1'000'000, absl::Seconds(10)}}) {
    FixedRandom low(0);
    FixedRandom high(kHighest);
    EXPECT_EQ(Backoff(kLimits, c.retry, std::nullopt, low), absl::ZeroDuration()) << c.retry;
    const absl::Duration longest = Backoff(kLimits, c.retry, std::nullopt, high);
    EXPECT_LE(longest, c.ceiling) << c.retry;
    EXPECT_GT(longest, c.ceiling * 0.999) << c.retry;
  }
}

TEST(BackoffTest, JitterIsFullAndEven) {
  SimRandom random(7);
  constexpr int kDraws = 20'000;
  std::vector<int> tenths(10);
  for (int i = 0; i < kDraws; ++i) {
    const double share =
        absl::FDivDuration(Backoff(kLimits, 3, std::nullopt, random), absl::Milliseconds(800));
    ASSERT_GE(share, 0);
    ASSERT_LT(share, 1);
    ++tenths[static_cast<int>(share * 10)];
  }
  // Five standard deviations of a fair tenth are about 212.
  for (int count : tenths) EXPECT_NEAR(count, kDraws / 10, 220);
}

TEST(BackoffTest, NeverComesBackBeforeWhatTheDownstreamAskedFor) {
  SimRandom random(1);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_GE(Backoff(kLimits, 1, absl::Seconds(3), random), absl::Seconds(3));
  }
}

TEST(BackoffTest, CallersThatWereToldTheSameTimeComeBackApart) {
  SimRandom random(1);
  const absl::Duration first = Backoff(kLimits, 1, absl::Seconds(3), random);
  EXPECT_NE(Backoff(kLimits, 1, absl::Seconds(3), random), first);
}

TEST(BackoffTest, ANegativeRetryAfterIsNoAdvice) {
  FixedRandom high(kHighest);
  EXPECT_GT(Backoff(kLimits, 1, absl::Seconds(-30), high), absl::Milliseconds(199));
}

TEST(BackoffTest, ABaseAboveTheCapIsTheCap) {
  FixedRandom high(kHighest);
  const RetryLimits limits{.base = absl::Seconds(60), .cap = absl::Seconds(1)};
  EXPECT_LE(Backoff(limits, 1, std::nullopt, high), absl::Seconds(1));
}

TEST(BackoffTest, ABaseOfZeroWaitsNotAtAll) {
  FixedRandom high(kHighest);
  const RetryLimits limits{.base = absl::ZeroDuration()};
  EXPECT_EQ(Backoff(limits, 1'000'000, std::nullopt, high), absl::ZeroDuration());
}

TEST(RetryBudgetTest, StopsRetriesAtHalfOfTheTokens) {
  RetryBudget budget({.tokens = 10, .refund = 0.5});
  for (int i = 0; i < 4; ++i) budget.OnFailure();
  EXPECT_TRUE(budget.MayRetry());
  budget.OnFailure();  // exactly half left
  EXPECT_FALSE(budget.MayRetry());
}

TEST(RetryBudgetTest, SuccessesEarnRetriesBack) {
  RetryBudget budget({.tokens = 10, .refund = 0.5});
  for (int i = 0; i < 6; ++i) budget.OnFailure();
  budget.OnSuccess();
  budget.OnSuccess();  // five again, which is not more than half
  EXPECT_FALSE(budget.MayRetry());
  budget.OnSuccess();
  EXPECT_TRUE(budget.MayRetry());
}

TEST(RetryBudgetTest, NeitherSavesAboveTheBucketNorOwesBelowIt) {
  RetryBudget budget({.tokens = 4, .refund = 1});
  for (int i = 0; i < 100; ++i) budget.OnSuccess();
  budget.OnFailure();
  budget.OnFailure();
  EXPECT_FALSE(budget.MayRetry());
  for (int i = 0; i < 100; ++i) budget.OnFailure();
  for (int i = 0; i < 3; ++i) budget.OnSuccess();
  EXPECT_TRUE(budget.MayRetry());
}

class BreakerTest : public ::testing::Test {
 protected:
  void Fail(int times) {
    for (int i = 0; i < times; ++i) {
      ASSERT_TRUE(breaker_.Admit());
      breaker_.OnFailure();
    }
  }
  void OpenIt() {
    Fail(3);
    ASSERT_EQ(breaker_.state(), Breaker::State::kOpen);
  }
  void WaitUntilHalfOpen() { clock_.Advance(absl::Seconds(5)); }

  SimScheduler clock_;
  Breaker breaker_{{.failures = 3, .open_for = absl::Seconds(5)}, clock_};
};

TEST_F(BreakerTest, IsClosedAtFirst) {
  EXPECT_EQ(breaker_.state(), Breaker::State::kClosed);
  EXPECT_TRUE(breaker_.Admit());
  EXPECT_EQ(breaker_.RetryAfter(), absl::ZeroDuration());
}

TEST_F(BreakerTest, OpensAfterFailuresInARow) {
  Fail(2);
  EXPECT_EQ(breaker_.state(), Breaker::State::kClosed);
  Fail(1);
  EXPECT_EQ(breaker_.state(), Breaker::State::kOpen);
  EXPECT_FALSE(breaker_.Admit());
  EXPECT_EQ(breaker_.RetryAfter(), absl::Seconds(5));
}

TEST_F(BreakerTest, ASuccessBetweenForgetsTheFailures) {
  Fail(2);
  breaker_.OnSuccess();
  Fail(2);
  EXPECT_EQ(breaker_.state(), Breaker::State::kClosed);
}

TEST_F(BreakerTest, RefusesUntilItsTimeIsOver) {
  OpenIt();
  clock_.Advance(absl::Seconds(5) - absl::Nanoseconds(1));
  EXPECT_FALSE(breaker_.Admit());
  EXPECT_EQ(breaker_.RetryAfter(), absl::Nanoseconds(1));
  clock_.Advance(absl::Nanoseconds(1));
  EXPECT_EQ(breaker_.state(), Breaker::State::kHalfOpen);
  EXPECT_EQ(breaker_.RetryAfter(), absl::ZeroDuration());
}

TEST_F(BreakerTest, HalfOpenLetsOneTrialThrough) {
  OpenIt();
  WaitUntilHalfOpen();
  EXPECT_TRUE(breaker_.Admit());
  EXPECT_FALSE(breaker_.Admit());
  EXPECT_EQ(breaker_.RetryAfter(), absl::Seconds(5));
}

TEST_F(BreakerTest, ATrialThatSucceedsCloses) {
  OpenIt();
  WaitUntilHalfOpen();
  ASSERT_TRUE(breaker_.Admit());
  breaker_.OnSuccess();
  EXPECT_EQ(breaker_.state(), Breaker::State::kClosed);
  Fail(2);  // and counts from nothing
  EXPECT_EQ(breaker_.state(), Breaker::State::kClosed);
}

TEST_F(BreakerTest, ATrialThatFailsOpensForTheWholeTimeAgain) {
  OpenIt();
  WaitUntilHalfOpen();
  ASSERT_TRUE(breaker_.Admit());
  clock_.Advance(absl::Seconds(2));
  breaker_.OnFailure();
  EXPECT_FALSE(breaker_.Admit());
  EXPECT_EQ(breaker_.RetryAfter(), absl::Seconds(5));
  WaitUntilHalfOpen();
  EXPECT_TRUE(breaker_.Admit());
}

TEST_F(BreakerTest, ATrialThatWasNotSentLeavesItsPlaceToTheNext) {
  OpenIt();
  WaitUntilHalfOpen();
  ASSERT_TRUE(breaker_.Admit());
  breaker_.OnAbandon();
  EXPECT_EQ(breaker_.state(), Breaker::State::kHalfOpen);
  EXPECT_TRUE(breaker_.Admit());
}

TEST_F(BreakerTest, LateFailuresOfAttemptsFromBeforeDoNotProlongIt) {
  ASSERT_TRUE(breaker_.Admit());  // still running when it opens
  OpenIt();
  clock_.Advance(absl::Seconds(3));
  breaker_.OnFailure();
  EXPECT_EQ(breaker_.RetryAfter(), absl::Seconds(2));
  clock_.Advance(absl::Seconds(2));
  EXPECT_TRUE(breaker_.Admit());
}

}  // namespace
}  // namespace onetake
