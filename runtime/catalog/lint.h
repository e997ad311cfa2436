#pragma once

#include "runtime/catalog/environment.h"
#include "runtime/catalog/link.h"

namespace onetake {

// What works and will hurt somebody, about a tool without errors. The rules, each with its reason,
// are listed in README.md. Looks whether the secrets that the tool names are there, but never at
// them.
void LintTool(CatalogEntry& entry, const Environment& environment);

// Whether a text that a model words freely is likely to be in this argument, so that two wordings
// of one wish would be two intents. `schema`: one of the schemas of the argument.
enum class Wording { kFixed, kFree };
Wording WordingOf(absl::string_view name, const std::vector<const Json*>& schemas);

}  // namespace onetake
