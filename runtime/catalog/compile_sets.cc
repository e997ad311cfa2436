// Compiles what names the thing whose state a write sets.
#include <algorithm>
#include <set>

#include "absl/algorithm/container.h"
#include "runtime/catalog/compile_context.h"

namespace onetake {
namespace {

std::set<std::string> PathsOf(const std::vector<IdentityField>& fields) {
  std::set<std::string> paths;
  for (const IdentityField& field : fields) paths.insert(field.path);
  return paths;
}

// The ledger finds near duplicates, and what sets the same thing, by one subject.
void CheckIsSubject(const CompileContext& context) {
  const IntentSpec& intent = context.tool.intent;
  if (!intent.near.has_value() || context.report.HasErrorAt("intent.near")) return;
  if (PathsOf(intent.sets) == PathsOf(intent.near->same)) return;
  context.report.Error("intent.sets", "names other arguments than intent.near.same",
                       "name the same ones in both, or leave one of the two out");
}

}  // namespace

void CompileSets(const CompileContext& context) {
  const auto& sets = context.manifest.intent().sets();
  if (sets.empty() || context.tool.effect != Effect::kWrite) return;
  ManifestReport& report = context.report;
  IntentSpec& intent = context.tool.intent;
  if (context.manifest.has_reverses()) {
    report.Error("intent.sets", "is for a write that undoes no other one",
                 "take it out: what this one undoes is known by `reverses`");
  }
  for (int i = 0; i < sets.size(); ++i) {
    const std::string field = FieldPath("intent.sets", static_cast<size_t>(i));
    const std::optional<JsonPath> path = NamedArgument(context, field, sets[i]);
    if (!path.has_value()) continue;
    if (PathsOf(intent.sets).contains(path->text())) {
      report.Error(field, "is given twice", "keep one of them");
    } else if (absl::c_linear_search(intent.ignored, path->text())) {
      report.Error(field, "is ignored too, so two things would be one intent",
                   "take it out of intent.ignored");
    } else {
      intent.sets.push_back(SubjectField(context.tool, *path));
    }
  }
  if (!report.HasErrorAt("intent.sets")) CheckIsSubject(context);
}

}  // namespace onetake
