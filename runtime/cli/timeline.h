#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "onetake/v1/ledger.pb.h"
#include "onetake/v1/runtime.pb.h"
#include "runtime/cli/output.h"

// The server's answers: to a person as text, to a program as fields. Times are shown in the zone
// that is asked for. Pure.
namespace onetake {

// Everything recorded about an intent: per generation its facts, then what happened, in order.
std::string RenderIntent(const v1::GetIntentResponse& intent, absl::TimeZone zone);

// One row an intent, under a heading; without arguments and results.
std::string RenderIntents(const v1::ListIntentsResponse& intents, absl::TimeZone zone);
// Puts what has waited longest for a person first.
void SortByWaiting(v1::ListIntentsResponse& intents);
// The same rows for what waits for a person at `now`.
std::string RenderReviews(const v1::ListIntentsResponse& intents, absl::Time now);

// One line an event, for `tail`; without the line's end.
std::string RenderEvent(const v1::EventRecord& event, absl::TimeZone zone);

// A line that says that older events than those in a list of the last ones may match; empty when
// none do.
std::string OlderOf(const v1::ListEventsResponse& last);

// The same as records whose names stay: documented in README.md.
std::vector<Fields> IntentFields(const v1::ListIntentsResponse& intents, absl::TimeZone zone);
Fields EventFields(const v1::EventRecord& event, absl::TimeZone zone);

Fields CallFields(const v1::CallRecord& call, absl::TimeZone zone);

// What a person's verdict has made of a generation, and what that means for the calls to come;
// without the line's end.
std::string RenderVerdict(const v1::IntentSummary& resolved);

// The answer that a call was given.
std::string RenderAnswer(const v1::ExecuteResponse& answer);

}  // namespace onetake
