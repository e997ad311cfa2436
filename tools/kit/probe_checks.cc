#include "tools/kit/probe_checks.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "runtime/engine/probe_answer.h"

namespace onetake {
namespace {

using Holds = CheckList::Holds;

// Makes what JsonPath::Set() cannot make: elements of lists, too.
Json& Reach(Json& root, const std::vector<JsonPath::Step>& steps) {
  Json* node = &root;
  for (const JsonPath::Step& step : steps) {
    if (!step.is_index) {
      if (!node->is_object()) *node = Json::object();
      node = &(*node)[step.name];
      continue;
    }
    if (!node->is_array()) *node = Json::array();
    const size_t size = node->size();
    // Counted from the end, -1 is the last one, which is there as soon as there is any.
    const size_t needed = static_cast<size_t>(step.index < 0 ? -step.index : step.index + 1);
    for (size_t i = size; i < needed; ++i) node->push_back(nullptr);
    node = &(*node)[step.index < 0 ? node->size() - needed : needed - 1];
  }
  return *node;
}

// The path of the row that `ours` looks into: the element of the first list on the way, or all.
std::vector<JsonPath::Step> RowOf(const ProbeSpec& probe) {
  const std::vector<JsonPath::Step>& steps = probe.applied_if.steps();
  const auto index = std::find_if(steps.begin(), steps.end(),
                                  [](const JsonPath::Step& step) { return step.is_index; });
  return index == steps.end() ? std::vector<JsonPath::Step>()
                              : std::vector<JsonPath::Step>(steps.begin(), index + 1);
}

// Makes an answer that has the write's row, or one of the same thing that is not ours.
enum class Whose { kOurs, kSomebodyElses };
Json AnswerWith(const ProbeSpec& probe, const Json& arguments, Whose whose) {
  Json answer;
  Json& yes = Reach(answer, probe.applied_if.steps());
  if (yes.is_null()) yes = true;
  const std::vector<JsonPath::Step> row = RowOf(probe);
  for (const ProbeSpec::Ours& ours : probe.ours) {
    std::vector<JsonPath::Step> steps = row;
    steps.insert(steps.end(), ours.found.steps().begin(), ours.found.steps().end());
    Json& found = Reach(answer, steps);
    const Json* sent = ours.argument.Find(arguments);
    found = sent == nullptr ? Json() : *sent;
    if (whose == Whose::kSomebodyElses) found = Json{{"not", found}};
  }
  return answer;
}

bool NeedsMore(const ProbeSpec& probe, const Json& arguments) {
  return std::any_of(probe.ours.begin(), probe.ours.end(), [&](const ProbeSpec::Ours& ours) {
    return ours.argument.Find(arguments) == nullptr;
  });
}

// Checks that the READ would take what the probe makes of the write's arguments.
void CheckQuestion(const Tool& tool, const Json& arguments, const Tool& read, CheckList& list) {
  const std::vector<JsonSchema::Violation> violations =
      read.parameters->Check(tool.probe->args.Render(arguments));
  list.Judge("probe.can_be_asked", Holds(violations.empty()),
             absl::StrCat(read.name, " takes what the probe asks"),
             violations.empty() ? ""
                                : absl::StrCat(read.name, " does not take it: ", violations[0].path,
                                               " ", violations[0].reason));
}

void CheckAnswers(const Tool& tool, const Json& arguments, CheckList& list) {
  const ProbeSpec& probe = *tool.probe;
  const auto finding = [&](const Json& answer) {
    return ReadProbeAnswer(probe, answer, arguments);
  };
  for (const Json& nothing : {Json(), Json::object(), Json::array()}) {
    if (finding(nothing) == ProbeFinding::kApplied) {
      return list.Fail("probe.of_nothing",
                       absl::StrCat("it says \"applied\" of ", DumpJson(nothing)));
    }
  }
  list.Pass("probe.of_nothing", "an empty answer is not \"applied\"");
  if (NeedsMore(probe, arguments)) {
    return list.Skip("probe.of_done",
                     "these arguments lack what `ours` compares with (--arguments JSON)");
  }
  const ProbeFinding done = finding(AnswerWith(probe, arguments, Whose::kOurs));
  list.Judge("probe.of_done", Holds(done == ProbeFinding::kApplied),
             "an answer that has our row is \"applied\"",
             absl::StrCat("an answer that has our row is \"", ToString(done), "\""));
  if (probe.ours.empty()) {
    return list.Skip("probe.of_others", "without `ours` every row counts as ours");
  }
  const ProbeFinding other = finding(AnswerWith(probe, arguments, Whose::kSomebodyElses));
  list.Judge("probe.of_others", Holds(other == ProbeFinding::kSomebodyElses),
             "somebody else's row is no proof of ours",
             absl::StrCat("somebody else's row is \"", ToString(other), "\""));
}

}  // namespace

std::vector<CheckResult> CheckProbe(const Tool& tool, const Json& arguments,
                                    const ToolSet& manifests) {
  CheckList list(tool.name);
  if (tool.effect == Effect::kRead) return {};
  if (!tool.probe.has_value() || tool.probe->asks != ProbeSpec::Asks::kRead) {
    list.Skip("probe", "the manifest has none");
    return list.Take();
  }
  const std::shared_ptr<const Tool> read = manifests.Find(tool.probe->tool);
  if (read == nullptr) {
    list.Fail("probe.can_be_asked", absl::StrCat("there is no tool ", tool.probe->tool));
    return list.Take();
  }
  CheckQuestion(tool, arguments, *read, list);
  CheckAnswers(tool, arguments, list);
  return list.Take();
}

}  // namespace onetake
