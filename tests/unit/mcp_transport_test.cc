// The transports of MCP, over real sockets of this machine and to real programs.
#include <gmock/gmock.h>
#include <signal.h>

#include <filesystem>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "runtime/base/system_clock.h"
#include "tests/testing/eventually.h"
#include "tests/testing/sim_scheduler.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"
#include "tools/kit/scripted_downstream.h"
#include "tools/mcp/http_transport.h"
#include "tools/mcp/mcp_client.h"
#include "tools/mcp/mcp_executor.h"
#include "tools/mcp/stdio_transport.h"

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
bool IsList(const Request& request) { return absl::StrContains(request.body, "\"tools/list\""); }
bool IsGet(const Request& request) { return absl::StartsWith(request.head, "GET "); }

// A server of the handshake that has a session. It answers calls as the test says, or by a stream
// that breaks off behind the id of an event; and each GET as the test says.
class McpHttpTransportTest : public ::testing::Test {
 protected:
  McpHttpTransportTest() { loop_.Start(); }
  ~McpHttpTransportTest() override {
    OnLoop(loop_, [this] {
      client_.reset();
      http_.reset();
    });
    loop_.Stop();
  }

  void Make(Step get, HttpClient::Options pool = {}) {
    get_ = std::move(get);
    {
      absl::MutexLock lock(&mutex_);
      called_ = 0;
    }
    auto server =
        ScriptedDownstream::Start([this](const Request& request) { return Answer(request); });
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    OnLoop(loop_, [this, &pool] {
      http_ = std::make_shared<HttpClient>(loop_, clock_, std::move(pool));
      client_ = std::make_unique<McpClient>(
          loop_, clock_,
          std::make_unique<McpHttpTransport>(
              loop_, clock_, http_,
              McpServerSpec{.name = "crm", .url = absl::StrCat(server_->origin(), "/mcp")}),
          McpClient::Options{.name = "crm", .era = McpServerSpec::Era::kLegacy});
    });
  }

  Step Answer(const Request& request) {
    if (IsGet(request)) {
      absl::MutexLock lock(&mutex_);
      return got_ < first_gets_.size() ? first_gets_[got_++] : get_;
    }
    const Json message = Json::parse(request.body, nullptr, /*allow_exceptions=*/false);
    if (!message.contains("id")) return {.status = 202, .body = ""};
    if (IsCall(request)) {
      if (held_ != nullptr) held_->WaitForNotification();
      absl::MutexLock lock(&mutex_);
      if (called_ < calls_.size()) return calls_[called_++];
      return {.then = Step::Then::kStream,
              .type = "text/event-stream",
              .body = "id: e-1\nretry: 0\ndata:\n\n"};
    }
    Json result = page_;
    if (IsHandshake(request)) {
      result = {{"protocolVersion", "2025-11-25"}, {"capabilities", {{"tools", Json::object()}}}};
    }
    return {.headers = "Mcp-Session-Id: s-1\r\n",
            .body = RpcResult(message["id"], std::move(result)),
            .after = Step::After::kKeepAlive};
  }

  // What a WRITE comes to.
  AttemptReport Book(TransportResend resend = TransportResend::kForbidden,
                     absl::Duration timeout = absl::Seconds(20)) {
    Tool tool;
    tool.mcp = McpBinding{.server = "crm", .tool = "book", .is_error = StatusMeaning::kRejected};
    tool.mcp->errors = {{.path = JsonPath::Parse("$.error.code").value(),
                         .equals = -32602,
                         .meaning = StatusMeaning::kNoEffect}};
    AttemptReport report;
    absl::Notification done;
    loop_.Post([&] {
      client_->Start({.tool = "book", .resend = resend, .timeout = timeout},
                     [&](McpOutcome outcome) {
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
  Json page_ = Json::parse(R"({"tools":[{"name":"book","inputSchema":{"type":"object"}}]})");
  absl::Mutex mutex_;
  std::vector<Step> calls_;  // constant once there is a server
  size_t called_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Step> first_gets_;  // constant once there is a server
  size_t got_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Notification* held_ = nullptr;  // what no call is answered before; as `calls_`
  std::unique_ptr<ScriptedDownstream> server_;
  std::shared_ptr<HttpClient> http_;
  std::unique_ptr<McpClient> client_;
};

// One that waits for a connection would otherwise be sent when nobody knows of it any more.
TEST_F(McpHttpTransportTest, WhatGotNoConnectionInItsTimeIsNotSentAndNeverWillBe) {
  absl::Notification let_go;
  held_ = &let_go;
  const Step done{.body = RpcResult(3, {{"content", Json::array()}})};
  calls_ = {done, {.body = RpcResult(5, {{"content", Json::array()}})}};
  Make({.status = 405}, {.max_connections_per_host = 1});
  absl::Notification ended;
  loop_.Post([&] {
    client_->Start({.tool = "book", .timeout = absl::Seconds(60)},
                   [&](const McpOutcome&) { ended.Notify(); });
  });
  ASSERT_TRUE(Eventually([this] { return Count(IsCall) == 1; }));
  const AttemptReport report = Book(TransportResend::kForbidden, absl::Milliseconds(50));
  EXPECT_EQ(report.failure, FailureKind::kNotSent);
  EXPECT_EQ(report.reached, Reached::kNothingSent);
  let_go.Notify();
  ended.WaitForNotification();
  EXPECT_EQ(Book().failure, std::nullopt);
  EXPECT_EQ(Count(IsCall), 2);
}

// Such an answer speaks of the GET. The call itself was taken when its stream began.
TEST_F(McpHttpTransportTest, ARefusalToTakeUpAStreamSaysNothingOfTheCall) {
  const std::string forgotten = RpcError(Json(), -32001, "session not found");
  for (const int status : {400, 401, 403, 404, 405, 425, 429, 500, 503}) {
    for (const std::string& body : {std::string("no"), forgotten}) {
      Make({.status = status, .headers = "Retry-After: 60\r\n", .body = body});
      const AttemptReport report = Book();
      EXPECT_EQ(report.failure, FailureKind::kLost) << status << body;
      EXPECT_EQ(report.reached, Reached::kSomethingSent) << status;
      EXPECT_EQ(report.http_status, 0) << status;
      EXPECT_EQ(report.retry_after, std::nullopt) << status;
      EXPECT_FALSE(report.error.empty()) << status;
      EXPECT_FALSE(report.timed_out) << status << ": what cannot come in time is not waited for";
      EXPECT_EQ(Count(IsGet), 1) << status;
      EXPECT_EQ(Count(IsCall), 1) << status;
    }
  }
}

TEST_F(McpHttpTransportTest, ASessionThatAStreamFoundOverIsBegunAnewByTheNextCall) {
  Make({.status = 404});
  Book();
  EXPECT_EQ(Count(IsHandshake), 1);
  Book();
  EXPECT_EQ(Count(IsHandshake), 2);
}

TEST_F(McpHttpTransportTest, AStreamThatIsTakenUpBringsTheAnswer) {
  // The handshake is 1, the list 2.
  Make({.then = Step::Then::kStream,
        .type = "text/event-stream",
        .body = absl::StrCat("data: ", RpcResult(3, {{"content", Json::array()}}), "\n\n")});
  EXPECT_EQ(Book().failure, std::nullopt);
  EXPECT_EQ(Count(IsCall), 1);
}

// It has no time now; what it has to say is not lost.
TEST_F(McpHttpTransportTest, AStreamThatMayNotBeTakenUpJustNowIsTakenUpLater) {
  for (const int status : {429, 503}) {
    first_gets_.push_back({.status = status,
                           .headers = "Retry-After: 1\r\n",
                           .body = RpcError(Json(), -32000, "busy")});
  }
  Make({.then = Step::Then::kStream,
        .type = "text/event-stream",
        .body = absl::StrCat("data: ", RpcResult(3, {{"content", Json::array()}}), "\n\n")});
  EXPECT_EQ(Book().failure, std::nullopt);
  EXPECT_EQ(Count(IsGet), 3);
  EXPECT_EQ(Count(IsCall), 1);
}

// R14: the one that was lost may have been taken, whatever its copy is told.
TEST_F(McpHttpTransportTest, ARefusalOfACopySaysNothingOfTheCall) {
  for (const int status : {400, 403, 404, 429}) {
    calls_ = {{.then = Step::Then::kClose}, {.status = status, .body = "no"}};
    Make({.status = 405});
    const AttemptReport report = Book(TransportResend::kAllowed);
    EXPECT_EQ(Count(IsCall), 2) << "curl sends again what dies on a kept connection";
    EXPECT_EQ(report.failure, FailureKind::kLost) << status;
  }
}

// However its server spreads it over pages: all of it is held, and looked at in one go.
TEST_F(McpHttpTransportTest, AListThatDoesNotEndIsNotRead) {
  page_["nextCursor"] = "more";
  page_["tools"][0]["description"] = std::string(512 << 10, 'x');
  for (int i = 1; i < 6; ++i) page_["tools"].push_back(page_["tools"][0]);
  Make({.status = 405});
  EXPECT_EQ(Book().failure, FailureKind::kNotSent);
  EXPECT_EQ(Count(IsList), 3) << "of at most 8 MiB in all";
  EXPECT_EQ(Count(IsCall), 0);
}

// The same of what a tool says itself: "not found" may be of what the first one deleted.
TEST_F(McpHttpTransportTest, ARefusalInTheAnswerToACopySaysNothingOfTheCall) {
  const Json is_error{{"isError", true}, {"content", Json::array()}};
  const Json asks{{"resultType", "input_required"}, {"inputRequests", Json::object()}};
  for (const std::string& answer :
       {RpcResult(3, is_error), RpcResult(3, asks), RpcError(3, -32602, "no such slot")}) {
    for (const bool streamed : {false, true}) {
      Step copy{.body = answer};
      if (streamed) copy.type = "text/event-stream";
      if (streamed) copy.body = absl::StrCat("data: ", answer, "\n\n");
      calls_ = {copy};
      Make({.status = 405});
      EXPECT_NE(Book(TransportResend::kAllowed).failure, FailureKind::kLost) << answer;
      calls_ = {{.then = Step::Then::kClose}, copy};
      Make({.status = 405});
      const AttemptReport report = Book(TransportResend::kAllowed);
      EXPECT_EQ(Count(IsCall), 2) << answer;
      EXPECT_EQ(report.failure, FailureKind::kLost) << answer;
      EXPECT_EQ(report.reached, Reached::kSomethingSent) << answer;
    }
  }
}

TEST_F(McpHttpTransportTest, ASuccessOfACopyIsASuccess) {
  calls_ = {{.then = Step::Then::kClose}, {.body = RpcResult(3, {{"content", Json::array()}})}};
  Make({.status = 405});
  EXPECT_EQ(Book(TransportResend::kAllowed).failure, std::nullopt);
  EXPECT_EQ(Count(IsCall), 2);
}

// Each call would keep its connection, until there is none for the next one.
TEST_F(McpHttpTransportTest, AStreamThatStaysOpenBehindItsAnswerIsClosed) {
  for (const int id : {3, 4}) {
    calls_.push_back(
        {.then = Step::Then::kLinger,
         .type = "text/event-stream",
         .body = absl::StrCat("data: ", RpcResult(id, {{"content", Json::array()}}), "\n\n")});
  }
  Make({.status = 405}, {.max_connections_per_host = 1});
  EXPECT_EQ(Book().failure, std::nullopt);
  EXPECT_EQ(Book().failure, std::nullopt) << "there is a connection for it";
  EXPECT_EQ(Count(IsCall), 2);
  EXPECT_TRUE(server_->PeerLeft(absl::Minutes(1)));
}

TEST_F(McpHttpTransportTest, AStreamTakenUpThatStaysOpenBehindItsAnswerIsClosed) {
  Make({.then = Step::Then::kLinger,
        .type = "text/event-stream",
        .body = absl::StrCat("data: ", RpcResult(3, {{"content", Json::array()}}), "\n\n")},
       {.max_connections_per_host = 1});
  EXPECT_EQ(Book().failure, std::nullopt);
  EXPECT_TRUE(server_->PeerLeft(absl::Minutes(1)));
}

// That a copy was sent is still known when its stream had to be taken up again.
TEST_F(McpHttpTransportTest, ARefusalByAStreamOfACopySaysNothingOfTheCall) {
  calls_ = {{.then = Step::Then::kClose}};
  Make({.then = Step::Then::kStream,
        .type = "text/event-stream",
        .body = absl::StrCat("data: ", RpcResult(3, {{"isError", true}}), "\n\n")});
  EXPECT_EQ(Book(TransportResend::kAllowed).failure, FailureKind::kLost);
  EXPECT_EQ(Count(IsCall), 2);
  EXPECT_EQ(Count(IsGet), 1);
}

// A program that repeats each line, so that a request is what is written as one, and an answer what
// is written as such.
class McpStdioTransportTest : public ::testing::Test {
 protected:
  McpStdioTransportTest() {
    signal(SIGPIPE, SIG_IGN);  // as onetaked does
    loop_.Start();
    OnLoop(loop_, [this] {
      transport_ = std::make_unique<McpStdioTransport>(
          loop_, clock_, random_,
          McpServerSpec{.name = "crm", .kind = McpServerSpec::Kind::kCommand, .command = {"cat"}});
      transport_->Begin({.on_message = [this](const RpcMessage& message,
                                              const std::string&) { OnMessage(message); },
                         .on_up = [this] { up_.Notify(); },
                         .on_down = [](const std::string&) {}});
    });
    up_.WaitForNotification();
  }
  ~McpStdioTransportTest() override {
    OnLoop(loop_, [this] { transport_.reset(); });
    loop_.Stop();
  }

  void OnMessage(const RpcMessage& message) {
    if (message.id == Json(last_)) heard_.Notify();
  }
  // On the loop. What waits for its end holds `held_`.
  uint64_t Send(int64_t id, std::string body) {
    return transport_->Send({.body = std::move(body), .id = id, .timeout = absl::Minutes(1)},
                            [held = held_](const McpTransport::End&) {});
  }

  SystemClock clock_;
  SimRandom random_{1};
  EventLoop loop_;
  absl::Notification up_;
  absl::Notification heard_;
  int64_t last_ = 0;
  std::shared_ptr<int> held_ = std::make_shared<int>();
  std::unique_ptr<McpStdioTransport> transport_;
};

// Runs a program of its own and stops it: whether it could end in order.
bool EndsInOrder(EventLoop& loop, const Clock& clock, Random& random) {
  // The end of its input ends it, behind a first word that says that it runs.
  constexpr char kProgram[] =
      R"(trap '' TERM; read -r line
         echo '{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"no"}}'
         cat >/dev/null; echo > "$0")";
  const TempDir dir;
  McpServerSpec spec{.name = "crm",
                     .kind = McpServerSpec::Kind::kCommand,
                     .command = {"sh", "-c", kProgram, dir.Path("ended")}};
  absl::Notification runs;
  std::unique_ptr<McpExecutor> executor;
  OnLoop(loop, [&] {
    auto transport = std::make_unique<McpStdioTransport>(loop, clock, random, std::move(spec));
    auto client =
        std::make_unique<McpClient>(loop, clock, std::move(transport),
                                    McpClient::Options{.name = "crm",
                                                       .transport = McpServerSpec::Kind::kCommand,
                                                       .era = McpServerSpec::Era::kLegacy});
    client->ListTools(absl::Minutes(1),
                      [&](const absl::StatusOr<McpClient::Tools>&) { runs.Notify(); });
    std::map<std::string, std::unique_ptr<McpClient>> clients;
    clients.emplace("crm", std::move(client));
    executor = std::make_unique<McpExecutor>(loop, clock, std::move(clients));
  });
  runs.WaitForNotification();
  OnLoop(loop, [&] { executor->Stop(); });
  Tool tool;
  tool.mcp = McpBinding{.server = "crm"};
  EXPECT_EQ(executor->NotReadyFor(tool), absl::ZeroDuration()) << "it is not waited for";
  return std::filesystem::exists(dir.Path("ended"));
}

// Later is too late: the kernel kills it with the thread that has started it.
TEST_F(McpStdioTransportTest, AProgramEndsInOrderWhileTheLoopStillRuns) {
  // It has two seconds. A machine may stand still for them, but not each time.
  bool ended = false;
  for (int run = 0; run < 3 && !ended; ++run) ended = EndsInOrder(loop_, clock_, random_);
  EXPECT_TRUE(ended);
}

// Whoever only waits for its end waits for ever.
TEST_F(McpStdioTransportTest, AProgramThatDoesNotListenOrSpeakAnyMoreIsStartedAgain) {
  for (const char* program : {"exec >&-; exec sleep 600", "exec <&-; exec sleep 600"}) {
    absl::Notification again;
    int ups = 0;
    OnLoop(loop_, [&] {
      transport_ =
          std::make_unique<McpStdioTransport>(loop_, clock_, random_,
                                              McpServerSpec{.name = "crm",
                                                            .kind = McpServerSpec::Kind::kCommand,
                                                            .command = {"sh", "-c", program}});
      transport_->Begin({.on_message = [](const RpcMessage&, const std::string&) {},
                         .on_up =
                             [&] {
                               Send(1, std::string(1 << 20, 'x'));
                               if (++ups == 2) again.Notify();
                             },
                         .on_down = [](const std::string&) {}});
    });
    EXPECT_TRUE(again.WaitForNotificationWithTimeout(absl::Minutes(1))) << program;
    OnLoop(loop_, [this] { transport_.reset(); });
  }
}

TEST_F(McpStdioTransportTest, KeepsNothingOfARequestThatWasAnswered) {
  last_ = 10'000;
  OnLoop(loop_, [this] {
    for (int64_t id = 1; id <= last_; ++id) Send(id, RpcResult(id, Json::object()));
  });
  heard_.WaitForNotification();
  OnLoop(loop_, [this] { EXPECT_EQ(held_.use_count(), 1); });
}

TEST_F(McpStdioTransportTest, KeepsNothingOfARequestThatWasRefused) {
  last_ = 7;
  OnLoop(loop_, [this] { Send(last_, RpcError(last_, -32603, "no")); });
  heard_.WaitForNotification();
  OnLoop(loop_, [this] { EXPECT_EQ(held_.use_count(), 1); });
}

TEST_F(McpStdioTransportTest, KeepsNothingOfARequestThatNobodyWaitsFor) {
  last_ = 3;
  OnLoop(loop_, [this] {
    transport_->Leave(Send(1, RpcRequest(1, "tools/call", Json::object())));
    transport_->Close(Send(2, RpcRequest(2, "tools/call", Json::object())));
    EXPECT_EQ(held_.use_count(), 1);
    // A request of the server, by the same number: no answer.
    Send(last_, RpcRequest(last_, "ping", Json::object()));
  });
  heard_.WaitForNotification();
  OnLoop(loop_, [this] { EXPECT_EQ(held_.use_count(), 2); });
}

}  // namespace
}  // namespace onetake::testing
