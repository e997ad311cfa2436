// What becomes of a call whose time is over before it has ended.
#include "tests/testing/mcp_client_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::SizeIs;

using E = McpOutcome::End;

TEST_F(McpClientTest, AWriteThatStillWaitsForItsConnectionIsNotSentWhenItsTimeIsOver) {
  MakeModern();
  wire_->begun = false;
  Book();
  sim_.Advance(absl::Seconds(10));
  EXPECT_EQ(End(), E::kNotReady);
  client_->Cancel(Book());
  sim_.RunReady();
  EXPECT_EQ(End(), E::kNotReady);
  EXPECT_THAT(wire_->left, SizeIs(2));
}

// It is a question about a task that was not sent; the task itself runs.
TEST_F(McpClientTest, ATaskThatCouldNotBeAskedAboutWasSentAllTheSame) {
  MakeModern();
  Book();
  wire_->Answer("tools/call", Json::parse(R"({"resultType":"task","taskId":"t-1"})"));
  sim_.Advance(absl::Seconds(1));
  EXPECT_EQ(wire_->methods.back(), "tasks/get");
  wire_->begun = false;
  sim_.Advance(absl::Seconds(10));
  EXPECT_EQ(End(), E::kLost);
  EXPECT_TRUE(ended_.back().still_runs);
}

TEST_F(McpClientTest, ARefusedQuestionAboutATaskIsNoWordAboutTheTask) {
  MakeModern();
  Book();
  wire_->Answer("tools/call", Json::parse(R"({"resultType":"task","taskId":"t-1"})"));
  for (const int status : {401, 429, 503}) {
    sim_.Advance(absl::Seconds(1));
    McpTransport::End refused{.begun = true, .http_status = status};
    refused.refusal = RpcMessage{.kind = RpcMessage::Kind::kError, .body = {{"code", -32000}}};
    wire_->EndExchange("tasks/get", std::move(refused));
    EXPECT_THAT(ended_, ::testing::IsEmpty()) << status;
  }
  sim_.Advance(absl::Seconds(1));
  wire_->Answer("tasks/get",
                Json::parse(R"({"taskId":"t-1","status":"completed","result":{"content":[]}})"));
  EXPECT_EQ(End(), E::kResult);
}

// Servers forget the names of tasks by time, or by a restart of one of several.
TEST_F(McpClientTest, ATaskThatTheServerDoesNotKnowMayStillRun) {
  MakeModern();
  Book();
  wire_->Answer("tools/call", Json::parse(R"({"resultType":"task","taskId":"t-1"})"));
  sim_.Advance(absl::Seconds(1));
  wire_->Refuse("tasks/get", kRpcInvalidParams);
  EXPECT_EQ(End(), E::kLost);
  EXPECT_TRUE(ended_.back().still_runs);
}

TEST_F(McpClientTest, AWriteThatIsGivenUpRunsAllTheSame) {
  MakeModern();
  const uint64_t id = Book();
  wire_->Answer("tools/call", Json::parse(R"({"resultType":"task","taskId":"t-1"})"));
  client_->Cancel(id);
  sim_.RunReady();
  EXPECT_EQ(End(), E::kLost);
  EXPECT_TRUE(ended_.back().still_runs);
}

TEST_F(McpClientTest, ATaskWithoutANameRunsAllTheSame) {
  MakeModern();
  Book();
  wire_->Answer("tools/call", Json::parse(R"({"resultType":"task"})"));
  EXPECT_EQ(End(), E::kLost);
  EXPECT_TRUE(ended_.back().still_runs);
}

// A stop of this server does not stop a write at another one.
TEST_F(McpClientTest, AWriteThatIsCancelledAfterItWasSentRunsAllTheSame) {
  MakeModern();
  const uint64_t booking = Book();
  wire_->Answer("tools/call", Json::parse(R"({"resultType":"task","taskId":"t-1"})"));
  client_->Cancel(booking);
  sim_.RunReady();
  EXPECT_EQ(End(), E::kLost);
  EXPECT_TRUE(ended_.back().still_runs);
}

}  // namespace
}  // namespace onetake::testing
