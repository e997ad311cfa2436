#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/base/status.h"
#include "runtime/server/patience.h"
#include "tests/testing/status_matchers.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOkAndHolds;
using ::onetake::testing::StatusIs;

struct Case {
  std::string name;
  absl::Duration wanted;
  absl::Duration left;
  absl::Duration patience;
};
class FitPatienceTest : public ::testing::TestWithParam<Case> {};
TEST_P(FitPatienceTest, LeavesTimeForTheAnswer) {
  EXPECT_THAT(FitPatience(GetParam().wanted, GetParam().left), IsOkAndHolds(GetParam().patience));
}
INSTANTIATE_TEST_SUITE_P(
    Cases, FitPatienceTest,
    ::testing::Values(
        Case{"NoDeadline", absl::Seconds(4), absl::InfiniteDuration(), absl::Seconds(4)},
        Case{"DeadlineFar", absl::Seconds(4), absl::Seconds(10), absl::Seconds(4)},
        Case{"DeadlineNear", absl::Seconds(4), absl::Seconds(3), absl::Milliseconds(2950)},
        Case{"DeadlineJustBehind", absl::Seconds(4), absl::Seconds(4), absl::Milliseconds(3950)},
        Case{"LessThanTheMargin", absl::Seconds(4), absl::Milliseconds(20), absl::ZeroDuration()},
        Case{"NoPatience", absl::ZeroDuration(), absl::Seconds(4), absl::ZeroDuration()}),
    [](const auto& info) { return info.param.name; });

TEST(LastMomentTest, IsBehindThePatienceAndBeforeTheDeadline) {
  for (const absl::Duration left :
       {absl::Milliseconds(2), absl::Milliseconds(20), absl::Milliseconds(60), absl::Seconds(4)}) {
    EXPECT_GT(LastMoment(left), *FitPatience(absl::Seconds(9), left)) << left;
    EXPECT_LT(LastMoment(left), left) << left;
  }
  EXPECT_EQ(LastMoment(absl::InfiniteDuration()), absl::InfiniteDuration());
}

TEST(FitPatienceStatusTest, NothingIsBegunWhenTheDeadlineHasPassed) {
  for (const absl::Duration left : {absl::ZeroDuration(), -absl::Seconds(1)}) {
    const auto patience = FitPatience(absl::Seconds(4), left);
    EXPECT_THAT(patience, StatusIs(absl::StatusCode::kDeadlineExceeded, ::testing::_));
    ASSERT_TRUE(GetDetail(patience.status()).has_value());
    EXPECT_TRUE(GetDetail(patience.status())->safe_to_resend);
  }
}

}  // namespace
}  // namespace onetake
