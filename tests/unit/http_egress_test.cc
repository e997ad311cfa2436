// That HTTP requests go where they may and nowhere else, and that no answer is without end, over
// real sockets of this machine. Parts of 127.0.0.0/8 stand for what is allowed and what is not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <deque>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/synchronization/notification.h"
#include "runtime/base/system_clock.h"
#include "runtime/policy/egress.h"
#include "tests/testing/status_matchers.h"
#include "tools/http/http_client.h"
#include "tools/http/http_executor.h"
#include "tools/http/url_parts.h"
#include "tools/kit/scripted_downstream.h"

namespace onetake::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using Step = ScriptedDownstream::Step;
using Transport = HttpExchange::Transport;

// Answers as the test says, the last answer again and again; without any, never.
class FakeResolver final : public HostResolver {
 public:
  explicit FakeResolver(EventLoop& loop) : loop_(loop) {}

  void Resolve(const std::string& host, Done done) override {
    asked.push_back(host);
    if (answers.empty()) return unanswered.push_back(std::move(done));
    Addresses answer = answers.front();
    if (answers.size() > 1) answers.pop_front();
    loop_.Post([answer = std::move(answer), done = std::move(done)]() mutable { done(answer); });
  }

  void Add(const std::vector<std::string>& addresses) {
    std::vector<IpAddress> answer;
    for (const std::string& text : addresses) answer.push_back(IpAddress::Parse(text).value());
    answers.emplace_back(std::move(answer));
  }

  std::deque<Addresses> answers;
  std::vector<Done> unanswered;
  std::vector<std::string> asked;

 private:
  EventLoop& loop_;
};

class HttpEgressTest : public ::testing::Test {
 protected:
  HttpEgressTest() : downstream(*ScriptedDownstream::Start()) { loop.Start(); }
  ~HttpEgressTest() override {
    loop.Stop();
    client.reset();
  }

  // The downstream under another name for this machine.
  std::string UrlOf(absl::string_view host) const {
    return absl::StrReplaceAll(downstream->origin(), {{"127.0.0.1", host}}) + "/a";
  }

  HttpClient::Call CallOf(const std::string& url, const std::vector<std::string>& allowed) {
    HttpClient::Call call{.request = {.method = "GET", .url = url},
                          .connect_timeout = absl::Seconds(10),
                          .timeout = absl::Seconds(10),
                          .max_body_bytes = 1000,
                          .resend = TransportResend::kForbidden};
    for (const std::string& text : allowed) {
      const std::vector<IpNetwork> networks = ParseAllowedNetwork(text).value();
      call.allow_networks.insert(call.allow_networks.end(), networks.begin(), networks.end());
    }
    return call;
  }

  HttpExchange Run(HttpClient::Call call) {
    HttpExchange seen;
    absl::Notification done;
    loop.Post([&] {
      client->Start(std::move(call), [&](HttpExchange exchange) {
        seen = std::move(exchange);
        done.Notify();
      });
    });
    done.WaitForNotification();
    return seen;
  }
  HttpExchange Get(const std::string& url, const std::vector<std::string>& allowed) {
    return Run(CallOf(url, allowed));
  }

  std::unique_ptr<ScriptedDownstream> downstream;
  SystemClock clock;
  EventLoop loop;
  std::shared_ptr<FakeResolver> resolver = std::make_shared<FakeResolver>(loop);
  std::unique_ptr<HttpClient> client =
      std::make_unique<HttpClient>(loop, clock, HttpClient::Options{.resolver = resolver});
};

void ExpectRefused(const HttpExchange& exchange, absl::string_view why) {
  EXPECT_EQ(exchange.transport, Transport::kNoConnection);
  EXPECT_FALSE(exchange.request_begun);
  EXPECT_EQ(exchange.status, 0);
  EXPECT_THAT(exchange.error, HasSubstr(std::string(why)));
}

TEST_F(HttpEgressTest, ANameIsAskedAtTheAddressThatItWasFoundAt) {
  resolver->Add({"127.0.0.1"});
  const HttpExchange exchange = Get(UrlOf("api.test"), {"loopback"});
  EXPECT_EQ(exchange.status, 200) << exchange.error;
  EXPECT_THAT(resolver->asked, ::testing::ElementsAre("api.test"));
  ASSERT_THAT(downstream->requests(), SizeIs(1));
  EXPECT_THAT(downstream->requests()[0].head, HasSubstr("Host: api.test"));
}

// Only the address sanitizer sees what the client would touch afterwards.
TEST_F(HttpEgressTest, WhoeverIsAnsweredMayDestroyTheClient) {
  absl::Notification done;
  loop.Post([&] {
    client->Start(CallOf(UrlOf("127.0.0.1"), {}), [&](const HttpExchange& exchange) {
      EXPECT_EQ(exchange.status, 200);
      client.reset();
      done.Notify();
    });
  });
  done.WaitForNotification();
}

TEST_F(HttpEgressTest, ThisMachineNeedsNoNameServer) {
  EXPECT_EQ(Get(UrlOf("127.0.0.1"), {}).status, 200);
  EXPECT_EQ(Get(UrlOf("localhost"), {}).status, 200);
  EXPECT_THAT(resolver->asked, IsEmpty());
}

TEST_F(HttpEgressTest, ANameThatLeadsToThisMachineIsNotThisMachine) {
  resolver->Add({"127.0.0.1"});
  ExpectRefused(Get(absl::StrReplaceAll(UrlOf("api.test"), {{"http:", "https:"}}), {}),
                "not public but loopback");
  ExpectRefused(Get(UrlOf("api.test"), {"private"}), "not public but loopback");
  EXPECT_THAT(downstream->requests(), IsEmpty());
}

// Its name server answers with an allowed address first, and with another one a moment later.
TEST_F(HttpEgressTest, ANameThatIsRebindedIsRefused) {
  resolver->Add({"127.0.0.1"});
  resolver->Add({"127.0.0.2"});
  EXPECT_EQ(Get(UrlOf("api.test"), {"127.0.0.1"}).status, 200);
  ExpectRefused(Get(UrlOf("api.test"), {"127.0.0.1"}), "not public but loopback");
  EXPECT_THAT(downstream->requests(), SizeIs(1));
}

TEST_F(HttpEgressTest, OneAddressThatIsNotAllowedRefusesAllOfThem) {
  for (const std::vector<std::string>& mixed : {std::vector<std::string>{"127.0.0.1", "10.0.0.1"},
                                                {"169.254.169.254", "127.0.0.1"},
                                                {"::ffff:10.0.0.1", "127.0.0.1"},
                                                {"127.0.0.1", "127.0.0.1", "fd00::1"}}) {
    resolver->answers.clear();
    resolver->Add(mixed);
    ExpectRefused(Get(UrlOf("api.test"), {"127.0.0.1"}), "not public but");
  }
  EXPECT_THAT(downstream->requests(), IsEmpty());
}

// Kept connections are found by the host's name, whatever was allowed when they were made.
TEST_F(HttpEgressTest, AConnectionThatAnotherToolWasAllowedIsNotTaken) {
  downstream->Script({{.after = Step::After::kKeepAlive}, {.after = Step::After::kKeepAlive}});
  resolver->Add({"127.0.0.1"});
  HttpClient::Call first = CallOf(UrlOf("api.test"), {"127.0.0.1"});
  first.resend = TransportResend::kAllowed;
  EXPECT_EQ(Run(std::move(first)).status, 200);
  resolver->answers.clear();
  resolver->Add({"127.0.0.2"});
  HttpClient::Call second = CallOf(UrlOf("api.test"), {"127.0.0.2"});
  second.resend = TransportResend::kAllowed;
  ExpectRefused(Run(std::move(second)), "not public but loopback");
  EXPECT_THAT(downstream->requests(), SizeIs(1));
}

TEST_F(HttpEgressTest, ARedirectIsAnAnswerAndNoWay) {
  const auto elsewhere = *ScriptedDownstream::Start();
  downstream->Script(
      {{.status = 307, .headers = absl::StrCat("Location: ", elsewhere->origin(), "/\r\n")}});
  HttpClient::Call call = CallOf(UrlOf("127.0.0.1"), {});
  call.resend = TransportResend::kAllowed;
  EXPECT_EQ(Run(std::move(call)).status, 307);
  EXPECT_THAT(elsewhere->requests(), IsEmpty());
}

TEST_F(HttpEgressTest, NoProxyOfTheEnvironmentIsUsed) {
  const auto proxy = *ScriptedDownstream::Start();
  for (const char* name : {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"}) {
    ASSERT_EQ(setenv(name, proxy->origin().c_str(), 1), 0);
  }
  EXPECT_EQ(Get(UrlOf("127.0.0.1"), {}).status, 200);
  for (const char* name : {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"}) unsetenv(name);
  EXPECT_THAT(proxy->requests(), IsEmpty());
  EXPECT_THAT(downstream->requests(), SizeIs(1));
}

TEST_F(HttpEgressTest, HeadersWithoutEndAreCutOffAndTheStatusCounts) {
  const std::string line = "X-Filler: " + std::string(1000, 'x') + "\r\n";
  const auto answer = [&](size_t lines) {
    std::string headers;
    for (size_t i = 0; i < lines; ++i) headers += line;
    downstream->Script({{.status = 201, .headers = headers, .body = R"({"id": 1})"}});
    return Get(UrlOf("127.0.0.1"), {});
  };
  const size_t most = HttpClient::kMaxHeadBytes / line.size();
  const HttpExchange fits = answer(most - 1);
  EXPECT_EQ(fits.transport, Transport::kComplete) << fits.error;
  EXPECT_EQ(fits.body, R"({"id": 1})");
  const HttpExchange beyond = answer(most + 1);
  EXPECT_EQ(beyond.transport, Transport::kTooBig);
  EXPECT_EQ(beyond.status, 201);
  EXPECT_EQ(beyond.error, "the answer is too big");
}

TEST_F(HttpEgressTest, ALookUpThatFailsOrTakesTooLongIsNotSent) {
  resolver->answers.emplace_back(absl::UnavailableError("the host name cannot be resolved"));
  ExpectRefused(Get(UrlOf("api.test"), {"loopback"}), "cannot be resolved");
  resolver->answers.clear();
  HttpClient::Call call = CallOf(UrlOf("api.test"), {"loopback"});
  call.connect_timeout = absl::Milliseconds(1);
  ExpectRefused(Run(std::move(call)), "not resolved in time");
  EXPECT_THAT(downstream->requests(), IsEmpty());
}

TEST_F(HttpEgressTest, WhatIsCancelledWhileItIsLookedUpIsNotSent) {
  HttpExchange seen;
  absl::Notification done;
  loop.Post([&] {
    const uint64_t id =
        client->Start(CallOf(UrlOf("api.test"), {"loopback"}), [&](HttpExchange exchange) {
          seen = std::move(exchange);
          done.Notify();
        });
    client->Cancel(id);
    for (auto& answer : resolver->unanswered) answer(std::vector{IpAddress::V4({127, 0, 0, 1})});
  });
  done.WaitForNotification();
  EXPECT_EQ(seen.transport, Transport::kCancelled);
  EXPECT_FALSE(seen.request_begun);
  EXPECT_THAT(downstream->requests(), IsEmpty());
}

class RefusedUrlTest : public HttpEgressTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(RefusedUrlTest, IsNotSent) {
  resolver->Add({"127.0.0.1"});
  ExpectRefused(Get(GetParam(), {}), "");
  EXPECT_THAT(resolver->asked, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Table, RefusedUrlTest,
    ::testing::Values("", "/a", "ftp://127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1/_a",
                      "http://api.test/", "http://8.8.8.8/", "https://10.0.0.1/",
                      "https://169.254.169.254/latest/meta-data/", "https://[::ffff:a9fe:a9fe]/",
                      "https://[fd00:ec2::254]/", "https://[64:ff9b::a00:1]/", "https://0xa000001/",
                      "https://167772161/", "https://012.0.0.1/", "https://10.1/", "https://0/",
                      "https://[fe80::1%25lo]/", "https://a.test./", "https://user@127.0.0.1/",
                      "https://127.0.0.1/#a", "https://a\\@b.test/", "https://a.test%2f@b.test/",
                      "https://b.test:99999/", "https://b.test:/a b"));

// What the engine makes of it: surely no effect, so that it may be tried again.
TEST_F(HttpEgressTest, TheEngineIsToldThatNothingWasSentAndWhy) {
  auto tool = std::make_shared<Tool>();
  tool->http.emplace();
  tool->http->method = "POST";
  tool->http->origin = "https://api.test";
  tool->http->path = TextTemplate::Parse("/a").value();
  resolver->Add({"192.168.0.1"});
  HttpExecutor executor(loop, clock, HttpClient::Options{.resolver = resolver});
  AttemptReport seen;
  absl::Notification done;
  loop.Post([&] {
    AttemptRequest request{.rendered = *executor.Render(*tool, Json::object(), "k"),
                           .timeout = absl::Seconds(10)};
    executor.Start(tool, std::move(request), [&](AttemptReport report) {
      seen = std::move(report);
      done.Notify();
    });
  });
  done.WaitForNotification();
  loop.Stop();
  EXPECT_EQ(seen.failure, FailureKind::kNotSent);
  EXPECT_EQ(seen.reached, Reached::kNothingSent);
  EXPECT_THAT(seen.error,
              AllOf(HasSubstr("private"), HasSubstr("allow_networks"), Not(HasSubstr("api.test"))));
}

}  // namespace
}  // namespace onetake::testing
