#pragma once

#include "absl/strings/string_view.h"
#include "runtime/engine/engine.h"

namespace onetake {

// What a model is told, for each disposition, and what may be spoken (guidance_texts.h has the
// table). Built from the answer's recorded facts only. No text claims success or failure of a write
// whose outcome is unknown, and a tool's own texts take none of ours from the model. `tool` is
// nullptr when it is not in the catalog any more.
Guidance MakeGuidance(const Answer& answer, const Tool* tool);

// The same answer for a caller who speaks `language` (BCP 47); empty: as it is.
void SpeakIn(absl::string_view language, const Tool* tool, Answer& answer);

}  // namespace onetake
