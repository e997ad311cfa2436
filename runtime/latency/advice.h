#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "runtime/latency/attempt_timeout.h"
#include "runtime/latency/histogram.h"

namespace onetake {

// The times of a tool's manifest that measured latency can judge.
struct JudgedTimes {
  // The fate of an attempt that the timeout cuts off.
  enum class Cut { kUnknownOutcome, kFailedRead };
  std::string tool;
  Cut cut = Cut::kUnknownOutcome;
  AttemptRule attempt;
  absl::Duration patience;
};

struct LatencyAdvice {
  enum class Weight {
    kNote,        // nothing to do
    kSuggestion,  // could be better
    kWarning,     // the timeout in effect is below the measured p95
  };
  Weight weight = Weight::kNote;
  std::string field;    // of the manifest: "timeouts.attempt"; empty for a note
  std::string finding;  // what is measured, and what it costs; a sentence without its full stop
  std::string remedy;   // what to write instead; empty for a note
};

// Returns what the measured latency says about the times, the heaviest first; never empty.
// `measured` may be null. For operators: words and figures, no codes. Pure.
std::vector<LatencyAdvice> JudgeTimes(const JudgedTimes& times, const LatencyHistogram* measured);

// Returns "850ms", "4.2s", "2m": three digits at most.
std::string RoundedDuration(absl::Duration duration);
// Returns "at least 3s" when the figure hides behind time-outs.
std::string FigureText(const LatencyHistogram::Figure& figure);

}  // namespace onetake
