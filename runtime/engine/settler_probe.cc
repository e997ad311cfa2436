#include <algorithm>
#include <utility>

#include "runtime/base/limits.h"
#include "runtime/base/on_loop.h"
#include "runtime/base/planted_bug.h"
#include "runtime/engine/probe_answer.h"
#include "runtime/engine/result_reference.h"
#include "runtime/engine/rules.h"
#include "runtime/engine/settler.h"
#include "runtime/policy/rules.h"

// The part of the settler that asks the downstream whether a write took effect. A probe is no
// attempt: it has a budget of its own, which the ledger keeps across restarts.
namespace onetake {
namespace {

// The most that a manifest may say of an attempt.
constexpr absl::Duration kLongestAttempt = absl::Minutes(10);

Json EvidenceOf(const Tool& tool, absl::string_view finding) {
  const ProbeSpec& probe = *tool.probe;
  Json evidence{{"finding", std::string(finding)}};
  if (probe.asks == ProbeSpec::Asks::kDownstream) {
    evidence["probe"] = DownstreamOf(tool);
  } else {
    evidence["probe"] = probe.tool;
    evidence["applied_if"] = probe.applied_if.text();
  }
  return evidence;
}

std::string Evidence(const Tool& tool, absl::string_view finding) {
  return DumpJson(EvidenceOf(tool, finding));
}

// Whether what was planned under this rule was a probe. Neither a plan to send again nor a rule
// that is not known here says when a lost attempt can no longer land.
bool PlansProbe(absl::string_view rule) {
  // By kProbeNotApplied the time was over, and nothing was sent since.
  return LeadsToProbe(rule) || rule == kProbeNotApplied || rule == kProbeNotAppliedYet ||
         rule == kProbeInconclusive || rule == kStillRuns;
}

}  // namespace

// A lost answer may have been the acceptance of a job whose name we never heard: that job can land
// for as long as it would have been waited for.
absl::Duration Settler::CanLandFor(const LiveIntent& live) const {
  const Tool& tool = *live.tool;
  if (tool.probe->settle_after.has_value()) return *tool.probe->settle_after;
  const absl::Duration settle = context_.SettleAfter(tool);
  const bool job_unheard_of = tool.job.has_value() && live.record.job.empty();
  return job_unheard_of ? std::max(settle, tool.job->give_up_after) : settle;
}

// A probe that is asked too early lies: the lost request may still be queued downstream. So the
// first one waits until the attempt, whose socket is closed, can no longer land. Of an attempt
// before a restart only the wall clock tells how long ago that was, and it may have been set
// forward: the whole wait begins again. A plan from before is kept beyond that, for the attempt may
// have been made under a longer timeout.
absl::Time Settler::FirstProbeAt(LiveIntent& live) const {
  const ProbeSpec& probe = *live.tool->probe;
  const absl::Time now = context_.clock.Now();
  if (ONETAKE_PLANTED_BUG("probe_too_early")) return PlanProbe(live, absl::ZeroDuration());
  const absl::Duration settle = CanLandFor(live);
  absl::Duration delay = live.last_ended + settle - context_.clock.Elapsed();
  if (live.recovered_plan.has_value() && PlansProbe(live.record.reason)) {
    // But no longer than any plan can be: the clock may have been set back meanwhile.
    const absl::Duration longest = std::max(settle + probe.interval, kLongestAttempt);
    delay = std::max(delay, std::min(*live.recovered_plan - now, longest));
  }
  return PlanProbe(live, delay);
}

// The returned wall-clock time is for the next process. This one goes by Elapsed(): the wall clock
// may be set before the plan is durable.
absl::Time Settler::PlanProbe(LiveIntent& live, absl::Duration delay) const {
  if (ONETAKE_PLANTED_BUG("probed_too_late")) delay += absl::Hours(2);
  live.ask_at = context_.clock.Elapsed() + delay;
  return context_.clock.Now() + delay;
}

void Settler::ScheduleProbe(const LiveIntentPtr& live) {
  if (context_.draining) return StopRetrying(live);
  AskAfter(live, live->ask_at - context_.clock.Elapsed(), &Settler::Probe);
}

void Settler::AskAfter(const LiveIntentPtr& live, absl::Duration delay, Step then) {
  context_.park(*live);
  live->timer = context_.scheduler.RunAfter(delay, [this, live, then] {
    live->timer = Scheduler::TimerId::kNone;
    context_.unpark(live, [this, live, then] { (this->*then)(live); });
  });
}

void Settler::Probe(const LiveIntentPtr& live) {
  if (context_.draining) return StopRetrying(live);
  const ProbeSpec& probe = *live->tool->probe;
  const bool asks_itself = probe.asks == ProbeSpec::Asks::kDownstream;
  const std::shared_ptr<const Tool> asked =
      asks_itself ? live->tool : live->tools->Find(probe.tool);
  if (asked != nullptr &&
      WaitsFor(live, context_.ExecutorOf(*asked).NotReadyFor(*asked), &Settler::Probe)) {
    return;
  }
  if (asks_itself) return ProbeDownstream(live);
  const absl::StatusOr<Json> arguments = ParseJson(live->record.arguments_json, ResultLimits());
  const std::string why =
      arguments.ok() ? Ask(live, probe.tool, probe.args.Render(*arguments), &Settler::OnProbe)
                     : "the recorded arguments are unreadable";
  if (!why.empty()) ProbeAgain(live, kProbeInconclusive, why);
}

void Settler::ProbeDownstream(const LiveIntentPtr& live) {
  const bool asked =
      context_.ExecutorOf(*live->tool)
          .Probe(live->tool, live->record.request, context_.AttemptTimeout(*live->tool),
                 [this, live](const ProbeReport& report) { OnProbeReport(live, report); });
  if (!asked) ProbeAgain(live, kProbeInconclusive, "its downstream cannot be asked");
}

void Settler::OnProbeReport(const LiveIntentPtr& live, const ProbeReport& report) {
  switch (report.finding) {
    case ProbeReport::Finding::kApplied: return OnProbeApplied(live, 0, report.result_json);
    case ProbeReport::Finding::kNotApplied:
      if (!live->ended) OnProbeNotApplied(live);
      return;
    case ProbeReport::Finding::kInconclusive: break;
  }
  if (live->ended) return;
  ProbeAgain(live, kProbeInconclusive, report.error.empty() ? "inconclusive" : report.error);
}

std::string Settler::Ask(const LiveIntentPtr& live, const std::string& name, const Json& arguments,
                         OnAnswer then) {
  const std::shared_ptr<const Tool> tool = live->tools->Find(name);
  if (tool == nullptr || tool->effect != Effect::kRead) return "its tool is not in the catalog";
  ToolExecutor& executor = context_.ExecutorOf(*tool);
  absl::StatusOr<std::string> rendered = executor.Render(*tool, arguments, /*key=*/"");
  if (!rendered.ok()) return "its request cannot be made";
  executor.Start(tool,
                 {.rendered = *std::move(rendered),
                  .timeout = context_.AttemptTimeout(*tool),
                  .transport_resend = TransportResend::kAllowed,
                  .traceparent = context_.NewTraceparent(live->trace)},
                 [this, live, tool, then](const AttemptReport& report) {
                   Account(context_, *tool, report);
                   context_.NoteLatency(*tool, report);
                   (this->*then)(live, report);
                 });
  return "";
}

void Settler::OnProbe(const LiveIntentPtr& live, const AttemptReport& report) {
  if (report.failure.has_value()) {
    if (live->ended) return;  // by a drain or a person, meanwhile
    return ProbeAgain(live, kProbeInconclusive, ToString(*report.failure));
  }
  const absl::StatusOr<Json> found = ParseJson(report.result_json, ResultLimits());
  const absl::StatusOr<Json> arguments = ParseJson(live->record.arguments_json, ResultLimits());
  if (!found.ok() || !arguments.ok()) {
    if (live->ended) return;
    return ProbeAgain(live, kProbeInconclusive, "its answer is unreadable");
  }
  const ProbeFinding finding = ReadProbeAnswer(*live->tool->probe, *found, *arguments);
  switch (finding) {
    case ProbeFinding::kApplied: {
      const ProbeSpec& probe = *live->tool->probe;
      return OnProbeFound(live, report.http_status,
                          probe.result.has_value()
                              ? DumpJson(ProbeResult(probe, *found, *arguments))
                              : report.result_json);
    }
    case ProbeFinding::kNotApplied:
      if (!live->ended) OnProbeNotApplied(live);
      return;
    case ProbeFinding::kNoAnswer:
      if (!live->ended) ProbeAgain(live, kProbeInconclusive, ToString(finding));
      return;
    case ProbeFinding::kTwoMatches:
    case ProbeFinding::kSomebodyElses: break;
  }
  // The matches, usually ids, are for the person who has to look it up.
  Json matches = ProbeMatches(*live->tool->probe, *found);
  Json evidence = EvidenceOf(*live->tool, ToString(finding));
  if (DumpJson(matches).size() <= limits::kEvidenceBytes) evidence["matches"] = std::move(matches);
  ProbeConflict(live, evidence);
}

void Settler::ProbeConflict(const LiveIntentPtr& live, const Json& evidence) {
  if (live->ended) return;
  Record(live,
         {.to = IntentState::kUnknown,
          .rule = "probe.conflict",
          .probes = live->record.probes + 1,
          .evidence_json = DumpJson(evidence)},
         &Settler::ToReview);
}

// What was found may be what another intent has made: a further wish for the same thing, somebody
// else's, or an earlier generation, which is recorded as undone.
void Settler::OnProbeFound(const LiveIntentPtr& live, int http_status, std::string result) {
  std::optional<std::string> ref = ResultRef(*live->tool, result, context_.options.tenant_key);
  if (!ref.has_value()) return OnProbeApplied(live, http_status, std::move(result));
  LookupRequest request{.tenant = live->record.tenant,
                        .target_tool = live->tool->name,
                        .target_ref = *std::move(ref)};
  auto asked = [this, live, http_status,
                result = std::move(result)](const absl::StatusOr<LookupResult>& found) mutable {
    if (!found.ok()) {
      if (live->ended) return;
      return ProbeAgain(live, kProbeInconclusive, "the ledger cannot be read now");
    }
    const std::optional<IntentRecord>& owner = found->target;
    const bool taken =
        owner.has_value() && owner->row != live->record.row &&
        (owner->state == IntentState::kSucceeded || owner->state == IntentState::kReversed);
    if (!taken) return OnProbeApplied(live, http_status, std::move(result));
    Json evidence = EvidenceOf(*live->tool, owner->state == IntentState::kReversed
                                                ? "the result of what was undone"
                                                : "the result of another intent");
    evidence["intent"] = owner->intent_id;
    ProbeConflict(live, evidence);
  };
  context_.ledger.Lookup(std::move(request), OnLoop(context_.scheduler, std::move(asked)));
}

void Settler::OnProbeApplied(const LiveIntentPtr& live, int http_status, std::string result) {
  if (live->ended) {
    return RecordLate(*live, {.says = IntentState::kSucceeded,
                              .rule = "R16.late_probe",
                              .http_status = http_status,
                              .result_json = std::move(result)});
  }
  Transition transition{.to = IntentState::kSucceeded,
                        .rule = "R3.probe_applied",
                        .result_ref = ResultRef(*live->tool, result, context_.options.tenant_key),
                        .probes = live->record.probes + 1,
                        .evidence_json = Evidence(*live->tool, "applied")};
  if (!result.empty()) transition.result_json = std::move(result);
  Record(live, std::move(transition), &Settler::Ended);
}

void Settler::OnProbeNotApplied(const LiveIntentPtr& live) {
  const ProbeSpec& probe = *live->tool->probe;
  const bool last = live->record.probes + 1 >= probe.attempts;
  const bool shows_later =
      probe.consistency == ProbeSpec::Consistency::kEventual || live->still_runs;
  if (shows_later && !last) {
    return ProbeAgain(live, kProbeNotAppliedYet, "not applied; it may not show yet");
  }
  if (live->happened) {
    return ProbeConflict(live, EvidenceOf(*live->tool, "not applied, but its success was seen"));
  }
  const bool job_may_land = !live->record.job.empty() && !live->refusal_json.has_value();
  if (!job_may_land && !live->still_runs) return BelieveNotApplied(live);
  Record(live,
         {.to = IntentState::kUnknown,
          .rule = job_may_land ? "job.may_still_land" : std::string(kMayStillLand),
          .probes = live->record.probes + 1,
          .evidence_json = Evidence(*live->tool, "not applied")},
         &Settler::ToReview);
}

void Settler::BelieveNotApplied(const LiveIntentPtr& live) {
  const RetryLimits& limits = live->tool->retries;
  const bool may_send_again = live->record.attempts - live->record.waits < limits.attempts &&
                              context_.clock.Elapsed() - live->started <= limits.total;
  if (!live->refusal_json.has_value() && may_send_again) {
    return UnlessUndone(live, &Settler::SendAfterProbe);
  }
  live->in_doubt = false;
  live->recovered_plan.reset();
  Transition transition{.to = IntentState::kRejected,
                        .rule = std::string(kProbeNotApplied),
                        .probes = 0,
                        .evidence_json = Evidence(*live->tool, "not applied")};
  if (!live->refusal_json.value_or("").empty()) transition.result_json = live->refusal_json;
  Record(live, std::move(transition), &Settler::Ended);
}

void Settler::SendAfterProbe(const LiveIntentPtr& live) {
  live->in_doubt = false;
  live->recovered_plan.reset();
  Record(live,
         {.to = IntentState::kUnknown,
          .rule = std::string(kProbeNotApplied),
          .next_attempt_at = context_.clock.Now(),
          .probes = 0,
          .evidence_json = Evidence(*live->tool, "not applied")},
         &Settler::ScheduleResend);
}

void Settler::ProbeAgain(const LiveIntentPtr& live, absl::string_view rule, absl::string_view why) {
  const ProbeSpec& probe = *live->tool->probe;
  Transition transition{.to = IntentState::kUnknown,
                        .rule = std::string(rule),
                        .probes = live->record.probes + 1,
                        .evidence_json = Evidence(*live->tool, why)};
  // Whatever the reason for asking again, a restart must know that the attempt still runs.
  if (live->still_runs) transition.rule = std::string(kStillRuns);
  if (*transition.probes >= probe.attempts) {
    transition.rule = std::string(kProbeExhausted);
    return Record(live, std::move(transition), &Settler::ToReview);
  }
  transition.next_attempt_at = PlanProbe(*live, probe.interval);
  Record(live, std::move(transition), &Settler::ScheduleProbe);
}

}  // namespace onetake
