#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/json/path.h"
#include "tests/testing/status_matchers.h"

namespace onetake {
namespace {

using onetake::testing::IsOk;
using onetake::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

JsonPath Path(absl::string_view text) { return JsonPath::Parse(text).value(); }

TEST(JsonPathTest, FindsTheNodeItNames) {
  const Json root = Json::parse(
      R"({"a":{"b":[10,[20,21],{"c":30}],"odd name":1,"it's":2,"q\"":3,"\u00e9":4},"null":null})");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"$", root.dump()},      {"$.a.b[0]", "10"},     {"$.a.b[1][1]", "21"},
      {"$.a.b[-1].c", "30"},   {"$.a.b[-3]", "10"},    {"$['a']['odd name']", "1"},
      {"$.a[\"it's\"]", "2"},  {"$.a['it\\'s']", "2"}, {"$.a['q\"']", "3"},
      {"$.a[\"q\\\"\"]", "3"}, {"$.a.\xC3\xA9", "4"},  {"$.a['\\u00e9']", "4"},
      {"$.null", "null"},
  };
  for (const auto& [path, value] : cases) {
    const Json* const found = Path(path).Find(root);
    ASSERT_NE(found, nullptr) << path;
    EXPECT_EQ(*found, Json::parse(value)) << path;
  }
}

TEST(JsonPathTest, FindsNothingWhereAStepIsMissing) {
  const Json root = Json::parse(R"({"a":{"b":[1]},"s":"text","n":null})");
  for (const char* const path : {"$.x", "$.a.x", "$.a.b[1]", "$.a.b[-2]", "$.a[0]", "$.a.b.c",
                                 "$.s.x", "$.s[0]", "$.n.x", "$[0]", "$.a.b[1000000]"}) {
    EXPECT_EQ(Path(path).Find(root), nullptr) << path;
  }
}

TEST(JsonPathTest, RefusesWhatIsNotOfTheSubsetAndSaysWhere) {
  const std::vector<std::pair<std::string, int>> cases = {
      {"", 0},
      {"a", 0},
      {"$a", 1},
      {"$.", 2},
      {"$..a", 2},

      {"$.*", 2},

      {"$.a b", 3},
      {"$[", 2},
      {"$[*]", 2},
      {"$[?(@.a)]", 2},
      {"$[01]", 2},
      {"$[-0]", 2},
      {"$[-]", 2},
      {"$[1", 3},
      {"$[1:2]", 3},
      {"$['a", 2},
      {"$['a'", 5},
      {"$['a\\q']", 2},
      {"$['\\ud800']", 2},
      {"$['a','b']", 5},
      {"$[99999999999]", 2},
      {"$[1000001]", 2},
      {"$[-2147483648]", 2},
      {"$['\xFF']", 2},
      {"$['a\\", 2},
  };
  for (const auto& [text, offset] : cases) {
    EXPECT_THAT(JsonPath::Parse(text), StatusIs(absl::StatusCode::kInvalidArgument,
                                                HasSubstr(absl::StrCat("at offset ", offset, ":"))))
        << text;
  }
}

TEST(JsonPathTest, NamesTheArgumentItReads) {
  EXPECT_EQ(Path("$.slot.from[0]").first_name(), "slot");
  EXPECT_EQ(Path("$['odd name'].x").first_name(), "odd name");
  EXPECT_EQ(Path("$").first_name(), "");
  EXPECT_EQ(Path("$[0].a").first_name(), "");
  EXPECT_TRUE(Path("$").is_root());
  EXPECT_FALSE(Path("$.a").is_root());
  EXPECT_EQ(Path("$['a']").text(), "$['a']");
}

TEST(JsonPathTest, SetsAValueAndTheObjectsOnTheWay) {
  Json root = Json::parse(R"({"a":{"list":[1,{"x":1}]}})");
  EXPECT_THAT(Path("$.meta.key.value").Set(root, "K"), IsOk());
  EXPECT_THAT(Path("$.a.list[-1].x").Set(root, 2), IsOk());
  EXPECT_THAT(Path("$.a.list[0]").Set(root, nullptr), IsOk());
  EXPECT_EQ(root, Json::parse(R"({"a":{"list":[null,{"x":2}]},"meta":{"key":{"value":"K"}}})"));
  EXPECT_THAT(Path("$").Set(root, 7), IsOk());
  EXPECT_EQ(root, Json(7));
}

TEST(JsonPathTest, SetsNothingWhereAStepIsNoObject) {
  const Json before = Json::parse(R"({"s":"text","list":[1],"n":null})");
  for (const auto& [path, reason] :
       std::vector<std::pair<std::string, std::string>>{{"$.s.x", "not an object"},
                                                        {"$.list.x", "not an object"},
                                                        {"$.list[1]", "no such element"},
                                                        {"$.new[0]", "no such element"},
                                                        {"$.n[0]", "no such element"},
                                                        {"$.n.x[0]", "no such element"},
                                                        {"$[0]", "no such element"},
                                                        {"$.new.deep[0]", "no such element"}}) {
    Json root = before;
    EXPECT_THAT(Path(path).Set(root, 1), StatusIs(absl::StatusCode::kFailedPrecondition,
                                                  AllOf(HasSubstr(reason), HasSubstr(path))));
    EXPECT_EQ(root, before) << path;
  }
}

TEST(JsonPathTest, TakesNullForAMissingObjectWhenItSets) {
  Json root;
  EXPECT_THAT(Path("$.a.b").Set(root, 1), IsOk());
  root["n"] = nullptr;
  EXPECT_THAT(Path("$.n.x").Set(root, 2), IsOk());
  EXPECT_EQ(root, Json::parse(R"({"a":{"b":1},"n":{"x":2}})"));
}

}  // namespace
}  // namespace onetake
