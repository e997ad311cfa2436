// The client of one MCP server, on a simulated clock and a scripted transport.
#include "tools/mcp/mcp_client.h"

#include <gmock/gmock.h>

#include "absl/algorithm/container.h"
#include "tests/testing/mcp_client_fixture.h"
#include "tests/testing/status_matchers.h"
#include "tools/mcp/mcp_executor.h"
#include "tools/mcp/tool_digest.h"

namespace onetake::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

using E = McpOutcome::End;

TEST_F(McpClientTest, CallsAModernServerWithoutAHandshake) {
  MakeModern();
  Book();
  wire_->Answer("tools/call", Json::parse(R"({"content":[]})"));
  EXPECT_THAT(wire_->methods, ElementsAre("server/discover", "tools/list", "tools/call"));
  const Json& meta = wire_->sent[2]["params"]["_meta"];
  EXPECT_EQ(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
  EXPECT_THAT(wire_->messages[2].headers, Contains(::testing::Pair("Mcp-Name", "book")));
  EXPECT_THAT(wire_->messages[2].headers, Contains(::testing::Pair("Mcp-Param-At", "2 pm")));
  EXPECT_THAT(ended_, SizeIs(1));
  EXPECT_EQ(End(), E::kResult);
}

TEST_F(McpClientTest, PassesTheTraceOnInBothEras) {
  constexpr char kTrace[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  for (const bool modern : {true, false}) {
    modern ? MakeModern() : MakeLegacy();
    Start({.tool = "book", .arguments = {{"at", "2 pm"}}, .traceparent = kTrace});
    EXPECT_EQ(wire_->sent.back()["params"]["_meta"]["traceparent"], kTrace) << modern;
    EXPECT_THAT(wire_->messages.back().headers, Contains(::testing::Pair("traceparent", kTrace)))
        << modern;
    Book();  // of a call without one
    EXPECT_FALSE(
        wire_->sent.back()["params"].value("_meta", Json::object()).contains("traceparent"));
    EXPECT_THAT(wire_->messages.back().headers,
                ::testing::Not(Contains(::testing::Key("traceparent"))));
  }
}

TEST_F(McpClientTest, ShakesHandsWithAnOldServerAndKeepsItsSession) {
  MakeLegacy();
  Book();
  EXPECT_THAT(wire_->methods,
              ElementsAre("server/discover", "initialize", "notifications/initialized", "",
                          "tools/list", "tools/call"));
  EXPECT_EQ(wire_->messages[3].stream, McpTransport::Outgoing::Stream::kListen);
  const auto& headers = wire_->messages[5].headers;
  EXPECT_THAT(headers, Contains(::testing::Pair("MCP-Protocol-Version", "2025-06-18")));
  EXPECT_THAT(headers, Contains(::testing::Pair("Mcp-Session-Id", "s-1")));
  EXPECT_FALSE(wire_->sent[5]["params"].contains("_meta"));
}

TEST_F(McpClientTest, TakesSilenceOverStdioForAnOldServer) {
  Make(McpServerSpec::Kind::kCommand);
  sim_.Advance(absl::Seconds(4));
  wire_->Answer("initialize", Handshake("2024-11-05"));
  wire_->Answer("tools/list", kTools);
  Book();
  EXPECT_EQ(wire_->methods.back(), "tools/call");
}

TEST_F(McpClientTest, AsksAgainWhenOnlyTheFirstRequestsVersionWasRefused) {
  Make();
  McpTransport::End refused{.begun = true, .http_status = 400};
  refused.refusal =
      RpcMessage{.kind = RpcMessage::Kind::kError,
                 .body = Json::parse(R"({"code":-32022,"data":{"supported":["2026-07-28"]}})")};
  wire_->EndExchange("server/discover", refused);
  EXPECT_THAT(wire_->methods, ElementsAre("server/discover", "server/discover"));
  wire_->Answer("server/discover", {{"supportedVersions", {"2026-07-28"}}});
  EXPECT_EQ(wire_->methods.back(), "tools/list");
}

TEST_F(McpClientTest, ReadsAllPagesOfTheList) {
  Make();
  wire_->Answer("server/discover", {{"supportedVersions", {"2026-07-28"}}});
  wire_->Answer("tools/list", {{"tools", Json::array()}, {"nextCursor", "p2"}});
  EXPECT_EQ(wire_->sent.back()["params"]["cursor"], "p2");
  wire_->Answer("tools/list", kTools);
  Book();
  EXPECT_EQ(wire_->methods.back(), "tools/call");
}

TEST_F(McpClientTest, SendsNothingToAServerThatCannotBeReached) {
  Make();
  Book();
  wire_->EndExchange("server/discover", {.error = "refused"});
  ASSERT_THAT(ended_, SizeIs(1));
  EXPECT_EQ(End(), E::kNotReady);
  EXPECT_THAT(wire_->methods, Not(Contains("tools/call")));
  // The next call tries again.
  Book();
  EXPECT_EQ(wire_->methods.back(), "server/discover");
}

TEST_F(McpClientTest, SendsNothingOfACallWhoseTimeIsOverBeforeTheServerIsReady) {
  Make();
  Book();
  sim_.Advance(absl::Seconds(6));
  EXPECT_EQ(End(), E::kNotReady);
  wire_->Answer("server/discover", {{"supportedVersions", {"2026-07-28"}}});
  wire_->Answer("tools/list", kTools);
  EXPECT_THAT(wire_->methods, Not(Contains("tools/call")));
}

// Whoever cancelled it is told so by a task of its own, and others may come before.
TEST_F(McpClientTest, SendsNothingOfACallThatWasCancelledBeforeTheServerIsReady) {
  Make();
  client_->Cancel(Book());
  wire_->Answer("server/discover", {{"supportedVersions", {"2026-07-28"}}});
  wire_->Answer("tools/list", kTools);
  sim_.RunReady();
  EXPECT_EQ(End(), E::kNotReady);
  EXPECT_THAT(ended_, SizeIs(1));
  EXPECT_THAT(wire_->methods, Not(Contains("tools/call")));
}

// What waits for it spends no attempts meanwhile.
TEST_F(McpClientTest, SaysWhileItGetsReadyByItself) {
  Make(McpServerSpec::Kind::kCommand, McpServerSpec::Era::kModern);
  McpClient& client = *client_;
  std::map<std::string, std::unique_ptr<McpClient>> clients;
  clients.emplace("crm", std::move(client_));
  const McpExecutor executor(sim_, sim_, std::move(clients));
  Tool tool;
  tool.mcp = McpBinding{.server = "crm", .tool = "book"};
  EXPECT_GT(executor.NotReadyFor(tool), absl::ZeroDuration()) << "it is being asked";
  wire_->Answer("tools/list", kTools);
  EXPECT_EQ(executor.NotReadyFor(tool), absl::ZeroDuration());
  wire_->events.on_down("signal 9");
  EXPECT_GT(executor.NotReadyFor(tool), absl::ZeroDuration()) << "it is started again";
  wire_->events.on_up();
  wire_->Refuse("tools/list", -32603);
  EXPECT_FALSE(client.GetsReady()) << "only the next call asks it again";
  tool.mcp->server = "other";
  EXPECT_EQ(executor.NotReadyFor(tool), absl::ZeroDuration());
}

// The ledger's file may say what somebody has written into it.
TEST_F(McpClientTest, WhatIsRecordedForAnotherServerOrToolIsNotSent) {
  MakeModern();
  std::map<std::string, std::unique_ptr<McpClient>> clients;
  clients.emplace("crm", std::move(client_));
  McpExecutor executor(sim_, sim_, std::move(clients));
  auto tool = std::make_shared<Tool>();
  tool->mcp = McpBinding{
      .server = "crm", .tool = "book", .arguments = JsonTemplate::Parse(Json::object()).value()};
  const std::string recorded = executor.Render(*tool, Json::object(), "k").value();
  std::vector<AttemptReport> reports;
  const auto start = [&] {
    executor.Start(tool, {.rendered = recorded, .timeout = absl::Seconds(8)},
                   [&](AttemptReport report) { reports.push_back(std::move(report)); });
    sim_.RunReady();
  };
  tool->mcp->server = "other";
  start();
  tool->mcp->server = "crm";
  tool->mcp->tool = "cancel";
  start();
  ASSERT_THAT(reports, SizeIs(2));
  EXPECT_EQ(reports[0].failure, FailureKind::kNotSent);
  EXPECT_EQ(reports[1].failure, FailureKind::kNotSent);
  EXPECT_THAT(wire_->methods, Not(Contains("tools/call")));
  tool->mcp->tool = "book";
  start();
  EXPECT_THAT(wire_->methods, Contains("tools/call"));
}

TEST_F(McpClientTest, RefusesAToolThatIsNotTheReviewedOne) {
  MakeModern();
  Start({.tool = "book", .reviewed = "sha256:0"});
  EXPECT_EQ(End(), E::kUnreviewed);
  Start({.tool = "book", .reviewed = ReviewDigest(kTools["tools"][0])});
  EXPECT_EQ(wire_->methods.back(), "tools/call");
}

TEST_F(McpClientTest, LooksAtTheListAgainWhenTheServerSaysThatItChanged) {
  MakeLegacy();
  sim_.Advance(absl::Seconds(1));
  SayChanged();
  EXPECT_EQ(wire_->methods.back(), "tools/list");
  Start({.tool = "book", .reviewed = ReviewDigest(kTools["tools"][0])});
  EXPECT_THAT(wire_->methods, Not(Contains("tools/call")));  // until the list is there
  Json changed = kTools;
  changed["tools"][0]["annotations"] = {{"readOnlyHint", true}};
  wire_->Answer("tools/list", changed);
  EXPECT_EQ(End(), E::kUnreviewed);
}

// A call waits for the list that it needs, so such a server is slow, and nobody else.
TEST_F(McpClientTest, ListsOnceASecondForAServerThatAlwaysSaysThatItChanged) {
  MakeLegacy();
  const auto lists = [&] { return absl::c_count(wire_->methods, "tools/list"); };
  Book();
  EXPECT_EQ(wire_->methods.back(), "tools/call");
  for (int i = 1; i <= 5; ++i) {
    SayChanged();
    SayChanged();
    Book();
    EXPECT_EQ(lists(), i) << "asked for again at once";
    sim_.Advance(absl::Seconds(1));
    EXPECT_EQ(lists(), i + 1);
    EXPECT_EQ(absl::c_count(wire_->methods, "tools/call"), i) << "called by an old list";
    wire_->Answer("tools/list", kTools);
  }
  EXPECT_EQ(absl::c_count(wire_->methods, "tools/call"), 6);
}

TEST_F(McpClientTest, LooksAgainWhenTheListChangesWhileItIsRead) {
  MakeLegacy();
  sim_.Advance(absl::Seconds(2));
  SayChanged();
  SayChanged();  // since it was asked for
  wire_->Answer("tools/list", kTools);
  Start({.tool = "book", .reviewed = ReviewDigest(kTools["tools"][0])});
  EXPECT_THAT(wire_->methods, Not(Contains("tools/call")));
  sim_.Advance(absl::Seconds(1));
  wire_->Answer("tools/list", kTools);
  EXPECT_EQ(wire_->methods.back(), "tools/call");
}

TEST_F(McpClientTest, LooksAtTheListAgainWhenItIsOld) {
  MakeModern();
  sim_.Advance(absl::Minutes(6));
  Book();
  EXPECT_EQ(wire_->methods.back(), "tools/list");
  wire_->Answer("tools/list", kTools);
  EXPECT_EQ(wire_->methods.back(), "tools/call");
}

TEST_F(McpClientTest, KnowsNoToolThatIsNotListedOrIsBroken) {
  MakeModern();
  Start({.tool = "gone"});
  EXPECT_EQ(End(), E::kNoSuchTool);
  Start({.tool = "broken"});
  EXPECT_EQ(End(), E::kNoSuchTool);
  EXPECT_THAT(ended_, SizeIs(2));
}

TEST_F(McpClientTest, TellsTheServerNothingOfAWriteThatNobodyWaitsFor) {
  for (const bool modern : {true, false}) {
    modern ? MakeModern() : MakeLegacy();
    Book(Effect::kWrite);
    const auto& sent = wire_->messages.back();
    EXPECT_GT(sent.timeout, absl::Minutes(5));  // its stream lives on
    sim_.Advance(absl::Seconds(10));
    EXPECT_EQ(End(), E::kLost);
    EXPECT_TRUE(ended_.back().timed_out);
    EXPECT_TRUE(ended_.back().still_runs);
    EXPECT_THAT(wire_->methods, Not(Contains("notifications/cancelled")));
    EXPECT_THAT(wire_->closed, IsEmpty());
    EXPECT_THAT(wire_->left, ElementsAre(wire_->sent.size()));
  }
}

TEST_F(McpClientTest, TellsTheServerOfAReadThatNobodyWaitsFor) {
  MakeLegacy();
  const uint64_t id = Book(Effect::kRead);
  const Json asked = wire_->sent.back()["id"];
  client_->Cancel(id);
  EXPECT_THAT(ended_, IsEmpty());
  sim_.RunReady();
  EXPECT_EQ(End(), E::kLost);
  EXPECT_EQ(wire_->methods.back(), "notifications/cancelled");
  EXPECT_EQ(wire_->sent.back()["params"]["requestId"], asked);
}

TEST_F(McpClientTest, DoesNotHearAnAnswerThatComesTooLate) {
  MakeModern();
  Book();
  sim_.Advance(absl::Seconds(6));
  wire_->Answer("tools/call", Json::parse(R"({"content":[]})"));
  EXPECT_THAT(ended_, SizeIs(1));
}

TEST_F(McpClientTest, LosesAWriteWithTheProgramAndSendsNothingAgain) {
  MakeLegacy(McpServerSpec::Kind::kCommand);
  Book();
  wire_->events.on_down("exit status 1");
  wire_->EndExchange("tools/call", {.begun = true, .error = "exit status 1"});
  EXPECT_EQ(End(), E::kLost);
  wire_->events.on_up();
  EXPECT_EQ(wire_->methods.back(), "initialize") << "what it was is remembered";
  EXPECT_EQ(std::count(wire_->methods.begin(), wire_->methods.end(), "tools/call"), 1);
}

TEST_F(McpClientTest, ShakesHandsAgainWhenTheSessionIsOver) {
  MakeLegacy();
  Book();
  wire_->EndExchange("tools/call", {.begun = true, .http_status = 404});
  EXPECT_EQ(End(), E::kRefused);
  EXPECT_TRUE(ended_.back().try_again);
  Book();
  EXPECT_EQ(wire_->methods.back(), "server/discover");
}

// All calls of a session end with it, some when the next one is there already.
TEST_F(McpClientTest, EveryCallOfASessionThatIsOverMayBeSentAgain) {
  MakeLegacy();
  Book();
  Book();
  Book();
  const size_t last = wire_->Last("tools/call");
  McpTransport::End over{.begun = true, .http_status = 404};
  wire_->ends[last - 2](over);
  EXPECT_TRUE(ended_.back().try_again);
  Book();
  EXPECT_EQ(wire_->methods.back(), "server/discover");
  over.refusal = RpcMessage{.kind = RpcMessage::Kind::kError, .body = {{"code", -32001}}};
  wire_->ends[last - 1](over);
  EXPECT_EQ(End(), E::kError);
  EXPECT_TRUE(ended_.back().try_again);
  wire_->Refuse("server/discover", -32601);
  wire_->Answer("initialize", Handshake("2025-06-18"), "s-2");
  wire_->Answer("tools/list", kTools);
  wire_->ends[last](over);
  EXPECT_TRUE(ended_.back().try_again);
  Book();
  EXPECT_EQ(wire_->methods.back(), "tools/call");
  EXPECT_EQ(client_->dialect().session, "s-2");
}

// The next call begins anew, but this one may have been done: its tool can have answered.
TEST_F(McpClientTest, A404ThatNamesTheCallIsNoProofThatTheSessionWasOver) {
  MakeLegacy();
  Book();
  const size_t last = wire_->Last("tools/call");
  McpTransport::End refused{.begun = true, .http_status = 404};
  refused.refusal = RpcMessage{
      .kind = RpcMessage::Kind::kError, .id = wire_->sent[last]["id"], .body = {{"code", -32001}}};
  wire_->ends[last](refused);
  EXPECT_EQ(End(), E::kError);
  EXPECT_FALSE(ended_.back().try_again);
  Book();
  EXPECT_EQ(wire_->methods.back(), "server/discover");
}

TEST_F(McpClientTest, WhoWaitsForAListOfASessionThatEndsIsNotForgotten) {
  MakeLegacy();
  Book();
  sim_.Advance(absl::Seconds(2));
  SayChanged();
  EXPECT_EQ(wire_->methods.back(), "tools/list");
  Book();
  wire_->EndExchange("tools/call", {.begun = true, .http_status = 404});
  EXPECT_TRUE(ended_.back().try_again);
  sim_.RunReady();
  EXPECT_EQ(wire_->methods.back(), "server/discover");
}

// A tool that is a client of another server hands that one's errors on.
TEST_F(McpClientTest, OnlyARefusalByHttpSaysThatTheVersionWasWrong) {
  for (const int64_t code : {-32020, -32022}) {
    MakeModern();
    Book();
    wire_->Refuse("tools/call", code);
    EXPECT_FALSE(ended_.back().try_again) << code;
    Book();
    McpTransport::End refused{.begun = true, .http_status = 400};
    refused.refusal = RpcMessage{
        .kind = RpcMessage::Kind::kError, .id = wire_->sent.back()["id"], .body = {{"code", code}}};
    wire_->EndExchange("tools/call", refused);
    EXPECT_TRUE(ended_.back().try_again) << code;
    Book();
    EXPECT_EQ(wire_->methods.back(), "server/discover");
  }
}

TEST_F(McpClientTest, A404WithoutASessionIsARefusalLikeAnother) {
  MakeModern();
  Book();
  wire_->EndExchange("tools/call", {.begun = true, .http_status = 404});
  EXPECT_EQ(End(), E::kRefused);
  EXPECT_FALSE(ended_.back().try_again);
}

TEST_F(McpClientTest, AnswersPingsAndRefusesOtherRequests) {
  MakeLegacy();
  wire_->events.on_message({.kind = RpcMessage::Kind::kRequest, .id = "p", .method = "ping"}, "");
  EXPECT_EQ(wire_->sent.back()["result"], Json::object());
  wire_->events.on_message(
      {.kind = RpcMessage::Kind::kRequest, .id = 7, .method = "elicitation/create"}, "");
  EXPECT_EQ(wire_->sent.back()["error"]["code"], -32601);
  EXPECT_EQ(wire_->sent.back()["id"], 7);
}

TEST_F(McpClientTest, PassesProgressOnWhileTheCallRuns) {
  MakeModern();
  std::vector<std::string> told;
  Start({.tool = "book",
         .on_progress = [&](const AttemptProgress& progress) { told.push_back(progress.text); }});
  const Json token = wire_->sent.back()["params"]["_meta"]["progressToken"];
  const auto progress = [&](Json of, const char* text) {
    wire_->events.on_message(
        {.kind = RpcMessage::Kind::kNotification,
         .method = "notifications/progress",
         .body = {{"progressToken", std::move(of)}, {"progress", 1}, {"message", text}}},
        "");
  };
  progress(token, "half\nway");
  progress(12345, "somebody else's");
  wire_->Answer("tools/call", Json::parse(R"({"content":[]})"));
  progress(token, "too late");
  EXPECT_THAT(told, ElementsAre("half way"));
}

TEST_F(McpClientTest, FollowsATaskThroughALostPoll) {
  MakeModern();
  Book();
  wire_->Answer(
      "tools/call",
      Json::parse(
          R"({"resultType":"task","taskId":"t-1","status":"working","pollIntervalMs":200})"));
  EXPECT_THAT(ended_, IsEmpty());
  sim_.Advance(absl::Milliseconds(200));
  EXPECT_EQ(wire_->sent.back()["params"]["taskId"], "t-1");
  wire_->EndExchange("tasks/get", {.begun = true, .error = "reset"});
  sim_.Advance(absl::Seconds(1));
  wire_->Answer("tasks/get",
                Json::parse(R"({"taskId":"t-1","status":"completed","result":{"content":[]}})"));
  EXPECT_EQ(End(), E::kResult);
  EXPECT_EQ(ended_.back().body, Json::parse(R"({"content":[]})"));
}

TEST_F(McpClientTest, AWriteWhoseTaskIsNotKnownAnyMoreIsLost) {
  for (const char* task : {R"({"status":"cancelled"})", R"({"status":"input_required"})"}) {
    MakeModern();
    Book();
    wire_->Answer("tools/call", Json::parse(R"({"resultType":"task","taskId":"t-1"})"));
    sim_.Advance(absl::Seconds(1));
    wire_->Answer("tasks/get", Json::parse(task));
    EXPECT_EQ(End(), E::kLost) << task;
    EXPECT_FALSE(ended_.back().still_runs) << task;
  }
}

TEST_F(McpClientTest, AFloodOfQuestionsOfTheServerHasOnlySoManyAnswersUnderWay) {
  MakeLegacy();
  const size_t before = wire_->sent.size();
  const auto ask = [&](const char* method, int id) {
    wire_->events.on_message(
        {.kind = RpcMessage::Kind::kRequest, .id = id, .method = method, .body = Json::object()},
        "s-1");
  };
  for (int id = 0; id < 1'000; ++id) ask(id % 2 == 0 ? "ping" : "roots/list", id);
  ASSERT_THAT(wire_->sent, SizeIs(before + 16));
  wire_->ends[before]({.begun = true});
  ask("ping", 2'000);
  ask("ping", 2'001);
  ASSERT_THAT(wire_->sent, SizeIs(before + 17));
  EXPECT_EQ(wire_->sent.back()["id"], 2'000);
}

TEST_F(McpClientTest, GoesOnWithAQuestionByItsStateUntouched) {
  MakeModern();
  Start({.tool = "book",
         .input_responses = Json::parse(R"({"sure":{"action":"accept"}})"),
         .request_state = "opaque"});
  const Json& params = wire_->sent.back()["params"];
  EXPECT_EQ(params["requestState"], "opaque");
  EXPECT_EQ(params["inputResponses"]["sure"]["action"], "accept");
  wire_->Answer("tools/call", Json::parse(R"({"resultType":"input_required"})"));
  EXPECT_EQ(End(), E::kInputRequired);
}

}  // namespace
}  // namespace onetake::testing
