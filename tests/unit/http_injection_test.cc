// Arguments that try to be more than values: whatever they hold, a request keeps the manifest's
// host, path segments, parameters, headers and body fields, or is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "tests/testing/status_matchers.h"
#include "tools/http/render.h"
#include "tools/http/url_parts.h"

namespace onetake::testing {
namespace {

using ::testing::_;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::SizeIs;

JsonPath Path(absl::string_view text) { return JsonPath::Parse(text).value(); }

// Every place that a value can go to.
Tool MakeTool() {
  Tool tool;
  tool.name = "move";
  tool.http.emplace();
  tool.http->method = "POST";
  tool.http->origin = "https://api.example.com:8443";
  tool.http->path = TextTemplate::Parse("/v1/appointments/{path}/move").value();
  tool.http->plain_in_path = {Path("$.path")};
  tool.http->query = {{"day", Path("$.query")}, {"fixed", Path("$.fixed")}};
  tool.http->headers = {{.name = "X-Clinic", .value = TextTemplate::Parse("{header}").value()}};
  tool.http->body = JsonTemplate::Parse(Json{{"note", "$.body"}, {"kind", "move"}}).value();
  return tool;
}

Json Arguments() {
  return {{"path", "p"}, {"query", "q"}, {"header", "h"}, {"body", "b"}, {"fixed", "1"}};
}

class InjectionTest : public ::testing::TestWithParam<std::string> {
 protected:
  static Json With(absl::string_view place) {
    Json arguments = Arguments();
    arguments[std::string(place)] = GetParam();
    return arguments;
  }
  static bool IsNoSegment() {
    const std::string& value = GetParam();
    const bool holds_control = std::any_of(value.begin(), value.end(),
                                           [](unsigned char c) { return absl::ascii_iscntrl(c); });
    return value.empty() || value == "." || value == ".." || holds_control;
  }
  static void ExpectOnlyAValue(const absl::StatusOr<HttpRequest>& rendered) {
    ASSERT_THAT(rendered, IsOk());
    const HttpRequest& request = *rendered;
    const auto url = SplitUrl(request.url);
    ASSERT_THAT(url, IsOk());
    EXPECT_EQ(url->scheme, "https");
    EXPECT_EQ(url->host, "api.example.com");
    EXPECT_EQ(url->port, "8443");
    EXPECT_EQ(std::count(url->path.begin(), url->path.end(), '/'), 4);
    EXPECT_THAT(std::vector<std::string>(absl::StrSplit(url->query, '&')), SizeIs(2));
    EXPECT_EQ(std::count(url->query.begin(), url->query.end(), '='), 2);
    EXPECT_THAT(request.headers, SizeIs(3));
    for (const auto& [name, value] : request.headers) {
      EXPECT_EQ(value.find_first_of(std::string("\r\n\0", 3)), std::string::npos);
    }
  }
};

TEST_P(InjectionTest, OfAPathIsOneSegmentUnlessItCannotBe) {
  const auto request = RenderRequest(MakeTool(), With("path"), "k");
  if (GetParam().find_first_of("/\\%") != std::string::npos) {
    EXPECT_THAT(request, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("$.path")));
  } else if (IsNoSegment()) {
    EXPECT_THAT(request, StatusIs(absl::StatusCode::kInvalidArgument, _));
  } else {
    ExpectOnlyAValue(request);
  }
}

// What its schema allows.
TEST_P(InjectionTest, OfAPathThatMayHoldAllIsOneSegmentUnlessItCannotBe) {
  Tool tool = MakeTool();
  tool.http->plain_in_path.clear();
  const auto request = RenderRequest(tool, With("path"), "k");
  if (IsNoSegment()) {
    EXPECT_THAT(request, StatusIs(absl::StatusCode::kInvalidArgument, _));
  } else {
    ExpectOnlyAValue(request);
  }
}

TEST_P(InjectionTest, OfAQueryIsOneParameter) {
  ExpectOnlyAValue(RenderRequest(MakeTool(), With("query"), "k"));
}

TEST_P(InjectionTest, OfAHeaderIsOneLineUnlessItCannotBe) {
  const auto request = RenderRequest(MakeTool(), With("header"), "k");
  const bool is_printable = std::all_of(GetParam().begin(), GetParam().end(),
                                        [](char c) { return c >= ' ' && c <= '~'; });
  if (!is_printable || GetParam() == " ") {
    EXPECT_THAT(request, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("X-Clinic")));
  } else {
    ASSERT_THAT(request, IsOk());
    ExpectOnlyAValue(request);
    EXPECT_THAT(request->headers, Contains(Pair("X-Clinic", GetParam())));
  }
}

TEST_P(InjectionTest, OfABodyIsOneText) {
  const auto request = RenderRequest(MakeTool(), With("body"), "k");
  ASSERT_THAT(request, IsOk());
  ExpectOnlyAValue(request);
  EXPECT_EQ(Json::parse(*request->body), (Json{{"note", GetParam()}, {"kind", "move"}}));
}

TEST_P(InjectionTest, OfAFormIsOneField) {
  Tool tool = MakeTool();
  tool.http->body.reset();
  tool.http->form = JsonTemplate::Parse(Json{{"Note", "$.body"}, {"Kind", "move"}}).value();
  const auto request = RenderRequest(tool, With("body"), "k");
  ASSERT_THAT(request, IsOk());
  ExpectOnlyAValue(request);
  EXPECT_EQ(std::count(request->body->begin(), request->body->end(), '&'), 1);
  EXPECT_EQ(std::count(request->body->begin(), request->body->end(), '='), 2);
}

INSTANTIATE_TEST_SUITE_P(
    Values, InjectionTest,
    ::testing::Values("..", ".", "", "../..", "..\\..", "/", "//evil.example", "a/../../admin",
                      "%2f", "%2F..%2F", "%252f", "%2e%2e", "..%00", "\\", "\\\\evil.example\\a",
                      "?admin=1", "a?x=1&y=2", "#", "a#b", "&fixed=2", "=", "a=b&c=d", ";x=1",
                      "@evil.example", ":443", "evil.example:80", "a\r\nX-Admin: 1", "\r\n\r\n{}",
                      "\n", "\r", "\t", std::string("\0", 1), std::string("a\0b", 3), "\x7f",
                      "\xC2\x85", "\xE2\x80\xA8", "\xE2\x80\xAE", "\xEF\xBC\x8F..\xEF\xBC\x8F",
                      "\xE2\x88\x95", "\xEF\xBC\x9F", "\xEF\xBB\xBF", "caf\xC3\xA9",
                      "\xF0\x9F\x98\x80", "\"", "\",\"admin\":true,\"x\":\"", "</script>",
                      "${TOKEN}", "{path}", "{{}}", "$.body", "' OR 1=1 --",
                      "http://169.254.169.254/", " ", "+", "a b"));

struct UrlCase {
  const char* url;
  const char* host;  // nullptr: refused
};
class SplitUrlTest : public ::testing::TestWithParam<UrlCase> {};

TEST_P(SplitUrlTest, ReadsWhatIsConnectedTo) {
  const auto url = SplitUrl(GetParam().url);
  EXPECT_EQ(url.ok(), GetParam().host != nullptr);
  EXPECT_EQ(url.ok() ? url->host : "", GetParam().host != nullptr ? GetParam().host : "");
}

INSTANTIATE_TEST_SUITE_P(
    Table, SplitUrlTest,
    ::testing::Values(UrlCase{"https://a.test/x?y=1", "a.test"},
                      UrlCase{"http://[::1]:80/", "[::1]"},
                      UrlCase{"https://user@a.test/", nullptr},
                      UrlCase{"https://user:pass@a.test/", nullptr},
                      UrlCase{"https://a.test/#b", nullptr}, UrlCase{"ftp://a.test/", nullptr},
                      UrlCase{"a.test/x", nullptr}, UrlCase{"//a.test/x", nullptr},
                      UrlCase{"https://[fe80::1%25lo]/", nullptr}, UrlCase{"https://", nullptr},
                      UrlCase{"https://a.test:0x50/", nullptr}, UrlCase{"https://a b/", nullptr}));

}  // namespace
}  // namespace onetake::testing
