#include "tools/mcp/mcp_executor.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/limits.h"
#include "tools/mcp/mcp_call.h"

namespace onetake {
namespace {

// How soon to look again whether a server that was not ready is.
constexpr absl::Duration kLookAgain = absl::Milliseconds(100);

}  // namespace

McpExecutor::McpExecutor(Scheduler& scheduler, const Clock& clock,
                         std::map<std::string, std::unique_ptr<McpClient>> clients)
    : scheduler_(scheduler), clock_(clock), clients_(std::move(clients)) {}

void McpExecutor::Stop() {
  running_.clear();
  clients_.clear();
}

absl::StatusOr<std::string> McpExecutor::Render(const Tool& tool, const Json& arguments,
                                                absl::string_view key) const {
  if (!tool.mcp.has_value()) return absl::FailedPreconditionError("the tool has no mcp binding");
  std::string rendered = Serialise(RenderMcpCall(tool, arguments, key));
  if (rendered.size() <= 2 * limits::kArgumentsBytes) return rendered;
  return absl::InvalidArgumentError("the arguments are too long for an MCP server");
}

bool McpExecutor::HoldsKey(const Tool& tool, absl::string_view rendered,
                           absl::string_view key) const {
  if (!tool.key_placement.has_value() || tool.key_placement->kind != KeyPlacement::Kind::kMcpMeta) {
    return false;
  }
  const absl::StatusOr<McpCall> call = ParseMcpCall(rendered);
  return call.ok() && call->meta.value(tool.key_placement->mcp_meta, Json()) == std::string(key);
}

AttemptId McpExecutor::Refuse(AttemptId id, std::string error, Done done) {
  scheduler_.Post([error = std::move(error), done = std::move(done)]() mutable {
    done({.failure = FailureKind::kNotSent, .refused_here = true, .error = std::move(error)});
  });
  return id;
}

AttemptId McpExecutor::Start(const std::shared_ptr<const Tool>& tool, AttemptRequest request,
                             Done done) {
  const AttemptId id{++next_};
  absl::StatusOr<McpCall> parsed = ParseMcpCall(request.rendered);
  if (!parsed.ok()) return Refuse(id, std::string(parsed.status().message()), std::move(done));
  const auto found = clients_.find(parsed->server);
  if (found == clients_.end()) {
    return Refuse(id, absl::StrCat("there is no MCP server ", parsed->server), std::move(done));
  }
  if (!tool->mcp.has_value()) {
    return Refuse(id, "the manifest names no MCP server any more", std::move(done));
  }
  // A ledger's file may say what somebody has written into it.
  if (parsed->server != tool->mcp->server || parsed->tool != tool->mcp->tool) {
    return Refuse(id,
                  "the recorded call is of another server or tool than the manifest's: it is not"
                  " sent",
                  std::move(done));
  }
  McpClient::Call call{.tool = std::move(parsed->tool),
                       .arguments = std::move(parsed->arguments),
                       .meta = std::move(parsed->meta),
                       .traceparent = std::move(request.traceparent),
                       .reviewed = tool->mcp->reviewed,
                       .effect = tool->effect,
                       .resend = request.transport_resend,
                       .timeout = request.timeout,
                       .on_progress = std::move(request.on_progress)};
  Running& running = running_[id];
  running.client = found->second.get();
  running.call =
      found->second->Start(std::move(call), [this, id, tool, began = clock_.Elapsed(),
                                             done = std::move(done)](McpOutcome outcome) mutable {
        running_.erase(id);
        AttemptReport report = ClassifyMcp(*tool, std::move(outcome));
        report.latency = clock_.Elapsed() - began;
        done(std::move(report));
      });
  return id;
}

absl::Duration McpExecutor::NotReadyFor(const Tool& tool) const {
  const auto found = tool.mcp.has_value() ? clients_.find(tool.mcp->server) : clients_.end();
  const bool waits = found != clients_.end() && found->second->GetsReady();
  return waits ? kLookAgain : absl::ZeroDuration();
}

void McpExecutor::Cancel(AttemptId id) {
  const auto found = running_.find(id);
  if (found != running_.end()) found->second.client->Cancel(found->second.call);
}

}  // namespace onetake
