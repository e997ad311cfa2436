#include <algorithm>
#include <utility>

#include "runtime/base/limits.h"
#include "runtime/engine/settler.h"

// The part of the settler that asks the downstream whether a write took effect.
namespace onetake {
namespace {

bool SaysApplied(const Json* node) {
  if (node == nullptr || node->is_null()) return false;
  if (node->is_boolean()) return node->get<bool>();
  if (node->is_array()) return !node->empty();
  return true;
}

std::string Evidence(const ProbeSpec& probe, absl::string_view finding) {
  return DumpJson(Json{{"probe", probe.tool},
                       {"applied_if", probe.applied_if.text()},
                       {"finding", std::string(finding)}});
}

}  // namespace

// Asked too early, a probe lies: the lost request may still be queued downstream. So the first one
// waits until the attempt can no longer land.
void Settler::ScheduleProbe(const LiveIntentPtr& live) {
  if (context_.draining) return StopRetrying(live);
  const ProbeSpec& probe = *live->tool->probe;
  absl::Duration delay = probe.interval;
  if (live->probes == 0) {
    const absl::Duration settle = probe.settle_after.value_or(live->tool->timeouts.Attempt());
    delay = live->last_ended + settle - context_.clock.Elapsed();
  }
  live->timer = context_.scheduler.RunAfter(delay, [this, live] {
    live->timer = Scheduler::TimerId::kNone;
    Probe(live);
  });
}

void Settler::Probe(const LiveIntentPtr& live) {
  if (context_.draining) return StopRetrying(live);
  const ProbeSpec& probe = *live->tool->probe;
  const std::shared_ptr<const Tool> tool = context_.tools->Find(probe.tool);
  ToolExecutor* executor = tool == nullptr ? nullptr : context_.ExecutorOf(*tool);
  if (executor == nullptr || tool->effect != Effect::kRead) {
    return OnProbeInconclusive(live, "the probe's tool is not in the catalog");
  }
  const absl::StatusOr<Json> arguments = ParseJson(live->record.arguments_json, ResultLimits());
  if (!arguments.ok()) return OnProbeInconclusive(live, "the recorded arguments are unreadable");
  absl::StatusOr<std::string> rendered =
      executor->Render(*tool, probe.args.Render(*arguments), /*key=*/"");
  if (!rendered.ok()) return OnProbeInconclusive(live, "the probe's request cannot be made");
  executor->Start(tool,
                  {.rendered = *std::move(rendered),
                   .timeout = tool->timeouts.Attempt(),
                   .transport_resend = TransportResend::kAllowed},
                  [this, live, tool](const AttemptReport& report) {
                    Account(context_, *tool, report);
                    OnProbe(live, report);
                  });
}

void Settler::OnProbe(const LiveIntentPtr& live, const AttemptReport& report) {
  if (live->ended) return;  // by a drain, meanwhile
  if (report.failure.has_value()) return OnProbeInconclusive(live, ToString(*report.failure));
  const absl::StatusOr<Json> found = ParseJson(report.result_json, ResultLimits());
  if (!found.ok()) return OnProbeInconclusive(live, "the probe's answer is unreadable");
  const ProbeSpec& probe = *live->tool->probe;
  if (!SaysApplied(probe.applied_if.Find(*found))) {
    return OnProbeNotApplied(live, Evidence(probe, "not applied"));
  }
  Record(live,
         {.to = IntentState::kSucceeded,
          .rule = "R3.probe_applied",
          .result_json = report.result_json,
          .evidence_json = Evidence(probe, "applied")},
         &Settler::Ended);
}

void Settler::OnProbeNotApplied(const LiveIntentPtr& live, std::string evidence) {
  live->ambiguous = false;
  live->probes = 0;
  const RetryLimits& limits = live->tool->retries;
  Transition transition{.rule = "R3.probe_not_applied", .evidence_json = std::move(evidence)};
  const bool may_send_again = live->record.attempts < limits.attempts &&
                              context_.clock.Elapsed() - live->started <= limits.total;
  if (!may_send_again) {
    transition.to = IntentState::kRejected;
    return Record(live, std::move(transition), &Settler::Ended);
  }
  transition.to = IntentState::kUnknown;
  transition.next_attempt_at = context_.clock.Now();
  Record(live, std::move(transition), &Settler::ScheduleResend);
}

void Settler::OnProbeInconclusive(const LiveIntentPtr& live, absl::string_view why) {
  const ProbeSpec& probe = *live->tool->probe;
  ++live->probes;
  Transition transition{.to = IntentState::kUnknown,
                        .rule = "probe.inconclusive",
                        .evidence_json = Evidence(probe, why)};
  if (live->probes >= probe.attempts) {
    transition.rule = "probe.exhausted";
    return Record(live, std::move(transition), &Settler::ToReview);
  }
  transition.next_attempt_at = context_.clock.Now() + probe.interval;
  Record(live, std::move(transition), &Settler::ScheduleProbe);
}

}  // namespace onetake
