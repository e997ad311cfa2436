#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/catalog/tool.h"

namespace onetake {

// What may be spoken to the user, and what must not.
struct Spoken {
  std::string say;  // may be empty
  std::vector<std::string> must_not_say;
};

// The one table of spoken texts: English, Spanish and German, a row a situation. The tool's own
// lines go before it. `language` is a BCP 47 tag in any letter case, looked up as RFC 4647, 3.4 has
// it: "es-MX", then "es". Each of them is looked for in the tool's lines, then in onetake's; last
// come the tool's lines in no language, then English. `tool` may be nullptr. Pure.
Spoken SpokenTexts(Situation situation, absl::string_view language, const Tool* tool);

// What the tool's author adds for the model, in that language or in none; may be empty.
std::string ToolTells(Situation situation, absl::string_view language, const Tool* tool);

}  // namespace onetake
