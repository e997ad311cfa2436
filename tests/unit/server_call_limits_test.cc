#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/server/call_limits.h"
#include "tests/testing/sim_scheduler.h"

namespace onetake {
namespace {

class CallLimitsTest : public ::testing::Test {
 protected:
  // Empty: it was let in, and its place is kept.
  std::string Enter(CallLimits& limits, const std::string& tenant) {
    absl::StatusOr<CallLimits::Place> place = limits.Enter(tenant);
    if (place.ok()) {
      places_.push_back(std::make_unique<CallLimits::Place>(*std::move(place)));
      return "";
    }
    EXPECT_EQ(place.status().code(), absl::StatusCode::kResourceExhausted);
    const ErrorDetail detail = *GetDetail(place.status());
    EXPECT_TRUE(detail.safe_to_resend);
    again_ms_ = detail.retry_after_ms;
    EXPECT_GT(again_ms_, 0);
    return detail.reason;
  }

  CallLimits& Make(CallLimits::Options options) {
    return *(limits_ = std::make_unique<CallLimits>(options, clock_));
  }

  testing::SimScheduler clock_;
  std::unique_ptr<CallLimits> limits_;  // outlives the places
  std::vector<std::unique_ptr<CallLimits::Place>> places_;
  int64_t again_ms_ = 0;
};

TEST_F(CallLimitsTest, OneTenantCannotTakeAllPlaces) {
  CallLimits& limits = Make({.in_flight = 3, .tenant_in_flight = 2});
  EXPECT_EQ(Enter(limits, "a"), "");
  EXPECT_EQ(Enter(limits, "a"), "");
  EXPECT_EQ(Enter(limits, "a"), "TENANT_OVERLOADED");
  EXPECT_EQ(Enter(limits, "b"), "");
  EXPECT_EQ(Enter(limits, "b"), "OVERLOADED");
  EXPECT_EQ(limits.in_flight(), 3u);
  EXPECT_EQ(limits.shed(), 2);
  places_.erase(places_.begin());
  EXPECT_EQ(limits.in_flight(), 2u);
  EXPECT_EQ(Enter(limits, "b"), "") << "a place that was given back";
  places_.clear();
  EXPECT_EQ(limits.in_flight(), 0u);
}

TEST_F(CallLimitsTest, ARateIsAnAverageAndABurstAfterAPause) {
  CallLimits& limits = Make({.tenant_rate = 10, .tenant_burst = 3});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Enter(limits, "a"), "");
  EXPECT_EQ(Enter(limits, "a"), "TENANT_RATE");
  EXPECT_EQ(again_ms_, 100);
  EXPECT_EQ(Enter(limits, "b"), "") << "another tenant's bucket";
  clock_.Advance(absl::Milliseconds(50));
  EXPECT_EQ(Enter(limits, "a"), "TENANT_RATE");
  EXPECT_EQ(again_ms_, 150) << "another has been told the next token";
  clock_.Advance(absl::Milliseconds(50));
  EXPECT_EQ(Enter(limits, "a"), "");
  clock_.Advance(absl::Hours(1));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Enter(limits, "a"), "");
  EXPECT_EQ(Enter(limits, "a"), "TENANT_RATE") << "a long pause saves no more than the burst";
}

TEST_F(CallLimitsTest, NoTwoAreToldToComeAtTheSameMoment) {
  CallLimits& limits = Make({.in_flight = 1});
  EXPECT_EQ(Enter(limits, "a"), "");
  for (int64_t before = 500; before <= 530; before += 10) {
    EXPECT_EQ(Enter(limits, "a"), "OVERLOADED");
    EXPECT_EQ(again_ms_, before) << "so many a second may come again";
  }
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Enter(limits, "a"), "OVERLOADED");
  EXPECT_EQ(again_ms_, 500) << "those of before are through";
}

TEST_F(CallLimitsTest, TheMoreIsDoneTheMoreMayComeAgain) {
  CallLimits& limits = Make({.in_flight = 1});
  for (int i = 0; i < 20'000; ++i) {  // 4,000 a second
    EXPECT_EQ(Enter(limits, "a"), "");
    clock_.Advance(absl::Microseconds(250));
    places_.clear();
  }
  EXPECT_EQ(Enter(limits, "a"), "");
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(Enter(limits, "b"), "OVERLOADED");
  EXPECT_NEAR(static_cast<double>(again_ms_), 2500, 200);
}

TEST_F(CallLimitsTest, NobodyIsSentAwayForLong) {
  CallLimits& limits = Make({.in_flight = 1});
  EXPECT_EQ(Enter(limits, "a"), "");
  int64_t longest = 0;
  for (int i = 0; i < 10'000; ++i) {
    EXPECT_EQ(Enter(limits, "a"), "OVERLOADED");
    longest = std::max(longest, again_ms_);
  }
  EXPECT_GT(longest, 4900);
  EXPECT_LE(longest, 5000);
}

TEST_F(CallLimitsTest, OfATenantAboveItsRateEachIsToldATokenOfItsOwn) {
  CallLimits& limits = Make({.tenant_rate = 10, .tenant_burst = 1});
  EXPECT_EQ(Enter(limits, "a"), "");
  for (int64_t wait = 100; wait <= 300; wait += 100) {
    EXPECT_EQ(Enter(limits, "a"), "TENANT_RATE");
    EXPECT_EQ(again_ms_, wait);
  }
  for (int i = 0; i < 3; ++i) {
    clock_.Advance(absl::Milliseconds(100));
    EXPECT_EQ(Enter(limits, "a"), "") << "as it was told";
  }
}

TEST_F(CallLimitsTest, WhatIsRefusedCostsNoToken) {
  CallLimits& limits = Make({.in_flight = 1, .tenant_rate = 1, .tenant_burst = 2});
  EXPECT_EQ(Enter(limits, "a"), "");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Enter(limits, "a"), "OVERLOADED");
  places_.clear();
  EXPECT_EQ(Enter(limits, "a"), "");
}

class BacklogTest : public CallLimitsTest {
 protected:
  // So many calls are taken up, one a millisecond, that have waited for so long.
  void TakeUp(CallLimits& limits, int64_t calls, absl::Duration waited) {
    for (int64_t i = 0; i < calls; ++i) {
      clock_.Advance(absl::Milliseconds(1));
      limits.TakenUp(limits.Arrived() - waited);
    }
  }
};

TEST_F(BacklogTest, MoreIsRefusedWhileCallsWaitTooLong) {
  CallLimits& limits = Make({});
  TakeUp(limits, Backlog::kInARow - 1, Backlog::kTooLong);
  EXPECT_EQ(Enter(limits, "a"), "") << "a burst";
  TakeUp(limits, 1, Backlog::kTooLong);
  EXPECT_EQ(Enter(limits, "a"), "OVERLOADED");
  TakeUp(limits, 1, Backlog::kTooLong - absl::Milliseconds(1));
  EXPECT_EQ(Enter(limits, "a"), "") << "it has caught up";
  TakeUp(limits, Backlog::kInARowAgain - 1, Backlog::kTooLong);
  EXPECT_EQ(Enter(limits, "a"), "");
  TakeUp(limits, 1, Backlog::kTooLong);
  EXPECT_EQ(Enter(limits, "a"), "OVERLOADED") << "sooner than the first time";
  TakeUp(limits, 1, absl::ZeroDuration());
  clock_.Advance(Backlog::kAMoment);
  TakeUp(limits, Backlog::kInARow - 1, Backlog::kTooLong);
  EXPECT_EQ(Enter(limits, "a"), "") << "as at first";
}

TEST_F(BacklogTest, ManyCallsAtOnceAreABurst) {
  CallLimits& limits = Make({});
  for (int i = 0; i < 2 * Backlog::kInARow; ++i) {
    limits.TakenUp(limits.Arrived() - absl::Seconds(1));
  }
  EXPECT_EQ(Enter(limits, "a"), "");
}

TEST_F(BacklogTest, APauseEndsIt) {
  CallLimits& limits = Make({});
  TakeUp(limits, Backlog::kInARow, absl::Seconds(1));
  EXPECT_EQ(Enter(limits, "a"), "OVERLOADED");
  clock_.Advance(Backlog::kLongEnough);
  EXPECT_EQ(Enter(limits, "a"), "") << "nobody is left to tell how long it takes";
  TakeUp(limits, 1, absl::Seconds(1));
  EXPECT_EQ(Enter(limits, "a"), "OVERLOADED") << "still as long";
}

}  // namespace
}  // namespace onetake
