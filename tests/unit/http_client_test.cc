// What the client does to its own life, over real sockets of this machine.
#include "tools/http/http_client.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read_until.hpp>
#include <asio/write.hpp>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "runtime/base/system_clock.h"

namespace onetake::testing {
namespace {

class HttpClientTest : public ::testing::Test {
 protected:
  HttpClientTest() { loop_.Start(); }

  // Of a server that takes connections and never answers.
  HttpClient::Call CallOf(absl::Duration timeout) const {
    const auto port = silent_.local_endpoint().port();
    return {.request = {.method = "GET", .url = absl::StrCat("http://127.0.0.1:", port, "/")},
            .connect_timeout = timeout,
            .timeout = timeout,
            .max_body_bytes = 1000,
            .resend = TransportResend::kForbidden};
  }

  asio::io_context io_;
  asio::ip::tcp::acceptor silent_{io_, {asio::ip::address_v4::loopback(), 0}};
  SystemClock clock_;
  EventLoop loop_;
};

// The one that is answered makes room for one that waits for a connection, so curl wants to be
// called at once; and as that one is taken away, later, for those that are left.
TEST_F(HttpClientTest, NothingOfOneThatADoneHasDestroyedIsTouchedLater) {
  constexpr int kOthers = 8;
  constexpr absl::Duration kFirst = absl::Milliseconds(50);
  constexpr absl::Duration kLater = absl::Seconds(2);  // never due in one turn with it
  alignas(HttpClient) static char place[sizeof(HttpClient)];
  absl::Notification over;
  loop_.Post([&] {
    auto* client = new (place)
        HttpClient(loop_, clock_, {.max_connections_per_host = kOthers + 1, .resolver = nullptr});
    client->Start(CallOf(kFirst), [&, client](const HttpExchange& exchange) {
      EXPECT_EQ(exchange.status, 0);
      client->~HttpClient();
      std::memset(place, 0xA5, sizeof(place));
      loop_.RunAfter(kLater, [&] { over.Notify(); });  // behind the last of the others
    });
    for (int i = 0; i <= kOthers; ++i) {
      client->Start(CallOf(kLater), [](const HttpExchange&) { ADD_FAILURE() << "called"; });
    }
  });
  over.WaitForNotification();
  EXPECT_TRUE(std::all_of(std::begin(place), std::end(place),
                          [](char byte) { return byte == static_cast<char>(0xA5); }));
}

// A server that takes as many connections as it is told, and no more.
class CountingServer {
 public:
  ~CountingServer() {
    if (thread_.joinable()) thread_.join();
  }

  std::string url() const {
    return absl::StrCat("http://127.0.0.1:", acceptor_.local_endpoint().port(), "/");
  }

  // Answers on each when all of them have asked, so many times.
  void ServeTogether(int connections, int rounds) {
    thread_ = std::thread([this, connections, rounds] {
      std::vector<asio::ip::tcp::socket> sockets;
      for (int i = 0; i < connections; ++i) Accept(sockets);
      for (int round = 0; round < rounds; ++round) {
        for (auto& socket : sockets) asked_ += Asks(socket) ? 1 : 0;
        for (auto& socket : sockets) Answer(socket);
      }
    });
  }
  // Answers once on each, one after the other, and keeps them open.
  void ServeOnceEach(int connections) {
    thread_ = std::thread([this, connections] {
      std::vector<asio::ip::tcp::socket> sockets;
      for (int i = 0; i < connections; ++i) {
        if (!Accept(sockets)) return;
        asked_ += Asks(sockets.back()) ? 1 : 0;
        Answer(sockets.back());
      }
    });
  }

  // The head of the one request that comes.
  std::string ServeOne() {
    std::vector<asio::ip::tcp::socket> sockets;
    std::string head;
    if (Accept(sockets)) {
      asio::read_until(sockets[0], asio::dynamic_buffer(head), "\r\n\r\n");
      Answer(sockets[0]);
    }
    return head;
  }

  // How many requests came. Waits for no further connection.
  int Asked() {
    shutdown(acceptor_.native_handle(), SHUT_RDWR);
    thread_.join();
    return asked_;
  }

 private:
  bool Accept(std::vector<asio::ip::tcp::socket>& sockets) {
    asio::error_code ended;
    asio::ip::tcp::socket socket = acceptor_.accept(ended);
    if (!ended) sockets.push_back(std::move(socket));
    return !ended;
  }

  static bool Asks(asio::ip::tcp::socket& socket) {
    std::string head;
    asio::error_code closed;
    asio::read_until(socket, asio::dynamic_buffer(head), "\r\n\r\n", closed);
    return !closed;
  }

  static void Answer(asio::ip::tcp::socket& socket) {
    asio::error_code closed;
    asio::write(socket, asio::buffer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 40), closed);
  }

  asio::io_context io_;
  asio::ip::tcp::acceptor acceptor_{io_, {asio::ip::address_v4::loopback(), 0}};
  int asked_ = 0;
  std::thread thread_;
};

TEST_F(HttpClientTest, ASecretWhosePrefixWouldEndItsLineIsNotSent) {
  ::setenv("ONETAKE_TEST_TOKEN", "canary", 1);
  std::unique_ptr<HttpClient> client;
  absl::Notification over;
  HttpExchange seen;
  loop_.Post([&] {
    client = std::make_unique<HttpClient>(loop_, clock_, HttpClient::Options());
    HttpClient::Call call = CallOf(absl::Seconds(30));
    call.request.secrets.push_back(
        {.name = "Authorization",
         .prefix = "Bearer \n",
         .secret = {.kind = SecretRef::Kind::kEnv, .name = "ONETAKE_TEST_TOKEN"}});
    client->Start(std::move(call), [&](const HttpExchange& exchange) {
      seen = exchange;
      loop_.Post([&] {
        client.reset();
        over.Notify();
      });
    });
  });
  over.WaitForNotification();
  EXPECT_FALSE(seen.request_begun);
  EXPECT_TRUE(absl::StrContains(seen.error, "ONETAKE_TEST_TOKEN, or its prefix, holds"))
      << seen.error;
}

class HttpConnectionsTest : public HttpClientTest {
 protected:
  ~HttpConnectionsTest() override { EndClient(); }

  // Sends so many requests at once, and waits for their answers.
  void Ask(int requests, TransportResend resend) {
    absl::BlockingCounter answers(requests);
    loop_.Post([&] {
      if (client_ == nullptr) {
        client_ = std::make_unique<HttpClient>(loop_, clock_, HttpClient::Options());
      }
      for (int i = 0; i < requests; ++i) {
        HttpClient::Call call = CallOf(absl::Seconds(10));
        call.request.url = server_.url();
        call.resend = resend;
        client_->Start(std::move(call), [&](const HttpExchange& exchange) {
          EXPECT_EQ(exchange.status, 200) << exchange.error;
          answers.DecrementCount();
        });
      }
    });
    answers.Wait();
  }

  void EndClient() {
    absl::Notification gone;
    loop_.Post([&] {
      client_.reset();
      gone.Notify();
    });
    gone.WaitForNotification();
  }

  CountingServer server_;
  std::unique_ptr<HttpClient> client_;
};

// Two of them are one too many for some gateways.
TEST_F(HttpConnectionsTest, ARequestsOwnUserAgentStandsInThePlaceOfOurs) {
  for (const bool own : {true, false}) {
    CountingServer server;
    absl::Notification done;
    loop_.Post([&] {
      client_ = std::make_unique<HttpClient>(loop_, clock_, HttpClient::Options());
      HttpClient::Call call = CallOf(absl::Seconds(30));
      call.request.url = server.url();
      if (own) call.request.headers.emplace_back("user-agent", "mine/1");
      client_->Start(std::move(call), [&](const HttpExchange&) { done.Notify(); });
    });
    const std::string head = absl::AsciiStrToLower(server.ServeOne());
    done.WaitForNotification();
    EXPECT_EQ(absl::StrContains(head, "user-agent: mine/1"), own) << head;
    EXPECT_EQ(absl::StrContains(head, "user-agent: onetake"), !own) << head;
    EndClient();
  }
}

TEST_F(HttpConnectionsTest, ThoseOfABurstServeTheNextOne) {
  constexpr int kBurst = 12;
  constexpr int kBursts = 3;
  server_.ServeTogether(kBurst, kBursts);
  for (int burst = 0; burst < kBursts; ++burst) Ask(kBurst, TransportResend::kAllowed);
  EndClient();
  EXPECT_EQ(server_.Asked(), kBurst * kBursts);
}

TEST_F(HttpConnectionsTest, TheOneOfWhatMayNotBeSentAgainServesNothingElse) {
  server_.ServeOnceEach(3);
  Ask(1, TransportResend::kForbidden);
  Ask(1, TransportResend::kAllowed);
  Ask(1, TransportResend::kForbidden);
  EndClient();
  EXPECT_EQ(server_.Asked(), 3);
}

}  // namespace
}  // namespace onetake::testing
