#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testing/status_matchers.h"
#include "tools/http/render.h"

namespace onetake::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

Tool MakeTool() {
  Tool tool;
  tool.name = "move";
  tool.http.emplace();
  tool.http->method = "POST";
  tool.http->origin = "https://api.example.com";
  tool.http->path = TextTemplate::Parse("/appointments/{id}/move").value();
  tool.http->query = {{"date", JsonPath::Parse("$.date").value()}};
  tool.http->headers = {
      {.name = "X-Clinic", .value = TextTemplate::Parse("clinic {clinic}").value()},
      {.name = "Authorization",
       .secret = SecretRef{.kind = SecretRef::Kind::kEnv, .name = "TOKEN"},
       .secret_prefix = "Bearer "}};
  tool.http->body = JsonTemplate::Parse("$").value();
  tool.key_placement =
      KeyPlacement{.kind = KeyPlacement::Kind::kHeader, .header = "Idempotency-Key"};
  return tool;
}

Json Arguments(std::string id, std::string clinic = "c1") {
  return {{"id", std::move(id)}, {"clinic", std::move(clinic)}};
}

struct PathCase {
  const char* name;
  std::string value;
  const char* url;  // nullptr: refused
};
class RenderPathTest : public ::testing::TestWithParam<PathCase> {};

// Whatever the value, the host, the number of segments and the query stay what the manifest says.
TEST_P(RenderPathTest, AValueStaysInItsSegment) {
  const auto request = RenderRequest(MakeTool(), Arguments(GetParam().value), "k");
  if (GetParam().url == nullptr) {
    EXPECT_THAT(request, StatusIs(absl::StatusCode::kInvalidArgument, ::testing::_));
    return;
  }
  ASSERT_THAT(request, IsOk());
  EXPECT_EQ(request->url, std::string("https://api.example.com") + GetParam().url);
}

INSTANTIATE_TEST_SUITE_P(
    Table, RenderPathTest,
    ::testing::Values(PathCase{"Plain", "a-1", "/appointments/a-1/move"},
                      PathCase{"Slash", "a/b", "/appointments/a%2Fb/move"},
                      PathCase{"Climbing", "../admin", "/appointments/..%2Fadmin/move"},
                      PathCase{"Dot", ".", nullptr}, PathCase{"DotDot", "..", nullptr},
                      PathCase{"Empty", "", nullptr},
                      PathCase{"EncodedDots", "%2e%2e", "/appointments/%252e%252e/move"},
                      PathCase{"EncodedSlash", "a%2fb", "/appointments/a%252fb/move"},
                      PathCase{"Query", "a?x=1", "/appointments/a%3Fx%3D1/move"},
                      PathCase{"Fragment", "a#b", "/appointments/a%23b/move"},
                      PathCase{"Userinfo", "@evil.com", "/appointments/%40evil.com/move"},
                      PathCase{"Backslash", "a\\b", "/appointments/a%5Cb/move"},
                      PathCase{"Semicolon", "a;b", "/appointments/a%3Bb/move"},
                      PathCase{"Space", "a b", "/appointments/a%20b/move"},
                      PathCase{"Unicode", "\xC3\xA9", "/appointments/%C3%A9/move"},
                      PathCase{"LineBreak", "a\r\nX: y", nullptr},
                      PathCase{"Nul", std::string("a\0b", 3), nullptr},
                      PathCase{"Delete", "a\x7f", nullptr}),
    [](const auto& info) { return info.param.name; });

class RenderHeaderTest : public ::testing::TestWithParam<std::string> {};

TEST_P(RenderHeaderTest, RefusesWhatCouldEndTheLineOrIsNoHeaderText) {
  EXPECT_THAT(RenderRequest(MakeTool(), Arguments("1", GetParam()), "k"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("X-Clinic")));
}

INSTANTIATE_TEST_SUITE_P(Table, RenderHeaderTest,
                         ::testing::Values("a\r\nX-Admin: 1", "a\n", "a\r", std::string("a\0", 2),
                                           "tab\there", "caf\xC3\xA9", "\x7f",
                                           std::string(1025, 'a'), std::string(1020, 'a')));

TEST(RenderRequestTest, AHeaderOfBlanksIsRefusedAsItWouldNotBeSent) {
  Tool tool = MakeTool();
  tool.http->headers[0].value = TextTemplate::Parse("{clinic}").value();
  for (const char* blanks : {" ", "   "}) {
    EXPECT_THAT(RenderRequest(tool, Arguments("1", blanks), "k"),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("X-Clinic: {clinic}: ")));
  }
  EXPECT_THAT(RenderRequest(tool, Arguments("1", ""), "k")->headers,
              Contains(Pair("X-Clinic", "")));
  EXPECT_THAT(RenderRequest(tool, Arguments("1", " a "), "k")->headers,
              Contains(Pair("X-Clinic", " a ")));
}

TEST(RenderRequestTest, ErrorsNameTheArgumentAndNeverItsValue) {
  const absl::Status status = RenderRequest(MakeTool(), Arguments("can\nary"), "k").status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("{id}"));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("ary")));
}

TEST(RenderRequestTest, QueryValuesAreEncodedAndAbsentOnesLeftOut) {
  Json arguments = Arguments("1");
  EXPECT_THAT(RenderRequest(MakeTool(), arguments, "k")->url, Not(HasSubstr("?")));
  arguments["date"] = "a&b=c d#e";
  EXPECT_THAT(RenderRequest(MakeTool(), arguments, "k")->url, HasSubstr("?date=a%26b%3Dc%20d%23e"));
  arguments["date"] = Json::array({1, "b"});
  EXPECT_THAT(RenderRequest(MakeTool(), arguments, "k")->url, HasSubstr("?date=1&date=b"));
  Tool tool = MakeTool();
  tool.http->styles["date"] = ParameterStyle::kComma;
  EXPECT_THAT(RenderRequest(tool, arguments, "k")->url, HasSubstr("?date=1,b"));
  arguments["date"] = Json{{"a", 1}};
  EXPECT_THAT(RenderRequest(MakeTool(), arguments, "k"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("$.date")));
}

TEST(RenderRequestTest, TheKeyGoesWhereTheManifestSays) {
  Tool tool = MakeTool();
  const auto by_header = RenderRequest(tool, Arguments("1"), "k1");
  EXPECT_THAT(by_header->headers, Contains(Pair("Idempotency-Key", "k1")));
  EXPECT_THAT(*by_header->body, Not(HasSubstr("k1")));

  tool.key_placement = KeyPlacement{.kind = KeyPlacement::Kind::kBody,
                                    .body = JsonPath::Parse("$.meta.key").value()};
  const auto by_body = RenderRequest(tool, Arguments("1"), "k1");
  EXPECT_EQ(*by_body->body, R"({"clinic":"c1","id":"1","meta":{"key":"k1"}})");
  EXPECT_THAT(by_body->headers, Not(Contains(Pair("Idempotency-Key", ::testing::_))));
}

TEST(RenderRequestTest, AFormIsUrlEncodedAndTakesTheKeyAsAField) {
  Tool tool = MakeTool();
  tool.http->body.reset();
  tool.http->form =
      JsonTemplate::Parse(Json{{"To", "$.to"}, {"Media", "$.media"}, {"Fixed", "a&b"}}).value();
  tool.key_placement = KeyPlacement{.kind = KeyPlacement::Kind::kBody,
                                    .body = JsonPath::Parse("$.IdempotencyKey").value()};
  Json arguments = Arguments("1");
  arguments["to"] = "+1 555";
  arguments["media"] = Json::array({"u1", "u2"});
  const auto request = RenderRequest(tool, arguments, "k1");
  ASSERT_THAT(request, IsOk());
  EXPECT_EQ(*request->body, "Fixed=a%26b&IdempotencyKey=k1&Media=u1&Media=u2&To=%2B1+555");
  EXPECT_THAT(request->headers,
              Contains(Pair("Content-Type", "application/x-www-form-urlencoded")));
  arguments["media"] = Json{{"u", 1}};
  EXPECT_THAT(RenderRequest(tool, arguments, "k1"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("form field Media")));
}

TEST(RenderRequestTest, AHeaderThatIsOneHoleAloneIsLeftOutWithItsArgument) {
  Tool tool = MakeTool();
  tool.http->headers[0].value = TextTemplate::Parse("{clinic}").value();
  Json arguments = Arguments("1");
  EXPECT_THAT(RenderRequest(tool, arguments, "k")->headers, Contains(Pair("X-Clinic", "c1")));
  for (const Json& absent : {Json(), Json::object()}) {
    arguments.erase("clinic");
    if (absent.is_null()) arguments["clinic"] = nullptr;
    EXPECT_THAT(RenderRequest(tool, arguments, "k")->headers,
                Not(Contains(Pair("X-Clinic", ::testing::_))));
  }
}

// R11
TEST(RenderRequestTest, TheRecordedBytesAreStableReadBackAndHoldNoSecret) {
  setenv("TOKEN", "canary-secret", 1);
  const std::string bytes = Serialise(*RenderRequest(MakeTool(), Arguments("1"), "k"));
  EXPECT_EQ(bytes, Serialise(*RenderRequest(MakeTool(), Arguments("1"), "k")));
  EXPECT_THAT(bytes, Not(HasSubstr("canary")));
  EXPECT_THAT(bytes, HasSubstr("TOKEN"));
  const auto read = ParseRequest(bytes);
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(Serialise(*read), bytes);
  unsetenv("TOKEN");
}

TEST(ParseRequestTest, RefusesWhatItDidNotWrite) {
  for (const char* text : {"", "{}", "[]", R"({"v":2})", R"({"v":1,"method":5})"}) {
    EXPECT_FALSE(ParseRequest(text).ok()) << text;
  }
}

}  // namespace
}  // namespace onetake::testing
