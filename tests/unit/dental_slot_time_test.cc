#include <gtest/gtest.h>

#include "tests/testing/status_matchers.h"
#include "tools/dental/slot_time.h"

namespace onetake::dental {
namespace {

using ::onetake::testing::IsOkAndHolds;
using ::onetake::testing::StatusIs;
using ::testing::Eq;
using ::testing::HasSubstr;

absl::Time TwoPm() { return absl::FromUnixSeconds(1782327600); }  // 2026-06-24T19:00:00Z

class ParseSlotTest : public ::testing::TestWithParam<const char*> {};

TEST_P(ParseSlotTest, IsTheSameInstantInEverySpelling) {
  EXPECT_THAT(ParseSlot(GetParam()), IsOkAndHolds(Eq(TwoPm())));
}

INSTANTIATE_TEST_SUITE_P(
    Spellings, ParseSlotTest,
    ::testing::Values("2026-06-24T14:00:00-05:00", "2026-06-24T19:00:00Z", "2026-06-24T14:00-05:00",
                      "2026-06-24T14:00:00.000-05:00", "2026-06-24 14:00:00-05:00",
                      "2026-06-24T14:00:00", "2026-06-24T14:00", "2026-06-24 14:00:00",
                      "2026-06-24 14:00", "2026-06-24 2pm", "2026-06-24 2 PM",
                      "2026-06-24 02:00 pm", "2026-06-24 2:00pm", "  2026-06-24T14:00:00-05:00 "));

class ParseSlotRefusalTest : public ::testing::TestWithParam<const char*> {};

TEST_P(ParseSlotRefusalTest, SaysWhatWouldBeRight) {
  EXPECT_THAT(ParseSlot(GetParam()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("2026-06-24T14:00:00-05:00")));
}

INSTANTIATE_TEST_SUITE_P(NotInstants, ParseSlotRefusalTest,
                         ::testing::Values("", "m", "tomorrow at 2", "2026-06-24", "14:00",
                                           "2026-13-24T14:00:00Z",
                                           "2026-06-24T14:00:00Z trailing"));

TEST(FormatSlotTest, WritesThePracticesOffsetInSummerAndWinter) {
  EXPECT_EQ(FormatSlot(TwoPm()), "2026-06-24T14:00:00-05:00");
  EXPECT_EQ(FormatSlot(absl::FromUnixSeconds(1767268800)), "2026-01-01T06:00:00-06:00");
}

}  // namespace
}  // namespace onetake::dental
