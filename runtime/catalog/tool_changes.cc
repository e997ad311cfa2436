#include "runtime/catalog/tool_changes.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/catalog/version.h"

namespace onetake {

std::vector<ToolChange> ToolChanges(const ToolSet& before, const ToolSet& after) {
  std::map<std::string, ToolChange> changes;
  for (const std::shared_ptr<const Tool>& tool : before.tools()) {
    changes[tool->name] = {.kind = ToolChange::Kind::kRemoved,
                           .tool = tool->name,
                           .version = {},
                           .previous = tool->version};
  }
  for (const std::shared_ptr<const Tool>& tool : after.tools()) {
    ToolChange& change = changes[tool->name];
    const bool is_new = change.tool.empty();
    change.kind = is_new ? ToolChange::Kind::kAdded : ToolChange::Kind::kChanged;
    change.tool = tool->name;
    change.version = tool->version;
  }
  std::vector<ToolChange> differing;
  for (auto& [name, change] : changes) {
    if (change.version != change.previous) differing.push_back(std::move(change));
  }
  return differing;
}

std::string CatalogVersion(const ToolSet& tools) {
  std::string text;
  for (const std::shared_ptr<const Tool>& tool : tools.tools()) {
    absl::StrAppend(&text, tool->name, " ", tool->version, "\n");
  }
  return VersionOf(text);
}

}  // namespace onetake
