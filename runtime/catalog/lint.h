#pragma once

#include "runtime/catalog/environment.h"
#include "runtime/catalog/link.h"

namespace onetake {

// What works and will hurt somebody, about a tool without errors. The rules, each with its reason,
// are listed in README.md. Looks whether the secrets that the tool names are there, but never at
// them.
void LintTool(CatalogEntry& entry, const Environment& environment);

}  // namespace onetake
