// What downstreams, MCP servers and plugins answer. Whatever it is, it becomes a report, and one
// that claims an effect or a definite refusal only where the protocol says so.
#include <algorithm>

#include "absl/strings/numbers.h"
#include "runtime/base/limits.h"
#include "runtime/engine/probe_answer.h"
#include "runtime/json/json.h"
#include "tests/fuzz/fuzz.h"
#include "tools/grpc/grpc_channel.h"
#include "tools/http/response.h"
#include "tools/mcp/era.h"
#include "tools/mcp/mcp_outcome.h"
#include "tools/mcp/tool_digest.h"
#include "tools/mcp/tool_headers.h"
#include "tools/plugin/plugin_call.h"
#include "tools/plugin/plugin_report.h"

namespace onetake {
namespace {

void CheckRecordable(const AttemptReport& report) {
  ONETAKE_CHECK(report.result_json.empty() || IsRecordable(report.result_json));
  ONETAKE_CHECK(report.failure.has_value() || report.reached == Reached::kBodyComplete);
}

void OfHttp(int status, absl::string_view body) {
  Tool tool;
  for (const Effect effect : {Effect::kWrite, Effect::kRead}) {
    tool.effect = effect;
    CheckRecordable(ClassifyExchange(
        tool, {.request_begun = true, .status = status, .body = std::string(body)}));
  }
}

void OfMcp(int status, const Json& body) {
  using End = McpOutcome::End;
  for (const End end : {End::kResult, End::kError, End::kInputRequired, End::kRefused}) {
    const AttemptReport report =
        ClassifyMcp(Tool(), {.end = end, .body = body, .http_status = status});
    ONETAKE_CHECK(report.failure.has_value() || end == End::kResult);
    CheckRecordable(report);
  }
  for (const auto kind : {DiscoverAnswer::Kind::kResult, DiscoverAnswer::Kind::kError}) {
    const EraVerdict verdict = JudgeDiscovery({.kind = kind, .body = body, .http_status = status},
                                              McpServerSpec::Kind::kHttp);
    ONETAKE_CHECK((verdict.kind == EraVerdict::Kind::kFailed) == !verdict.error.empty());
  }
  ONETAKE_CHECK(!ReviewDigest(body).empty());
  if (const auto headers = ToolHeaders(body); headers.ok()) {
    for (const auto& [name, value] : ParamHeaders(*headers, body)) {
      ONETAKE_CHECK(!name.empty());
      ONETAKE_CHECK(std::all_of(value.begin(), value.end(),
                                [](unsigned char c) { return c >= 0x20 && c < 0x7f; }));
    }
  }
}

void OfPlugin(absl::string_view text) {
  using Outcome = PluginResult::Outcome;
  for (const Outcome outcome :
       {Outcome::kSucceeded, Outcome::kRejected, Outcome::kNoEffect, Outcome::kMayHaveHappened}) {
    const AttemptReport report = ReportOf(
        {.outcome = outcome, .result_json = std::string(text), .error = std::string(text)});
    ONETAKE_CHECK(report.failure.has_value() || outcome == Outcome::kSucceeded);
    CheckRecordable(report);
    ONETAKE_CHECK(report.error.size() <= kErrorBytes);
  }
  if (const auto call = ParsePluginCall(text); call.ok()) {
    const auto again = ParsePluginCall(Serialise(*call));
    ONETAKE_CHECK(again.ok() && Serialise(*again) == Serialise(*call));
  }
  if (const auto address = ParseHandshake(text); address.ok()) ONETAKE_CHECK(!address->empty());
}

void OfProbe(const Json& answer) {
  static const ProbeSpec& probe =
      *new ProbeSpec{.tool = "find", .applied_if = JsonPath::Parse("$.found[0].id").value()};
  const ProbeFinding finding = ReadProbeAnswer(probe, answer, Json::object());
  const Json matches = ProbeMatches(probe, answer);
  const bool found = finding != ProbeFinding::kNotApplied && finding != ProbeFinding::kNoAnswer;
  ONETAKE_CHECK(found != matches.empty());
  (void)ProbeResult(probe, answer, Json::object());
}

}  // namespace
}  // namespace onetake

// A line with the HTTP status, then the answer.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace onetake;
  if (size > 32 * 1024) return 0;
  absl::string_view text = TextOf(data, size);
  int status = 0;
  if (!absl::SimpleAtoi(TakeLine(text), &status)) status = 200;
  status = std::clamp(status, 0, 999);
  OfHttp(status, text);
  OfPlugin(text);
  const auto body = ParseJson(text, ResultLimits());
  if (!body.ok()) return 0;
  OfMcp(status, *body);
  OfProbe(*body);
  return 0;
}
