#include "tools/http/http_transfer.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/failpoint.h"
#include "runtime/base/planted_bug.h"
#include "runtime/base/secret.h"
#include "runtime/base/status.h"
#include "tools/http/socket_address.h"
#include "tools/http/url_parts.h"

namespace onetake {
namespace {

constexpr char kUserAgent[] = "onetake/" ONETAKE_VERSION;
constexpr long kMaxRetryAfterSeconds = 24 * 3600;

bool IsHeaderSafe(absl::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
}

// The error in words for the ledger, which hold nothing of the request.
std::string Words(CURLcode code) {
  switch (code) {
    case CURLE_OK: return "";
    case CURLE_COULDNT_RESOLVE_HOST: return "the host name cannot be resolved";
    case CURLE_COULDNT_CONNECT: return "no connection: refused or unreachable";
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION: return "the TLS handshake failed";
    case CURLE_OPERATION_TIMEDOUT: return "timeout";
    case CURLE_SEND_ERROR: return "the connection broke while sending";
    case CURLE_GOT_NOTHING: return "the connection was closed without an answer";
    case CURLE_RECV_ERROR: return "the connection was reset";
    case CURLE_PARTIAL_FILE: return "the answer was cut";
    case CURLE_WRITE_ERROR: return "the answer is too big";
    case CURLE_ABORTED_BY_CALLBACK: return "the connection was closed; not sent again";
    default: return curl_easy_strerror(code);
  }
}

}  // namespace

HttpTransfer::HttpTransfer(uint64_t id, HttpClient::Call call, HttpClient::Done done,
                           std::vector<uint64_t>& fresh)
    : id_(id),
      call_(std::move(call)),
      done_(std::move(done)),
      fresh_(fresh),
      easy_(curl_easy_init()) {}

HttpTransfer::~HttpTransfer() {
  curl_easy_cleanup(easy_);
  curl_slist_free_all(headers_);
  curl_slist_free_all(addresses_);
}

absl::Status HttpTransfer::Prepare(const HttpClient::Options& options) {
  if (easy_ == nullptr) return absl::ResourceExhaustedError("no memory for the request");
  ONETAKE_RETURN_IF_ERROR(ReadUrl());
  ONETAKE_RETURN_IF_ERROR(AddHeaders());
  curl_easy_setopt(easy_, CURLOPT_URL, call_.request.url.c_str());
  SetMethod();
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers_);
  SetLimits(options);
  return absl::OkStatus();
}

absl::Status HttpTransfer::ReadUrl() {
  ONETAKE_ASSIGN_OR_RETURN(const UrlParts url, SplitUrl(call_.request.url));
  port_ = url.port;
  ONETAKE_ASSIGN_OR_RETURN(UrlHost host, ParseUrlHost(url.host));
  ONETAKE_ASSIGN_OR_RETURN(
      policy_, EgressPolicy::Make(
                   url.scheme == "https" ? EgressPolicy::Wire::kTls : EgressPolicy::Wire::kClear,
                   std::move(host), call_.allow_networks));
  return absl::OkStatus();
}

absl::Status HttpTransfer::UseAddresses(const std::vector<IpAddress>& addresses,
                                        absl::Duration now) {
  for (const IpAddress& address : addresses) ONETAKE_RETURN_IF_ERROR(policy_->Check(address));
  const std::string list =
      absl::StrJoin(addresses, ",", [](std::string* out, const IpAddress& address) {
        absl::StrAppend(
            out, address.is_v4() ? address.ToString() : absl::StrCat("[", address.ToString(), "]"));
      });
  const std::string entry = absl::StrCat(policy_->host().text, ":", port_, ":", list);
  addresses_ = curl_slist_append(nullptr, entry.c_str());
  curl_easy_setopt(easy_, CURLOPT_RESOLVE, addresses_);
  SetTimes(now - started);
  return absl::OkStatus();
}

bool HttpTransfer::NamesItself() const {
  const HttpRequest& request = call_.request;
  const auto is_agent = [](absl::string_view name) {
    return absl::EqualsIgnoreCase(name, "User-Agent");
  };
  return std::any_of(request.headers.begin(), request.headers.end(),
                     [&](const auto& header) { return is_agent(header.first); }) ||
         std::any_of(request.secrets.begin(), request.secrets.end(),
                     [&](const auto& header) { return is_agent(header.name); });
}

absl::Status HttpTransfer::AddHeaders() {
  if (!NamesItself()) AddHeader("User-Agent", kUserAgent);
  AddHeader("Expect", "");
  for (const auto& [name, value] : call_.request.headers) {
    // curl's way of writing a header that is there and empty.
    if (value.empty()) headers_ = curl_slist_append(headers_, (name + ";").c_str());
    if (!value.empty()) AddHeader(name, value);
  }
  for (const HttpRequest::SecretHeader& header : call_.request.secrets) {
    ONETAKE_ASSIGN_OR_RETURN(const Secret secret, ResolveSecret(header.secret));
    const Secret value(absl::StrCat(header.prefix, secret.Reveal()));
    if (!IsHeaderSafe(value.Reveal())) {
      return absl::FailedPreconditionError(
          absl::StrCat("secret ", header.secret.name,
                       ", or its prefix, holds a character that no header value may hold"));
    }
    AddHeader(header.name, value.Reveal());
  }
  return absl::OkStatus();
}

// "Name:" removes a header that curl would add by itself.
void HttpTransfer::AddHeader(const std::string& name, absl::string_view value) {
  const Secret line(value.empty() ? absl::StrCat(name, ":") : absl::StrCat(name, ": ", value));
  headers_ = curl_slist_append(headers_, std::string(line.Reveal()).c_str());
}

void HttpTransfer::SetMethod() {
  const HttpRequest& request = call_.request;
  if (request.method == "HEAD") {
    curl_easy_setopt(easy_, CURLOPT_NOBODY, 1L);
  } else if (request.body.has_value() || request.method == "POST" || request.method == "PUT" ||
             request.method == "PATCH") {
    static const std::string kNothing;
    const std::string& body = request.body.has_value() ? *request.body : kNothing;
    curl_easy_setopt(easy_, CURLOPT_POST, 1L);
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, body.c_str());
    if (!request.body.has_value()) AddHeader("Content-Type", "");
    curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  } else {
    curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
}

void HttpTransfer::SetLimits(const HttpClient::Options& options) {
  curl_easy_setopt(easy_, CURLOPT_PRIVATE, this);
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_);
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy_, CURLOPT_QUICK_EXIT, 1L);  // never wait for a resolver thread
  curl_easy_setopt(easy_, CURLOPT_PROXY, "");
  curl_easy_setopt(easy_, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(easy_, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy_, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  curl_easy_setopt(easy_, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYHOST, 2L);
  if (!options.ca_file.empty()) curl_easy_setopt(easy_, CURLOPT_CAINFO, options.ca_file.c_str());
  SetTimes(absl::ZeroDuration());
  curl_easy_setopt(easy_, CURLOPT_OPENSOCKETFUNCTION, &HttpTransfer::OnOpen);
  curl_easy_setopt(easy_, CURLOPT_OPENSOCKETDATA, this);
  curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &HttpTransfer::OnHeader);
  curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &HttpTransfer::OnBody);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy_, CURLOPT_PREREQFUNCTION, &HttpTransfer::OnRequest);
  curl_easy_setopt(easy_, CURLOPT_PREREQDATA, this);
  // A kept connection may be dying, and that would look like a lost answer. Its own is not kept
  // either, or such calls would pile up connections that few others use.
  if (call_.resend == TransportResend::kForbidden &&
      !ONETAKE_PLANTED_BUG("transport_sends_again")) {
    curl_easy_setopt(easy_, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy_, CURLOPT_FORBID_REUSE, 1L);
  }
}

void HttpTransfer::SetTimes(absl::Duration spent) {
  const auto left_ms = [spent](absl::Duration of) {
    return static_cast<long>(std::max<int64_t>(1, absl::ToInt64Milliseconds(of - spent)));
  };
  const long timeout_ms = left_ms(call_.timeout);
  curl_easy_setopt(easy_, CURLOPT_TIMEOUT_MS, timeout_ms);
  curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS,
                   std::min(left_ms(call_.connect_timeout), timeout_ms));
}

// Called with the very address that the socket will connect to.
curl_socket_t HttpTransfer::OnOpen(void* self, curlsocktype purpose, curl_sockaddr* address) {
  auto* transfer = static_cast<HttpTransfer*>(self);
  const std::optional<IpAddress> peer = AddressOf(address->addr);
  const absl::Status allowed = peer.has_value() && purpose == CURLSOCKTYPE_IPCXN
                                   ? transfer->policy_->Check(*peer)
                                   : absl::FailedPreconditionError("the address is none of IP");
  if (!allowed.ok()) {
    transfer->refusal_ = std::string(allowed.message());
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// Called after the connection stands and right before the request is written. libcurl writes a
// request again on a new connection when a kept one died before the first byte of the answer; the
// second call is where that is stopped (R13).
//
// A kept connection may have been made for another tool, which is allowed other networks.
int HttpTransfer::OnRequest(void* self, char* peer, char*, int, int) {
  auto* transfer = static_cast<HttpTransfer*>(self);
  const absl::StatusOr<IpAddress> address = IpAddress::Parse(peer);
  const absl::Status allowed = address.ok() ? transfer->policy_->Check(*address) : address.status();
  if (!allowed.ok()) {
    transfer->refusal_ = std::string(allowed.message());
    return CURL_PREREQFUNC_ABORT;
  }
  if (++transfer->requests_ > 1 && transfer->call_.resend == TransportResend::kForbidden &&
      !ONETAKE_PLANTED_BUG("transport_sends_again")) {
    return CURL_PREREQFUNC_ABORT;
  }
  FailPoint("http.before_request");
  return CURL_PREREQFUNC_OK;
}

// libcurl takes the end of the connection for the end of a head that was cut off, and a body that
// it has heard nothing of for an empty one.
size_t HttpTransfer::OnHeader(char* data, size_t size, size_t count, void* self) {
  const absl::string_view line(data, size * count);
  auto* transfer = static_cast<HttpTransfer*>(self);
  // Trailers come here, too, and each head before the last (1xx).
  transfer->received_head_ += line.size();
  if (transfer->received_head_ > HttpClient::kMaxHeadBytes) {
    transfer->too_big_ = true;
    return 0;
  }
  bool& complete = transfer->head_complete_;
  if (absl::StartsWith(line, "HTTP/")) complete = false;
  if (line == "\r\n" || line == "\n") complete = true;
  return size * count;
}

size_t HttpTransfer::OnBody(char* data, size_t size, size_t count, void* self) {
  auto* transfer = static_cast<HttpTransfer*>(self);
  transfer->received_ += size * count;
  if (transfer->received_ > transfer->call_.max_body_bytes) {
    transfer->too_big_ = true;
    return 0;
  }
  if (transfer->call_.on_bytes && transfer->body_.empty()) {
    transfer->fresh_.push_back(transfer->id_);
  }
  FailPoint("http.body_arrived");
  transfer->body_.append(data, size * count);
  return size * count;
}

HttpTransfer::Piece HttpTransfer::TakePiece() {
  return {.on_bytes = call_.on_bytes, .so_far = Seen(), .bytes = std::exchange(body_, {})};
}

HttpExchange HttpTransfer::Seen() const {
  HttpExchange exchange;
  exchange.request_begun = requests_ > 0;
  exchange.resent = requests_ > 1;
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  exchange.status = status >= 200 ? static_cast<int>(status) : 0;
  curl_off_t retry_after = 0;
  curl_easy_getinfo(easy_, CURLINFO_RETRY_AFTER, &retry_after);
  if (retry_after > 0) {
    exchange.retry_after = absl::Seconds(std::min<curl_off_t>(retry_after, kMaxRetryAfterSeconds));
  }
  for (const std::string& name : call_.wanted_headers) {
    curl_header* header = nullptr;
    if (curl_easy_header(easy_, name.c_str(), 0, CURLH_HEADER, -1, &header) == CURLHE_OK) {
      exchange.headers[name] = header->value;
    }
  }
  return exchange;
}

HttpExchange HttpTransfer::Exchange(CURLcode code) {
  using Transport = HttpExchange::Transport;
  HttpExchange exchange = Seen();
  exchange.error = refusal_.empty() || exchange.request_begun ? Words(code) : refusal_;
  exchange.body = std::move(body_);
  if (code == CURLE_OK && !head_complete_) {
    exchange.transport = Transport::kLost;
    exchange.error = "the answer was cut off in its head";
  } else if (code == CURLE_OK) {
    exchange.transport = Transport::kComplete;
  } else if (too_big_) {
    exchange.transport = Transport::kTooBig;
  } else if (!exchange.request_begun) {
    exchange.transport = Transport::kNoConnection;
  } else {
    exchange.transport = code == CURLE_OPERATION_TIMEDOUT ? Transport::kTimeout : Transport::kLost;
  }
  return exchange;
}

HttpExchange HttpTransfer::Cancelled() {
  HttpExchange exchange = Seen();
  exchange.transport = HttpExchange::Transport::kCancelled;
  exchange.error = "cancelled";
  return exchange;
}

}  // namespace onetake
