#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "runtime/intent/identity.h"
#include "tests/testing/status_matchers.h"

namespace onetake {

// For readable failures.
void PrintTo(const ArgumentDiff& diff, std::ostream* out) {
  *out << diff.path << ": recorded " << diff.recorded << ", received " << diff.received;
}

namespace {

using ::onetake::testing::IsOkAndHolds;
using ::onetake::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

const NormaliserSettings& ClinicSettings() {
  static const auto* const settings =
      new NormaliserSettings{.time_zone = "America/Chicago", .phone_region = "US"};
  return *settings;
}

Json Parse(absl::string_view text) { return *ParseJson(text, ArgumentLimits()); }

// ---- Normalise: which JSON each normaliser takes. The spellings are in the tests of the parts.

struct Form {
  Normaliser normaliser;
  const char* value;
  const char* normal;
};

TEST(NormaliseTest, TakesWhatModelsWriteForOneValue) {
  using N = Normaliser;
  for (const Form& c : {Form{N::kVerbatim, R"({"b":1,"a":[null]})", R"({"b":1,"a":[null]})"},
                        Form{N::kVerbatim, "\" A \"", "\" A \""},
                        Form{N::kVerbatim, "null", "null"},
                        Form{N::kInstant, "\"2026-06-24 2pm\"", "\"2026-06-24T19:00:00Z\""},
                        Form{N::kDate, "\"June 24, 2026\"", "\"2026-06-24\""},
                        Form{N::kPhone, "\"(312) 555-0123\"", "\"+13125550123\""},
                        Form{N::kPhone, "3125550123", "\"+13125550123\""},
                        Form{N::kPhone, "3125550123.0", "\"+13125550123\""},
                        Form{N::kText, "\"  Dr. KIM\"", "\"dr. kim\""},
                        Form{N::kText, "\"\"", "\"\""},
                        Form{N::kNumber, "1", "\"1\""},
                        Form{N::kNumber, "1.0", "\"1\""},
                        Form{N::kNumber, "1e0", "\"1\""},
                        Form{N::kNumber, "\"1.00\"", "\"1\""},
                        Form{N::kNumber, "0.1", "\"0.1\""},
                        Form{N::kNumber, "\"0.1\"", "\"0.1\""},
                        Form{N::kNumber, "1e-1", "\"0.1\""},
                        Form{N::kNumber, "-0.0", "\"0\""},
                        Form{N::kNumber, "1e21", "\"1000000000000000000000\""},
                        Form{N::kNumber, "9007199254740993", "\"9007199254740993\""},
                        Form{N::kNumber, "18446744073709551615", "\"18446744073709551615\""},
                        Form{N::kId, "\" 42 \"", "\"42\""},
                        Form{N::kId, "42", "\"42\""},
                        Form{N::kId, "42.0", "\"42\""},
                        Form{N::kId, "-7", "\"-7\""},
                        Form{N::kId, "\"dr-Kim\"", "\"dr-Kim\""}}) {
    EXPECT_THAT(Normalise(c.normaliser, Parse(c.value), ClinicSettings()),
                IsOkAndHolds(Eq(Parse(c.normal))))
        << ToString(c.normaliser) << " " << c.value;
  }
}

TEST(NormaliseTest, SaysWhatWouldBeRightForOtherJson) {
  using N = Normaliser;
  for (const Form& c :
       {Form{N::kInstant, "1782327600", "must be a string such as 2026-06-24T14:00:00-05:00"},
        Form{N::kInstant, "{}", "must be a string"}, Form{N::kDate, "20260624", "2026-06-24"},
        Form{N::kPhone, "3.5", "must be a string such as +1"}, Form{N::kPhone, "-5", "phone"},
        Form{N::kText, "5", "must be a string"}, Form{N::kText, "[]", "must be a string"},
        Form{N::kNumber, "true", "must be a number"}, Form{N::kNumber, "null", "must be a number"},
        Form{N::kNumber, "\"five\"", "digits"}, Form{N::kNumber, "1e300", "more than 40 digits"},
        Form{N::kId, "4.5", "must be a string or an integer"},
        Form{N::kId, "true", "must be a string or an integer"}, Form{N::kId, "\" \"", "is empty"},
        Form{N::kId, "\"\"", "is empty"}}) {
    EXPECT_THAT(Normalise(c.normaliser, Parse(c.value), ClinicSettings()),
                StatusIs(kInvalid, HasSubstr(c.normal)))
        << ToString(c.normaliser) << " " << c.value;
  }
}

// ---- MakeIdentity

const std::vector<IdentityField>& BookingFields() {
  static const auto* const fields =
      new std::vector<IdentityField>{{"$.slot_iso", "slot_iso", Normaliser::kInstant},
                                     {"$.provider_id", "provider_id", Normaliser::kId},
                                     {"$.patient.phone", "phone", Normaliser::kPhone}};
  return *fields;
}

TEST(MakeIdentityTest, HoldsTheNormalisedFieldsByName) {
  const Json arguments = Parse(
      R"({"slot_iso":"2026-06-24 2pm","provider_id":" dr-kim ","patient":{"phone":"312 555 0123"},
          "notes":"first visit"})");
  EXPECT_THAT(
      MakeIdentity(BookingFields(), arguments, ClinicSettings()),
      IsOkAndHolds(Eq(Parse(
          R"({"phone":"+13125550123","provider_id":"dr-kim","slot_iso":"2026-06-24T19:00:00Z"})"))));
}

TEST(MakeIdentityTest, AbsentAndNullAreTheSame) {
  const Json expected = Parse(R"({"provider_id":"dr-kim"})");
  for (const char* arguments :
       {R"({"provider_id":"dr-kim"})", R"({"provider_id":"dr-kim","slot_iso":null})",
        R"({"provider_id":"dr-kim","patient":null})",
        R"({"provider_id":"dr-kim","patient":{"phone":null}})"}) {
    EXPECT_THAT(MakeIdentity(BookingFields(), Parse(arguments), ClinicSettings()),
                IsOkAndHolds(Eq(expected)))
        << arguments;
  }
}

TEST(MakeIdentityTest, AnErrorNamesThePathAndNotTheValue) {
  const Json arguments = Parse(R"({"patient":{"phone":"5550"}})");
  EXPECT_THAT(MakeIdentity(BookingFields(), arguments, ClinicSettings()),
              StatusIs(kInvalid, AllOf(HasSubstr("$.patient.phone: "), Not(HasSubstr("5550")))));
}

// ---- GuardedArguments

TEST(GuardedArgumentsTest, LeavesOutIdentityAndIgnored) {
  const Json arguments = Parse(
      R"({"slot_iso":"x","provider_id":"y","patient":{"phone":"z","name":"Ann"},"notes":"n",
          "tags":["a","b","c"]})");
  EXPECT_EQ(GuardedArguments(arguments, BookingFields(), {"$.notes", "$.tags[1]"}),
            Parse(R"({"patient":{"name":"Ann"},"tags":["a",null,"c"]})"));
}

TEST(GuardedArgumentsTest, PathsThatFindNothingAreNoMatter) {
  const Json arguments = Parse(R"({"a":1})");
  EXPECT_EQ(GuardedArguments(arguments, BookingFields(), {"$.b", "$.a.c", "$.a[0]"}), arguments);
}

TEST(GuardedArgumentsTest, WithoutFieldsAllButTheIgnoredIsLeft) {
  EXPECT_EQ(GuardedArguments(Parse(R"({"a":1,"b":2})"), {}, {"$.b"}), Parse(R"({"a":1})"));
  EXPECT_EQ(GuardedArguments(Parse("{}"), {}, {}), Parse("{}"));
}

TEST(GuardedArgumentsTest, TheArgumentsThemselvesStay) {
  const Json arguments = Parse(R"({"a":1,"b":2})");
  GuardedArguments(arguments, {}, {"$.b"});
  EXPECT_EQ(arguments, Parse(R"({"a":1,"b":2})"));
}

// ---- DiffGuarded

auto DiffIs(const char* path, const char* recorded, const char* received) {
  return AllOf(Field("path", &ArgumentDiff::path, path),
               Field("recorded", &ArgumentDiff::recorded, recorded),
               Field("received", &ArgumentDiff::received, received));
}

std::vector<ArgumentDiff> Diff(absl::string_view recorded, absl::string_view received) {
  return DiffGuarded(Parse(recorded), Parse(received));
}

TEST(DiffGuardedTest, EqualValuesDoNotDiffer) {
  struct Pair {
    const char* recorded;
    const char* received;
  };
  for (const Pair& c : {Pair{"{}", "{}"}, Pair{R"({"a":1,"b":2})", R"({"b":2,"a":1})"},
                        Pair{R"({"a":1})", R"({"a":1.0})"}, Pair{R"({"a":-0.0})", R"({"a":0})"},
                        Pair{R"({"a":null})", "{}"}, Pair{R"({"a":{"b":null}})", R"({"a":{}})"},
                        Pair{R"({"a":[1,{"b":"x"}]})", R"({"a":[1.0,{"b":"x"}]})"}}) {
    EXPECT_THAT(Diff(c.recorded, c.received), IsEmpty()) << c.recorded << " " << c.received;
    EXPECT_THAT(Diff(c.received, c.recorded), IsEmpty()) << c.recorded << " " << c.received;
  }
}

TEST(DiffGuardedTest, NamesEachLeafThatDiffers) {
  EXPECT_THAT(Diff(R"({"patient":{"id":7,"name":"Ann"},"room":"2","tags":["a","b"]})",
                   R"({"patient":{"id":8,"name":"Ann"},"chair":1,"tags":["a","c","d"]})"),
              ElementsAre(DiffIs("$.chair", "", "1"), DiffIs("$.patient.id", "7", "8"),
                          DiffIs("$.room", "\"2\"", ""), DiffIs("$.tags[1]", "\"b\"", "\"c\""),
                          DiffIs("$.tags[2]", "", "\"d\"")));
}

TEST(DiffGuardedTest, AChangedTypeIsOneDifference) {
  EXPECT_THAT(Diff(R"({"a":{"b":1}})", R"({"a":[1]})"),
              ElementsAre(DiffIs("$.a", R"({"b":1})", "[1]")));
  EXPECT_THAT(Diff(R"({"a":"1"})", R"({"a":1})"), ElementsAre(DiffIs("$.a", "\"1\"", "1")));
  EXPECT_THAT(Diff(R"({"a":false})", "{}"), ElementsAre(DiffIs("$.a", "false", "")));
  EXPECT_THAT(Diff(R"({"a":{}})", "{}"), ElementsAre(DiffIs("$.a", "{}", "")));
}

TEST(DiffGuardedTest, BigIntegersAreComparedExactly) {
  EXPECT_THAT(Diff(R"({"a":9007199254740993})", R"({"a":9007199254740992.0})"),
              ElementsAre(DiffIs("$.a", "9007199254740993", "9007199254740992")));
}

TEST(DiffGuardedTest, OddNamesAreQuotedInThePath) {
  EXPECT_THAT(Diff(R"({"a b":1,"it's":1,"9":1,"":1})", "{}"),
              ElementsAre(DiffIs("$['']", "1", ""), DiffIs("$['9']", "1", ""),
                          DiffIs("$['a b']", "1", ""), DiffIs(R"($['it\'s'])", "1", "")));
}

}  // namespace
}  // namespace onetake
