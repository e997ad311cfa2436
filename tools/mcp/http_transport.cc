#include "tools/mcp/http_transport.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace onetake {
namespace {

constexpr absl::Duration kConnectTimeout = absl::Seconds(5);
// The most bytes of all messages of one exchange together.
constexpr size_t kStreamBytes = size_t{64} * 1024 * 1024;
// The pause when the server asks for no other; the official clients take the same.
constexpr absl::Duration kRetry = absl::Seconds(1);
constexpr absl::Duration kLongestRetry = absl::Minutes(5);
// The pauses for a stream that breaks off again and again, whatever the server asks for.
constexpr absl::Duration kShortestPause = absl::Seconds(1);
constexpr absl::Duration kLongestPause = absl::Seconds(30);
// How long a stream may stay open behind its answer: enough for the server to end it in order, so
// that the connection can be used again.
constexpr absl::Duration kLastWords = absl::Seconds(1);

bool IsEventStream(const HttpExchange& http) {
  const auto type = http.headers.find("content-type");
  return type != http.headers.end() &&
         absl::StartsWithIgnoreCase(type->second, "text/event-stream");
}

std::string SessionOf(const HttpExchange& http) {
  const auto session = http.headers.find("mcp-session-id");
  return session == http.headers.end() ? "" : session->second;
}

}  // namespace

struct McpHttpTransport::Exchange {
  Outgoing message;
  OnEnd on_end;
  absl::Duration deadline = absl::ZeroDuration();
  absl::Duration waited_until = absl::InfiniteDuration();
  uint64_t http = 0;
  SseParser parser{kRpcBytes};
  std::string text;                             // an answer that is no event stream
  absl::Duration asked = absl::ZeroDuration();  // when the last request was started
  bool heard = false;                           // that request brought a message
  absl::Duration pause = absl::ZeroDuration();  // the shortest before the next one; 0: the first
  bool answered = false;
  bool begun = false;    // the first request was begun
  bool resent = false;   // and was begun more than once
  bool resumed = false;  // it was answered by a stream, and the rest of that is being asked for
  bool broken = false;
  Scheduler::TimerId timer = Scheduler::TimerId::kNone;
};

McpHttpTransport::McpHttpTransport(EventLoop& loop, const Clock& clock,
                                   std::shared_ptr<HttpClient> client, McpServerSpec spec)
    : loop_(loop), clock_(clock), client_(std::move(client)), spec_(std::move(spec)) {}

McpHttpTransport::~McpHttpTransport() {
  for (auto& [id, exchange] : exchanges_) {
    loop_.Cancel(exchange->timer);
    client_->Cancel(exchange->http);
  }
}

void McpHttpTransport::Begin(Events events) {
  events_ = std::move(events);
  loop_.Post(lifetime_.While([this] { events_.on_up(); }));
}

HttpRequest McpHttpTransport::Base(const Exchange& exchange) const {
  HttpRequest request;
  request.url = spec_.url;
  request.headers = exchange.message.headers;
  for (const McpServerSpec::Value& header : spec_.headers) {
    if (header.secret.has_value()) {
      request.secrets.push_back({header.name, header.prefix, *header.secret});
    } else {
      request.headers.emplace_back(header.name, header.text);
    }
  }
  return request;
}

uint64_t McpHttpTransport::Send(Outgoing message, OnEnd on_end) {
  const uint64_t id = ++next_;
  auto owned = std::make_unique<Exchange>();
  Exchange& exchange = *owned;
  exchange.message = std::move(message);
  exchange.on_end = std::move(on_end);
  exchange.deadline = clock_.Elapsed() + exchange.message.timeout;
  exchange.waited_until = clock_.Elapsed() + exchange.message.waited_for;
  exchanges_.emplace(id, std::move(owned));
  HttpRequest request = Base(exchange);
  if (exchange.message.stream == Outgoing::Stream::kListen) {
    request.method = "GET";
    request.headers.emplace_back("Accept", "text/event-stream");
  } else {
    request.method = "POST";
    request.headers.emplace_back("Content-Type", "application/json");
    request.headers.emplace_back("Accept", "application/json, text/event-stream");
    request.body = exchange.message.body;
  }
  Request(id, exchange, std::move(request));
  return id;
}

void McpHttpTransport::Request(uint64_t id, Exchange& exchange, HttpRequest request) {
  exchange.asked = clock_.Elapsed();
  exchange.heard = false;
  HttpClient::Call call{.request = std::move(request),
                        .allow_networks = spec_.allow_networks,
                        .connect_timeout = kConnectTimeout,
                        .timeout = exchange.deadline - clock_.Elapsed(),
                        .max_body_bytes = kStreamBytes,
                        .resend = exchange.message.resend};
  call.wanted_headers = {"content-type", "mcp-session-id"};
  call.on_bytes = lifetime_.While([this, id](const HttpExchange& so_far, absl::string_view bytes) {
    OnBytes(id, so_far, bytes);
  });
  exchange.http = client_->Start(std::move(call), lifetime_.While([this, id](HttpExchange http) {
    OnDone(id, std::move(http));
  }));
}

void McpHttpTransport::OnBytes(uint64_t id, const HttpExchange& so_far, absl::string_view bytes) {
  const auto found = exchanges_.find(id);
  if (found == exchanges_.end() || found->second->broken) return;
  Exchange& exchange = *found->second;
  if (!exchange.resumed) exchange.resent = so_far.resent;
  if (so_far.status >= 300 || !IsEventStream(so_far)) {
    if (exchange.text.size() + bytes.size() > kRpcBytes) {
      exchange.broken = true;
      return;
    }
    exchange.text.append(bytes.data(), bytes.size());
    return;
  }
  const std::string session = SessionOf(so_far);
  std::vector<std::string> texts;
  exchange.broken =
      !exchange.parser.Feed(bytes, [&](SseEvent event) { texts.push_back(std::move(event.data)); });
  // Each of them may close this exchange.
  for (const std::string& text : texts) Deliver(id, text, session);
}

void McpHttpTransport::Deliver(uint64_t id, absl::string_view text, const std::string& session) {
  absl::StatusOr<RpcMessage> message = ParseRpc(text);
  if (!message.ok()) return;  // a stranger's garbage is no answer
  const auto found = exchanges_.find(id);
  if (found == exchanges_.end()) return;
  found->second->heard = true;
  const bool answers =
      message->kind == RpcMessage::Kind::kResult || message->kind == RpcMessage::Kind::kError;
  if (answers && found->second->message.id != 0 && message->id == Json(found->second->message.id)) {
    OnAnswered(id, *found->second);
  }
  events_.on_message(*std::move(message), session);
}

// Servers and what stands before them need not end a stream behind its answer. Of the answered
// message nothing is left to cancel, so that its end by us means nothing.
void McpHttpTransport::OnAnswered(uint64_t id, Exchange& exchange) {
  if (std::exchange(exchange.answered, true)) return;
  exchange.timer = loop_.RunAfter(kLastWords, lifetime_.While([this, id] {
    auto node = exchanges_.extract(id);
    if (node.empty()) return;
    client_->Cancel(node.mapped()->http);
    node.mapped()->on_end({.begun = true});
  }));
}

// A stream is taken up again after the pause that the server wants the first time; after that at
// least a second later, and ever later while it brings nothing.
absl::Duration McpHttpTransport::PauseBefore(Exchange& exchange) const {
  const absl::Duration asked = std::min(exchange.parser.retry().value_or(kRetry), kLongestRetry);
  const absl::Duration pause = std::max(asked, exchange.pause);
  const bool served = exchange.heard || clock_.Elapsed() - exchange.asked >= kLongestPause;
  exchange.pause =
      served ? kShortestPause : std::clamp(2 * exchange.pause, kShortestPause, kLongestPause);
  return pause;
}

bool McpHttpTransport::Resume(uint64_t id, Exchange& exchange, const HttpExchange& http) {
  if (exchange.message.stream == Outgoing::Stream::kOnce || exchange.answered || exchange.broken) {
    return false;
  }
  const bool streamed = http.status == 200 && IsEventStream(http);
  // A stream that was taken up once may be refused for a while: then only an answer is final,
  // except one that says that there is no time for it now.
  const bool has_place = !exchange.parser.last_event_id().empty();
  const bool lost_again = http.status == 0 && has_place;
  const bool not_now = exchange.resumed && has_place && (http.status == 429 || http.status == 503);
  if (!streamed && !lost_again && !not_now) return false;
  if (exchange.message.stream == Outgoing::Stream::kResume && !has_place) return false;
  absl::Duration pause = PauseBefore(exchange);
  if (not_now) {
    exchange.text.clear();  // says nothing of the message
    pause = std::max(pause, http.retry_after.value_or(absl::ZeroDuration()));
  }
  const absl::Duration next = clock_.Elapsed() + pause;
  if (next >= exchange.deadline || (not_now && next >= exchange.waited_until)) return false;
  exchange.timer = loop_.RunAfter(pause, lifetime_.While([this, id] {
    const auto found = exchanges_.find(id);
    if (found == exchanges_.end()) return;
    Exchange& again = *found->second;
    again.timer = Scheduler::TimerId::kNone;
    again.resumed = true;
    std::string last = again.parser.last_event_id();
    HttpRequest request = Base(again);
    request.method = "GET";
    request.headers.emplace_back("Accept", "text/event-stream");
    if (!last.empty()) request.headers.emplace_back("Last-Event-ID", std::move(last));
    again.parser.Reconnect();
    // A GET may be sent twice.
    again.message.resend = TransportResend::kAllowed;
    Request(id, again, std::move(request));
  }));
  return true;
}

// An answer to the GET speaks of the stream alone: its message was taken before, and may have had
// its effect.
McpTransport::End McpHttpTransport::EndOfStream(const HttpExchange& http) {
  End end{.begun = true,
          .timed_out = http.transport == HttpExchange::Transport::kTimeout,
          .stream_status = http.status,
          .error = http.error};
  if (http.status >= 300) end.error = absl::StrCat("the stream was lost: HTTP ", http.status);
  return end;
}

McpTransport::End McpHttpTransport::EndOf(const Exchange& exchange, const HttpExchange& http) {
  if (exchange.resumed) return EndOfStream(http);
  End end{.begun = exchange.begun,
          .resent = http.resent,
          .timed_out = http.transport == HttpExchange::Transport::kTimeout && exchange.begun,
          .http_status = http.status,
          .retry_after = http.retry_after,
          .error = http.error};
  if (http.status < 400) return end;
  absl::StatusOr<RpcMessage> refusal = ParseRpc(exchange.text);
  if (refusal.ok() && refusal->kind == RpcMessage::Kind::kError) end.refusal = *std::move(refusal);
  return end;
}

void McpHttpTransport::OnDone(uint64_t id, HttpExchange http) {
  const auto found = exchanges_.find(id);
  if (found == exchanges_.end()) return;
  Exchange& exchange = *found->second;
  exchange.begun = exchange.begun || http.request_begun;
  if (!exchange.resumed) exchange.resent = http.resent;
  if (Resume(id, exchange, http)) return;
  End end = EndOf(exchange, http);
  if (http.status < 400 && !exchange.text.empty() &&
      http.transport == HttpExchange::Transport::kComplete) {
    const std::string text = std::move(exchange.text);
    Deliver(id, text, SessionOf(http));
  }
  auto node = exchanges_.extract(id);
  if (node.empty()) return;
  loop_.Cancel(node.mapped()->timer);
  node.mapped()->on_end(std::move(end));
}

bool McpHttpTransport::Resent(uint64_t id) const {
  const auto found = exchanges_.find(id);
  return found != exchanges_.end() && found->second->resent;
}

bool McpHttpTransport::Leave(uint64_t id) {
  const auto found = exchanges_.find(id);
  const bool unsent =
      found != exchanges_.end() && !found->second->begun && !client_->IsBegun(found->second->http);
  if (unsent) Close(id);
  return !unsent;
}

void McpHttpTransport::Close(uint64_t id) {
  auto node = exchanges_.extract(id);
  if (node.empty()) return;
  loop_.Cancel(node.mapped()->timer);
  client_->Cancel(node.mapped()->http);
}

}  // namespace onetake
