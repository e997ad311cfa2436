#pragma once

#include <curl/curl.h>

#include <asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "runtime/base/event_loop.h"
#include "runtime/base/lifetime.h"
#include "runtime/engine/tool_executor.h"
#include "tools/http/host_resolver.h"
#include "tools/http/http_exchange.h"
#include "tools/http/render.h"

namespace onetake {

class HttpTransfer;

// HTTP/1.1 and HTTP/2 over libcurl's multi interface, driven by the event loop. No redirects, no
// proxy, no .netrc, http and https only. Owned by the loop.
//
// EgressPolicy bounds where a request goes: every address of the host is checked before any is
// tried, the one that is tried again at its socket, and the peer of a kept connection before a
// request is written to it. A request that is refused was not sent.
//
// An answer whose body is longer than Call::max_body_bytes, or whose header lines are longer than
// kMaxHeadBytes, ends the exchange with kTooBig; its status counts if it was seen.
class HttpClient {
 public:
  static constexpr size_t kMaxHeadBytes = 64 * 1024;
  struct Options {
    long max_connections_per_host = 256;
    long max_connections = 1024;             // idle ones, kept for two minutes, included
    std::string ca_file;                     // empty: the system's
    std::shared_ptr<HostResolver> resolver;  // nullptr: the system's
  };
  struct Call {
    HttpRequest request;
    // The networks that are allowed besides public addresses.
    std::vector<IpNetwork> allow_networks = {};
    absl::Duration connect_timeout;  // includes the look-up of the host's name
    absl::Duration timeout;          // from Start to the last byte
    size_t max_body_bytes;
    TransportResend resend;
    // Headers of the answer that are wanted, in lower case: HttpExchange::headers has them.
    std::vector<std::string> wanted_headers = {};
    // When set, gets the body in pieces as it arrives, and HttpExchange::body stays empty. Called
    // from the loop, outside of Start() and Cancel(), before `done`.
    std::function<void(const HttpExchange& so_far, absl::string_view bytes)> on_bytes = {};
  };
  using Done = absl::AnyInvocable<void(HttpExchange)>;

  HttpClient(EventLoop& loop, const Clock& clock, Options options);
  // Closes what is in flight; its callbacks are not called.
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // `done` runs once, from the loop, never inside Start or Cancel. It may destroy this client, and
  // so may `on_bytes`.
  uint64_t Start(Call call, Done done);
  // Closes the exchange's connection; `done` gets what was known. Unknown ids are ignored.
  void Cancel(uint64_t id);
  // Whether a byte of this exchange's request may have been sent; false for one that has ended.
  bool IsBegun(uint64_t id) const;

 private:
  struct Watch;

  void LookUp(HttpTransfer& transfer);
  void OnAddresses(uint64_t id, const HostResolver::Addresses& addresses);
  void Add(HttpTransfer& transfer);
  // Ends a transfer that never began, from the loop's next task.
  void Refuse(uint64_t id, std::string error);

  static int OnSocket(CURL* easy, curl_socket_t socket, int what, void* self, void* watch);
  static int OnTimer(CURLM* multi, long timeout_ms, void* self);
  void WatchSocket(curl_socket_t socket, int what);
  void Arm(const std::shared_ptr<Watch>& watch);
  void OnReady(const std::shared_ptr<Watch>& watch, int event);
  void SetTimer(long timeout_ms);
  void OnTime();
  void Act(curl_socket_t socket, int event);
  void HandOutBytes();
  void CollectFinished();
  void FinishLater(uint64_t id, HttpExchange exchange);
  void Finish(uint64_t id, HttpExchange exchange);

  EventLoop& loop_;
  const Clock& clock_;
  Options options_;
  CURLM* multi_;
  // When curl wants to be called, and when the timer fires, which may be earlier: curl changes its
  // mind with every transfer, and each new timer costs a system call.
  absl::Duration due_ = absl::InfiniteDuration();
  absl::Duration timer_due_ = absl::InfiniteDuration();
  Scheduler::TimerId timer_ = Scheduler::TimerId::kNone;
  bool posted_ = false;  // a task to call it now is posted
  std::map<curl_socket_t, std::shared_ptr<Watch>> watches_;
  absl::flat_hash_map<uint64_t, std::unique_ptr<HttpTransfer>> transfers_;
  std::vector<uint64_t> fresh_;  // transfers with bytes to hand out
  uint64_t next_id_ = 0;
  Lifetime lifetime_;
};

}  // namespace onetake
