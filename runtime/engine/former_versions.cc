#include "runtime/engine/former_versions.h"

#include <set>

namespace onetake {

bool IsAllowed(const ToolCall& call, const std::string& tool) {
  return call.allowed_tools == nullptr || call.allowed_tools->count(tool) != 0;
}

std::vector<KnownTool> FormerMeanings(const EngineContext& context, const ToolCall& call) {
  std::vector<KnownTool> meanings;
  if (!IsAllowed(call, call.tool)) return meanings;
  const auto former = context.former.find(call.tool);
  if (former == context.former.end()) return meanings;
  std::set<std::string> known;
  const auto is_new = [&](const Tool& tool) {
    std::vector<InvalidArgument> invalid;
    const Json arguments = CheckArguments(tool, call.arguments_json, invalid);
    if (!arguments.is_object()) return false;
    invalid.clear();  // the identity is what counts
    const absl::StatusOr<IntentIdentity> intent = IdentifyIntent(tool, call, arguments, invalid);
    return intent.ok() && invalid.empty() &&
           known.insert(IntentId(context.options.tenant_key, *intent)).second;
  };
  const std::shared_ptr<const Tool> now = context.tools->Find(call.tool);
  if (now != nullptr && now->effect == Effect::kWrite) {
    std::vector<InvalidArgument> invalid;
    CheckArguments(*now, call.arguments_json, invalid);
    if (invalid.empty()) is_new(*now);
  }
  for (const KnownTool& version : former->second) {
    if (version.tool->effect == Effect::kWrite && is_new(*version.tool)) {
      meanings.push_back(version);
    }
  }
  return meanings;
}

}  // namespace onetake
