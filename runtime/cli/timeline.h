#pragma once

#include <string>

#include "absl/time/time.h"
#include "onetake/v1/ledger.pb.h"
#include "onetake/v1/runtime.pb.h"

// What the server's answers look like to a person. Pure.
namespace onetake {

// Everything recorded about an intent: per generation its facts, then what happened, in order.
std::string RenderIntent(const v1::GetIntentResponse& intent);

// One row an intent, under a heading; without arguments and results.
std::string RenderIntents(const v1::ListIntentsResponse& intents);
// The same of what waits for a person at `now`, the last of `intents` first.
std::string RenderReviews(const v1::ListIntentsResponse& intents, absl::Time now);

// One line an event, for `tail`; without the line's end.
std::string RenderEvent(const v1::EventRecord& event);

// What a call was answered.
std::string RenderAnswer(const v1::ExecuteResponse& answer);

}  // namespace onetake
