#pragma once

#include "absl/strings/string_view.h"
#include "runtime/catalog/tool.h"
#include "runtime/json/json.h"

namespace onetake {

// What a probe's answer says about the write that was made of `arguments`.
enum class ProbeFinding {
  kApplied,
  kNotApplied,
  kTwoMatches,     // more than one row could be ours
  kSomebodyElses,  // there is a row, but `ours` says that it is not ours
  // A null or a text is none: an empty body, an error in words. Nor is any other value by itself,
  // but for true and false where `applied_if` is the whole answer; nor an object in which, down to
  // the first list of `applied_if`, there is a list where it has a name, or the other way round.
  kNoAnswer,
};

// Whether a node answers "yes": it is there, and neither null, false nor an empty array.
bool SaysYes(const Json* node);

// The rows are the elements of the first list on the way of `applied_if`; without a list the whole
// answer is the one row. Pure.
ProbeFinding ReadProbeAnswer(const ProbeSpec& probe, const Json& answer, const Json& arguments);

// The part of an answer that is the write's result, when the answer says kApplied: what `result`
// names. If `result` leads into the list of `applied_if`, it is taken from the row that is ours,
// whichever row it names. Without `result` it is the whole answer; null when there is nothing.
// Pure.
Json ProbeResult(const ProbeSpec& probe, const Json& answer, const Json& arguments);

// What `applied_if` finds in each row, as a JSON list: usually the ids of what was found. Pure.
Json ProbeMatches(const ProbeSpec& probe, const Json& answer);

// "applied" ..., for the ledger.
absl::string_view ToString(ProbeFinding finding);

}  // namespace onetake
