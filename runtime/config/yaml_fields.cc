#include "runtime/config/yaml_fields.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/catalog/nearest.h"

namespace onetake {

void YamlFaults::Add(const YAML::Node& where, absl::string_view field, absl::string_view what) {
  const int line = std::max(where.Mark().line, 0) + 1;
  lines_.emplace_back(
      line, absl::StrCat(file_name_, ":", line, ": ", field, field.empty() ? "" : ": ", what));
}

absl::Status YamlFaults::ToStatus() const {
  std::vector<std::pair<int, std::string>> sorted = lines_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  return absl::InvalidArgumentError(absl::StrJoin(
      sorted, "\n", [](std::string* out, const auto& line) { absl::StrAppend(out, line.second); }));
}

YamlFields::YamlFields(YamlFaults& faults, const YAML::Node& map, std::string name)
    : faults_(faults), map_(map), name_(std::move(name)) {
  if (!map_.IsMap()) faults_.Add(map_, name_, "must be a map of fields");
}

std::string YamlFields::FullName(absl::string_view field) const {
  return name_.empty() ? std::string(field) : absl::StrCat(name_, ".", field);
}

bool YamlFields::ReadIfThere(absl::string_view field, Read read) {
  known_.emplace_back(field);
  faults_.Know(FullName(field));
  if (!map_.IsMap()) return true;
  int found = 0;
  for (const auto& entry : map_) {
    if (!entry.first.IsScalar() || entry.first.Scalar() != std::string(field)) continue;
    if (++found == 1) {
      read(entry.second);
    } else {
      faults_.Add(entry.first, FullName(field), "is given twice; keep one");
    }
  }
  return found > 0;
}

void YamlFields::Required(absl::string_view field, Read read) {
  if (!ReadIfThere(field, read)) faults_.Add(map_, FullName(field), "is required");
}

void YamlFields::Optional(absl::string_view field, Read read) { ReadIfThere(field, read); }

void YamlFields::End() {
  if (!map_.IsMap()) return;
  for (const auto& entry : map_) {
    const std::string given = entry.first.IsScalar() ? entry.first.Scalar() : "?";
    if (std::find(known_.begin(), known_.end(), given) != known_.end()) continue;
    const std::string nearest = NearestName(given, known_);
    faults_.Add(entry.first, FullName(given),
                absl::StrCat("is not a field",
                             nearest.empty() ? "." : absl::StrCat("; did you mean ", nearest, "?"),
                             " Known here: ", absl::StrJoin(known_, ", ")));
  }
}

std::optional<std::string> Text(YamlFaults& faults, const YAML::Node& node,
                                absl::string_view field) {
  if (node.IsScalar() && !node.Scalar().empty()) return node.Scalar();
  faults.Add(node, field, "must be a text");
  return std::nullopt;
}

}  // namespace onetake
