#pragma once

#include "runtime/catalog/environment.h"
#include "runtime/catalog/link.h"

namespace onetake {

// Reports what works and will hurt somebody, for a tool without errors. The rules, each with its
// reason, are listed in README.md. Checks that the secrets which the tool names are there, but
// never looks at them.
void LintTool(CatalogEntry& entry, const Environment& environment);

}  // namespace onetake
