#include "runtime/catalog/latency_rules.h"

namespace onetake {

AttemptRule AttemptRuleOf(const Tool& tool) {
  return {.fixed = tool.timeouts.attempt,
          .floor = tool.timeouts.floor,
          .ceiling = tool.timeouts.ceiling};
}

JudgedTimes JudgedTimesOf(const Tool& tool) {
  return {.tool = tool.name,
          .cut = tool.effect == Effect::kWrite ? JudgedTimes::Cut::kUnknownOutcome
                                               : JudgedTimes::Cut::kFailedRead,
          .attempt = AttemptRuleOf(tool),
          .patience = tool.timeouts.patience};
}

std::string DownstreamOf(const Tool& tool) {
  if (tool.http.has_value()) return tool.http->origin;
  if (tool.plugin.has_value()) return "plugin:" + tool.plugin->plugin;
  if (tool.mcp.has_value()) return "mcp:" + tool.mcp->server;
  return tool.executor;
}

LatencySubject LatencySubjectOf(const Tool& tool) {
  return {tool.name, DownstreamOf(tool), tool.request_version};
}

}  // namespace onetake
