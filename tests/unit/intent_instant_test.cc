#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <set>
#include <string>

#include "runtime/intent/instant.h"
#include "tests/testing/status_matchers.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOkAndHolds;
using ::onetake::testing::StatusIs;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::string_view kChicago = "America/Chicago";
constexpr absl::string_view kNoZone = "";

// With the zone in the text, or in the tool.
class SpellingTest : public ::testing::TestWithParam<const char*> {};

TEST_P(SpellingTest, IsTheOneInstant) {
  EXPECT_THAT(NormaliseInstant(GetParam(), kChicago), IsOkAndHolds(Eq("2026-06-24T19:00:00Z")));
}

INSTANTIATE_TEST_SUITE_P(
    Rfc3339AndIso8601, SpellingTest,
    ::testing::Values("2026-06-24T14:00:00-05:00", "2026-06-24T19:00:00Z", "2026-06-24t19:00:00z",
                      "2026-06-24T19:00:00.000Z", "2026-06-24T19:00:00,0Z",
                      "2026-06-24T19:00:00+00:00", "2026-06-24T19:00:00-00:00",
                      "2026-06-24T19:00:00+00", "2026-06-24T14:00-0500", "2026-06-24T14:00-05",
                      "2026-06-24T14-05", "2026-06-24T19Z", "2026-06-24 14:00:00-05:00",
                      "2026-06-24 14:00 -05:00", "  2026-06-24   14:00   -05:00  ",
                      "20260624T140000-0500", "20260624T1400-05", "20260624T190000.0Z",
                      "2026-06-25T00:45:00+05:45", "2026-06-24T14:00:00-05:00[America/Chicago]",
                      "2026-06-24T14:00[America/Chicago]", "2026-06-24T19:00:00Z[UTC]"));

INSTANTIATE_TEST_SUITE_P(
    People, SpellingTest,
    ::testing::Values("2026-06-24 2pm -05:00", "2026-06-24 2 PM -05:00",
                      "2026-06-24 2:00 p.m. -05:00", "2026-06-24 2:00 p. m. -05:00",
                      "2026-06-24 2:00 P.M -05:00", "2026-06-24 at 2:00 PM", "2026-06-24T2:00PM",
                      "2026-06-24T2pm", "June 24, 2026 2pm", "June 24, 2026, at 2 p.m.",
                      "june 24th 2026 14:00", "June the 24th, 2026 @ 14:00", "Jun. 24, 2026 - 2 PM",
                      "24 June 2026 14:00", "the 24th of June, 2026 at 14:00", "24-Jun-2026 14:00",
                      "2026-Jun-24 14:00", "2026 June 24 14:00", "2 pm on June 24, 2026",
                      "14:00, Wednesday 24 June 2026", "2026/06/24 14:00", "2026/6/24 14:00",
                      "2026.06.24 14:00", "06/24/2026 2:00 PM", "24/06/2026 14:00",
                      "24.06.2026 14:00", "2026-06-24 1400 hours", "2026-06-24 14:00 hrs",
                      "2026-06-24 12 noon -07:00", "2026-06-24 noon GMT-7",
                      "2026-06-24 14:00 America/Chicago", "2026-06-24 2pm US/Central",
                      "2026-06-24 7 p.m. UTC", "2026-06-24 19:00 GMT", "2026-06-24 14:00 UTC-5",
                      "2026-06-24 14:00 gmt-05:00", "2026-06-24 12 pm -07:00",
                      "2026-06-24 9 a. m. -10:00", "2026-06-24 9 am. -10:00", "2026-06-24 14:00 h",
                      "2026-06-24 1400 h", "Wed. 24 June 2026 14:00", "Weds 24 June 2026 14:00"));

INSTANTIATE_TEST_SUITE_P(
    Programs, SpellingTest,
    ::testing::Values("Wed, 24 Jun 2026 14:00:00 -0500",                            // RFC 5322
                      "Wed, 24 Jun 2026 19:00:00 GMT",                              // HTTP
                      "Wed Jun 24 14:00:00 2026",                                   // asctime
                      "Wed Jun 24 19:00:00 UTC 2026",                               // date(1)
                      "Wed Jun 24 2026 14:00:00 GMT-0500 (Central Daylight Time)",  // JavaScript
                      "2026-06-24 19:00:00 +0000 UTC",                              // Go
                      "6/24/2026, 2:00:00\u202fPM"));  // Intl: narrow no-break space

INSTANTIATE_TEST_SUITE_P(
    Unicode, SpellingTest,
    ::testing::Values("2026\u201106\u201124 14:00",             // non-breaking hyphens
                      "2026\u201306\u201324T14:00\u221205:00",  // en dashes, a minus
                      "2026-06-24\u00a02\u00a0PM\u00a0\u2212"
                      "5",                                     // no-break spaces
                      "\uff12\uff10\uff12\uff16-06-24 14:00",  // full-width digits
                      "\u200e2026-06-24\u200b 14:00\ufeff"));  // invisible marks

TEST(NormaliseInstantTest, KeepsFractionsWithoutTrailingZeros) {
  EXPECT_THAT(NormaliseInstant("2026-06-24T14:00:00.120Z", kNoZone),
              IsOkAndHolds(Eq("2026-06-24T14:00:00.12Z")));
  EXPECT_THAT(NormaliseInstant("2026-06-24T14:00:00,123456789Z", kNoZone),
              IsOkAndHolds(Eq("2026-06-24T14:00:00.123456789Z")));
}

TEST(NormaliseInstantTest, CrossesDaysAndYearsWithTheOffset) {
  EXPECT_THAT(NormaliseInstant("2026-12-31T20:30-05:00", kNoZone),
              IsOkAndHolds(Eq("2027-01-01T01:30:00Z")));
  EXPECT_THAT(NormaliseInstant("2024-03-01T01:00+14:00", kNoZone),
              IsOkAndHolds(Eq("2024-02-29T11:00:00Z")));
}

TEST(NormaliseInstantTest, TwelveOClockFollowsTheUsualRule) {
  EXPECT_THAT(NormaliseInstant("2026-06-24 12:30 AM Z", kNoZone),
              IsOkAndHolds(Eq("2026-06-24T00:30:00Z")));
  EXPECT_THAT(NormaliseInstant("2026-06-24 12:30 PM Z", kNoZone),
              IsOkAndHolds(Eq("2026-06-24T12:30:00Z")));
}

TEST(NormaliseInstantTest, NeighbouringInstantsStayApart) {
  const char* const kInstants[] = {
      "2026-06-24T14:00:00-05:00",          "2026-06-24T14:00:00-06:00",
      "2026-06-24T14:00:01-05:00",          "2026-06-24T14:01:00-05:00",
      "2026-06-24T02:00:00-05:00",          "2026-06-25T14:00:00-05:00",
      "2026-06-24T14:00:00.000000001-05:00"};
  std::set<std::string> forms;
  for (const char* instant : kInstants) {
    const auto form = NormaliseInstant(instant, kNoZone);
    ASSERT_TRUE(form.ok()) << form.status();
    forms.insert(*form);
  }
  EXPECT_EQ(forms.size(), std::size(kInstants));
}

TEST(NormaliseInstantTest, ItsOwnFormIsNormalised) {
  for (const char* form : {"2026-06-24T19:00:00Z", "2026-06-24T19:00:00.000000001Z"}) {
    EXPECT_THAT(NormaliseInstant(form, kChicago), IsOkAndHolds(Eq(form)));
  }
}

// ---- Zones.

TEST(NormaliseInstantTest, NeedsAZone) {
  EXPECT_THAT(NormaliseInstant("2026-06-24 14:00", kNoZone),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("add an offset")));
}

TEST(NormaliseInstantTest, TheZoneOfTheTextGoesBeforeTheTools) {
  EXPECT_THAT(NormaliseInstant("2026-06-24 14:00 Europe/Berlin", kChicago),
              IsOkAndHolds(Eq("2026-06-24T12:00:00Z")));
  EXPECT_THAT(NormaliseInstant("2026-06-24 14:00 +02:00", kChicago),
              IsOkAndHolds(Eq("2026-06-24T12:00:00Z")));
}

TEST(NormaliseInstantTest, TheToolsZoneKnowsSummerAndWinter) {
  EXPECT_THAT(NormaliseInstant("2026-01-24 14:00", kChicago),
              IsOkAndHolds(Eq("2026-01-24T20:00:00Z")));
}

TEST(NormaliseInstantTest, AToolsZoneThatCannotBeLoadedIsNamed) {
  EXPECT_THAT(NormaliseInstant("2026-06-24 14:00", "Nowhere/Atlantis"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("Nowhere/Atlantis"), HasSubstr("tzdata"))));
  EXPECT_THAT(NormaliseInstant("2026-06-24 14:00Z", "Nowhere/Atlantis"),
              IsOkAndHolds(Eq("2026-06-24T14:00:00Z")));
}

TEST(NormaliseInstantTest, ALocalTimeThatIsSkippedIsRefused) {
  EXPECT_THAT(NormaliseInstant("2026-03-08 02:30", kChicago),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("does not exist")));
  EXPECT_THAT(NormaliseInstant("2026-03-08 03:00", kChicago),
              IsOkAndHolds(Eq("2026-03-08T08:00:00Z")));
}

TEST(NormaliseInstantTest, ALocalTimeThatComesTwiceNeedsItsOffset) {
  EXPECT_THAT(NormaliseInstant("2026-11-01 01:30", kChicago),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("comes twice")));
  EXPECT_THAT(NormaliseInstant("2026-11-01 01:30 -05:00", kChicago),
              IsOkAndHolds(Eq("2026-11-01T06:30:00Z")));
  EXPECT_THAT(NormaliseInstant("2026-11-01T01:30-06:00[America/Chicago]", kNoZone),
              IsOkAndHolds(Eq("2026-11-01T07:30:00Z")));
}

// ---- What is refused, and the advice.

struct Refusal {
  const char* text;
  const char* advice;
};

void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.text; }

class RefusalTest : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusalTest, SaysWhatWouldBeRight) {
  EXPECT_THAT(NormaliseInstant(GetParam().text, kChicago),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().advice)));
}

constexpr char kIso[] = "write ISO 8601";
constexpr char kRelative[] = "is relative to now: give the calendar date";
constexpr char kLetters[] = "names its time zone by letters";
constexpr char kClock[] = "has a time that the clock does not have";
constexpr char kOffset[] = "has a UTC offset that no place has";
constexpr char kCalendar[] = "has a date that the calendar does not have";
constexpr char kRange[] = "may be a range of times";
constexpr char kBare[] = "is a bare number";
constexpr char kYear[] = "has no four-digit year";

INSTANTIATE_TEST_SUITE_P(
    Relative, RefusalTest,
    ::testing::Values(Refusal{"tomorrow at 2", kRelative}, Refusal{"Tomorrow 14:00", kRelative},
                      Refusal{"today 2pm", kRelative}, Refusal{"next Wednesday 2pm", kRelative},
                      Refusal{"this Friday at 14:00", kRelative}, Refusal{"in 2 hours", kRelative},
                      Refusal{"now", kRelative}, Refusal{"ASAP", kRelative},
                      Refusal{"tomorrow morning", kRelative},
                      Refusal{"Wednesday 2pm", "has no calendar date"},
                      Refusal{"2pm", "has no calendar date"},
                      Refusal{"2026-06-24 in the afternoon", "names a part of the day"}));

INSTANTIATE_TEST_SUITE_P(
    Ambiguous, RefusalTest,
    ::testing::Values(
        Refusal{"06/07/2026 14:00", "order that cannot be told"},
        Refusal{"6-7-2026 14:00", "order that cannot be told"},
        Refusal{"06.07.2026 14:00", "order that cannot be told"},
        Refusal{"2026-06-24 14:00 EST", kLetters}, Refusal{"2026-06-24 14:00 CST", kLetters},
        Refusal{"2026-06-24 2pm PT", kLetters}, Refusal{"2026-06-24 14:00 BST", kLetters},
        Refusal{"2026-06-24 14:00 Eastern", kLetters}, Refusal{"EST 2026-06-24 14:00", kLetters},
        Refusal{"2026-06-24 14:00 XYZT", kLetters},
        Refusal{"2026-06-24T14:00:00-05:00[EST]", kLetters}, Refusal{"June 24 2pm", "has no year"},
        Refusal{"6/24 2pm", "has no year"}, Refusal{"24-Jun-26 2pm", kYear},
        Refusal{"6/24/26 2pm", kYear}, Refusal{"0026-06-24 2pm", kYear},
        Refusal{"2026-06-24 midnight", "give 00:00"}, Refusal{"1782327600", kBare},
        Refusal{"1782327600000", kBare}, Refusal{"1782327600.25", kBare},
        Refusal{"20260624140000", kBare}, Refusal{"2026-06-24 14:00 - 15:00", kIso},
        Refusal{"2026-06-24 14:00-15:00", kRange}));

INSTANTIATE_TEST_SUITE_P(
    Ranges, RefusalTest,
    ::testing::Values(
        Refusal{"2026-06-24 9:00-11:00", kRange}, Refusal{"2026-06-24 9:30-10:30", kRange},
        Refusal{"2026-06-24 09:00\u201311:00", kRange}, Refusal{"2026-06-24 9:00-11", kRange},
        Refusal{"9:00-11:00, June 24, 2026", kRange}, Refusal{"2026-06-24 11:00-1:00", kRange},
        Refusal{"2026-06-24 2:00-5:00", kRange}, Refusal{"2026-06-24 2pm-4", kRange},
        Refusal{"2026-06-24 2 PM-4:30", kRange}, Refusal{"2026-06-24 2:00 pm-04:00", kRange},
        Refusal{"2026-06-24 noon-1:00", kRange}, Refusal{"2026-06-24 10:00-12:00", kRange},
        Refusal{"2026-06-24 02:00-05:00", kRange}));

// What is written in full, or behind a blank, UTC or a later time, is an offset.
TEST(NormaliseInstantTest, AnOffsetThatCanBeNothingElseIsOne) {
  for (const char* text :
       {"2026-06-24T02:00-05:00", "2026-06-24 02:00:00-05:00", "2026-06-24 02:00 -05:00",
        "2026-06-24 2:00 UTC-5", "2026-06-24 2am -05:00", "2026-06-24 02:00-0500", "20260624T02-05",
        "2026-06-24T2am-05:00"}) {
    EXPECT_THAT(NormaliseInstant(text, kNoZone), IsOkAndHolds(Eq("2026-06-24T07:00:00Z"))) << text;
  }
  for (const char* text : {"2026-06-24 14:00-05:00", "2026-06-24 14:00-05"}) {
    EXPECT_THAT(NormaliseInstant(text, kNoZone), IsOkAndHolds(Eq("2026-06-24T19:00:00Z"))) << text;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Impossible, RefusalTest,
    ::testing::Values(
        Refusal{"2026-02-30T10:00Z", kCalendar}, Refusal{"2026-13-01T10:00Z", kCalendar},
        Refusal{"2026-00-01T10:00Z", kCalendar}, Refusal{"2026-06-00T10:00Z", kCalendar},
        Refusal{"2025-02-29T10:00Z", kCalendar}, Refusal{"31/31/2026 10:00", kCalendar},
        Refusal{"2026-06-24T24:00Z", kClock}, Refusal{"2026-06-24T25:00Z", kClock},
        Refusal{"2026-06-24T14:60Z", kClock}, Refusal{"2026-06-30T23:59:60Z", kClock},
        Refusal{"2026-06-24 14:00 PM", kClock}, Refusal{"2026-06-24 0:30 am", kClock},
        Refusal{"2026-06-24 14:5", kClock}, Refusal{"2026-06-24 14:00:5", kClock},
        Refusal{"2026-06-24T140Z", kClock}, Refusal{"2026-06-24T14:00+15:00", kOffset},
        Refusal{"2026-06-24T14:00-13:00", kOffset}, Refusal{"2026-06-24T14:00-05:07", kOffset},
        Refusal{"2026-06-24T14:00-05:60", kOffset}, Refusal{"2026-06-24T14:00-500", kOffset},
        Refusal{"Tue, 24 Jun 2026 14:00 -0500", "weekday that its date does not fall on"},
        Refusal{"2026-06-24T14:00:00.1234567891Z", "at most 9 digits"},
        Refusal{"9999-12-31T23:59:59-05:00", "outside the years"},
        Refusal{"1000-01-01T00:00:00+05:00", "outside the years"},
        Refusal{"32 June 2026 14:00", kCalendar}, Refusal{"June 32, 2026 14:00", kCalendar},
        Refusal{"2026-06-24 13 pm", kClock}, Refusal{"2026-06-24T140pm", kClock},
        Refusal{"2026-06-24T140:00", kClock}, Refusal{"2026-06-24 14:00:", kClock},
        Refusal{"0999-06-24T14:00Z", kYear}, Refusal{"0999 June 24 14:00", kYear}));

INSTANTIATE_TEST_SUITE_P(
    TwiceOrNever, RefusalTest,
    ::testing::Values(
        Refusal{"2026-06-24", "has no time of day"},
        Refusal{"2026-06-24 2026-06-25 14:00", "two dates"},
        Refusal{"2026-06-24 2027 14:00", "two dates"}, Refusal{"24 June 1400 2026", "two dates"},
        Refusal{"2026-06-24 14:00 15:00", "two times"},
        Refusal{"Wed Wed 24 June 2026 14:00", "two dates"},
        Refusal{"June 24 24 June 2026 14:00", "two dates"},
        Refusal{"24 June 2026 June 24 14:00", "two dates"},
        Refusal{"2026-06-24 14:00 UTC America/Chicago", "its time zone does not have then"},
        Refusal{"2026-06-24 14:00 America/Chicago Europe/Berlin", "two time zones"},
        Refusal{"2026-06-24T14:00Z-05:00", "two time zones"},
        Refusal{"2026-06-24T14:00-05:00-05:00", "two time zones"},
        Refusal{"2026-06-24T14:00Z Europe/Berlin", "its time zone does not have then"},
        Refusal{"2026-06-24T14:00-06:00[America/Chicago]", "its time zone does not have then"}));

INSTANTIATE_TEST_SUITE_P(
    Unreadable, RefusalTest,
    ::testing::Values(Refusal{"", "has no calendar date"}, Refusal{"soonish", kIso},
                      Refusal{"2026-06", kIso}, Refusal{"2026-W26-3T14:00Z", kIso},
                      Refusal{"2026-175T14:00Z", kIso}, Refusal{"June 2026", kIso},
                      Refusal{"June 14:00 2026", kIso}, Refusal{"June 2 pm 2026", kIso},
                      Refusal{"2026-06-24 14", kIso}, Refusal{"2026-06-24T14:00:00.", kIso},
                      Refusal{"2026-06-24 14:00;", kIso}, Refusal{"2026-06/24 14:00", kIso},
                      Refusal{"2026-06-24T14:00Z (unclosed", kIso},
                      Refusal{"2026-06-24 14:00 Nowhere/Atlantis", "not known"},
                      Refusal{"2026-06-24 14:00 America/../../etc/passwd", "not known"},
                      Refusal{"2026-06-24 14:00 /etc/passwd", kIso},
                      Refusal{"2026-06-24T14:00[/etc/passwd]", "not known"},
                      Refusal{"2026-06-24 14:00 \u00e9t\u00e9", kIso}));

TEST(NormaliseInstantTest, NeverQuotesTheText) {
  for (const char* text : {"zanzibar", "2026-06-24 14:00 Zanzibar/Zanzibar", "1782327600123"}) {
    const auto form = NormaliseInstant(text, kNoZone);
    ASSERT_FALSE(form.ok());
    EXPECT_THAT(std::string(form.status().message()), Not(HasSubstr(text)));
    EXPECT_THAT(std::string(form.status().message()), Not(HasSubstr("Zanzibar")));
  }
}

TEST(NormaliseInstantTest, NoCutOfASpellingCrashesIt) {
  const std::string whole = "Wed, 24 Jun 2026 2:00:00.5 p.m. -05:00 [America/Chicago] (CDT)";
  for (size_t begin = 0; begin < whole.size(); ++begin) {
    for (size_t size = 0; size <= whole.size() - begin; ++size) {
      const auto form = NormaliseInstant(whole.substr(begin, size), kChicago);
      if (!form.ok()) {
        EXPECT_EQ(form.status().code(), absl::StatusCode::kInvalidArgument);
      }
    }
  }
}

TEST(NormaliseInstantTest, LongTextIsRefused) {
  EXPECT_THAT(NormaliseInstant(std::string(10'000, '1'), kChicago),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(kIso)));
}

// ---- Dates.

TEST(NormaliseDateTest, SpellingsOfOneDate) {
  for (const char* text : {"2026-06-24", "20260624", "2026/06/24", "June 24, 2026", "24 Jun 2026",
                           "Wednesday, June 24th, 2026", "24.06.2026", "6/24/2026"}) {
    EXPECT_THAT(NormaliseDate(text), IsOkAndHolds(Eq("2026-06-24"))) << text;
  }
  for (const char* text : {"Thu 24 September 2026", "Thur, Sep 24 2026", "Thurs Sept. 24, 2026"}) {
    EXPECT_THAT(NormaliseDate(text), IsOkAndHolds(Eq("2026-09-24"))) << text;
  }
  EXPECT_THAT(NormaliseDate("Tues 22 Sept 2026"), IsOkAndHolds(Eq("2026-09-22")));
}

TEST(NormaliseDateTest, RefusesWhatIsNoDateAlone) {
  const Refusal kRefusals[] = {{"2026-06-24T14:00:00Z", "give the date alone"},
                               {"2026-06-24 UTC", "give the date alone"},
                               {"06/07/2026", "order that cannot be told"},
                               {"tomorrow", kRelative},
                               {"24 June", "has no year"},
                               {"2026-02-30", kCalendar},
                               {"", "has no calendar date"},
                               {"Tuesday 24 June 2026", "weekday"}};
  for (const Refusal& refusal : kRefusals) {
    EXPECT_THAT(NormaliseDate(refusal.text),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(refusal.advice)))
        << refusal.text;
  }
}

}  // namespace
}  // namespace onetake
