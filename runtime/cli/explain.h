#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "onetake/v1/ledger.pb.h"
#include "runtime/cli/output.h"

// What was decided about an intent, step by step, in plain words. Pure.
namespace onetake {

// One thing that happened, or was decided.
struct Step {
  // Steps at the same instant are told in order of cause: a call comes in, an attempt ends, the
  // ledger records what that means, the next attempt begins, a call is answered.
  enum Rank { kReceived, kAttemptEnd, kEvent, kAttemptBegin, kAnswered };

  google::protobuf::Timestamp at;
  Rank rank = kEvent;
  std::string what;
  std::string rule;   // the name that the ledger keeps; empty: nothing was decided
  std::string why;    // what that name means; empty: nothing to add
  std::string call;   // the call that it is about; empty: none
  std::string about;  // the tool and intent that it is about, where there are several
};

// Each appends the steps of one record, in no order.
void AddSteps(const v1::CallRecord& call, std::vector<Step>& steps);
// Whether the server shows why an attempt failed, or would with `unseal`.
enum class Values { kShown, kHidden };
void AddSteps(const v1::AttemptRecord& attempt, Values values, std::vector<Step>& steps);
Values ValuesOf(const v1::IntentGeneration& generation);
void AddSteps(const v1::EventRecord& event, std::vector<Step>& steps);
// Sorts by time, then by cause; a call and the answer that follows at once become one step.
void SortSteps(std::vector<Step>& steps);

// The steps of one generation, in order.
std::vector<Step> Explain(const v1::IntentGeneration& generation);

// Text for `onetake ledger explain`: per generation what became of it, then why, step by step.
std::string RenderExplanation(const v1::GetIntentResponse& intent, absl::TimeZone zone);
// Fields per step: intent_id, generation, at, what, rule, why.
std::vector<Fields> ExplanationFields(const v1::GetIntentResponse& intent, absl::TimeZone zone);

// A line that says that not all of the generation is there; empty when all is.
std::string MoreOf(const v1::IntentGeneration& generation);

// Says in one sentence what a state means for the effect.
std::string StateMeaning(v1::IntentState state);

}  // namespace onetake
