// What of MCP needs no connection: event streams, messages, eras, headers, digests, calls.
#include <gmock/gmock.h>

#include "tests/testing/status_matchers.h"
#include "tools/mcp/era.h"
#include "tools/mcp/json_rpc.h"
#include "tools/mcp/mcp_call.h"
#include "tools/mcp/sse.h"
#include "tools/mcp/tool_digest.h"
#include "tools/mcp/tool_headers.h"

namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

std::vector<std::string> Read(SseParser& parser, absl::string_view bytes) {
  std::vector<std::string> data;
  EXPECT_TRUE(
      parser.Feed(bytes, [&](SseEvent event) { data.push_back(event.type + "|" + event.data); }));
  return data;
}

struct StreamCase {
  std::string name;
  std::string bytes;
  std::vector<std::string> events;
};
class SseParserTest : public ::testing::TestWithParam<StreamCase> {};

TEST_P(SseParserTest, ReadsTheStream) {
  SseParser parser(1000);
  EXPECT_EQ(Read(parser, GetParam().bytes), GetParam().events);
}

TEST_P(SseParserTest, ReadsItByteByByteToo) {
  SseParser parser(1000);
  std::vector<std::string> events;
  for (const char c : GetParam().bytes) {
    for (std::string& event : Read(parser, absl::string_view(&c, 1))) events.push_back(event);
  }
  EXPECT_EQ(events, GetParam().events);
}

INSTANTIATE_TEST_SUITE_P(
    Rules, SseParserTest,
    ::testing::Values(
        StreamCase{"One", "data: a\n\n", {"message|a"}},
        StreamCase{"CarriageReturns", "data: a\r\rdata: b\r\r", {"message|a", "message|b"}},
        StreamCase{"Both", "data: a\r\n\r\ndata: b\r\n\r\n", {"message|a", "message|b"}},
        StreamCase{"SeveralLines", "data: a\ndata: b\n\n", {"message|a\nb"}},
        StreamCase{"OneSpaceOnly", "data:  a\n\ndata:b\n\n", {"message| a", "message|b"}},
        StreamCase{"Type", "event: x\ndata: a\n\ndata: b\n\n", {"x|a", "message|b"}},
        StreamCase{"Comment", ": hello\ndata: a\n\n", {"message|a"}},
        StreamCase{"NoData", "event: x\nid: 1\n\n", {}}, StreamCase{"NotEnded", "data: a\n", {}},
        StreamCase{"NoColon", "data\n\n", {"message|"}},
        StreamCase{"UnknownField", "foo: a\ndata: b\n\n", {"message|b"}},
        StreamCase{"ByteOrderMark",
                   "\xEF\xBB\xBF"
                   "data: a\n\n",
                   {"message|a"}}),
    [](const auto& info) { return info.param.name; });

TEST(SseParserTest, KeepsTheIdOfTheLastEventAlsoOfOneWithoutData) {
  SseParser parser(1000);
  Read(parser, "id: 1\ndata: a\n\nid: 2\n\n");
  EXPECT_EQ(parser.last_event_id(), "2");
  Read(parser, "id: 3\ndata: not ended");
  EXPECT_EQ(parser.last_event_id(), "2");
  Read(parser, absl::string_view("\n\nid: 4\0x\n\n", 11));
  EXPECT_EQ(parser.last_event_id(), "3");
}

TEST(SseParserTest, TakesOnlyDigitsForRetry) {
  SseParser parser(1000);
  Read(parser, "retry: 250\n\nretry: 1s\n\nretry: -4\n\n");
  EXPECT_EQ(parser.retry(), absl::Milliseconds(250));
}

TEST(SseParserTest, RefusesAnEventThatIsTooLong) {
  SseParser parser(10);
  EXPECT_FALSE(parser.Feed("data: 12345678", [](const SseEvent&) {}));
}

TEST(SseParserTest, DropsWhatWasNotEndedWhenTheStreamIsTakenUpAgain) {
  SseParser parser(1000);
  Read(parser, "id: 1\n\nid: 2\ndata: half");
  parser.Reconnect();
  EXPECT_THAT(Read(parser, "data: a\n\n"), ElementsAre("message|a"));
  EXPECT_EQ(parser.last_event_id(), "1");
}

TEST(ParseRpcTest, TellsTheKindsApart) {
  using Kind = RpcMessage::Kind;
  EXPECT_EQ(ParseRpc(R"({"jsonrpc":"2.0","id":1,"result":{}})")->kind, Kind::kResult);
  EXPECT_EQ(ParseRpc(R"({"jsonrpc":"2.0","id":null,"error":{}})")->kind, Kind::kError);
  EXPECT_EQ(ParseRpc(R"({"jsonrpc":"2.0","id":"a","method":"ping"})")->kind, Kind::kRequest);
  EXPECT_EQ(ParseRpc(R"({"jsonrpc":"2.0","method":"x"})")->kind, Kind::kNotification);
  for (const char* bad : {"", "[]", "{}", R"({"jsonrpc":"1.0","id":1,"result":{}})",
                          R"({"jsonrpc":"2.0","result":{}})", R"({"jsonrpc":"2.0","id":1})",
                          R"([{"jsonrpc":"2.0","id":1,"result":{}}])"}) {
    EXPECT_FALSE(ParseRpc(bad).ok()) << bad;
  }
}

TEST(ShortWordsTest, CutsBetweenCharactersAndLeavesNoControlCharacter) {
  const std::string text = std::string(511, 'a') + "\xC3\xA9";
  EXPECT_EQ(ShortWords(text), std::string(511, 'a'));
  EXPECT_EQ(ShortWords("a\tb\x7f"), "a b ");
}

struct EraCase {
  std::string name;
  DiscoverAnswer::Kind kind;
  std::string body;
  int status;
  EraVerdict::Kind http;
  EraVerdict::Kind stdio;
};
class JudgeDiscoveryTest : public ::testing::TestWithParam<EraCase> {};

TEST_P(JudgeDiscoveryTest, FindsTheEra) {
  const EraCase& given = GetParam();
  const DiscoverAnswer answer{.kind = given.kind,
                              .body = given.body.empty() ? Json() : Json::parse(given.body),
                              .http_status = given.status};
  EXPECT_EQ(JudgeDiscovery(answer, McpServerSpec::Kind::kHttp).kind, given.http);
  EXPECT_EQ(JudgeDiscovery(answer, McpServerSpec::Kind::kCommand).kind, given.stdio);
}

using A = DiscoverAnswer::Kind;
using V = EraVerdict::Kind;
INSTANTIATE_TEST_SUITE_P(
    Rules, JudgeDiscoveryTest,
    ::testing::Values(
        EraCase{"Modern", A::kResult, R"({"supportedVersions":["2026-07-28"]})", 200, V::kModern,
                V::kModern},
        EraCase{"BothEras", A::kResult, R"({"supportedVersions":["2025-11-25","2026-07-28"]})", 200,
                V::kModern, V::kModern},
        EraCase{"OnlyTheOld", A::kResult, R"({"supportedVersions":["2025-06-18"]})", 200,
                V::kLegacy, V::kLegacy},
        EraCase{"OnlyTheFuture", A::kResult, R"({"supportedVersions":["2030-01-01"]})", 200,
                V::kFailed, V::kFailed},
        EraCase{"AnswersEverything", A::kResult, "{}", 200, V::kLegacy, V::kLegacy},
        EraCase{"RefusedFirst", A::kError, R"({"code":-32022,"data":{"supported":["2026-07-28"]}})",
                400, V::kModernAgain, V::kModernAgain},
        EraCase{"RefusedForTheOld", A::kError,
                R"({"code":-32022,"data":{"supported":["2025-11-25"]}})", 400, V::kLegacy,
                V::kLegacy},
        EraCase{"RefusedForAll", A::kError, R"({"code":-32022})", 400, V::kFailed, V::kFailed},
        EraCase{"HeaderMismatch", A::kError, R"({"code":-32020})", 400, V::kModern, V::kModern},
        EraCase{"MissingCapability", A::kError, R"({"code":-32021})", 400, V::kModern, V::kModern},
        EraCase{"MethodNotFound", A::kError, R"({"code":-32601})", 404, V::kLegacy, V::kLegacy},
        EraCase{"NoSession", A::kError, R"({"code":-32000})", 400, V::kLegacy, V::kLegacy},
        EraCase{"PlainRefusal", A::kOther, "", 400, V::kLegacy, V::kLegacy},
        EraCase{"PlainNotFound", A::kOther, "", 404, V::kLegacy, V::kLegacy},
        EraCase{"Unauthorised", A::kOther, "", 401, V::kFailed, V::kFailed},
        EraCase{"Overloaded", A::kOther, "", 503, V::kFailed, V::kFailed},
        EraCase{"Silence", A::kSilence, "", 0, V::kFailed, V::kLegacy},
        EraCase{"NoServer", A::kNoServer, "", 0, V::kFailed, V::kFailed}),
    [](const auto& info) { return info.param.name; });

TEST(ToolHeadersTest, FindsMarkedArgumentsAlsoBelowOthers) {
  const Json schema = Json::parse(R"({"type":"object","properties":{
    "region":{"type":"string","x-mcp-header":"Region"},
    "who":{"type":"object","properties":{"age":{"type":"integer","x-mcp-header":"Age"}}},
    "plain":{"type":"string"}}})");
  const auto headers = ToolHeaders(schema);
  ASSERT_THAT(headers, IsOk());
  EXPECT_THAT(ParamHeaders(*headers, Json::parse(R"({"region":"us","who":{"age":7},"plain":"x"})")),
              ElementsAre(Pair("Mcp-Param-Region", "us"), Pair("Mcp-Param-Age", "7")));
  EXPECT_THAT(ParamHeaders(*headers, Json::parse(R"({"region":null})")), IsEmpty());
}

TEST(ToolHeadersTest, RefusesMarksThatTheSpecificationDoesNotAllow) {
  for (const char* properties :
       {R"({"a":{"type":"string","x-mcp-header":""}})",
        R"({"a":{"type":"string","x-mcp-header":1}})",
        R"({"a":{"type":"string","x-mcp-header":"A B"}})",
        R"({"a":{"type":"string","x-mcp-header":"A:B"}})",
        R"({"a":{"type":"string","x-mcp-header":"Région"}})",
        R"({"a":{"type":"number","x-mcp-header":"A"}})",
        R"({"a":{"type":"object","x-mcp-header":"A"}})",
        R"({"a":{"type":"array","x-mcp-header":"A"}})", R"({"a":{"x-mcp-header":"A"}})",
        R"({"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}})"}) {
    EXPECT_FALSE(ToolHeaders(Json{{"properties", Json::parse(properties)}}).ok()) << properties;
  }
}

TEST(HeaderValueTest, EncodesWhatAHeaderCannotHold) {
  EXPECT_EQ(HeaderValue("us west 1"), "us west 1");
  EXPECT_EQ(HeaderValue(""), "");
  EXPECT_EQ(HeaderValue(" padded "), "=?base64?IHBhZGRlZCA=?=");
  EXPECT_EQ(HeaderValue("a\r\nb"), "=?base64?YQ0KYg==?=");
  EXPECT_EQ(HeaderValue("\xC3\xA9"), "=?base64?w6k=?=");
  EXPECT_EQ(HeaderValue("=?base64?YQ==?="), "=?base64?PT9iYXNlNjQ/WVE9PT89?=");
}

TEST(ReviewDigestTest, ChangesWithSchemasAndAnnotationsOnly) {
  const Json tool = Json::parse(R"({"name":"a","description":"x","inputSchema":{"type":"object"},
    "annotations":{"readOnlyHint":true}})");
  const std::string digest = ReviewDigest(tool);
  EXPECT_THAT(digest, ::testing::MatchesRegex("sha256:[0-9a-f]{64}"));
  Json other = tool;
  other["description"] = "y";
  other["_meta"] = Json::object();
  EXPECT_EQ(ReviewDigest(other), digest);
  for (const char* change : {R"({"inputSchema":{"type":"object","properties":{}}})",
                             R"({"outputSchema":{}})", R"({"annotations":{}})"}) {
    other = tool;
    other.merge_patch(Json{{"annotations", nullptr}});
    other.update(Json::parse(change));
    EXPECT_NE(ReviewDigest(other), digest) << change;
  }
}

TEST(McpCallTest, HoldsTheKeyUnderBothNamesAndReadsBack) {
  Tool tool;
  tool.mcp = McpBinding{.server = "crm",
                        .tool = "book",
                        .arguments = JsonTemplate::Parse(Json{{"at", "$.slot"}}).value()};
  tool.key_placement = KeyPlacement{.kind = KeyPlacement::Kind::kMcpMeta, .mcp_meta = "a.b/key"};
  const McpCall call = RenderMcpCall(tool, Json{{"slot", "2 pm"}}, "k1");
  EXPECT_EQ(call.arguments, (Json{{"at", "2 pm"}}));
  EXPECT_EQ(call.meta, (Json{{"dev.onetake/intentKey", "k1"}, {"a.b/key", "k1"}}));
  const auto again = ParseMcpCall(Serialise(call));
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->server, "crm");
  EXPECT_EQ(again->tool, "book");
  EXPECT_EQ(again->arguments, call.arguments);
  EXPECT_EQ(again->meta, call.meta);
  EXPECT_TRUE(RenderMcpCall(tool, Json::object(), "").meta.empty());
  EXPECT_FALSE(ParseMcpCall(R"({"v":1,"plugin":"x"})").ok());
}

}  // namespace
}  // namespace onetake::testing
