#include "runtime/engine/result_reference.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
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

absl::Status NameResult(const Tool* tool, const IntentRecord& record, const Secret& tenant_key,
                        Resolution& resolution) {
  const bool is_open = record.state == IntentState::kUnknown || record.review_at.has_value();
  const bool unnamed = is_open && record.state != IntentState::kReversed && !record.has_result_ref;
  if (tool == nullptr) {
    if (!record.undoes_ref.empty()) resolution.result_ref = record.undoes_ref;
    if (!unnamed || !record.undoes_ref.empty()) return absl::OkStatus();
    return WithDetail(absl::FailedPreconditionError(absl::StrCat(
                          "intent_id: its tool ", record.tool,
                          " is not loaded, and only its manifest says how a cancellation finds "
                          "this write: load it again, then resolve")),
                      {.reason = "NEEDS_TOOL", .field = "intent_id"});
  }
  const bool took_effect = record.state == IntentState::kSucceeded;
  const std::optional<std::string>& result = resolution.result_json.has_value() || !took_effect
                                                 ? resolution.result_json
                                                 : record.result_json;
  if (result.has_value()) resolution.result_ref = ResultRef(*tool, *result, tenant_key);
  if (resolution.result_ref.has_value()) return absl::OkStatus();
  if (tool->result_ref.has_value() && unnamed) {
    return WithDetail(
        absl::FailedPreconditionError(absl::StrCat("result_json: needs ", tool->result_ref->text(),
                                                   ", by which another tool undoes it")),
        {.reason = "NEEDS_RESULT", .field = "result_json"});
  }
  std::string undoes = UndoesRef(*tool, record, tenant_key);
  if (!undoes.empty()) resolution.result_ref = std::move(undoes);
  return absl::OkStatus();
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
