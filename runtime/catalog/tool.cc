#include "runtime/catalog/tool.h"

#include <algorithm>

#include "runtime/base/check.h"
#include "runtime/catalog/nearest.h"

namespace onetake {

ToolSet::ToolSet(std::vector<std::shared_ptr<const Tool>> tools) : tools_(std::move(tools)) {
  std::sort(tools_.begin(), tools_.end(),
            [](const auto& a, const auto& b) { return a->name < b->name; });
  const auto twice =
      std::adjacent_find(tools_.begin(), tools_.end(),
                         [](const auto& a, const auto& b) { return a->name == b->name; });
  ONETAKE_CHECK(twice == tools_.end());
}

std::shared_ptr<const Tool> ToolSet::Find(absl::string_view name) const {
  const auto found = std::lower_bound(tools_.begin(), tools_.end(), name,
                                      [](const auto& tool, absl::string_view wanted) {
                                        return absl::string_view(tool->name) < wanted;
                                      });
  return found == tools_.end() || (*found)->name != name ? nullptr : *found;
}

std::string ToolSet::Nearest(absl::string_view name) const {
  std::vector<std::string> names;
  names.reserve(tools_.size());
  for (const auto& tool : tools_) names.push_back(tool->name);
  return NearestName(name, names);
}

}  // namespace onetake
