#include "runtime/engine/result_reference.h"

#include "absl/strings/str_cat.h"
#include "runtime/intent/key.h"
#include "runtime/intent/unicode.h"
#include "runtime/ledger/result_ref.h"

namespace onetake {

// 7, "7" and " 7 " name the same thing, as they do for the normaliser `id`.
std::string ReferenceDigest(const Secret& tenant_key, absl::string_view tool, const Json& node) {
  return StoredDigest(tenant_key, tool,
                      node.is_string() ? TrimText(node.get<std::string>()) : CanonicalJson(node));
}

std::optional<std::string> ResultRef(const Tool& tool, const std::string& result_json,
                                     const Secret& tenant_key) {
  if (!tool.result_ref.has_value()) return std::nullopt;
  const absl::StatusOr<Json> result = ParseJson(result_json, ResultLimits());
  const Json* node = result.ok() ? tool.result_ref->Find(*result) : nullptr;
  if (node == nullptr || node->is_null()) return std::nullopt;
  return ReferenceDigest(tenant_key, tool.name, *node);
}

std::string UndoesRef(const Tool& tool, const IntentRecord& record, const Secret& tenant_key) {
  if (!record.undoes_ref.empty()) return record.undoes_ref;
  // Earlier programs did not keep it at the claim.
  if (!tool.reverses.has_value() || record.reverses_row != 0 || record.hides) return "";
  if (!tool.reverses->argument.has_value()) return "";
  const absl::StatusOr<Json> arguments = ParseJson(record.arguments_json, ResultLimits());
  const Json* node = arguments.ok() ? tool.reverses->argument->Find(*arguments) : nullptr;
  if (node == nullptr || node->is_null()) return "";
  return absl::StrCat(kUndoes, ReferenceDigest(tenant_key, tool.reverses->tool, *node));
}

std::vector<std::string> UndoingByResult(const ToolSet& tools, const std::string& tool) {
  std::vector<std::string> names;
  for (const std::shared_ptr<const Tool>& other : tools.tools()) {
    const bool undoes = other->reverses.has_value() && other->reverses->tool == tool;
    if (undoes && other->reverses->argument.has_value()) names.push_back(other->name);
  }
  return names;
}

}  // namespace onetake
