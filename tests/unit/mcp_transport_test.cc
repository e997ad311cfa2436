// The transports of MCP, over real sockets of this machine and to real programs.
#include <gmock/gmock.h>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "runtime/base/system_clock.h"
#include "tests/testing/status_matchers.h"
#include "tools/kit/scripted_downstream.h"
#include "tools/mcp/http_transport.h"
#include "tools/mcp/mcp_client.h"

namespace onetake::testing {
namespace {

using Step = ScriptedDownstream::Step;
using Request = ScriptedDownstream::Request;

void OnLoop(EventLoop& loop, absl::AnyInvocable<void()> task) {
  absl::Notification done;
  loop.Post([&] {
    task();
    done.Notify();
  });
  done.WaitForNotification();
}

bool IsCall(const Request& request) { return absl::StrContains(request.body, "\"tools/call\""); }
bool IsHandshake(const Request& request) {
  return absl::StrContains(request.body, "\"initialize\"");
}
bool IsGet(const Request& request) { return absl::StartsWith(request.head, "GET "); }

// A server of the handshake that has a session. It answers each call by a stream that breaks off
// behind the id of an event, and each GET as the test says.
class McpResumeTest : public ::testing::Test {
 protected:
  McpResumeTest() { loop_.Start(); }
  ~McpResumeTest() override {
    OnLoop(loop_, [this] {
      client_.reset();
      http_.reset();
    });
    loop_.Stop();
  }

  void Make(Step get) {
    get_ = std::move(get);
    auto server =
        ScriptedDownstream::Start([this](const Request& request) { return Answer(request); });
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    OnLoop(loop_, [this] {
      http_ = std::make_shared<HttpClient>(loop_, clock_, HttpClient::Options{});
      client_ = std::make_unique<McpClient>(
          loop_, clock_,
          std::make_unique<McpHttpTransport>(
              loop_, clock_, http_,
              McpServerSpec{.name = "crm", .url = absl::StrCat(server_->origin(), "/mcp")}),
          McpClient::Options{.name = "crm", .era = McpServerSpec::Era::kLegacy});
    });
  }

  Step Answer(const Request& request) const {
    if (IsGet(request)) return get_;
    const Json message = Json::parse(request.body, nullptr, /*allow_exceptions=*/false);
    if (!message.contains("id")) return {.status = 202, .body = ""};
    if (IsCall(request)) {
      return {.then = Step::Then::kStream,
              .type = "text/event-stream",
              .body = "id: e-1\nretry: 0\ndata:\n\n"};
    }
    Json result = Json::parse(R"({"tools":[{"name":"book","inputSchema":{"type":"object"}}]})");
    if (IsHandshake(request)) {
      result = {{"protocolVersion", "2025-11-25"}, {"capabilities", {{"tools", Json::object()}}}};
    }
    return {.headers = "Mcp-Session-Id: s-1\r\n",
            .body = RpcResult(message["id"], std::move(result))};
  }

  // What a WRITE comes to.
  AttemptReport Book() {
    Tool tool;
    tool.mcp = McpBinding{.server = "crm", .tool = "book"};
    AttemptReport report;
    absl::Notification done;
    loop_.Post([&] {
      client_->Start({.tool = "book", .timeout = absl::Seconds(20)}, [&](McpOutcome outcome) {
        report = ClassifyMcp(tool, std::move(outcome));
        done.Notify();
      });
    });
    done.WaitForNotification();
    return report;
  }
  auto Count(bool (*is)(const Request&)) const { return absl::c_count_if(server_->requests(), is); }

  SystemClock clock_;
  EventLoop loop_;
  Step get_;
  std::unique_ptr<ScriptedDownstream> server_;
  std::shared_ptr<HttpClient> http_;
  std::unique_ptr<McpClient> client_;
};

// Such an answer speaks of the GET. The call itself was taken when its stream began.
TEST_F(McpResumeTest, ARefusalToTakeUpAStreamSaysNothingOfTheCall) {
  const std::string forgotten = RpcError(Json(), -32001, "session not found");
  for (const int status : {400, 401, 403, 404, 405, 425, 429, 500, 503}) {
    for (const std::string& body : {std::string("no"), forgotten}) {
      Make({.status = status, .headers = "Retry-After: 1\r\n", .body = body});
      const AttemptReport report = Book();
      EXPECT_EQ(report.failure, FailureKind::kLost) << status << body;
      EXPECT_EQ(report.reached, Reached::kSomethingSent) << status;
      EXPECT_EQ(report.http_status, 0) << status;
      EXPECT_EQ(report.retry_after, std::nullopt) << status;
      EXPECT_FALSE(report.error.empty()) << status;
      EXPECT_EQ(Count(IsGet), 1) << status;
      EXPECT_EQ(Count(IsCall), 1) << status;
    }
  }
}

TEST_F(McpResumeTest, ASessionThatAStreamFoundOverIsBegunAnewByTheNextCall) {
  Make({.status = 404});
  Book();
  EXPECT_EQ(Count(IsHandshake), 1);
  Book();
  EXPECT_EQ(Count(IsHandshake), 2);
}

TEST_F(McpResumeTest, AStreamThatIsTakenUpBringsTheAnswer) {
  // The handshake is 1, the list 2.
  Make({.then = Step::Then::kStream,
        .type = "text/event-stream",
        .body = absl::StrCat("data: ", RpcResult(3, {{"content", Json::array()}}), "\n\n")});
  EXPECT_EQ(Book().failure, std::nullopt);
  EXPECT_EQ(Count(IsCall), 1);
}

}  // namespace
}  // namespace onetake::testing
