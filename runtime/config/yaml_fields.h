#pragma once

#include <yaml-cpp/yaml.h>

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace onetake {

// Collects what is wrong with a configuration file, so that all of it is told at once.
class YamlFaults {
 public:
  explicit YamlFaults(absl::string_view file_name) : file_name_(file_name) {}
  void Add(const YAML::Node& where, absl::string_view field, absl::string_view what);
  bool empty() const { return lines_.empty(); }
  // Notes every field that was looked for, by its full name.
  void Know(std::string field) { known_.insert(std::move(field)); }
  const std::set<std::string>& known() const { return known_; }
  absl::Status ToStatus() const;  // INVALID_ARGUMENT, one fault a line

 private:
  const std::string file_name_;
  std::vector<std::pair<int, std::string>> lines_;
  std::set<std::string> known_;
};

// Reads one YAML map strictly. Name every field, then call End(), which reports the rest as
// unknown, with the nearest known name.
class YamlFields {
 public:
  using Read = absl::FunctionRef<void(const YAML::Node&)>;
  YamlFields(YamlFaults& faults, const YAML::Node& map, std::string name);
  void Required(absl::string_view field, Read read);
  void Optional(absl::string_view field, Read read);
  void End();

 private:
  bool ReadIfThere(absl::string_view field, Read read);
  std::string FullName(absl::string_view field) const;

  YamlFaults& faults_;
  const YAML::Node map_;
  const std::string name_;
  std::vector<std::string> known_;
};

// Reads a scalar that is not empty; otherwise adds a fault.
std::optional<std::string> Text(YamlFaults& faults, const YAML::Node& node,
                                absl::string_view field);

}  // namespace onetake
