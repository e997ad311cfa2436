#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/limits.h"
#include "runtime/json/json.h"
#include "tests/testing/status_matchers.h"

namespace onetake {
namespace {

using onetake::testing::IsOk;
using onetake::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;

std::string Nested(int depth) { return std::string(depth, '[') + std::string(depth, ']'); }

std::string Members(int count) {
  std::string text = "{";
  for (int i = 0; i < count; ++i) absl::StrAppend(&text, i == 0 ? "" : ",", "\"k", i, "\":0");
  return text + "}";
}

absl::StatusOr<Json> Parse(absl::string_view text) { return ParseJson(text, ArgumentLimits()); }

TEST(ParseJsonTest, ReadsEveryKindOfValue) {
  const absl::StatusOr<Json> parsed =
      Parse(R"( {"a":[1,-2,3.5,true,false,null,"x"],"b":{"c":{}}} )");
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(*parsed, Json::parse(R"({"a":[1,-2,3.5,true,false,null,"x"],"b":{"c":{}}})"));
  EXPECT_THAT(Parse("null"), IsOk());
  EXPECT_EQ(*Parse("\"\\ud83d\\ude00\""), Json("\xF0\x9F\x98\x80"));
}

TEST(ParseJsonTest, KeepsIntegersBeyond53BitsExactly) {
  EXPECT_EQ(Parse("9007199254740993")->get<int64_t>(), 9007199254740993);
  EXPECT_EQ(Parse("18446744073709551615")->get<uint64_t>(), 18446744073709551615u);
  EXPECT_EQ(Parse("-9223372036854775808")->get<int64_t>(), INT64_MIN);
}

TEST(ParseJsonTest, NamesThePathAndTheReasonOfAFault) {
  const std::vector<std::tuple<std::string, std::string, std::string>> cases = {
      {"", "$:", "not JSON"},
      {"   ", "$:", "ends too early"},
      {"{\"a\":1,\"a\":2}", "$:", ".a twice"},
      {"{\"a\":{\"b\":[0,0,{\"c\":1,\"c\":1}]}}", "$.a.b[2]:", ".c twice"},
      {"{\"a\":1,\"\\u0061\":2}", "$:", ".a twice"},
      {"{\"a\":{\"b\":[1,2,1e999]}}", "$.a.b[2]:", "too big"},
      {"-1e999", "$:", "too big"},
      {"[1,18446744073709551616]", "$[1]:", "beyond 64 bits"},
      {"{\"a\":\"\xFF\"}", "$.a:", "not valid UTF-8"},
      {"{\"a\":\"\xC0\xAF\"}", "$.a:", "not valid UTF-8"},
      {"{\"a\":\"\xED\xA0\x80\"}", "$.a:", "not valid UTF-8"},
      {"[\"\xE2\x82\"]", "$[0]:", "not valid UTF-8"},
      {"{\"\xFF\":1}", "$:", "not valid UTF-8"},
      {"[\"\\ud800\"]", "$[0]:", "surrogate"},
      {"[\"\\udc00\"]", "$[0]:", "surrogate"},
      {"[\"a\nb\"]", "$[0]:", "not JSON"},
      {"\xEF\xBB\xBF{}", "$:", "byte order mark"},
      {std::string("{}\0", 3), "$:", "NUL"},
      {std::string("[\"\0\"]", 5), "$:", "NUL"},
      {"{} {}", "$:", "followed by something"},
      {"null x", "$:", "followed by something"},
      {"{\"a\":1", "$:", "ends too early"},
      {"{\"a\":[1,", "$.a[1]:", "ends too early"},
      {"{\"a\":1,}", "$:", "is not JSON"},
      {"[1,]", "$[1]:", "is not JSON"},
      {"[01]", "$[1]:", "is not JSON"},
      {"[+1]", "$[0]:", "is not JSON"},
      {"[.5]", "$[0]:", "is not JSON"},
      {"[NaN]", "$[0]:", "is not JSON"},
      {"{'a':1}", "$:", "is not JSON"},
      {"// no\n{}", "$:", "is not JSON"},
      {"{\"not plain\":[}", "$['not plain'][0]:", "is not JSON"},
  };
  for (const auto& [text, path, reason] : cases) {
    EXPECT_THAT(Parse(text),
                StatusIs(kInvalid, AllOf(::testing::StartsWith(path), HasSubstr(reason))))
        << text;
  }
}

TEST(ParseJsonTest, NeverQuotesAValue) {
  for (const char* const text : {"{\"pin\":s3cret}", "{\"pin\":\"s3cret\n\"}", "{\"pin\":\"s3cret",
                                 "{\"pin\":\"s3cret\"} s3cret", "{\"pin\":\"s3cret\xFF\"}"}) {
    EXPECT_THAT(Parse(text), StatusIs(kInvalid, Not(HasSubstr("s3cret")))) << text;
  }
}

TEST(ParseJsonTest, CutsLongNamesInPaths) {
  const std::string name(100, 'n');
  EXPECT_THAT(Parse(absl::StrCat("{\"", name, "\":x}")),
              StatusIs(kInvalid, AllOf(HasSubstr(absl::StrCat("$.", std::string(64, 'n'), "...:")),
                                       Not(HasSubstr(std::string(65, 'n'))))));
  // The cut leaves whole characters: 63 bytes, and then one of two bytes.
  const std::string wide = absl::StrCat(std::string(63, 'n'), "\xC3\xA9", "tail");
  EXPECT_THAT(Parse(absl::StrCat("{\"", wide, "\":x}")),
              StatusIs(kInvalid, HasSubstr(absl::StrCat("$.", std::string(63, 'n'), "...:"))));
}

TEST(ParseJsonTest, EnforcesEachLimitAtItsEdge) {
  EXPECT_THAT(Parse(Nested(limits::kJsonDepth)), IsOk());
  EXPECT_THAT(Parse(Nested(limits::kJsonDepth + 1)), StatusIs(kInvalid, HasSubstr("deeper")));
  EXPECT_THAT(Parse(std::string(60'000, '[')), StatusIs(kInvalid, HasSubstr("deeper")));

  EXPECT_THAT(Parse(Members(limits::kJsonKeys)), IsOk());
  EXPECT_THAT(Parse(Members(limits::kJsonKeys + 1)),
              StatusIs(kInvalid, AllOf(HasSubstr("$:"), HasSubstr("more than 1000 members"))));
  const std::string half = Members(limits::kJsonKeys / 2);
  EXPECT_THAT(Parse(absl::StrCat("[", half, ",", half, "]")), IsOk());
  EXPECT_THAT(Parse(absl::StrCat("[", half, ",", half, ",{\"a\":1}]")),
              StatusIs(kInvalid, HasSubstr("$[2]: holds more than")));

  const std::string longest(limits::kJsonStringBytes, 's');
  EXPECT_THAT(Parse(absl::StrCat("{\"a\":\"", longest, "\"}")), IsOk());
  EXPECT_THAT(Parse(absl::StrCat("{\"a\":\"", longest, "s\"}")),
              StatusIs(kInvalid, AllOf(HasSubstr("$.a:"), HasSubstr("32768 bytes"))));
  EXPECT_THAT(Parse(absl::StrCat("{\"", longest, "\":1}")), IsOk());
  EXPECT_THAT(Parse(absl::StrCat("{\"", longest, "s\":1}")),
              StatusIs(kInvalid, HasSubstr("32768 bytes")));

  const std::string spaces(limits::kArgumentsBytes - 2, ' ');
  EXPECT_THAT(Parse(absl::StrCat(spaces, "{}")), IsOk());
  EXPECT_THAT(Parse(absl::StrCat(spaces, " {}")),
              StatusIs(kInvalid, HasSubstr("longer than 65536")));
}

TEST(ParseJsonTest, BoundsResultsBySizeAndDepthOnly) {
  const JsonLimits limits = ResultLimits();
  EXPECT_THAT(ParseJson(Members(5000), limits), IsOk());
  EXPECT_THAT(ParseJson(absl::StrCat("\"", std::string(100'000, 's'), "\""), limits), IsOk());
  EXPECT_THAT(ParseJson("123456789012345678901234567890", limits), IsOk());
  EXPECT_THAT(ParseJson(Nested(limits.depth), limits), IsOk());
  EXPECT_THAT(ParseJson(Nested(limits.depth + 1), limits), StatusIs(kInvalid, HasSubstr("deeper")));
  EXPECT_THAT(ParseJson(std::string(limits::kResultBytes + 1, ' '), limits),
              StatusIs(kInvalid, HasSubstr("longer")));
}

}  // namespace
}  // namespace onetake
