#pragma once

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "onetake/v1/manifest.pb.h"
#include "runtime/catalog/manifest_report.h"
#include "runtime/catalog/yaml_tree.h"

namespace onetake {

// Returns the bytes of a schema file that a manifest names by `$ref`. A status says why there are
// none.
using SchemaFile = absl::FunctionRef<absl::StatusOr<std::string>(absl::string_view reference)>;

// Reads the manifest that `root` spells, in which the environment has been put already. Types,
// unknown fields and spellings of enums are checked here, by the descriptor of the message; what
// the values mean is not. Faults go to `report`, and the field at fault is then absent.
v1::ToolManifest ReadManifest(const YamlNode& root, SchemaFile schema_file, ManifestReport& report);

}  // namespace onetake
