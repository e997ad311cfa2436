#include "tools/http/http_client.h"

#include <algorithm>
#include <utility>

#include "runtime/base/check.h"
#include "tools/http/http_transfer.h"

namespace onetake {
namespace {

void InitCurlOnce() {
  static const CURLcode done = curl_global_init(CURL_GLOBAL_DEFAULT);
  ONETAKE_CHECK(done == CURLE_OK);
}

}  // namespace

// A socket of curl's. curl owns the descriptor; the loop only waits on it.
struct HttpClient::Watch {
  Watch(asio::io_context& io, curl_socket_t fd) : socket(fd), descriptor(io, fd) {}
  const curl_socket_t socket;
  asio::posix::stream_descriptor descriptor;
  int wanted = CURL_POLL_NONE;
  bool reading = false;
  bool writing = false;
  bool gone = false;
};

HttpClient::HttpClient(EventLoop& loop, const Clock& clock, Options options)
    : loop_(loop), clock_(clock), options_(std::move(options)) {
  if (options_.resolver == nullptr) {
    options_.resolver = std::make_shared<SystemResolver>(loop_, clock_);
  }
  InitCurlOnce();
  multi_ = curl_multi_init();
  ONETAKE_CHECK(multi_ != nullptr);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &HttpClient::OnSocket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &HttpClient::OnTimer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_MAX_HOST_CONNECTIONS, options_.max_connections_per_host);
  curl_multi_setopt(multi_, CURLMOPT_MAX_TOTAL_CONNECTIONS, options_.max_connections);
  // By default curl keeps four times as many as are busy, and after a burst closes what the next
  // one needs.
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, options_.max_connections);
}

HttpClient::~HttpClient() {
  lifetime_.End();
  // As transfers are removed, curl may want another timer.
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION,
                    static_cast<curl_multi_timer_callback>(nullptr));
  loop_.Cancel(timer_);
  for (auto& [id, transfer] : transfers_) {
    loop_.Cancel(transfer->look_up);
    curl_multi_remove_handle(multi_, transfer->easy());
  }
  transfers_.clear();
  curl_multi_cleanup(multi_);
  for (auto& [socket, watch] : watches_) {
    watch->gone = true;
    watch->descriptor.release();
  }
}

uint64_t HttpClient::Start(Call call, Done done) {
  const uint64_t id = ++next_id_;
  auto transfer = std::make_unique<HttpTransfer>(id, std::move(call), std::move(done), fresh_);
  transfer->started = clock_.Elapsed();
  const absl::Status prepared = transfer->Prepare(options_);
  HttpTransfer& added = *transfer;
  transfers_.emplace(id, std::move(transfer));
  if (!prepared.ok()) {
    Refuse(id, std::string(prepared.message()));
  } else if (added.policy().host().kind == UrlHost::Kind::kName) {
    LookUp(added);
  } else {
    Add(added);
  }
  return id;
}

void HttpClient::LookUp(HttpTransfer& transfer) {
  const uint64_t id = transfer.id();
  const absl::Duration patience =
      std::min(transfer.call().connect_timeout, transfer.call().timeout);
  transfer.look_up = loop_.RunAfter(patience, [this, id] {
    OnAddresses(id, absl::DeadlineExceededError("the host name was not resolved in time"));
  });
  options_.resolver->Resolve(transfer.policy().host().text,
                             lifetime_.While([this, id](const HostResolver::Addresses& addresses) {
                               OnAddresses(id, addresses);
                             }));
}

void HttpClient::OnAddresses(uint64_t id, const HostResolver::Addresses& addresses) {
  const auto found = transfers_.find(id);
  if (found == transfers_.end()) return;
  HttpTransfer& transfer = *found->second;
  // It was given up meanwhile, or answered before.
  if (transfer.look_up == Scheduler::TimerId::kNone) return;
  loop_.Cancel(std::exchange(transfer.look_up, Scheduler::TimerId::kNone));
  const absl::Status usable =
      addresses.ok() ? transfer.UseAddresses(*addresses, clock_.Elapsed()) : addresses.status();
  if (!usable.ok()) return Refuse(id, std::string(usable.message()));
  Add(transfer);
}

void HttpClient::Add(HttpTransfer& transfer) {
  ONETAKE_CHECK(curl_multi_add_handle(multi_, transfer.easy()) == CURLM_OK);
}

void HttpClient::Refuse(uint64_t id, std::string error) {
  HttpExchange exchange;
  exchange.transport = HttpExchange::Transport::kNoConnection;
  exchange.error = std::move(error);
  FinishLater(id, std::move(exchange));
}

void HttpClient::Cancel(uint64_t id) {
  const auto found = transfers_.find(id);
  if (found == transfers_.end()) return;
  loop_.Cancel(std::exchange(found->second->look_up, Scheduler::TimerId::kNone));
  HttpExchange exchange = found->second->Cancelled();
  curl_multi_remove_handle(multi_, found->second->easy());
  FinishLater(id, std::move(exchange));
}

bool HttpClient::IsBegun(uint64_t id) const {
  const auto found = transfers_.find(id);
  return found != transfers_.end() && found->second->begun();
}

int HttpClient::OnSocket(CURL*, curl_socket_t socket, int what, void* self, void*) {
  static_cast<HttpClient*>(self)->WatchSocket(socket, what);
  return 0;
}

void HttpClient::WatchSocket(curl_socket_t socket, int what) {
  std::shared_ptr<Watch>& watch = watches_[socket];
  if (what == CURL_POLL_REMOVE) {
    if (watch != nullptr) {
      watch->gone = true;
      watch->descriptor.release();
    }
    watches_.erase(socket);
    return;
  }
  if (watch == nullptr) watch = std::make_shared<Watch>(loop_.io(), socket);
  watch->wanted = what;
  Arm(watch);
}

void HttpClient::Arm(const std::shared_ptr<Watch>& watch) {
  using Descriptor = asio::posix::stream_descriptor;
  if ((watch->wanted & CURL_POLL_IN) != 0 && !watch->reading) {
    watch->reading = true;
    watch->descriptor.async_wait(Descriptor::wait_read, [this, watch](const asio::error_code&) {
      watch->reading = false;
      if (!watch->gone) OnReady(watch, CURL_CSELECT_IN);
    });
  }
  if ((watch->wanted & CURL_POLL_OUT) != 0 && !watch->writing) {
    watch->writing = true;
    watch->descriptor.async_wait(Descriptor::wait_write, [this, watch](const asio::error_code&) {
      watch->writing = false;
      if (!watch->gone) OnReady(watch, CURL_CSELECT_OUT);
    });
  }
}

void HttpClient::OnReady(const std::shared_ptr<Watch>& watch, int event) {
  const int wanted = event == CURL_CSELECT_IN ? CURL_POLL_IN : CURL_POLL_OUT;
  if ((watch->wanted & wanted) != 0) Act(watch->socket, event);
  if (!watch->gone) Arm(watch);
}

int HttpClient::OnTimer(CURLM*, long timeout_ms, void* self) {
  static_cast<HttpClient*>(self)->SetTimer(timeout_ms);
  return 0;
}

void HttpClient::SetTimer(long timeout_ms) {
  if (timeout_ms < 0) {
    due_ = absl::InfiniteDuration();
    return;
  }
  due_ = clock_.Elapsed() + absl::Milliseconds(timeout_ms);
  if (timeout_ms == 0) {
    if (std::exchange(posted_, true)) return;
    return loop_.Post(lifetime_.While([this] {
      posted_ = false;
      OnTime();
    }));
  }
  if (due_ >= timer_due_) return;
  loop_.Cancel(timer_);
  timer_due_ = due_;
  timer_ = loop_.RunAfter(absl::Milliseconds(timeout_ms), [this] {
    timer_ = Scheduler::TimerId::kNone;
    timer_due_ = absl::InfiniteDuration();
    OnTime();
  });
}

void HttpClient::OnTime() {
  if (due_ == absl::InfiniteDuration()) return;  // not wanted any more
  const absl::Duration left = due_ - clock_.Elapsed();
  if (left > absl::ZeroDuration()) {
    return SetTimer(absl::ToInt64Milliseconds(absl::Ceil(left, absl::Milliseconds(1))));
  }
  due_ = absl::InfiniteDuration();
  Act(CURL_SOCKET_TIMEOUT, 0);
}

void HttpClient::Act(curl_socket_t socket, int event) {
  int running = 0;
  curl_multi_socket_action(multi_, socket, event, &running);
  const Lifetime::Observer self = lifetime_.Observe();
  HandOutBytes();
  if (!self.IsOver()) CollectFinished();
}

// Runs outside of curl's callbacks, which may not call curl.
void HttpClient::HandOutBytes() {
  const Lifetime::Observer self = lifetime_.Observe();
  for (const uint64_t id : std::exchange(fresh_, {})) {
    const auto found = transfers_.find(id);
    if (found == transfers_.end()) continue;
    const HttpTransfer::Piece piece = found->second->TakePiece();
    piece.on_bytes(piece.so_far, piece.bytes);
    if (self.IsOver()) return;
  }
}

void HttpClient::CollectFinished() {
  const Lifetime::Observer self = lifetime_.Observe();
  int left = 0;
  while (!self.IsOver()) {
    const CURLMsg* message = curl_multi_info_read(multi_, &left);
    if (message == nullptr) return;
    if (message->msg != CURLMSG_DONE) continue;
    HttpTransfer* transfer = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    HttpExchange exchange = transfer->Exchange(message->data.result);
    curl_multi_remove_handle(multi_, transfer->easy());
    Finish(transfer->id(), std::move(exchange));
  }
}

void HttpClient::FinishLater(uint64_t id, HttpExchange exchange) {
  loop_.Post(lifetime_.While(
      [this, id, exchange = std::move(exchange)]() mutable { Finish(id, std::move(exchange)); }));
}

void HttpClient::Finish(uint64_t id, HttpExchange exchange) {
  auto node = transfers_.extract(id);
  if (node.empty()) return;
  exchange.latency = clock_.Elapsed() - node.mapped()->started;
  Done done = node.mapped()->TakeDone();
  node.mapped().reset();
  done(std::move(exchange));
}

}  // namespace onetake
