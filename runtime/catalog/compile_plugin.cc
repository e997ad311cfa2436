// Compiles a tool that a plugin offers.
#include "absl/strings/str_cat.h"
#include "runtime/catalog/compile_context.h"

namespace onetake {
namespace {

using Manifest = v1::ToolManifest;

// Checks a name that the writers of plugins and of onetake.yaml may choose.
void CheckName(ManifestReport& report, absl::string_view field, const std::string& name) {
  if (IsToolName(name)) return;
  report.Error(field, absl::StrCat("is ", report.Quote(field, name), ", which is no name"),
               "a letter, then up to 63 letters, digits, _ and -");
}

}  // namespace

void CompilePlugin(const CompileContext& context) {
  const Manifest::PluginRules& rules = context.manifest.plugin();
  ManifestReport& report = context.report;
  PluginBinding binding{.plugin = rules.name(), .tool = rules.tool(), .arguments = {}};
  if (binding.tool.empty()) binding.tool = context.manifest.name();
  if (rules.name().empty()) {
    ReportMissing(report, "plugin.name", "the name that onetake.yaml has under plugins");
  } else {
    CheckName(report, "plugin.name", rules.name());
  }
  if (!rules.tool().empty()) CheckName(report, "plugin.tool", rules.tool());
  Manifest::JsonValue arguments;
  arguments.set_json(rules.has_arguments() ? rules.arguments().json() : "\"$\"");
  if (auto compiled = JsonTemplateFrom(context, "plugin.arguments", arguments)) {
    if (compiled->source() != Json("$") && !compiled->source().is_object()) {
      report.Error("plugin.arguments", "must be a mapping, or $ for all arguments",
                   "{ slot: $.slot_iso }");
    }
    binding.arguments = *std::move(compiled);
  }
  context.tool.executor = "plugin";
  context.tool.plugin = std::move(binding);
}

}  // namespace onetake
