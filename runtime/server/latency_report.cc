#include "runtime/server/latency_report.h"

#include "runtime/catalog/latency_rules.h"

namespace onetake {
namespace {

int64_t Ms(absl::Duration duration) { return absl::ToInt64Milliseconds(duration); }

v1::LatencyAdvice::Weight ToMessage(LatencyAdvice::Weight weight) {
  switch (weight) {
    case LatencyAdvice::Weight::kNote: return v1::LatencyAdvice::WEIGHT_NOTE;
    case LatencyAdvice::Weight::kSuggestion: return v1::LatencyAdvice::WEIGHT_SUGGESTION;
    case LatencyAdvice::Weight::kWarning: return v1::LatencyAdvice::WEIGHT_WARNING;
  }
  return v1::LatencyAdvice::WEIGHT_UNSPECIFIED;
}

void Fill(const LatencyHistogram::Figure& figure, v1::LatencyFigure& message) {
  message.set_latency_us(absl::ToInt64Microseconds(figure.value));
  message.set_at_least(figure.at_least);
}

}  // namespace

void Fill(const MeasuredTool& measured, v1::ToolLatency& message) {
  const Tool& tool = *measured.tool;
  const LatencyHistogram& histogram = measured.measured;
  const AttemptRule rule = AttemptRuleOf(tool);
  const absl::Duration in_effect = AttemptTimeout(rule, &histogram);
  message.set_tool(tool.name);
  message.set_effect(tool.effect == Effect::kRead ? v1::EFFECT_READ : v1::EFFECT_WRITE);
  message.set_downstream(DownstreamOf(tool));
  message.set_count(histogram.count());
  message.set_censored(histogram.censored());
  if (histogram.count() > 0) {
    Fill(*histogram.Percentile(0.5), *message.mutable_p50());
    Fill(*histogram.Percentile(0.95), *message.mutable_p95());
    Fill(*histogram.Percentile(0.99), *message.mutable_p99());
    Fill(*histogram.Percentile(0.999), *message.mutable_p999());
  }
  if (rule.fixed.has_value()) message.set_configured_attempt_ms(Ms(*rule.fixed));
  message.set_floor_ms(Ms(rule.floor));
  message.set_ceiling_ms(Ms(rule.ceiling));
  message.set_attempt_ms(Ms(in_effect));
  message.set_patience_ms(Ms(tool.timeouts.patience));
  if (const std::optional<double> share = histogram.ShareLongerThan(in_effect)) {
    message.set_share_cut(*share);
  }
  for (const LatencyAdvice& advice : JudgeTimes(JudgedTimesOf(tool), &histogram)) {
    v1::LatencyAdvice& said = *message.add_advice();
    said.set_weight(ToMessage(advice.weight));
    said.set_field(advice.field);
    said.set_finding(advice.finding);
    said.set_remedy(advice.remedy);
  }
  message.set_histogram(histogram.Serialize());
}

}  // namespace onetake
