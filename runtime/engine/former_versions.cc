#include "runtime/engine/former_versions.h"

#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "absl/algorithm/container.h"
#include "runtime/base/status.h"
#include "runtime/engine/call_check.h"
#include "runtime/engine/call_identity.h"

namespace onetake {
namespace {

// Whether the arguments are to the version's schema does not matter: the identity is what counts.
std::optional<Meaning> MeaningUnder(const KnownTool& version, const ToolCall& call) {
  std::vector<InvalidArgument> unfit;
  Json arguments = CheckArguments(*version.tool, call.arguments_json, unfit);
  if (!arguments.is_object()) return std::nullopt;
  std::vector<InvalidArgument> invalid;
  absl::StatusOr<IntentIdentity> identity = IdentifyIntent(*version.tool, call, arguments, invalid);
  if (!identity.ok() || !invalid.empty()) return std::nullopt;
  return Meaning{version, std::move(arguments), *std::move(identity)};
}

}  // namespace

std::vector<Meaning> FormerMeanings(const EngineContext& context, const ToolCall& call) {
  std::vector<Meaning> meanings;
  if (!IsAllowed(call, call.tool)) return meanings;
  const auto former = context.former.find(call.tool);
  if (former == context.former.end()) return meanings;
  std::set<std::string> known;
  const auto is_new = [&](const std::optional<Meaning>& meaning) {
    return meaning.has_value() &&
           known.insert(IntentId(context.options.tenant_key, meaning->identity)).second;
  };
  const std::shared_ptr<const Tool> now = context.tools->Find(call.tool);
  if (now != nullptr && now->effect == Effect::kWrite) {
    std::vector<InvalidArgument> invalid;
    CheckArguments(*now, call.arguments_json, invalid);
    if (invalid.empty()) is_new(MeaningUnder({now, context.tools}, call));
  }
  for (const KnownTool& version : former->second) {
    if (version.tool->effect != Effect::kWrite) continue;
    std::optional<Meaning> meaning = MeaningUnder(version, call);
    if (is_new(meaning)) meanings.push_back(*std::move(meaning));
  }
  return meanings;
}

absl::StatusOr<ReversalTargets> FindReversalTargets(const EngineContext& context, const Tool& tool,
                                                    const ToolCall& call, const Json& arguments,
                                                    std::vector<InvalidArgument>& invalid) {
  const Secret& tenant_key = context.options.tenant_key;
  std::vector<InvalidArgument> unfit;
  absl::StatusOr<ReversalTarget> now =
      FindReversalTarget(tool, *context.tools, call, arguments, tenant_key, unfit);
  ReversalTarget target = now.ok() ? *std::move(now) : ReversalTarget{};
  ReversalTargets found{.intent_id = target.intent_id, .ref = std::move(target.ref)};
  if (tool.reverses.has_value() && found.ref.empty()) {
    const auto former = context.former.find(tool.reverses->tool);
    if (former != context.former.end()) {
      for (const KnownTool& version : former->second) {
        if (version.tool->effect != Effect::kWrite) continue;
        std::vector<InvalidArgument> unfit_then;
        const absl::StatusOr<ReversalTarget> then =
            FindReversalTarget(tool, *version.tools, call, arguments, tenant_key, unfit_then);
        const std::string id = then.ok() ? then->intent_id : "";
        if (!id.empty() && id != target.intent_id && !absl::c_linear_search(found.others, id)) {
          found.others.push_back(id);
        }
      }
    }
  }
  if (!now.ok() && found.others.empty()) return now.status();
  if (found.intent_id.empty() && !found.others.empty()) {
    found.intent_id = found.others.back();
    found.others.pop_back();
  }
  if (!found.others.empty()) found.others.insert(found.others.begin(), found.intent_id);
  if (found.intent_id.empty()) {
    std::move(unfit.begin(), unfit.end(), std::back_inserter(invalid));
  }
  return found;
}

void SetTargets(WriteCall& write, ReversalTargets targets) {
  write.target_intent_id = std::move(targets.intent_id);
  write.target_ref = std::move(targets.ref);
  write.other_targets = std::move(targets.others);
}

}  // namespace onetake
