#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/catalog/yaml_tree.h"
#include "runtime/json/json.h"

namespace onetake {

// Returns the one document of `text` as JSON, by the rules of ParseYaml and ReadJson. Nothing of
// the environment is put in. INVALID_ARGUMENT with the line and the reason of the first fault.
absl::StatusOr<Json> JsonFromYaml(absl::string_view text, const YamlLimits& limits);

}  // namespace onetake
