#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "runtime/cli/time_range.h"

namespace onetake {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

absl::TimeZone Berlin() {
  absl::TimeZone zone;
  EXPECT_TRUE(absl::LoadTimeZone("Europe/Berlin", &zone));
  return zone;
}

absl::Time At(absl::string_view text) {
  absl::Time time;
  std::string error;
  EXPECT_TRUE(absl::ParseTime("%Y-%m-%d %H:%M", text, Berlin(), &time, &error)) << error;
  return time;
}

struct TimeCase {
  const char* text;
  const char* now;
  const char* meant;
};

class ParseTimeTest : public testing::TestWithParam<TimeCase> {};

TEST_P(ParseTimeTest, IsWhatAPersonMeans) {
  EXPECT_EQ(ParseTime(GetParam().text, At(GetParam().now), Berlin()), At(GetParam().meant));
}

INSTANTIATE_TEST_SUITE_P(
    Times, ParseTimeTest,
    testing::Values(TimeCase{"19:00", "2026-06-24 19:54", "2026-06-24 19:00"},
                    TimeCase{"19:54", "2026-06-24 19:54", "2026-06-24 19:54"},
                    TimeCase{"19:00:00", "2026-06-24 19:54", "2026-06-24 19:00"},
                    TimeCase{"23:30", "2026-06-24 19:54", "2026-06-23 23:30"},
                    TimeCase{"21:00", "2026-07-01 00:10", "2026-06-30 21:00"},
                    // The clock was set forward at 2:00 on the 29th: a day of 23 hours.
                    TimeCase{"21:00", "2026-03-30 00:10", "2026-03-29 21:00"},
                    TimeCase{"2h", "2026-06-24 19:54", "2026-06-24 17:54"},
                    TimeCase{"2026-06-24 23:30", "2026-06-24 19:54", "2026-06-24 23:30"},
                    TimeCase{"2026-06-25", "2026-06-24 19:54", "2026-06-25 00:00"},
                    TimeCase{"2026-06-24T17:00:00Z", "2026-06-24 19:54", "2026-06-24 19:00"}));

TEST(ParseTimeTest, RefusesWhatIsNoTime) {
  for (const char* text : {"yesterday", "25:00", "-2h", "21", ""}) {
    EXPECT_EQ(ParseTime(text, At("2026-06-24 19:54"), Berlin()), absl::InfinitePast()) << text;
  }
  EXPECT_THAT(CheckTime("yesterday"), AllOf(HasSubstr("must be a time such as 21:00"),
                                            HasSubstr("yesterday's, if it is not 21:00 yet")));
  EXPECT_EQ(CheckTime("21:00"), "");
}

TEST(ParseTimeRangeTest, EachFlagMayBeMissing) {
  const absl::Time now = At("2026-06-24 19:54");
  EXPECT_FALSE(ParseTimeRange("", "", now, Berlin())->since.has_value());
  EXPECT_EQ(ParseTimeRange("1h", "", now, Berlin())->since, now - absl::Hours(1));
  EXPECT_EQ(ParseTimeRange("", "1h", now, Berlin())->until, now - absl::Hours(1));
}

TEST(ParseTimeRangeTest, MayEndTodayAfterItBegan) {
  const absl::Time now = At("2026-06-24 19:54");
  const auto evening = ParseTimeRange("18:00", "23:30", now, Berlin());
  EXPECT_EQ(evening->since, At("2026-06-24 18:00"));
  EXPECT_EQ(evening->until, At("2026-06-24 23:30"));
  const auto night = ParseTimeRange("23:00", "01:00", At("2026-06-24 00:30"), Berlin());
  EXPECT_EQ(night->since, At("2026-06-23 23:00"));
  EXPECT_EQ(night->until, At("2026-06-24 01:00"));
  const auto before = ParseTimeRange("21:00", "23:00", At("2026-06-24 00:30"), Berlin());
  EXPECT_EQ(before->since, At("2026-06-23 21:00"));
  EXPECT_EQ(before->until, At("2026-06-23 23:00"));
}

TEST(ParseTimeRangeTest, MayNotEndBeforeItBegins) {
  const absl::Time now = At("2026-06-24 19:54");
  for (const auto& [since, until] :
       {std::pair{"1h", "2h"}, std::pair{"19:00", "18:00"}, std::pair{"2026-06-25", "2026-06-24"},
        std::pair{"2026-06-25", "1h"}}) {
    const auto range = ParseTimeRange(since, until, now, Berlin());
    EXPECT_EQ(range.status().code(), absl::StatusCode::kInvalidArgument) << since;
    EXPECT_THAT(
        std::string(range.status().message()),
        AllOf(HasSubstr("--until, 2026-06-24 "), HasSubstr(", is before --since, 2026-06-")));
  }
}

}  // namespace
}  // namespace onetake
