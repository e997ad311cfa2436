// Compiles when the user has to be asked before a call runs.
#include "runtime/catalog/compile_context.h"

namespace onetake {
namespace {

using Manifest = v1::ToolManifest;

constexpr DurationRange kWindows = {absl::Seconds(1), absl::Hours(24 * 7)};

}  // namespace

void CompileNear(const CompileContext& context) {
  const Manifest& manifest = context.manifest;
  ManifestReport& report = context.report;
  if (manifest.confirm() == Manifest::CONFIRM_ALWAYS) {
    if (context.tool.effect != Effect::kWrite) {
      report.Error("confirm", "is for a WRITE: a READ changes nothing", "take it out");
    }
    context.tool.confirm = ConfirmRule::kAlways;
  }
  if (!manifest.intent().has_near() || context.tool.effect != Effect::kWrite) return;
  const Manifest::Near& near = manifest.intent().near();
  NearSpec spec;
  if (near.same().empty()) {
    ReportMissing(report, "intent.near.same", "the arguments that make the subject: [patient_id]");
  }
  for (int i = 0; i < near.same_size(); ++i) {
    const std::string field = FieldPath("intent.near.same", static_cast<size_t>(i));
    const std::optional<JsonPath> path = NamedArgument(context, field, near.same(i));
    if (path.has_value()) spec.same.push_back(SubjectField(context.tool, *path));
  }
  spec.window = DurationIn(report, "intent.near.window",
                           near.has_window() ? &near.window() : nullptr, kWindows, spec.window);
  if (near.on_near() == Manifest::ON_NEAR_REJECT) spec.action = NearSpec::Action::kReject;
  context.tool.intent.near = std::move(spec);
}

}  // namespace onetake
