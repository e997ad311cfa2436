#pragma once

#include <vector>

#include "runtime/catalog/tool.h"
#include "runtime/intent/identity.h"
#include "runtime/json/json.h"
#include "runtime/ledger/ledger.h"

namespace onetake {

// What of a recorded call a further call of the same intent must say the same (R8), in its stored
// form. Of an intent that the orchestrator named that is also what the tool would tell intents
// apart by, in its normal form.
Json GuardedOf(const Tool& tool, const IntentRecord& record);

// `diff` is of normal forms ("2026-06-24T19:00:00Z"). Puts what was said in their place
// ("2026-06-24T14:00:00-05:00"), of the arguments in their stored form: people are asked about it.
void ShowAsGiven(const Tool& tool, const IntentRecord& recorded, const Json& received,
                 std::vector<ArgumentDiff>& diff);

}  // namespace onetake
