#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/engine/context.h"
#include "runtime/engine/live_intent.h"

namespace onetake {

// What a call of a WRITE means to one version of its tool.
struct Meaning {
  KnownTool known;
  Json arguments;
  IntentIdentity identity;
};
// What the call meant to the earlier versions of its tool, oldest first, to which it is another
// intent than it is now. Usually none: a manifest that changes keeps its identity.
std::vector<Meaning> FormerMeanings(const EngineContext& context, const ToolCall& call);

// What a reversing write would undo (R7): the intent as each version of the undone tool names it,
// for it may have been made under any of them.
struct ReversalTargets {
  std::string intent_id;
  std::string ref;
  std::vector<std::string> others;  // as WriteCall::other_targets
};
// `invalid` and statuses as of FindReversalTarget(), but neither when an earlier version finds an
// intent.
absl::StatusOr<ReversalTargets> FindReversalTargets(const EngineContext& context, const Tool& tool,
                                                    const ToolCall& call, const Json& arguments,
                                                    std::vector<InvalidArgument>& invalid);
void SetTargets(WriteCall& write, ReversalTargets targets);

}  // namespace onetake
