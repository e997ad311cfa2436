#include "tools/mcp/peer.h"

#include <utility>

#include "absl/strings/match.h"

namespace onetake {
namespace {

constexpr absl::Duration kNoticeTimeout = absl::Seconds(10);
// The most answers to the server's requests that are under way. A server that asks for more gets no
// answer: it does not decide how much we hold.
constexpr int kReplies = 16;
constexpr absl::Duration kListenTimeout = absl::Hours(24);
constexpr char kClientName[] = "onetake";
constexpr char kMetaVersion[] = "io.modelcontextprotocol/protocolVersion";
constexpr char kMetaInfo[] = "io.modelcontextprotocol/clientInfo";
constexpr char kMetaCapabilities[] = "io.modelcontextprotocol/clientCapabilities";

double Number(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

// The name that the header Mcp-Name repeats.
const char* NamedBy(absl::string_view method) {
  if (method == "tools/call") return "name";
  return absl::StartsWith(method, "tasks/") ? "taskId" : nullptr;
}

}  // namespace

McpPeer::McpPeer(Scheduler& scheduler, std::unique_ptr<McpTransport> transport)
    : scheduler_(scheduler), transport_(std::move(transport)) {}

McpPeer::~McpPeer() {
  for (auto& [id, pending] : pending_) scheduler_.Cancel(pending.timer);
}

void McpPeer::Begin(Events events) {
  events_ = std::move(events);
  transport_->Begin(
      {.on_message = [this](RpcMessage message,
                            const std::string& session) { OnMessage(std::move(message), session); },
       .on_up = [this] { events_.on_up(); },
       .on_down = [this](const std::string& why) { events_.on_down(why); }});
}

HeaderList McpPeer::Headers(const std::string& method, const Json& params) const {
  HeaderList headers;
  if (!dialect_.version.empty()) headers.emplace_back("MCP-Protocol-Version", dialect_.version);
  if (dialect_.era == McpEra::kLegacy) {
    if (!dialect_.session.empty()) headers.emplace_back("Mcp-Session-Id", dialect_.session);
    return headers;
  }
  headers.emplace_back("Mcp-Method", method);
  const char* name = NamedBy(method);
  const Json named = name == nullptr ? Json() : params.value(name, Json());
  if (named.is_string()) {
    headers.emplace_back("Mcp-Name", HeaderValue(named.get_ref<const std::string&>()));
  }
  return headers;
}

int64_t McpPeer::Ask(Request request, Done done) {
  const int64_t id = ++next_;
  Json& params = request.params;
  McpTransport::Outgoing message{.id = id,
                                 .headers = Headers(request.method, params),
                                 .timeout = request.timeout + request.linger,
                                 .waited_for = request.timeout,
                                 .resend = request.resend,
                                 .stream = request.stream};
  for (auto& header : request.headers) message.headers.push_back(std::move(header));
  if (dialect_.era == McpEra::kModern) {
    params["_meta"][kMetaVersion] = dialect_.version;
    params["_meta"][kMetaInfo] = {{"name", kClientName}, {"version", ONETAKE_VERSION}};
    params["_meta"][kMetaCapabilities] = dialect_.capabilities;
  }
  if (request.on_progress) params["_meta"]["progressToken"] = id;
  message.body = RpcRequest(id, request.method, std::move(params));
  Pending& pending = pending_[id];
  pending.done = std::move(done);
  pending.lingers = request.linger > absl::ZeroDuration();
  pending.on_progress = std::move(request.on_progress);
  pending.timer = scheduler_.RunAfter(request.timeout, [this, id] {
    const auto found = pending_.find(id);
    if (found == pending_.end()) return;
    found->second.timer = Scheduler::TimerId::kNone;
    const uint64_t exchange = found->second.exchange;
    if (found->second.lingers) {
      transport_->Leave(exchange);
    } else {
      transport_->Close(exchange);
    }
    Finish(id, {.kind = Answer::Kind::kTimeout});
  });
  const uint64_t exchange = transport_->Send(
      std::move(message), [this, id](McpTransport::End end) { OnEnd(id, std::move(end)); });
  pending_.at(id).exchange = exchange;
  return id;
}

void McpPeer::Notify(absl::string_view method, Json params) {
  McpTransport::Outgoing message{.headers = Headers(std::string(method), params),
                                 .timeout = kNoticeTimeout};
  message.body = RpcNotification(method, std::move(params));
  transport_->Send(std::move(message), [](const McpTransport::End&) {});
}

void McpPeer::Reply(std::string body) {
  if (replies_ >= kReplies) return;
  ++replies_;
  McpTransport::Outgoing message{.body = std::move(body), .timeout = kNoticeTimeout};
  if (!dialect_.version.empty()) {
    message.headers.emplace_back("MCP-Protocol-Version", dialect_.version);
  }
  if (!dialect_.session.empty()) message.headers.emplace_back("Mcp-Session-Id", dialect_.session);
  transport_->Send(std::move(message), [this](const McpTransport::End&) { --replies_; });
}

bool McpPeer::Forget(int64_t id, Wire wire) {
  auto node = pending_.extract(id);
  if (node.empty()) return true;
  scheduler_.Cancel(node.mapped().timer);
  if (wire == Wire::kLeave) return transport_->Leave(node.mapped().exchange);
  // Over HTTP in the modern era, the end of the stream tells it; over stdio there is no stream, and
  // Close() only forgets. Everybody else gets a notice.
  Notify("notifications/cancelled", {{"requestId", id}, {"reason", "nobody waits for it"}});
  transport_->Close(node.mapped().exchange);
  return true;
}

void McpPeer::Listen() {
  if (listening_ != 0) transport_->Close(listening_);
  McpTransport::Outgoing message{.headers = Headers("", Json::object()),
                                 .timeout = kListenTimeout,
                                 .resend = TransportResend::kAllowed,
                                 .stream = McpTransport::Outgoing::Stream::kListen};
  listening_ =
      transport_->Send(std::move(message), [this](const McpTransport::End&) { listening_ = 0; });
}

void McpPeer::OnMessage(RpcMessage message, const std::string& session) {
  switch (message.kind) {
    case RpcMessage::Kind::kNotification: return OnNotification(message);
    case RpcMessage::Kind::kRequest:
      if (message.method == "ping") return Reply(RpcResult(message.id, Json::object()));
      // We declare nothing that a server could ask us for.
      return Reply(RpcError(message.id, kRpcMethodNotFound, "not offered by this client"));
    default: break;
  }
  if (!message.id.is_number_integer()) return;
  const int64_t id = message.id.get<int64_t>();
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;  // nobody waits, or a server's fancy
  const bool result = message.kind == RpcMessage::Kind::kResult;
  Finish(id, {.kind = result ? Answer::Kind::kResult : Answer::Kind::kError,
              .body = std::move(message.body),
              .end = {.resent = transport_->Resent(found->second.exchange)},
              .session = session});
}

void McpPeer::OnNotification(const RpcMessage& message) {
  if (message.method == "notifications/tools/list_changed") return events_.on_tools_changed();
  if (message.method != "notifications/progress" || !message.body.is_object()) return;
  const Json token = message.body.value("progressToken", Json());
  if (!token.is_number_integer()) return;
  const auto found = pending_.find(token.get<int64_t>());
  if (found == pending_.end() || !found->second.on_progress) return;
  const Json text = message.body.value("message", Json());
  // This is a copy, because the callback may end the request.
  const auto tell = found->second.on_progress;
  tell({.text = text.is_string() ? ShortWords(text.get<std::string>()) : "",
        .progress = Number(message.body, "progress"),
        .total = Number(message.body, "total")});
}

void McpPeer::OnEnd(int64_t id, McpTransport::End end) {
  if (!pending_.contains(id)) return;
  Answer answer{.kind = Answer::Kind::kEnded};
  if (end.refusal.has_value()) {
    answer.kind = Answer::Kind::kError;
    answer.body = end.refusal->body;
    answer.for_nobody = end.refusal->id.is_null();
    answer.for_us = end.refusal->id == id;
  }
  answer.end = std::move(end);
  Finish(id, std::move(answer));
}

void McpPeer::Finish(int64_t id, Answer answer) {
  auto node = pending_.extract(id);
  if (node.empty()) return;
  scheduler_.Cancel(node.mapped().timer);
  node.mapped().done(std::move(answer));
}

}  // namespace onetake
