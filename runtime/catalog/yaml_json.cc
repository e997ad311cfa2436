#include "runtime/catalog/yaml_json.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/catalog/manifest_report.h"
#include "runtime/catalog/yaml_values.h"

namespace onetake {

absl::StatusOr<Json> JsonFromYaml(absl::string_view text, const YamlLimits& limits) {
  const YamlDocument document = ParseYaml(text, limits);
  if (!document.faults.empty()) {
    const YamlFault& fault = document.faults.front();
    return absl::InvalidArgumentError(absl::StrCat("line ", fault.mark.line, ": ", fault.message));
  }
  ManifestReport report("");
  std::optional<Json> json = ReadJson(document.root, "", report);
  if (json.has_value()) return *std::move(json);
  const Diagnostic& first = report.diagnostics().front();
  return absl::InvalidArgumentError(absl::StrCat(first.field, ": ", first.message));
}

}  // namespace onetake
