#pragma once

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

// The one table of what the words in the ledger mean, for people. A unit test finds every rule that
// engine, policy and ledger can write, and that each has its text here. Pure.
namespace onetake {

// Why something was decided, under the name that the ledger keeps.
struct RuleText {
  absl::string_view rule;     // "R3.keyed"
  absl::string_view meaning;  // sentences without the last full stop
};
absl::Span<const RuleText> RuleTexts();
// Empty for a rule that this version does not know.
absl::string_view RuleMeaning(absl::string_view rule);

// What a call was to its intent ("held"), and why nothing more was sent for it. Empty when unknown.
absl::string_view RoleMeaning(absl::string_view role);
// Whether such a call would have written again had nothing held it back.
bool IsHeldBack(absl::string_view role);

// How an attempt failed ("LOST") and what that says about its effect. Empty when unknown.
absl::string_view FailureMeaning(absl::string_view failure);

// What an answer told the agent ("DONE"). Empty when unknown.
absl::string_view DispositionMeaning(absl::string_view disposition);

}  // namespace onetake
