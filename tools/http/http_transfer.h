#pragma once

#include <curl/curl.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "runtime/policy/egress.h"
#include "tools/http/http_client.h"

namespace onetake {

// One exchange on one curl easy handle, and what was seen of it.
class HttpTransfer {
 public:
  // Adds `id` to `fresh` when there are bytes for Call::on_bytes.
  HttpTransfer(uint64_t id, HttpClient::Call call, HttpClient::Done done,
               std::vector<uint64_t>& fresh);
  ~HttpTransfer();
  HttpTransfer(const HttpTransfer&) = delete;
  HttpTransfer& operator=(const HttpTransfer&) = delete;

  // Resolves the secrets and sets the handle up. FAILED_PRECONDITION when a secret is missing;
  // INVALID_ARGUMENT when the URL may not be asked.
  absl::Status Prepare(const HttpClient::Options& options);
  // Sets the addresses of a host that is a name, before the transfer is added: these alone are
  // tried, in what is left of the time. FAILED_PRECONDITION, and it must not be added, unless every
  // address is allowed: a name that leads to both sides of a border was made to do so.
  absl::Status UseAddresses(const std::vector<IpAddress>& addresses, absl::Duration now);

  // What was seen, after the transfer ended with `code` or was given up.
  HttpExchange Exchange(CURLcode code);
  HttpExchange Cancelled();

  // The bytes that have arrived since the last time.
  struct Piece {
    std::function<void(const HttpExchange&, absl::string_view)> on_bytes;
    HttpExchange so_far;
    std::string bytes;
  };
  Piece TakePiece();

  // Valid after Prepare().
  const EgressPolicy& policy() const { return *policy_; }
  const HttpClient::Call& call() const { return call_; }
  CURL* easy() const { return easy_; }
  uint64_t id() const { return id_; }
  bool begun() const { return requests_ > 0; }
  HttpClient::Done TakeDone() { return std::move(done_); }
  absl::Duration started = absl::ZeroDuration();
  // The timer that gives up the look-up of the host's name, while there is one.
  Scheduler::TimerId look_up = Scheduler::TimerId::kNone;

 private:
  static size_t OnHeader(char* data, size_t size, size_t count, void* self);
  static size_t OnBody(char* data, size_t size, size_t count, void* self);
  static int OnRequest(void* self, char* peer, char* local, int peer_port, int local_port);
  static curl_socket_t OnOpen(void* self, curlsocktype purpose, curl_sockaddr* address);
  absl::Status ReadUrl();
  // Whether the request has a User-Agent of its own, which then stands in the place of ours.
  bool NamesItself() const;
  absl::Status AddHeaders();
  void AddHeader(const std::string& name, absl::string_view value);
  void SetMethod();
  void SetLimits(const HttpClient::Options& options);
  void SetTimes(absl::Duration spent);
  HttpExchange Seen() const;

  const uint64_t id_;
  const HttpClient::Call call_;
  HttpClient::Done done_;
  std::vector<uint64_t>& fresh_;
  CURL* easy_;
  std::optional<EgressPolicy> policy_;
  std::string port_;     // of the URL
  std::string refusal_;  // why the policy stopped the transfer
  curl_slist* headers_ = nullptr;
  curl_slist* addresses_ = nullptr;
  char error_[CURL_ERROR_SIZE] = {};
  int requests_ = 0;            // how often the request was begun
  bool head_complete_ = false;  // of the answer
  bool too_big_ = false;
  size_t received_ = 0;       // of the body
  size_t received_head_ = 0;  // of heads and trailers
  std::string body_;          // all of it, or with on_bytes what was not handed out
};

}  // namespace onetake
