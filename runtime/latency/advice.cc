#include "runtime/latency/advice.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace onetake {
namespace {

using Weight = LatencyAdvice::Weight;

constexpr double kTolerated = 0.01;  // attempts that may be cut off before it is worth a word

// Returns "about 1 in 12 calls of book would be cut off".
std::string CutText(const std::string& tool, std::optional<double> share) {
  if (!share.has_value() || *share >= 0.95) {
    return absl::StrCat("nearly all calls of ", tool, " would be cut off");
  }
  if (*share > 0.4) {
    return absl::StrFormat("about %.0f in 100 calls of %s would be cut off", *share * 100, tool);
  }
  return absl::StrFormat("about 1 in %.0f calls of %s would be cut off", std::round(1 / *share),
                         tool);
}

absl::string_view Consequence(JudgedTimes::Cut cut) {
  return cut == JudgedTimes::Cut::kUnknownOutcome ? " and their outcome unknown"
                                                  : " and asked again, or fail";
}

std::string Remedy(const JudgedTimes& times, const LatencyHistogram& measured) {
  const absl::Duration suggested = SuggestedAttempt(&measured).value_or(times.attempt.ceiling);
  const bool hides = measured.Percentile(0.999)->at_least;
  if (!times.attempt.fixed.has_value()) {
    return absl::StrCat("set timeouts.ceiling to at least ", RoundedDuration(suggested));
  }
  return absl::StrCat("set attempt: auto or at least ", RoundedDuration(suggested),
                      hides ? "; how much more is not known, because the timeout hides it" : "");
}

// Judges the limit that cuts attempts off: the fixed timeout, or the ceiling that holds `auto`
// back.
void JudgeAttempt(const JudgedTimes& times, const LatencyHistogram& measured,
                  std::vector<LatencyAdvice>& advice) {
  const bool fixed = times.attempt.fixed.has_value();
  const absl::Duration limit = AttemptTimeout(times.attempt, &measured);
  if (!fixed && limit < times.attempt.ceiling) return;
  const std::optional<double> share = measured.ShareLongerThan(limit);
  const bool below_p95 = measured.IsShorterThanPercentile(limit, 0.95);
  if (!below_p95 && share.value_or(0) <= kTolerated) return;
  const double percentile = below_p95 ? 0.95 : 0.99;
  const LatencyHistogram::Figure figure = *measured.Percentile(percentile);
  const std::string name = absl::StrCat("the measured p", below_p95 ? "95" : "99");
  const std::string relation =
      figure.at_least ? absl::StrCat(" hides ", name, ", which is longer: ")
                      : absl::StrCat(" is below ", name, " of ", FigureText(figure), ": ");
  advice.push_back(
      {.weight = below_p95 ? Weight::kWarning : Weight::kSuggestion,
       .field = fixed ? "timeouts.attempt" : "timeouts.ceiling",
       .finding = absl::StrCat(fixed ? "attempt: " : "ceiling: ", RoundedDuration(limit), relation,
                               CutText(times.tool, share), Consequence(times.cut)),
       .remedy = Remedy(times, measured)});
}

void JudgePatience(const JudgedTimes& times, const LatencyHistogram& measured,
                   std::vector<LatencyAdvice>& advice) {
  if (!measured.IsShorterThanPercentile(times.patience, 0.5)) return;
  const bool write = times.cut == JudgedTimes::Cut::kUnknownOutcome;
  advice.push_back(
      {.weight = Weight::kSuggestion,
       .field = "timeouts.patience",
       .finding = absl::StrCat(
           "patience: ", RoundedDuration(times.patience), " is below the measured p50 of ",
           FigureText(*measured.Percentile(0.5)), ": most callers of ", times.tool,
           write ? " hear PENDING first, and the result later" : " get no answer at all"),
       .remedy = write ? "raise it towards 4s, or give say.pending a line that fits every call"
                       : "raise it towards 4s, or speed the downstream up"});
}

}  // namespace

std::vector<LatencyAdvice> JudgeTimes(const JudgedTimes& times, const LatencyHistogram* measured) {
  const int64_t count = measured == nullptr ? 0 : measured->count();
  if (count < kMinSamples) {
    return {{.finding = absl::StrCat("measured ", count, " of the ", kMinSamples,
                                     " calls that a judgement needs")}};
  }
  std::vector<LatencyAdvice> advice;
  JudgeAttempt(times, *measured, advice);
  JudgePatience(times, *measured, advice);
  if (advice.empty()) {
    advice.push_back({.finding = "its times fit what is measured"});
  }
  return advice;
}

std::string RoundedDuration(absl::Duration duration) {
  const double ms = absl::ToDoubleMilliseconds(duration);
  if (ms < 999.5) return absl::StrFormat("%.3gms", ms);
  if (ms < 99'950) return absl::StrFormat("%.3gs", ms / 1000);
  return absl::StrFormat("%.3gm", ms / 60'000);
}

std::string FigureText(const LatencyHistogram::Figure& figure) {
  return absl::StrCat(figure.at_least ? "at least " : "", RoundedDuration(figure.value));
}

}  // namespace onetake
