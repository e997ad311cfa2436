#include "runtime/cli/measured_lint.h"

#include "runtime/catalog/latency_rules.h"

namespace onetake {
namespace {

void LintTool(const Tool& tool, const LatencyHistogram& measured,
              std::vector<Diagnostic>& diagnostics) {
  for (const LatencyAdvice& advice : JudgeTimes(JudgedTimesOf(tool), &measured)) {
    if (advice.weight == LatencyAdvice::Weight::kNote) continue;
    diagnostics.push_back({.severity = advice.weight == LatencyAdvice::Weight::kWarning
                                           ? Severity::kWarning
                                           : Severity::kSuggestion,
                           .file = tool.source,
                           .field = advice.field,
                           .message = advice.finding,
                           .advice = advice.remedy});
  }
}

}  // namespace

void LintMeasured(const v1::LatencyReportResponse& report, Catalog& catalog) {
  if (catalog.tools == nullptr) return;
  for (const v1::ToolLatency& latency : report.tools()) {
    const std::shared_ptr<const Tool> tool = catalog.tools->Find(latency.tool());
    const absl::StatusOr<LatencyHistogram> measured = LatencyHistogram::Parse(latency.histogram());
    if (tool != nullptr && measured.ok()) LintTool(*tool, *measured, catalog.diagnostics);
  }
  SortDiagnostics(catalog.diagnostics);
}

}  // namespace onetake
