#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testing/status_matchers.h"
#include "tools/http/parameters.h"

namespace onetake::testing {
namespace {

using Style = ParameterStyle;
constexpr auto kQuery = ParameterCoding::kQuery;
constexpr auto kForm = ParameterCoding::kForm;

struct Case {
  const char* name;
  Style style;
  const char* value;  // JSON
  const char* query;  // nullptr: refused
  const char* form;
};

class AppendParameterTest : public ::testing::TestWithParam<Case> {};

TEST_P(AppendParameterTest, WritesTheValueInItsStyle) {
  const Json value = Json::parse(GetParam().value);
  for (const auto& [coding, expected] :
       {std::pair{kQuery, GetParam().query}, std::pair{kForm, GetParam().form}}) {
    std::string out = "z=0";
    const absl::Status status =
        AppendParameter({.name = "a b", .value = value, .style = GetParam().style}, coding, out);
    if (expected == nullptr) {
      EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, ::testing::_));
    } else {
      EXPECT_THAT(status, IsOk());
      EXPECT_EQ(out, std::string("z=0") + expected);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, AppendParameterTest,
    ::testing::Values(
        Case{"Text", Style::kRepeat, R"("x y&z=1+2~*")", "&a%20b=x%20y%26z%3D1%2B2~%2A",
             "&a+b=x+y%26z%3D1%2B2%7E*"},
        Case{"Empty", Style::kRepeat, R"("")", "&a%20b=", "&a+b="},
        Case{"Number", Style::kComma, "1.0", "&a%20b=1", "&a+b=1"},
        Case{"Boolean", Style::kPipe, "true", "&a%20b=true", "&a+b=true"},
        Case{"LineEnd", Style::kRepeat, R"("a\r\nb")", "&a%20b=a%0D%0Ab", "&a+b=a%0D%0Ab"},
        Case{"Unicode", Style::kRepeat, R"("é")", "&a%20b=%C3%A9", "&a+b=%C3%A9"},
        Case{"Null", Style::kRepeat, "null", "", ""},
        Case{"NoElement", Style::kComma, "[]", "", ""},
        Case{"Repeat", Style::kRepeat, R"(["x","y",3])", "&a%20b=x&a%20b=y&a%20b=3",
             "&a+b=x&a+b=y&a+b=3"},
        Case{"Comma", Style::kComma, R"(["x","y,z"])", "&a%20b=x,y%2Cz", "&a+b=x%2Cy%2Cz"},
        Case{"Space", Style::kSpace, R"(["x","y"])", "&a%20b=x%20y", "&a+b=x+y"},
        Case{"Pipe", Style::kPipe, R"(["x","y"])", "&a%20b=x%7Cy", "&a+b=x%7Cy"},
        Case{"Brackets", Style::kBrackets, R"(["x","y"])", "&a%20b%5B%5D=x&a%20b%5B%5D=y",
             "&a+b%5B%5D=x&a+b%5B%5D=y"},
        Case{"DeepObject", Style::kDeepObject, R"({"k":"x","l":[1,{"m":2}],"n":null})",
             "&a%20b%5Bk%5D=x&a%20b%5Bl%5D%5B0%5D=1&a%20b%5Bl%5D%5B1%5D%5Bm%5D=2",
             "&a+b%5Bk%5D=x&a+b%5Bl%5D%5B0%5D=1&a+b%5Bl%5D%5B1%5D%5Bm%5D=2"},
        Case{"Json", Style::kJson, R"({"k":[1]})", "&a%20b=%7B%22k%22%3A%5B1%5D%7D",
             "&a+b=%7B%22k%22%3A%5B1%5D%7D"},
        Case{"ObjectAsList", Style::kRepeat, R"({"k":1})", nullptr, nullptr},
        Case{"ObjectAsCommas", Style::kComma, R"({"k":1})", nullptr, nullptr},
        Case{"ListInAList", Style::kRepeat, "[[1]]", nullptr, nullptr},
        Case{"NullInAList", Style::kComma, "[null]", nullptr, nullptr}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace onetake::testing
