// What the client does to its own life, over real sockets of this machine.
#include "tools/http/http_client.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <asio/ip/tcp.hpp>
#include <cstring>
#include <new>

#include "absl/strings/str_cat.h"
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

}  // namespace
}  // namespace onetake::testing
