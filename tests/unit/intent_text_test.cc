#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "runtime/intent/number.h"
#include "runtime/intent/phone.h"
#include "runtime/intent/unicode.h"
#include "tests/testing/status_matchers.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOkAndHolds;
using ::onetake::testing::StatusIs;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(FoldTextTest, SpellingsOfOneNameAreOne) {
  struct Case {
    const char* text;
    const char* folded;
  };
  for (const Case& c :
       {Case{"Dr. Kim", "dr. kim"}, Case{"  DR.\t\n KIM ", "dr. kim"},
        Case{"Dr.\u00a0Kim\u3000", "dr. kim"}, Case{"\uff24r. Kim", "dr. kim"},
        Case{"Dr\u200b. K\u00adim\ufeff", "dr. kim"}, Case{"Stra\u00dfe", "strasse"},
        Case{"STRASSE", "strasse"}, Case{"Ame\u0301lie", "am\u00e9lie"},
        Case{"AM\u00c9LIE", "am\u00e9lie"}, Case{"\u03a3\u03a3\u03a3", "\u03c3\u03c3\u03c3"},
        Case{"\u03c3\u03c3\u03c2", "\u03c3\u03c3\u03c3"}, Case{"\ufb01ll\u2460", "fill1"},
        Case{"", ""}, Case{" \u2003 ", ""}, Case{"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"}}) {
    EXPECT_EQ(FoldText(c.text), c.folded) << c.text;
    EXPECT_EQ(FoldText(FoldText(c.text)), FoldText(c.text)) << c.text;
  }
}

TEST(FoldTextTest, DifferentNamesStayApart) {
  EXPECT_NE(FoldText("Dr. Kim"), FoldText("Dr. Kimm"));
  EXPECT_NE(FoldText("Dr. Kim"), FoldText("DrKim"));
  EXPECT_NE(FoldText("Amelie"), FoldText("Am\u00e9lie"));
}

TEST(TrimTextTest, CutsWhiteSpaceAtTheEndsOnly) {
  EXPECT_EQ(TrimText(" \t\u00a0A b\u3000\n"), "A b");
  EXPECT_EQ(TrimText("\xf0\x9f\x98\x80 "), "\xf0\x9f\x98\x80");
  EXPECT_EQ(TrimText("   "), "");
  EXPECT_EQ(TrimText(""), "");
}

TEST(IsTimeZoneNameTest, KnowsTheDatabaseAndNothingElse) {
  EXPECT_TRUE(IsTimeZoneName("America/Chicago"));
  EXPECT_TRUE(IsTimeZoneName("Etc/UTC"));
  for (const char* name : {"america/chicago", "Nowhere/Atlantis", "GMT+25:00", "", "/etc/passwd",
                           "America/../America/Chicago"}) {
    EXPECT_FALSE(IsTimeZoneName(name)) << name;
  }
}

struct Spelling {
  const char* text;
  const char* normal;
};

TEST(NormaliseNumberTest, SpellingsOfOneValueAreOne) {
  for (const Spelling& c : {Spelling{"1", "1"},
                            Spelling{"1.0", "1"},
                            Spelling{"1.00", "1"},
                            Spelling{"1e0", "1"},
                            Spelling{"10e-1", "1"},
                            Spelling{"+1", "1"},
                            Spelling{" 001 ", "1"},
                            Spelling{"1.", "1"},
                            Spelling{"0.1E+1", "1"},
                            Spelling{"1e00000000000000000000", "1"},
                            Spelling{"0", "0"},
                            Spelling{"-0", "0"},
                            Spelling{"-0.00", "0"},
                            Spelling{"0e5", "0"},
                            Spelling{"0.1", "0.1"},
                            Spelling{"1e-1", "0.1"},
                            Spelling{".10", "0.1"},
                            Spelling{"-12.50", "-12.5"},
                            Spelling{"\u2212"
                                     "12.5",
                                     "-12.5"},
                            Spelling{"\uff11\uff12", "12"},
                            Spelling{"1e3", "1000"},
                            Spelling{"12345e-2", "123.45"}}) {
    EXPECT_THAT(NormaliseNumber(c.text), IsOkAndHolds(Eq(c.normal))) << c.text;
  }
}

TEST(NormaliseNumberTest, KeepsWhatADoubleWouldLose) {
  EXPECT_THAT(NormaliseNumber("9007199254740993"), IsOkAndHolds(Eq("9007199254740993")));
  EXPECT_THAT(NormaliseNumber("0.10000000000000000001"),
              IsOkAndHolds(Eq("0.10000000000000000001")));
}

TEST(NormaliseNumberTest, RefusesWhatIsNoPlainNumber) {
  for (const char* text :
       {"",    " ",     "-",     "+",  ".",  "e5",   "1e",  "1e+", "1e1.5", "--1",
        "1 2", "1,000", "1.2.3", "$5", "5%", "0x10", "NaN", "inf", "five",  "1_000"}) {
    EXPECT_THAT(NormaliseNumber(text), StatusIs(kInvalid, HasSubstr("digits with a point")))
        << text;
  }
}

TEST(NormaliseNumberTest, NoExponentMakesABigText) {
  EXPECT_THAT(NormaliseNumber("1e-40"), IsOkAndHolds(Eq("0." + std::string(39, '0') + "1")));
  EXPECT_THAT(NormaliseNumber("1e39"), IsOkAndHolds(Eq("1" + std::string(39, '0'))));
  for (const char* text :
       {"1e400", "1e40", "1e-41", "1e-400", "1e99999999999999999999", "1e-99999999999999999999"}) {
    EXPECT_THAT(NormaliseNumber(text), StatusIs(kInvalid, HasSubstr("more than 40 digits")))
        << text;
  }
  EXPECT_THAT(NormaliseNumber(std::string(1'000'000, '7')), StatusIs(kInvalid, HasSubstr("40")));
}

TEST(NormalisePhoneTest, SpellingsOfOneNumberAreOne) {
  for (const char* text :
       {"+13125550123", "+1 312-555-0123", "+1 (312) 555-0123", "(312) 555-0123", "312.555.0123",
        "3125550123", "1-312-555-0123", "13125550123", "tel:+1-312-555-0123",
        "312\u2011555\u20110123", "\uff0b1 312 555 0123", "011 1 312 555 0123"}) {
    EXPECT_THAT(NormalisePhone(text, "US"), IsOkAndHolds(Eq("+13125550123"))) << text;
  }
}

TEST(NormalisePhoneTest, WithoutARegionTheCountryCodeIsNeeded) {
  EXPECT_THAT(NormalisePhone("+44 20 7946 0958", ""), IsOkAndHolds(Eq("+442079460958")));
  EXPECT_THAT(NormalisePhone("(312) 555-0123", ""),
              StatusIs(kInvalid, HasSubstr("give the phone number with it")));
}

TEST(NormalisePhoneTest, TheRegionGivesTheCountryCodeAndTheTrunkPrefix) {
  EXPECT_THAT(NormalisePhone("020 7946 0958", "GB"), IsOkAndHolds(Eq("+442079460958")));
  EXPECT_THAT(NormalisePhone("030 23125 000", "DE"), IsOkAndHolds(Eq("+493023125000")));
  EXPECT_THAT(NormalisePhone("02 3661 8300", "IT"), IsOkAndHolds(Eq("+390236618300")));
}

TEST(NormalisePhoneTest, AnExtensionIsAnotherLine) {
  for (const char* text : {"+1 312 555 0123 ext. 42", "+13125550123 x42", "+13125550123;ext=42"}) {
    EXPECT_THAT(NormalisePhone(text, ""), IsOkAndHolds(Eq("+13125550123;ext=42"))) << text;
  }
}

TEST(NormalisePhoneTest, RefusesWhatNoCountryAssigns) {
  struct Case {
    const char* text;
    const char* advice;
  };
  for (const Case& c :
       {Case{"", "is not a phone number"}, Case{"Dr. Kim", "is not a phone number"},
        Case{"+1 112 555 0123", "check its digits"}, Case{"555-0123", "check its digits"},
        Case{"911", "check its digits"}, Case{"+999 312 555 0123", "country code"},
        Case{"+1 312 555 0123 4567 89012", "is too long"}, Case{"+1", "is not a phone number"},
        Case{"+13125550123 or +13125550199", "is not a phone number"}}) {
    EXPECT_THAT(NormalisePhone(c.text, "US"), StatusIs(kInvalid, HasSubstr(c.advice))) << c.text;
  }
  const auto refused = NormalisePhone("+1 112 555 0123", "US");
  EXPECT_THAT(std::string(refused.status().message()), Not(HasSubstr("112")));
}

}  // namespace
}  // namespace onetake
