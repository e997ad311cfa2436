#include "runtime/server/engine_metrics.h"

namespace onetake {
namespace {

constexpr char kUnknown[] = "(unknown)";
// The bounds, in seconds, are around the patience of voice stacks and the timeouts of booking APIs.
const prometheus::Histogram::BucketBoundaries kSeconds = {
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 4, 5, 8, 15, 30, 60, 300};

prometheus::Family<prometheus::Counter>& Counter(prometheus::Registry& registry, const char* name,
                                                 const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

prometheus::Family<prometheus::Histogram>& Seconds(prometheus::Registry& registry, const char* name,
                                                   const char* help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
}

std::string NameOf(const Tool* tool) { return tool == nullptr ? kUnknown : tool->name; }
const char* EffectOf(const Tool* tool) {
  if (tool == nullptr) return "unknown";
  return tool->effect == Effect::kWrite ? "write" : "read";
}

}  // namespace

EngineMetrics::EngineMetrics()
    : registry_(std::make_shared<prometheus::Registry>()),
      calls_(Counter(*registry_, "onetake_calls_total", "Calls that were answered.")),
      refused_(Counter(*registry_, "onetake_calls_refused_total",
                       "Calls that were answered with a gRPC status: nothing was done.")),
      roles_(
          Counter(*registry_, "onetake_calls_by_role_total", "What calls were to their intents.")),
      held_back_(Counter(*registry_, "onetake_retries_held_back_total",
                         "Calls that would have written again had nothing held them back.")),
      attempts_(Counter(*registry_, "onetake_attempts_total", "Dispatches that have ended.")),
      call_seconds_(
          Seconds(*registry_, "onetake_call_seconds", "From a call's arrival to its answer.")),
      attempt_seconds_(Seconds(*registry_, "onetake_attempt_seconds",
                               "From the start of an attempt to its end.")) {}

EngineMetrics::OfTool& EngineMetrics::Of(const std::string& tool) {
  const auto [found, is_new] = tools_.try_emplace(tool);
  if (is_new) {
    const prometheus::Labels label = {{"tool", tool}};
    found->second.held_back = &held_back_.Add(label);
    found->second.call_seconds = &call_seconds_.Add(label, kSeconds);
    found->second.attempt_seconds = &attempt_seconds_.Add(label, kSeconds);
  }
  return found->second;
}

void EngineMetrics::OnAnswered(const Tool* tool, const absl::StatusOr<Answer>& answer,
                               absl::Duration took) {
  if (!answer.ok()) {
    refused_.Add({{"code", absl::StatusCodeToString(answer.status().code())}}).Increment();
    return;
  }
  const std::string name = NameOf(tool);
  OfTool& figures = Of(name);
  prometheus::Counter*& count = figures.calls.at(static_cast<size_t>(answer->disposition));
  if (count == nullptr) {
    count = &calls_.Add({{"tool", name},
                         {"effect", EffectOf(tool)},
                         {"disposition", std::string(ToString(answer->disposition))}});
  }
  count->Increment();
  figures.call_seconds->Observe(absl::ToDoubleSeconds(took));
}

void EngineMetrics::OnRole(const Tool* tool, CallRole role) {
  const std::string name = NameOf(tool);
  OfTool& figures = Of(name);
  prometheus::Counter*& count = figures.roles.at(static_cast<size_t>(role));
  if (count == nullptr) {
    count = &roles_.Add({{"tool", name}, {"role", std::string(ToString(role))}});
  }
  count->Increment();
  if (IsHeldBack(role)) figures.held_back->Increment();
}

void EngineMetrics::OnAttempt(const Tool& tool, const AttemptReport& report) {
  OfTool& figures = Of(tool.name);
  const std::string failure =
      report.failure.has_value() ? std::string(ToString(*report.failure)) : "none";
  prometheus::Counter*& count = figures.attempts[failure];
  if (count == nullptr) count = &attempts_.Add({{"tool", tool.name}, {"failure", failure}});
  count->Increment();
  figures.attempt_seconds->Observe(absl::ToDoubleSeconds(report.latency));
}

}  // namespace onetake
