// Compiles which write this one undoes.
#include "runtime/catalog/compile_context.h"

namespace onetake {

void CompileReverses(const CompileContext& context) {
  if (!context.manifest.has_reverses()) return;
  const v1::ToolManifest::Reverses& reverses = context.manifest.reverses();
  ManifestReport& report = context.report;
  if (context.tool.effect != Effect::kWrite) {
    report.Error("reverses", "is for a WRITE: a READ undoes nothing", "take it out");
    return;
  }
  ReversesSpec spec;
  spec.tool = reverses.tool();
  if (spec.tool.empty())
    ReportMissing(report, "reverses.tool", "the name of the WRITE that this undoes");
  const bool by_result = !reverses.argument().empty() || !reverses.result().empty();
  if (reverses.has_identity() == by_result) {
    if (!report.HasErrorAt("reverses")) {
      report.Error("reverses", "needs one way to find what is undone",
                   "identity: { slot_iso: $.slot_iso }, or argument: $.id and result: $.id");
    }
    return;
  }
  if (reverses.has_identity()) {
    spec.identity = JsonTemplateFrom(context, "reverses.identity", reverses.identity());
    if (spec.identity.has_value() && !spec.identity->source().is_object()) {
      report.Error("reverses.identity", "must be a mapping", "{ slot_iso: $.slot_iso }");
    }
  } else {
    if (reverses.argument().empty()) {
      ReportMissing(report, "reverses.argument", "$.appointment_id");
    } else {
      spec.argument = ArgumentPath(context, "reverses.argument", reverses.argument());
    }
    if (spec.argument.has_value() && spec.argument->is_root()) {
      report.Error("reverses.argument", "is $, which is no single argument", "$.appointment_id");
    }
    if (reverses.result().empty()) {
      ReportMissing(report, "reverses.result", "$.id");
    } else {
      spec.result = PathFrom(report, "reverses.result", reverses.result());
    }
  }
  if (!report.HasErrorAt("reverses")) context.tool.reverses = std::move(spec);
}

}  // namespace onetake
