#include "runtime/cli/latency_text.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/cli/text.h"
#include "runtime/latency/advice.h"

namespace onetake {
namespace {

using Row = std::vector<std::string>;

std::string MsText(int64_t ms) { return RoundedDuration(absl::Milliseconds(ms)); }

std::string Figure(const v1::ToolLatency& tool, const v1::LatencyFigure& figure) {
  if (tool.count() == 0) return "-";
  return absl::StrCat(figure.at_least() ? ">=" : "",
                      RoundedDuration(absl::Microseconds(figure.latency_us())));
}

std::string ShareText(const v1::ToolLatency& tool) {
  if (!tool.has_share_cut()) return "-";
  return absl::StrFormat("%.3g%%", tool.share_cut() * 100);
}

Row RowOf(const v1::ToolLatency& tool) {
  return {Printable(tool.tool()),
          tool.effect() == v1::EFFECT_READ ? "READ" : "WRITE",
          Printable(tool.downstream()),
          absl::StrCat(tool.count()),
          absl::StrCat(tool.censored()),
          Figure(tool, tool.p50()),
          Figure(tool, tool.p95()),
          Figure(tool, tool.p99()),
          Figure(tool, tool.p999()),
          tool.has_configured_attempt_ms() ? MsText(tool.configured_attempt_ms()) : "auto",
          MsText(tool.attempt_ms()),
          ShareText(tool)};
}

void AppendAdvice(const v1::LatencyReportResponse& report, v1::LatencyAdvice::Weight weight,
                  absl::string_view word, std::string& text) {
  for (const v1::ToolLatency& tool : report.tools()) {
    for (const v1::LatencyAdvice& advice : tool.advice()) {
      if (advice.weight() != weight) continue;
      absl::StrAppend(&text, word, ": ", Printable(tool.tool()), ": ", Printable(advice.finding()),
                      advice.remedy().empty() ? "" : "; ", Printable(advice.remedy()), "\n");
    }
  }
}

}  // namespace

std::string RenderLatencies(const v1::LatencyReportResponse& report) {
  std::vector<Row> rows = {{"TOOL", "EFFECT", "DOWNSTREAM", "COUNT", "CENSORED", "P50", "P95",
                            "P99", "P99.9", "ATTEMPT", "IN EFFECT", "CUT"}};
  for (const v1::ToolLatency& tool : report.tools()) rows.push_back(RowOf(tool));
  std::string text = Table(rows);
  std::string advice;
  AppendAdvice(report, v1::LatencyAdvice::WEIGHT_WARNING, "warning", advice);
  AppendAdvice(report, v1::LatencyAdvice::WEIGHT_SUGGESTION, "suggestion", advice);
  AppendAdvice(report, v1::LatencyAdvice::WEIGHT_NOTE, "note", advice);
  if (!advice.empty()) absl::StrAppend(&text, "\n", advice);
  return text;
}

}  // namespace onetake
