// The tasks extension: the server answers a call with a task, and finishes it later.
#include <algorithm>
#include <utility>

#include "tools/mcp/mcp_client.h"

namespace onetake {
namespace {

constexpr absl::Duration kInterval = absl::Seconds(1);
constexpr absl::Duration kIntervalLeast = absl::Milliseconds(100);
constexpr absl::Duration kIntervalMost = absl::Seconds(30);
constexpr absl::Duration kPollTimeout = absl::Seconds(10);

// The task: the answer itself, or a member of it.
const Json& TaskIn(const Json& answer) {
  const auto task = answer.find("task");
  return task != answer.end() && task->is_object() ? *task : answer;
}

std::string TextOf(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// Any other error is about the question: too many of them, a credential, a server that is busy.
bool SaysUnknown(const McpPeer::Answer& answer) {
  const int status = answer.end.http_status;
  return answer.kind == McpPeer::Answer::Kind::kError &&
         RpcCode(answer.body) == kRpcInvalidParams &&
         (status < 300 || status == 400 || status == 404);
}

}  // namespace

void McpClient::FollowTask(uint64_t id, const Json& answer) {
  const Json& task = TaskIn(answer);
  std::string name = TextOf(task, "taskId");
  if (name.empty()) return Finish(id, {.still_runs = true, .error = "the task has no id"});
  running_.at(id).task = std::move(name);
  PollLater(id, task);
}

void McpClient::PollLater(uint64_t id, const Json& task) {
  const auto asked = task.find("pollIntervalMs");
  const bool given = asked != task.end() && asked->is_number();
  const absl::Duration pause =
      given ? std::clamp(absl::Milliseconds(asked->get<double>()), kIntervalLeast, kIntervalMost)
            : kInterval;
  scheduler_.RunAfter(pause, lifetime_.While([this, id] { Poll(id); }));
}

void McpClient::Poll(uint64_t id) {
  const auto found = running_.find(id);
  if (found == running_.end()) return;
  // Asking changes nothing, so it may be tried as often as there is time.
  WhenReady([this, id](const absl::Status& status) {
    const auto running = running_.find(id);
    if (running == running_.end()) return;
    if (!status.ok()) return PollLater(id, Json::object());
    running->second.rpc =
        peer_.Ask({.method = "tasks/get",
                   .params = {{"taskId", running->second.task}},
                   .timeout = kPollTimeout},
                  [this, id](const McpPeer::Answer& answer) { OnTask(id, answer); });
  });
}

void McpClient::OnTask(uint64_t id, const McpPeer::Answer& answer) {
  const auto found = running_.find(id);
  if (found == running_.end()) return;
  Running& running = found->second;
  running.rpc = 0;
  // It forgets a name by time, or by a restart: that is no end of what runs under it.
  if (SaysUnknown(answer)) {
    return Finish(id, {.still_runs = true, .error = "the server does not know its task any more"});
  }
  if (answer.kind != McpPeer::Answer::Kind::kResult || !answer.body.is_object()) {
    return PollLater(id, Json::object());
  }
  const Json& task = TaskIn(answer.body);
  const std::string status = TextOf(task, "status");
  if (status == "completed") {
    return Finish(id,
                  {.end = McpOutcome::End::kResult, .body = answer.body.value("result", Json())});
  }
  if (status == "failed") {
    return Finish(id, {.end = McpOutcome::End::kError, .body = answer.body.value("error", Json())});
  }
  // What the task did before it was cancelled is not known.
  if (status == "cancelled") return Finish(id, {.error = "the server cancelled its task"});
  if (status == "input_required") return Finish(id, {.error = "the task waits for the user"});
  const std::string said = TextOf(task, "statusMessage");
  if (!said.empty() && said != running.said && running.call.on_progress) {
    running.said = said;
    running.call.on_progress({.text = ShortWords(said)});
    if (!running_.contains(id)) return;
  }
  PollLater(id, task);
}

}  // namespace onetake
