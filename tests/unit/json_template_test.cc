#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/json/template.h"
#include "tests/testing/status_matchers.h"

namespace onetake {
namespace {

using onetake::testing::IsOkAndHolds;
using onetake::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;

absl::StatusOr<std::string> Angle(absl::string_view value) {
  if (absl::StrContains(value, "bad")) return absl::InvalidArgumentError("has a slash");
  return absl::StrCat("<", value, ">");
}

absl::StatusOr<std::string> Render(absl::string_view text, const Json& arguments) {
  return TextTemplate::Parse(text)->Render(arguments, Angle);
}

TEST(TextTemplateTest, FillsHolesThroughTheEscape) {
  const Json arguments = {
      {"id", "a/1"}, {"note", {{"n", 7}, {"half", 0.5}}}, {"yes", true}, {"one", 1.0}};
  EXPECT_THAT(Render("/x/{id}/n/{note.n}", arguments), IsOkAndHolds(Eq("/x/<a/1>/n/<7>")));
  EXPECT_THAT(Render("{note.half}{yes}{one}", arguments), IsOkAndHolds(Eq("<0.5><true><1>")));
  EXPECT_THAT(Render("plain", arguments), IsOkAndHolds(Eq("plain")));
  EXPECT_THAT(Render("", arguments), IsOkAndHolds(Eq("")));
}

TEST(TextTemplateTest, ReadsDoubledBracesAsBraces) {
  EXPECT_THAT(Render("{{id}} {{{id}}} }}{{", {{"id", "v"}}), IsOkAndHolds(Eq("{id} {<v>} }{")));
  // Values are not templates.
  EXPECT_THAT(Render("{id}", {{"id", "{id}"}}), IsOkAndHolds(Eq("<{id}>")));
}

TEST(TextTemplateTest, RefusesMalformedHolesAndSaysWhere) {
  const std::vector<std::pair<std::string, int>> cases = {
      {"a{", 1},   {"a{b", 1},   {"a}b", 1},   {"{}", 0},     {"{a..b}", 0}, {"{.a}", 0},
      {"{a.}", 0}, {"{a b}", 0}, {"{a{b}", 0}, {"{a[0]}", 0}, {"{{a}", 3},   {"ab{c}}", 5}};
  for (const auto& [text, offset] : cases) {
    EXPECT_THAT(TextTemplate::Parse(text),
                StatusIs(kInvalid, HasSubstr(absl::StrCat("at offset ", offset, ":"))))
        << text;
  }
}

TEST(TextTemplateTest, NamesTheHoleThatCannotBeFilled) {
  const Json arguments = {{"null", nullptr}, {"list", {1}}, {"object", {{"a", 1}}}, {"s", "bad"}};
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{gone}", "{gone}: needs"},         {"{object.gone}", "{object.gone}: needs"},
      {"{s.deeper}", "{s.deeper}: needs"}, {"{null}", "{null}: needs"},
      {"{list}", "{list}: needs"},         {"{object}", "{object}: needs"},
      {"{s}", "{s}: has a slash"},
  };
  for (const auto& [text, message] : cases) {
    EXPECT_THAT(Render(text, arguments), StatusIs(kInvalid, HasSubstr(message))) << text;
  }
  EXPECT_THAT(Render("{a}", Json("text")), StatusIs(kInvalid, HasSubstr("{a}: needs")));
}

TEST(TextTemplateTest, ListsTheArgumentsItReadsInOrder) {
  EXPECT_THAT(TextTemplate::Parse("{b}/{a.x}/{b.y}/{c}")->Arguments(), ElementsAre("b", "a", "c"));
  EXPECT_THAT(TextTemplate::Parse("{{x}}")->Arguments(), IsEmpty());
}

TEST(JsonTemplateTest, ReplacesPathsAtAnyDepth) {
  const JsonTemplate text = JsonTemplate::Parse(Json::parse(R"({
      "slot": "$.slot", "fixed": 5, "deep": {"list": ["$.ids[0]", "$.ids[-1]", "text"]},
      "all": "$"})"))
                                .value();
  const Json arguments = Json::parse(R"({"slot":{"at":"noon"},"ids":[1,2]})");
  EXPECT_EQ(text.Render(arguments),
            Json::parse(R"({"slot":{"at":"noon"},"fixed":5,"deep":{"list":[1,2,"text"]},
                            "all":{"slot":{"at":"noon"},"ids":[1,2]}})"));
}

TEST(JsonTemplateTest, LeavesOutMembersThatFindNothing) {
  const JsonTemplate text =
      JsonTemplate::Parse(Json::parse(R"({"a":"$.a","b":"$.b","c":{"d":"$.d"},"l":["$.b","$.a"]})"))
          .value();
  EXPECT_EQ(text.Render(Json{{"a", nullptr}}), Json::parse(R"({"a":null,"c":{},"l":[null,null]})"));
  EXPECT_EQ(JsonTemplate::Parse("$.gone")->Render(Json::object()), Json(nullptr));
}

TEST(JsonTemplateTest, KeepsADoubledDollarLiteral) {
  const JsonTemplate text =
      JsonTemplate::Parse(Json::parse(R"(["$$.a","$$","$$$","$5","a$.b","$a"])")).value();
  EXPECT_EQ(text.Render(Json{{"a", 1}}), Json::parse(R"(["$.a","$","$$","$5","a$.b","$a"])"));
}

TEST(JsonTemplateTest, DoesNotReadValuesAsTemplates) {
  EXPECT_EQ(JsonTemplate::Parse("$.a")->Render(Json{{"a", "$.secret"}, {"secret", 1}}),
            Json("$.secret"));
}

TEST(JsonTemplateTest, RefusesAWrongPathAndDeepNesting) {
  EXPECT_THAT(JsonTemplate::Parse(Json{{"x", {"$.a[*]"}}}),
              StatusIs(kInvalid, AllOf(HasSubstr("$.a[*]"), HasSubstr("offset"))));
  Json deep = "$.a";
  for (int i = 0; i < 100; ++i) deep = Json::array({std::move(deep)});
  EXPECT_THAT(JsonTemplate::Parse(std::move(deep)), StatusIs(kInvalid, HasSubstr("deeper")));
}

TEST(JsonTemplateTest, ListsTheArgumentsItReadsByName) {
  EXPECT_THAT(JsonTemplate::Parse(Json::parse(R"({"x":"$.b.c","y":["$['a']","$.b","$","$$.no"]})"))
                  ->Arguments(),
              ::testing::UnorderedElementsAre("a", "b"));
}

TEST(TextTemplateTest, OneHoleAloneMayBeAbsent) {
  const Json arguments{{"a", 1}, {"n", nullptr}};
  for (const auto& [text, absent] : std::vector<std::pair<const char*, bool>>{{"{a}", false},
                                                                              {"{b}", true},
                                                                              {"{n}", true},
                                                                              {"{a.b}", true},
                                                                              {"x{b}", false},
                                                                              {"x", false},
                                                                              {"", false}}) {
    EXPECT_EQ(TextTemplate::Parse(text)->IsAbsentIn(arguments), absent) << text;
  }
}

}  // namespace
}  // namespace onetake
