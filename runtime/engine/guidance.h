#pragma once

#include "absl/strings/string_view.h"
#include "runtime/engine/engine.h"

namespace onetake {

// The table of texts: what a model is told and what may be spoken, for each disposition. Built from
// the answer's recorded facts only. No text claims success or failure of a write whose outcome is
// unknown. A tool's own `say` lines replace the defaults. `tool_name` stands for a tool that is not
// in the catalog any more (`tool` is then nullptr).
Guidance MakeGuidance(const Answer& answer, absl::string_view tool_name, const Tool* tool);

}  // namespace onetake
