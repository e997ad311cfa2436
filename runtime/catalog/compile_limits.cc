// Compiles timeouts, retries, and what limits them.
#include "absl/strings/str_cat.h"
#include "runtime/base/limits.h"
#include "runtime/catalog/compile_context.h"
#include "runtime/catalog/proto_duration.h"

namespace onetake {
namespace {

constexpr DurationRange kWaits = {absl::ZeroDuration(), limits::kMaxPatience};
constexpr DurationRange kAttempts = {absl::Milliseconds(100), absl::Minutes(10)};
constexpr DurationRange kTotals = {absl::ZeroDuration(), absl::Hours(24)};
constexpr DurationRange kBackoffs = {absl::Milliseconds(1), absl::Hours(1)};
constexpr IntegerRange kDispatches = {1, 20};
constexpr IntegerRange kInFlights = {1, static_cast<int64_t>(limits::kInFlight)};

void CompileTimeouts(const CompileContext& context) {
  const v1::ToolManifest::TimeoutRules& rules = context.manifest.timeouts();
  ManifestReport& report = context.report;
  Timeouts& timeouts = context.tool.timeouts;
  timeouts.filler =
      DurationIn(report, "timeouts.filler", rules.has_filler() ? &rules.filler() : nullptr, kWaits,
                 timeouts.filler);
  timeouts.patience =
      DurationIn(report, "timeouts.patience", rules.has_patience() ? &rules.patience() : nullptr,
                 kWaits, timeouts.patience);
  timeouts.floor =
      DurationIn(report, "timeouts.floor", rules.has_floor() ? &rules.floor() : nullptr, kAttempts,
                 timeouts.floor);
  timeouts.ceiling =
      DurationIn(report, "timeouts.ceiling", rules.has_ceiling() ? &rules.ceiling() : nullptr,
                 kAttempts, timeouts.ceiling);
  if (rules.attempt().has_fixed()) {
    timeouts.attempt = DurationIn(report, "timeouts.attempt", &rules.attempt().fixed(), kAttempts,
                                  timeouts.ceiling);
  }
  if (report.HasErrorAt("timeouts")) return;
  if (timeouts.floor > timeouts.ceiling) {
    report.Error(rules.has_floor() ? "timeouts.floor" : "timeouts.ceiling",
                 "leaves the floor above the ceiling",
                 absl::StrCat("floor <= ceiling; by default they are ",
                              absl::FormatDuration(Timeouts().floor), " and ",
                              absl::FormatDuration(Timeouts().ceiling)));
  } else if (timeouts.attempt.has_value() && *timeouts.attempt > timeouts.ceiling) {
    report.Error("timeouts.attempt", "is longer than the ceiling",
                 absl::StrCat("raise timeouts.ceiling, which is ",
                              absl::FormatDuration(Timeouts().ceiling), " by default"));
  }
}

void CompileRetries(const CompileContext& context) {
  const v1::ToolManifest::RetryRules& rules = context.manifest.retries();
  ManifestReport& report = context.report;
  RetryLimits& retries = context.tool.retries;
  retries.attempts = static_cast<int>(
      IntegerIn(report, "retries.attempts",
                rules.has_attempts() ? std::optional<int64_t>(rules.attempts()) : std::nullopt,
                kDispatches, retries.attempts));
  retries.total = DurationIn(report, "retries.total", rules.has_total() ? &rules.total() : nullptr,
                             kTotals, retries.total);
  retries.base = DurationIn(report, "retries.base", rules.has_base() ? &rules.base() : nullptr,
                            kBackoffs, retries.base);
  retries.cap = DurationIn(report, "retries.cap", rules.has_cap() ? &rules.cap() : nullptr,
                           kBackoffs, retries.cap);
  if (report.HasErrorAt("retries") || retries.base <= retries.cap) return;
  report.Error(
      rules.has_base() ? "retries.base" : "retries.cap", "leaves the base above the cap",
      absl::StrCat("base <= cap; by default they are ", absl::FormatDuration(RetryLimits().base),
                   " and ", absl::FormatDuration(RetryLimits().cap)));
}

double ShareOf(v1::ToolManifest::Percentile percentile) {
  switch (percentile) {
    case v1::ToolManifest::PERCENTILE_P50: return 0.5;
    case v1::ToolManifest::PERCENTILE_P90: return 0.9;
    case v1::ToolManifest::PERCENTILE_P99: return 0.99;
    default: return 0.95;
  }
}

void CompileHedge(const CompileContext& context) {
  const v1::ToolManifest::Hedge& hedge = context.manifest.hedge();
  if (!context.manifest.has_hedge() || context.report.HasErrorAt("hedge")) return;
  if (hedge.has_enabled() && !hedge.enabled()) return;
  if (context.tool.effect == Effect::kWrite) {
    context.report.Error("hedge", "is for a READ: a write is never sent a second time to be quick",
                         "take it out, or effect: READ if calling it changes nothing");
    return;
  }
  context.tool.hedge_after = ShareOf(hedge.after());
}

void CompileInFlight(const CompileContext& context) {
  const v1::ToolManifest::LimitRules& rules = context.manifest.limits();
  if (!rules.has_downstream_in_flight()) return;
  context.tool.downstream_in_flight =
      static_cast<int>(IntegerIn(context.report, "limits.downstream_in_flight",
                                 rules.downstream_in_flight(), kInFlights, kInFlights.most));
}

}  // namespace

void CompileLimits(const CompileContext& context) {
  CompileTimeouts(context);
  CompileRetries(context);
  CompileHedge(context);
  CompileInFlight(context);
}

}  // namespace onetake
