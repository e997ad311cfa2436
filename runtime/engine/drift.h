#pragma once

#include <vector>

#include "runtime/catalog/tool.h"
#include "runtime/engine/stored_form.h"
#include "runtime/intent/identity.h"
#include "runtime/json/json.h"
#include "runtime/ledger/ledger.h"

namespace onetake {

struct WriteCall;

NamedBy NamedByOf(const WriteCall& call);

// The part of a recorded call that a further call of the same intent must repeat (R8), in its
// stored form. If the orchestrator named the intent, it includes the arguments by which the tool
// would tell intents apart, in their normal form.
Json GuardedOf(const Tool& tool, const IntentRecord& record);

// `diff` is of normal forms ("2026-06-24T19:00:00Z"). Replaces them by what was said
// ("2026-06-24T14:00:00-05:00"), taken from the arguments in their stored form, because people are
// asked about it.
void ShowAsGiven(const Tool& tool, const IntentRecord& recorded, const Json& received,
                 std::vector<ArgumentDiff>& diff);

}  // namespace onetake
