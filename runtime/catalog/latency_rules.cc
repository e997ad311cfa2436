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
  return tool.http.has_value() ? tool.http->origin : tool.executor;
}

LatencySubject LatencySubjectOf(const Tool& tool) {
  return {tool.name, DownstreamOf(tool), tool.request_version};
}

}  // namespace onetake
