#include "runtime/catalog/tool.h"

#include <algorithm>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/catalog/nearest.h"

namespace onetake {
namespace {

constexpr std::pair<Situation, absl::string_view> kNames[kSituations] = {
    {Situation::kDone, "done"},
    {Situation::kPending, "pending"},
    {Situation::kRejected, "rejected"},
    {Situation::kUnknown, "unknown"},
    {Situation::kNeedsReview, "needs_review"},
    {Situation::kReadBack, "read_back"},
    {Situation::kNearDuplicate, "near_duplicate"},
    {Situation::kConflict, "conflict"},
    {Situation::kInvalid, "invalid"},
    {Situation::kWithdrawn, "withdrawn"},
    {Situation::kFailed, "failed"},
    {Situation::kForgotten, "forgotten"},
};

}  // namespace

absl::string_view ToString(Situation situation) {
  for (const auto& [value, name] : kNames) {
    if (value == situation) return name;
  }
  ONETAKE_CHECK(false);
}

std::optional<Situation> SituationFromString(absl::string_view text) {
  for (const auto& [value, name] : kNames) {
    if (name == text) return value;
  }
  return std::nullopt;
}

absl::string_view SayTexts::Line(Situation situation) const {
  const auto found = lines.find(situation);
  return found == lines.end() ? absl::string_view() : absl::string_view(found->second);
}

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
