#pragma once

#include <string>
#include <vector>

#include "runtime/catalog/tool.h"

namespace onetake {

// How one tool of a set differs from the set before.
struct ToolChange {
  enum class Kind { kAdded, kChanged, kRemoved };
  Kind kind = Kind::kAdded;
  std::string tool;
  std::string version;   // now; empty when removed
  std::string previous;  // before; empty when added
};

// The changes, by name. Empty when every call means what it meant before: a manifest that only
// moved to another file is no change. Pure.
std::vector<ToolChange> ToolChanges(const ToolSet& before, const ToolSet& after);

// A text that changes whenever a tool of the set changes, comes or goes. Pure.
std::string CatalogVersion(const ToolSet& tools);

}  // namespace onetake
