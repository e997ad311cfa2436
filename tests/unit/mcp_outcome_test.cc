// What an answer of an MCP server means in the retry table.
#include "tools/mcp/mcp_outcome.h"

#include <gmock/gmock.h>

#include "tests/testing/status_matchers.h"

namespace onetake::testing {
namespace {

using ::testing::HasSubstr;
using E = McpOutcome::End;
using F = FailureKind;
using R = Reached;

Tool Write() {
  Tool tool;
  tool.mcp = McpBinding{.server = "crm", .tool = "book"};
  return tool;
}

struct OutcomeCase {
  std::string name;
  McpOutcome outcome;
  std::optional<FailureKind> failure;
  Reached reached;
};
class ClassifyMcpTest : public ::testing::TestWithParam<OutcomeCase> {};

TEST_P(ClassifyMcpTest, IsARowOfTheTable) {
  const AttemptReport report = ClassifyMcp(Write(), GetParam().outcome);
  EXPECT_EQ(report.failure, GetParam().failure);
  EXPECT_EQ(report.reached, GetParam().reached);
  EXPECT_EQ(report.error.empty(), !report.failure.has_value());
}

McpOutcome Error(int64_t code) {
  return {.end = E::kError, .body = {{"code", code}, {"message", "no"}}};
}
// By an HTTP status too: before it looked for the tool.
McpOutcome ErrorBy(int status, int64_t code) {
  McpOutcome outcome = Error(code);
  outcome.http_status = status;
  return outcome;
}
McpOutcome Refused(int status) { return {.end = E::kRefused, .http_status = status}; }
McpOutcome Result(const char* body) { return {.end = E::kResult, .body = Json::parse(body)}; }

INSTANTIATE_TEST_SUITE_P(
    Rules, ClassifyMcpTest,
    ::testing::Values(
        OutcomeCase{"Done", Result(R"({"content":[]})"), std::nullopt, R::kBodyComplete},
        OutcomeCase{"IsErrorWithoutARule", Result(R"({"content":[],"isError":true})"),
                    F::kServerError, R::kBodyComplete},
        OutcomeCase{"NoResult", Result("7"), F::kLost, R::kStatusSeen},
        OutcomeCase{"ParseError", ErrorBy(400, -32700), F::kDefiniteRefusal, R::kBodyComplete},
        OutcomeCase{"InvalidRequest", ErrorBy(400, -32600), F::kDefiniteRefusal, R::kBodyComplete},
        OutcomeCase{"MethodNotFound", ErrorBy(404, -32601), F::kDefiniteRefusal, R::kBodyComplete},
        OutcomeCase{"InvalidParams", ErrorBy(400, -32602), F::kDefiniteRefusal, R::kBodyComplete},
        OutcomeCase{"HeaderMismatch", ErrorBy(400, -32020), F::kDefiniteRefusal, R::kBodyComplete},
        // What a tool that has run may end with, too.
        OutcomeCase{"ParseErrorOfTheTool", Error(-32700), F::kServerError, R::kBodyComplete},
        OutcomeCase{"InvalidRequestOfTheTool", Error(-32600), F::kServerError, R::kBodyComplete},
        OutcomeCase{"MethodNotFoundOfTheTool", Error(-32601), F::kServerError, R::kBodyComplete},
        OutcomeCase{"InvalidParamsOfTheTool", Error(-32602), F::kServerError, R::kBodyComplete},
        OutcomeCase{"HeaderMismatchOfTheTool", Error(-32020), F::kServerError, R::kBodyComplete},
        OutcomeCase{"VersionOfTheTool", Error(-32022), F::kServerError, R::kBodyComplete},
        OutcomeCase{"InvalidParamsByAFault", ErrorBy(500, -32602), F::kServerError,
                    R::kBodyComplete},
        OutcomeCase{"UrlElicitationByAFault", ErrorBy(500, -32042), F::kServerError,
                    R::kBodyComplete},
        OutcomeCase{"InvalidParamsByATimeout", ErrorBy(408, -32602), F::kServerError,
                    R::kBodyComplete},
        OutcomeCase{"InvalidParamsTooEarly", ErrorBy(425, -32602), F::kRefusedUnprocessed,
                    R::kBodyComplete},
        OutcomeCase{"MissingCapability", Error(-32021), F::kDefiniteRefusal, R::kBodyComplete},
        OutcomeCase{"UrlElicitation", Error(-32042), F::kDefiniteRefusal, R::kBodyComplete},
        OutcomeCase{"InternalError", Error(-32603), F::kServerError, R::kBodyComplete},
        OutcomeCase{"ErrorOfTheServersOwn", Error(-32000), F::kServerError, R::kBodyComplete},
        OutcomeCase{"ErrorWithoutCode",
                    {.end = E::kError, .body = Json::object()},
                    F::kServerError,
                    R::kBodyComplete},
        OutcomeCase{"SessionOver",
                    {.end = E::kRefused, .http_status = 404, .try_again = true},
                    F::kRefusedUnprocessed,
                    R::kStatusSeen},
        OutcomeCase{"WrongVersion",
                    {.end = E::kError, .body = {{"code", -32022}}, .try_again = true},
                    F::kRefusedUnprocessed,
                    R::kBodyComplete},
        OutcomeCase{"Unauthorised", Refused(401), F::kDefiniteRefusal, R::kStatusSeen},
        // Of a gateway, or of what stands before the tools: whatever code they write.
        OutcomeCase{"UnauthorisedWithAnError", ErrorBy(401, -32001), F::kDefiniteRefusal,
                    R::kBodyComplete},
        OutcomeCase{"ForbiddenWithAnError", ErrorBy(403, -32000), F::kDefiniteRefusal,
                    R::kBodyComplete},
        OutcomeCase{"NotAcceptableWithAnError", ErrorBy(406, -32000), F::kDefiniteRefusal,
                    R::kBodyComplete},
        OutcomeCase{"TooLargeWithAnError", ErrorBy(413, -32603), F::kDefiniteRefusal,
                    R::kBodyComplete},
        OutcomeCase{"OtherMediaTypeWithAnError", ErrorBy(415, -32000), F::kDefiniteRefusal,
                    R::kBodyComplete},
        // A server may write so of whatever ended the tool.
        OutcomeCase{"BadRequestWithAnErrorOfItsOwn", ErrorBy(400, -32000), F::kServerError,
                    R::kBodyComplete},
        OutcomeCase{"ConflictWithAnErrorOfItsOwn", ErrorBy(409, -32000), F::kServerError,
                    R::kBodyComplete},
        OutcomeCase{"RequestTimeout", Refused(408), F::kServerError, R::kStatusSeen},
        OutcomeCase{"GivenUpByTheServer", Refused(499), F::kServerError, R::kStatusSeen},
        OutcomeCase{"TooMany", Refused(429), F::kRefusedUnprocessed, R::kStatusSeen},
        OutcomeCase{"ServerFault", Refused(500), F::kServerError, R::kStatusSeen},
        OutcomeCase{"Unavailable", Refused(503), F::kServerError, R::kStatusSeen},
        OutcomeCase{"Asks",
                    {.end = E::kInputRequired, .body = Json::object()},
                    F::kDefiniteRefusal,
                    R::kBodyComplete},
        OutcomeCase{"NotReady", {.end = E::kNotReady}, F::kNotSent, R::kNothingSent},
        OutcomeCase{"NoSuchTool", {.end = E::kNoSuchTool}, F::kDefiniteRefusal, R::kNothingSent},
        OutcomeCase{"Unreviewed", {.end = E::kUnreviewed}, F::kDefiniteRefusal, R::kNothingSent},
        OutcomeCase{"Lost", {.end = E::kLost}, F::kLost, R::kSomethingSent}),
    [](const auto& info) { return info.param.name; });

struct ErrorRuleCase {
  std::string name;
  McpErrorRule rule;
  std::optional<FailureKind> failure;
};
class ErrorRuleTest : public ::testing::TestWithParam<ErrorRuleCase> {};

TEST_P(ErrorRuleTest, SaysWhatAnErrorMeans) {
  Tool tool = Write();
  tool.mcp->errors.push_back(GetParam().rule);
  const AttemptReport report = ClassifyMcp(
      tool, Result(R"({"content":[{"type":"text","text":"slot taken, sorry"}],"isError":true,
                       "structuredContent":{"code":"taken"}})"));
  EXPECT_EQ(report.failure, GetParam().failure);
  EXPECT_THAT(report.result_json, HasSubstr("slot taken"));
}

McpErrorRule ByText(const char* text, StatusMeaning meaning) {
  return {.contains = text, .meaning = meaning};
}
McpErrorRule ByPath(const char* path, Json equals, StatusMeaning meaning) {
  return {.path = JsonPath::Parse(path).value(), .equals = std::move(equals), .meaning = meaning};
}
using M = StatusMeaning;
INSTANTIATE_TEST_SUITE_P(
    Rules, ErrorRuleTest,
    ::testing::Values(
        ErrorRuleCase{"ByText", ByText("slot taken", M::kRejected), F::kDefiniteRefusal},
        ErrorRuleCase{"ByOtherText", ByText("Slot taken", M::kRejected), F::kServerError},
        ErrorRuleCase{"ByPath", ByPath("$.structuredContent.code", "taken", M::kNoEffect),
                      F::kRefusedUnprocessed},
        ErrorRuleCase{"ByOtherValue", ByPath("$.structuredContent.code", "x", M::kRejected),
                      F::kServerError},
        ErrorRuleCase{"ByMissingPath", ByPath("$.structuredContent.no", "x", M::kRejected),
                      F::kServerError},
        ErrorRuleCase{"Success", ByText("taken", M::kSucceeded), std::nullopt}),
    [](const auto& info) { return info.param.name; });

TEST(RpcErrorRuleTest, SaysWhatAnErrorOfJsonRpcMeans) {
  const auto taken = [](McpErrorRule rule) {
    Tool tool = Write();
    tool.mcp->errors.push_back(std::move(rule));
    return ClassifyMcp(tool, Error(-32602)).failure;
  };
  EXPECT_EQ(taken(ByPath("$.error.code", -32602, M::kRejected)), F::kDefiniteRefusal);
  EXPECT_EQ(taken(ByPath("$.error.code", -32602, M::kNoEffect)), F::kRefusedUnprocessed);
  EXPECT_EQ(taken(ByPath("$.error.code", -32602, M::kSucceeded)), std::nullopt);
  EXPECT_EQ(taken(ByPath("$.error.code", -32601, M::kRejected)), F::kServerError);
  EXPECT_EQ(taken(ByPath("$.error.message", "no", M::kRejected)), F::kDefiniteRefusal);
  // A text is looked for in what the tool says, and this may not be the tool's.
  EXPECT_EQ(taken(ByText("no", M::kRejected)), F::kServerError);
}

// The SDKs say so of what a tool returned, once it has run.
TEST(IsErrorTest, AResultThatDoesNotFitItsSchemaIsNoRefusalByTheTool) {
  const auto taken = [](const Tool& tool, const char* text) {
    McpOutcome outcome = Result(R"({"isError":true})");
    outcome.body["content"] = {{{"type", "text"}, {"text", text}}};
    return ClassifyMcp(tool, std::move(outcome)).failure;
  };
  constexpr char kMisfit[] =
      "MCP error -32602: Output validation error: Tool book has an output "
      "schema but no structured content was provided";
  Tool tool = Write();
  tool.mcp->is_error = M::kRejected;
  EXPECT_EQ(taken(tool, kMisfit), F::kServerError);
  EXPECT_EQ(taken(tool, "slot taken"), F::kDefiniteRefusal);
  tool.mcp->is_error = M::kNoEffect;
  EXPECT_EQ(taken(tool, kMisfit), F::kServerError);
  tool.mcp->errors.push_back(ByText("Output validation error", M::kRejected));
  EXPECT_EQ(taken(tool, kMisfit), F::kDefiniteRefusal);
  Tool read = Write();
  read.effect = Effect::kRead;
  read.mcp->is_error = M::kRejected;
  EXPECT_EQ(taken(read, kMisfit), F::kDefiniteRefusal);
}

TEST(RpcErrorRuleTest, MayDoubtWhatTheServerSays) {
  Tool tool = Write();
  tool.mcp->errors.push_back(ByPath("$.error.code", -32042, M::kMayHaveHappened));
  EXPECT_EQ(ClassifyMcp(tool, Error(-32042)).failure, F::kServerError);
}

TEST(McpResultTest, IsWhatTheManifestWantsOfTheAnswer) {
  using Wanted = McpBinding::Result;
  const char* both = R"({"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}],
                         "structuredContent":{"id":1}})";
  const char* text = R"({"content":[{"type":"text","text":"{\"id\": 2}"}]})";
  const char* image = R"({"content":[{"type":"image","data":"x"}]})";
  const auto result = [](Wanted wanted, const char* body) {
    Tool tool = Write();
    tool.mcp->result = wanted;
    const AttemptReport report = ClassifyMcp(tool, Result(body));
    return report.failure == F::kBodyUnreadable ? "unreadable" : report.result_json;
  };
  EXPECT_EQ(result(Wanted::kAuto, both), R"({"id":1})");
  EXPECT_EQ(result(Wanted::kAuto, text), R"({"id":2})");
  EXPECT_EQ(result(Wanted::kAuto, R"({"content":[{"type":"text","text":"7"}]})"), R"("7")");
  EXPECT_EQ(result(Wanted::kAuto, image), R"([{"data":"x","type":"image"}])");
  EXPECT_EQ(result(Wanted::kAuto, R"({"content":[]})"), "null");
  EXPECT_EQ(result(Wanted::kText, both), R"("a\nb")");
  EXPECT_EQ(result(Wanted::kText, image), "unreadable");
  EXPECT_EQ(result(Wanted::kStructured, both), R"({"id":1})");
  EXPECT_EQ(result(Wanted::kStructured, text), "unreadable");
  EXPECT_EQ(result(Wanted::kContent, image), R"([{"data":"x","type":"image"}])");
}

TEST(McpResultTest, OfAReadThatFailedIsARefusal) {
  Tool tool;
  tool.effect = Effect::kRead;
  EXPECT_EQ(ClassifyMcp(tool, Result(R"({"content":[],"isError":true})")).failure,
            F::kDefiniteRefusal);
  for (const int64_t code : {-32700, -32600, -32601, -32602}) {
    EXPECT_EQ(ClassifyMcp(tool, Error(code)).failure, F::kDefiniteRefusal) << code;
  }
}

}  // namespace
}  // namespace onetake::testing
