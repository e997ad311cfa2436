#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/cli/latency_text.h"

namespace onetake {
namespace {

using ::testing::HasSubstr;

v1::ToolLatency Latency(const std::string& name) {
  v1::ToolLatency tool;
  tool.set_tool(name);
  tool.set_effect(v1::EFFECT_WRITE);
  tool.set_downstream("https://api.example.com");
  tool.set_attempt_ms(30'000);
  return tool;
}

void Say(v1::ToolLatency& tool, v1::LatencyAdvice::Weight weight, const std::string& finding,
         const std::string& remedy) {
  v1::LatencyAdvice& advice = *tool.add_advice();
  advice.set_weight(weight);
  advice.set_finding(finding);
  advice.set_remedy(remedy);
}

TEST(RenderLatencies, IsATableAndThenTheAdviceHeaviestFirst) {
  v1::LatencyReportResponse report;
  v1::ToolLatency& quiet = *report.add_tools() = Latency("find");
  quiet.set_effect(v1::EFFECT_READ);
  Say(quiet, v1::LatencyAdvice::WEIGHT_NOTE, "nothing yet", "");
  v1::ToolLatency& slow = *report.add_tools() = Latency("book");
  slow.set_count(1800);
  slow.set_censored(150);
  slow.mutable_p50()->set_latency_us(1'900'000);
  slow.mutable_p95()->set_latency_us(2'980'000);
  slow.mutable_p95()->set_at_least(true);
  slow.mutable_p99()->set_latency_us(2'980'000);
  slow.mutable_p99()->set_at_least(true);
  slow.mutable_p999()->set_latency_us(2'980'000);
  slow.mutable_p999()->set_at_least(true);
  slow.set_configured_attempt_ms(3000);
  slow.set_attempt_ms(3000);
  slow.set_share_cut(0.0833);
  Say(slow, v1::LatencyAdvice::WEIGHT_WARNING, "too short", "set attempt: auto");
  EXPECT_EQ(RenderLatencies(report),
            "TOOL  EFFECT  DOWNSTREAM               COUNT  CENSORED  P50   P95      P99      P99.9"
            "    ATTEMPT  IN EFFECT  CUT\n"
            "find  READ    https://api.example.com  0      0         -     -        -        -"
            "        auto     30s        -\n"
            "book  WRITE   https://api.example.com  1800   150       1.9s  >=2.98s  >=2.98s"
            "  >=2.98s  3s       3s         8.33%\n"
            "\n"
            "warning: book: too short; set attempt: auto\n"
            "note: find: nothing yet\n");
}

TEST(RenderLatencies, DrivesNoTerminal) {
  v1::LatencyReportResponse report;
  *report.add_tools() = Latency("a\x1b[2J");
  EXPECT_THAT(RenderLatencies(report), HasSubstr("a?[2J"));
}

}  // namespace
}  // namespace onetake
