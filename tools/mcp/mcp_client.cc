#include "tools/mcp/mcp_client.h"

#include <utility>

#include "runtime/base/log.h"
#include "runtime/base/trace_context.h"

namespace onetake {
namespace {

// How long the stream of a WRITE that nobody waits for stays open: closing it would be a
// cancellation.
constexpr absl::Duration kLinger = absl::Minutes(5);

McpOutcome NotReady(std::string why) {
  return {.end = McpOutcome::End::kNotReady, .error = std::move(why)};
}

}  // namespace

McpClient::McpClient(Scheduler& scheduler, const Clock& clock,
                     std::unique_ptr<McpTransport> transport, Options options)
    : scheduler_(scheduler),
      clock_(clock),
      options_(std::move(options)),
      peer_(scheduler, std::move(transport)) {
  peer_.Begin({.on_up =
                   [this] {
                     up_ = true;
                     asked_era_ = false;
                     Connect();
                   },
               .on_down = [this](const std::string& why) { OnDown(why); },
               .on_tools_changed =
                   [this] {
                     changed_ = true;
                     if (state_ == State::kReady) ListAgain();
                   }});
}

uint64_t McpClient::Start(Call call, Done done) {
  const uint64_t id = ++next_;
  Running& running = running_[id];
  running.call = std::move(call);
  running.done = std::move(done);
  running.timer =
      scheduler_.RunAfter(running.call.timeout, lifetime_.While([this, id] { OnTimeout(id); }));
  scheduler_.Post(lifetime_.While([this, id] {
    WhenReady([this, id](const absl::Status& status) {
      if (status.ok()) return Dispatch(id);
      Finish(id, NotReady(std::string(status.message())));
    });
  }));
  return id;
}

void McpClient::Dispatch(uint64_t id) {
  const auto found = running_.find(id);
  if (found == running_.end()) return;
  const std::string& name = found->second.call.tool;
  const std::string& reviewed = found->second.call.reviewed;
  const auto offered = tools_.find(name);
  if (offered == tools_.end()) return Finish(id, {.end = McpOutcome::End::kNoSuchTool});
  const Offered& tool = offered->second;
  if (!reviewed.empty() && reviewed != tool.digest) {
    std::string& warned = warned_[name];
    if (warned != tool.digest) {
      warned = tool.digest;
      Log(LogLevel::kError, "mcp.tool_changed",
          {{LogField::kTool, name},
           {LogField::kAddress, options_.name},
           {LogField::kAdvice, "calls are refused; run onetake tools import mcp and look at it"}});
    }
    return Finish(id, {.end = McpOutcome::End::kUnreviewed});
  }
  if (peer_.dialect().era == McpEra::kModern && !tool.headers.ok()) {
    return Finish(id, {.end = McpOutcome::End::kNoSuchTool,
                       .error = std::string(tool.headers.status().message())});
  }
  Send(id, found->second, tool);
}

void McpClient::Send(uint64_t id, Running& running, const Offered& tool) {
  const Call& call = running.call;
  McpPeer::Request request{.method = "tools/call",
                           .params = {{"name", call.tool}, {"arguments", call.arguments}},
                           // The call's own timer fires first; this one only cleans up.
                           .timeout = call.timeout + absl::Seconds(1),
                           .resend = call.resend,
                           .stream = peer_.dialect().era == McpEra::kLegacy
                                         ? McpTransport::Outgoing::Stream::kResume
                                         : McpTransport::Outgoing::Stream::kOnce,
                           .linger = call.effect == Effect::kWrite ? kLinger : absl::ZeroDuration(),
                           .on_progress = call.on_progress};
  if (!call.meta.empty()) request.params["_meta"] = call.meta;
  if (!call.input_responses.is_null()) request.params["inputResponses"] = call.input_responses;
  if (!call.request_state.is_null()) request.params["requestState"] = call.request_state;
  if (peer_.dialect().era == McpEra::kModern) {
    request.headers = ParamHeaders(*tool.headers, call.arguments);
  }
  // The trace goes into `_meta`, where 2026-07-28 has it and older servers ignore it, and into the
  // header, for what stands before a server and reads no bodies.
  if (!call.traceparent.empty()) {
    request.params["_meta"][kTraceparent] = call.traceparent;
    request.headers.emplace_back(kTraceparent, call.traceparent);
  }
  running.sent = true;
  running.connection = connection_;
  running.in_session = !peer_.dialect().session.empty();
  running.rpc = peer_.Ask(std::move(request),
                          [this, id](McpPeer::Answer answer) { OnAnswer(id, std::move(answer)); });
}

void McpClient::OnAnswer(uint64_t id, McpPeer::Answer answer) {
  const auto found = running_.find(id);
  if (found == running_.end()) return;
  found->second.rpc = 0;
  found->second.resent = answer.end.resent;
  if (answer.kind == McpPeer::Answer::Kind::kResult) return OnResult(id, std::move(answer.body));
  OnFailure(id, std::move(answer));
}

void McpClient::OnResult(uint64_t id, Json result) {
  const Json type = result.is_object() ? result.value("resultType", Json()) : Json();
  if (type == "task") return FollowTask(id, result);
  const bool asks = type == "input_required";
  Finish(id, {.end = asks ? McpOutcome::End::kInputRequired : McpOutcome::End::kResult,
              .body = std::move(result)});
}

bool McpClient::SessionIsOver(const McpPeer::Answer& answer) {
  const bool error = answer.kind == McpPeer::Answer::Kind::kError;
  const int status = answer.end.http_status;
  return status == 404 || (status == 400 && (!error || answer.for_nobody));
}

void McpClient::OnFailure(uint64_t id, McpPeer::Answer answer) {
  const Running& running = running_.at(id);
  McpOutcome outcome{.http_status = answer.end.http_status,
                     .retry_after = answer.end.retry_after,
                     .error = answer.end.error};
  const int64_t code = RpcCode(answer.body);
  const int status = answer.end.http_status;
  const bool error = answer.kind == McpPeer::Answer::Kind::kError;
  const bool session_over = running.in_session && SessionIsOver(answer);
  // Only a status makes it sure: in an answer of the tool these may be words of another server that
  // it has asked.
  const bool wrong_version =
      status == 400 && (code == kMcpUnsupportedVersion || code == kMcpHeaderMismatch);
  // The stream found the session over: that is true of the next call, and says nothing about this
  // one.
  const int stream_status = answer.end.stream_status;
  const bool forgotten = running.in_session && (stream_status == 404 || stream_status == 400);
  // Another call of that session may have found out before, and the next one be there already.
  const bool is_present = running.connection == connection_;
  if (is_present && (session_over || wrong_version || forgotten)) Reset();
  // A tool may have got that far before it, or its framework, made a 404 of what it did not find.
  outcome.try_again = (session_over && !answer.for_us) || wrong_version;
  if (error) {
    outcome.end = McpOutcome::End::kError;
    outcome.body = std::move(answer.body);
  } else if (status >= 300) {
    outcome.end = McpOutcome::End::kRefused;
  } else if (answer.kind == McpPeer::Answer::Kind::kEnded && !answer.end.begun) {
    outcome.end = McpOutcome::End::kNotReady;
  } else {
    outcome.timed_out = answer.end.timed_out || answer.kind == McpPeer::Answer::Kind::kTimeout;
  }
  Finish(id, std::move(outcome));
}

void McpClient::OnTimeout(uint64_t id) {
  const auto found = running_.find(id);
  if (found == running_.end()) return;
  found->second.timer = Scheduler::TimerId::kNone;
  if (!found->second.sent) return Finish(id, NotReady("the server did not get ready in time"));
  if (!Abandon(found->second)) return Finish(id, NotReady("it could not be sent in time"));
  const bool left = found->second.call.effect == Effect::kWrite;
  Finish(id, {.timed_out = true, .still_runs = left, .error = "no answer in time"});
}

// Leaves a call that nobody waits for. A READ may be stopped. A WRITE runs to its end, unless it
// still waits for a connection: then it must not be sent, since nobody knows of it any more.
bool McpClient::Abandon(Running& running) {
  if (running.rpc == 0) return running.sent;
  const bool heard = peer_.Forget(
      std::exchange(running.rpc, 0),
      running.call.effect == Effect::kRead ? McpPeer::Wire::kCancel : McpPeer::Wire::kLeave);
  return heard || !running.task.empty();  // for a task, only the question was not sent
}

void McpClient::Cancel(uint64_t id) {
  // The call is forgotten first, so that nothing of it is sent before this is told.
  auto node = running_.extract(id);
  if (node.empty()) return;
  Running& running = node.mapped();
  McpOutcome outcome = NotReady("cancelled");
  if (Abandon(running)) {
    outcome = {.still_runs = running.call.effect == Effect::kWrite, .error = "cancelled"};
  }
  scheduler_.Cancel(running.timer);
  scheduler_.Post(
      lifetime_.While([done = std::move(running.done), outcome = std::move(outcome)]() mutable {
        done(std::move(outcome));
      }));
}

void McpClient::Finish(uint64_t id, McpOutcome outcome) {
  auto node = running_.extract(id);
  if (node.empty()) return;
  scheduler_.Cancel(node.mapped().timer);
  outcome.resent = node.mapped().resent;
  node.mapped().done(std::move(outcome));
}

void McpClient::ListTools(absl::Duration timeout, ToolsDone done) {
  auto once = std::make_shared<ToolsDone>(std::move(done));
  auto answer = [once](absl::StatusOr<Tools> tools) {
    if (*once) std::exchange(*once, nullptr)(std::move(tools));
  };
  const Scheduler::TimerId timer = scheduler_.RunAfter(timeout, [answer] {
    answer(absl::UnavailableError("the server did not get ready in time"));
  });
  WhenReady([this, answer, timer](const absl::Status& status) {
    scheduler_.Cancel(timer);
    if (!status.ok()) return answer(status);
    Tools tools;
    for (const auto& [name, offered] : tools_) tools.emplace(name, offered.definition);
    answer(std::move(tools));
  });
}

}  // namespace onetake
