#include "tools/kit/scripted_mcp_server.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/mcp/era.h"
#include "tools/mcp/json_rpc.h"

namespace onetake {
namespace {

using Step = ScriptedDownstream::Step;

// How long the list is fresh: longer than a run of the kit, so that it is not asked for in the
// middle of a check.
constexpr int kListFreshMs = 300'000;

Step InBody(const Json& id, Json result) { return {.body = RpcResult(id, std::move(result))}; }

std::string Event(const std::string& message) { return absl::StrCat("data: ", message, "\n\n"); }

Step Stream(std::string events) {
  return {.then = Step::Then::kStream, .type = "text/event-stream", .body = std::move(events)};
}

}  // namespace

ScriptedMcpServer::Reply ScriptedMcpServer::Result(Json result) {
  return
      [result = std::move(result)](const Json& request) { return InBody(request["id"], result); };
}

ScriptedMcpServer::Reply ScriptedMcpServer::Error(int64_t code) {
  return [code](const Json& request) {
    return Step{.body = RpcError(request["id"], code, "scripted")};
  };
}

ScriptedMcpServer::Reply ScriptedMcpServer::Progress(std::string text, Json result) {
  return [text = std::move(text), result = std::move(result)](const Json& request) {
    const Json::json_pointer token("/params/_meta/progressToken");
    Json said{{"progress", 1}, {"total", 2}, {"message", text}};
    if (request.contains(token)) said["progressToken"] = request[token];
    return Stream(Event(RpcNotification("notifications/progress", std::move(said))) +
                  Event(RpcResult(request["id"], result)));
  };
}

ScriptedMcpServer::Reply ScriptedMcpServer::BrokenStream() {
  return [](const Json&) { return Stream(": it has begun\n\n"); };
}

ScriptedMcpServer::Reply ScriptedMcpServer::Just(Step step) {
  return [step = std::move(step)](const Json&) { return step; };
}

absl::StatusOr<std::unique_ptr<ScriptedMcpServer>> ScriptedMcpServer::Start(Json tool,
                                                                            Json result) {
  auto server =
      std::unique_ptr<ScriptedMcpServer>(new ScriptedMcpServer(std::move(tool), std::move(result)));
  absl::StatusOr<std::unique_ptr<ScriptedDownstream>> downstream =
      ScriptedDownstream::Start([raw = server.get()](const ScriptedDownstream::Request& request) {
        return raw->Answer(request);
      });
  if (!downstream.ok()) return downstream.status();
  server->downstream_ = *std::move(downstream);
  return server;
}

void ScriptedMcpServer::Script(std::vector<Reply> replies) {
  downstream_->Script({});
  absl::MutexLock lock(&mutex_);
  replies_.assign(replies.begin(), replies.end());
  calls_.clear();
  cancelled_ = false;
}

std::vector<Json> ScriptedMcpServer::calls() const {
  absl::MutexLock lock(&mutex_);
  return calls_;
}

bool ScriptedMcpServer::Cancelled(absl::Duration patience) const {
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&cancelled_), patience);
}

Step ScriptedMcpServer::Answer(const ScriptedDownstream::Request& request) {
  Json message = Json::parse(request.body, nullptr, /*allow_exceptions=*/false);
  if (!message.is_object() || !message.contains("method")) return {.status = 400};
  const Json method = message["method"];
  if (!message.contains("id")) {
    absl::MutexLock lock(&mutex_);
    cancelled_ = cancelled_ || method == "notifications/cancelled";
    return {.status = 202, .body = ""};
  }
  if (method == "tools/call") return Call(std::move(message));
  if (method == "server/discover") {
    return InBody(message["id"],
                  {{"resultType", "complete"},
                   {"supportedVersions", Json::array({std::string(kMcpModernVersion)})},
                   {"capabilities", {{"tools", Json::object()}}}});
  }
  if (method == "tools/list") {
    return InBody(
        message["id"],
        {{"resultType", "complete"}, {"tools", Json::array({tool_})}, {"ttlMs", kListFreshMs}});
  }
  return {.status = 404, .body = RpcError(message["id"], kRpcMethodNotFound, "not offered")};
}

Step ScriptedMcpServer::Call(Json request) {
  Reply reply = Result(result_);
  {
    absl::MutexLock lock(&mutex_);
    calls_.push_back(request);
    if (!replies_.empty()) {
      reply = std::move(replies_.front());
      replies_.pop_front();
    }
  }
  return reply(request);
}

}  // namespace onetake
