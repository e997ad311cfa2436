// The contract kit: against tools that keep their promises, and against executors' worst cases.
#include "tests/testing/kit_fixture.h"
#include "tests/testing/status_matchers.h"
#include "tools/kit/example_arguments.h"
#include "tools/kit/http_checks.h"

namespace onetake::testing {
namespace {

using ::testing::HasSubstr;

std::shared_ptr<const JsonSchema> Schema(absl::string_view text) {
  return JsonSchema::Compile(Json::parse(text)).value();
}

TEST(ExampleArgumentsTest, AreTheRequiredOnesAndFitTheSchema) {
  const auto schema = Schema(R"({"type":"object","required":["at","kind","n","list","who"],
    "properties":{"at":{"type":"string","format":"date-time"},
      "kind":{"enum":["new","old"]},"n":{"type":"integer","minimum":3},
      "list":{"type":"array","minItems":2,"items":{"type":"boolean"}},
      "who":{"type":"object","required":["name"],
        "properties":{"name":{"type":"string","minLength":12}}},
      "notes":{"type":"string"}}})");
  EXPECT_THAT(ExampleArguments(*schema), IsOkAndHolds(Json::parse(R"({
      "at":"2030-06-24T14:00:00Z","kind":"new","n":3,"list":[true,true],
      "who":{"name":"examplexxxxx"}})")));
}

TEST(ExampleArgumentsTest, WhatCannotBeMadeUpIsNamed) {
  const auto schema = Schema(R"({"type":"object","required":["id"],
      "properties":{"id":{"type":"string","pattern":"^[0-9]{9}$"}}})");
  EXPECT_THAT(ExampleArguments(*schema),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("$.id")));
}

class HttpChecksTest : public KitTest {
 protected:
  CheckResults Check(const std::string& name) {
    const Catalog catalog = Load();
    const std::shared_ptr<const Tool> tool = catalog.tools->Find(name);
    const Json arguments{{"slot", "2030-06-24T14:00:00Z"}, {"provider", "dr-kim"}};
    return ByName(
        CheckHttpTool(*tool, name == "find" ? Json{{"slot", "x"}} : arguments, loop_, clock_));
  }
};

TEST_F(HttpChecksTest, AKeyedWriteKeepsItsPromises) {
  WriteBook("", "");
  const auto results = Check("book");
  EXPECT_THAT(Failed(results), ::testing::IsEmpty());
  for (const char* check : {"key.passed_on", "secret.sent", "secret.not_echoed", "deadline.kept",
                            "deadline.socket_closed", "cancel.socket_closed", "far.cut_reply",
                            "far.connect_refused", "result.unchanged"}) {
    ASSERT_TRUE(results.count(check)) << check;
    EXPECT_EQ(results.at(check).verdict, CheckResult::Verdict::kPass) << check;
  }
}

TEST_F(HttpChecksTest, AKeyThatIsNotSentIsAFailure) {
  WriteBook("", "");
  const Catalog catalog = Load();
  Tool tool = *catalog.tools->Find("book");
  tool.key_placement.reset();
  const Json arguments{{"slot", "2030-06-24T14:00:00Z"}, {"provider", "dr-kim"}};
  EXPECT_THAT(Failed(ByName(CheckHttpTool(tool, arguments, loop_, clock_))),
              ::testing::ElementsAre(HasSubstr("key.passed_on")));
}

TEST_F(HttpChecksTest, AWriteThatMayNotBeSentTwiceIsNot) {
  WriteBook(
      "  keyed:\n    header: Idempotency-Key\n    retention: 24h\n"
      "    in_use: { status: 409, path: $.error, equals: busy }\n",
      "");
  const auto results = Check("book");
  EXPECT_THAT(Failed(results), ::testing::IsEmpty());
  EXPECT_EQ(results.at("resend.none_below").verdict, CheckResult::Verdict::kPass);
  EXPECT_EQ(results.at("key.passed_on").verdict, CheckResult::Verdict::kSkip);
}

TEST_F(HttpChecksTest, AnAnswerAboutTheKeyMustBeSeen) {
  WriteBook("outcomes: { 503: no_effect }", "outcomes: { 409: rejected }");
  const auto results = Check("book");
  EXPECT_THAT(Failed(results), ::testing::IsEmpty());
  ASSERT_TRUE(results.count("outcome.in_use"));
  EXPECT_EQ(results.at("outcome.in_use").verdict, CheckResult::Verdict::kPass);
  const Catalog catalog = Load();
  Tool blind = *catalog.tools->Find("book");
  blind.safety.keyed = false;
  const Json arguments{{"slot", "2030-06-24T14:00:00Z"}, {"provider", "dr-kim"}};
  EXPECT_THAT(Failed(ByName(CheckHttpTool(blind, arguments, loop_, clock_))),
              ::testing::ElementsAre(HasSubstr("outcome.in_use: ")));
}

TEST_F(HttpChecksTest, AReadIsCheckedToo) {
  WriteBook("", "");
  EXPECT_THAT(Failed(Check("find")), ::testing::IsEmpty());
}

TEST_F(HttpChecksTest, NeedlessDoubtIsAFailure) {
  WriteBook("  outcomes: { 503: no_effect }", "  outcomes: { 400: may_have_happened }");
  EXPECT_THAT(Failed(Check("book")),
              ::testing::ElementsAre(HasSubstr("outcome.no_needless_doubt: 400")));
}

TEST_F(HttpChecksTest, ArgumentsThatCannotBePlacedAreAFailure) {
  WriteBook("", "");
  const Catalog catalog = Load();
  const auto results = CheckHttpTool(*catalog.tools->Find("book"),
                                     Json{{"slot", "x"}, {"provider", ".."}}, loop_, clock_);
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].check, "request.rendered");
  EXPECT_EQ(results[0].verdict, CheckResult::Verdict::kFail);
}

}  // namespace
}  // namespace onetake::testing
