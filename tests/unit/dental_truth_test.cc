#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/testing/status_matchers.h"
#include "tools/dental/slot_time.h"
#include "tools/dental/truth.h"

namespace onetake::dental {
namespace {

using ::onetake::testing::IsOkAndHolds;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::IsEmpty;

TEST(PlanBookingsTest, IsTheSameForTheSameSeedOnly) {
  const std::vector<Booking> plan = PlanBookings(50, 1);
  const std::vector<Booking> same = PlanBookings(50, 1);
  const std::vector<Booking> other = PlanBookings(50, 2);
  int differing = 0;
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(plan[i].slot_iso, same[i].slot_iso);
    EXPECT_EQ(plan[i].provider, same[i].provider);
    differing += plan[i].slot_iso != other[i].slot_iso;
  }
  EXPECT_GT(differing, 40);
}

TEST(PlanBookingsTest, NoTwoCallersWantTheSameSlotOfAProvider) {
  std::set<std::pair<std::string, std::string>> openings;
  std::set<std::string> sessions;
  for (const Booking& booking : PlanBookings(20000, 3)) {
    EXPECT_TRUE(openings.emplace(booking.slot_iso, booking.provider).second);
    EXPECT_TRUE(sessions.insert(booking.session).second);
  }
}

TEST(BookingArgumentsTest, ARetryMeansTheSameInOtherWords) {
  std::set<std::string> spellings;
  for (const Booking& booking : PlanBookings(100, 4)) {
    const absl::Time slot = ParseSlot(booking.slot_iso).value();
    EXPECT_EQ(BookingArguments(booking, 0)["slot_iso"], booking.slot_iso);
    for (int attempt = 0; attempt < 4; ++attempt) {
      const nlohmann::json arguments = BookingArguments(booking, attempt);
      EXPECT_THAT(ParseSlot(arguments["slot_iso"].get<std::string>()), IsOkAndHolds(Eq(slot)));
      EXPECT_EQ(arguments["patient_id"], booking.patient);
      EXPECT_EQ(arguments["provider_id"], booking.provider);
    }
    EXPECT_NE(BookingArguments(booking, 1)["slot_iso"], booking.slot_iso);
    EXPECT_NE(BookingArguments(booking, 1)["notes"], BookingArguments(booking, 0)["notes"]);
  }
}

TEST(RespellTest, WritesHalfHoursWithMinutesAndFullHoursWithout) {
  EXPECT_THAT(Respell(ParseSlot("2026-06-24T14:00:00-05:00").value()),
              ElementsAre("2026-06-24T19:00:00Z", "2026-06-24T14:00-05:00", "2026-06-24 2pm"));
  EXPECT_EQ(Respell(ParseSlot("2026-06-24T12:30:00-05:00").value()).back(), "2026-06-24 12:30 PM");
  EXPECT_EQ(Respell(ParseSlot("2026-06-24T12:00:00-05:00").value()).back(), "2026-06-24 12pm");
}

class JudgeTest : public ::testing::Test {
 protected:
  static Row RowOf(const Booking& booking, const std::string& id) {
    return {id, booking.slot_iso, booking.provider, booking.patient};
  }
  const std::vector<Booking> plan_ = PlanBookings(3, 1);
};

TEST_F(JudgeTest, FindsNothingWhenEveryoneHasWhatTheyWereTold) {
  const Verdict verdict = Judge(plan_, {{"call-0001", "1"}, {"call-0002", "2"}},
                                {RowOf(plan_[0], "1"), RowOf(plan_[1], "2")});
  EXPECT_EQ(verdict.rows, 2);
  EXPECT_EQ(verdict.double_bookings, 0);
  EXPECT_EQ(verdict.lost, 0);
  EXPECT_EQ(verdict.unasked, 0);
  EXPECT_THAT(verdict.untold, IsEmpty());
}

TEST_F(JudgeTest, SeesADoubleBookingInAnotherSpelling) {
  Row again = RowOf(plan_[0], "2");
  again.slot_iso = Respell(ParseSlot(again.slot_iso).value()).front();
  const Verdict verdict = Judge(plan_, {{"call-0001", "1"}}, {RowOf(plan_[0], "1"), again});
  EXPECT_EQ(verdict.double_bookings, 1);
  EXPECT_EQ(verdict.unasked, 0);
  EXPECT_EQ(verdict.lost, 0);
}

TEST_F(JudgeTest, SeesAnAcknowledgedBookingWithoutItsRow) {
  EXPECT_EQ(Judge(plan_, {{"call-0001", "1"}}, {}).lost, 1);
  EXPECT_EQ(Judge(plan_, {{"call-0001", "9"}}, {RowOf(plan_[0], "1")}).lost, 1);
  EXPECT_EQ(Judge(plan_, {{"call-0001", "1"}}, {RowOf(plan_[1], "1")}).lost, 1);
  EXPECT_EQ(Judge(plan_, {{"call-0001", ""}}, {RowOf(plan_[0], "1")}).lost, 1);
}

TEST_F(JudgeTest, SeesWhoHasARowUntoldAndWhoseRowNobodyAskedFor) {
  const Verdict verdict =
      Judge(plan_, {}, {RowOf(plan_[2], "1"), {"2", "2026-06-24 2pm", "x", "y"}});
  EXPECT_THAT(verdict.untold, ElementsAre("call-0003"));
  EXPECT_EQ(verdict.unasked, 1);
}

}  // namespace
}  // namespace onetake::dental
