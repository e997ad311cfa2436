#include "runtime/engine/probe_answer.h"

#include <algorithm>
#include <vector>

#include "runtime/base/check.h"

namespace onetake {
namespace {

using Steps = std::vector<JsonPath::Step>;

const Json* Walk(const Json* node, Steps::const_iterator step, Steps::const_iterator end) {
  for (; node != nullptr && step != end; ++step) {
    if (step->is_index) {
      const int size = node->is_array() ? static_cast<int>(node->size()) : 0;
      const int index = step->index < 0 ? size + step->index : step->index;
      node = index >= 0 && index < size ? &(*node)[static_cast<size_t>(index)] : nullptr;
    } else {
      const auto member = node->is_object() ? node->find(step->name) : node->end();
      node = node->is_object() && member != node->end() ? &*member : nullptr;
    }
  }
  return node;
}

bool IsOurs(const ProbeSpec& probe, const Json& row, const Json& arguments) {
  return std::all_of(probe.ours.begin(), probe.ours.end(), [&](const ProbeSpec::Ours& ours) {
    const Json* found = ours.found.Find(row);
    const Json* sent = ours.argument.Find(arguments);
    return found != nullptr && sent != nullptr && *found == *sent;
  });
}

}  // namespace

bool SaysYes(const Json* node) {
  if (node == nullptr || node->is_null()) return false;
  if (node->is_boolean()) return node->get<bool>();
  if (node->is_array()) return !node->empty();
  return true;
}

ProbeFinding ReadProbeAnswer(const ProbeSpec& probe, const Json& answer, const Json& arguments) {
  const Steps& steps = probe.applied_if.steps();
  const auto index = std::find_if(steps.begin(), steps.end(),
                                  [](const JsonPath::Step& step) { return step.is_index; });
  std::vector<const Json*> rows;
  if (index == steps.end()) {
    if (SaysYes(probe.applied_if.Find(answer))) rows.push_back(&answer);
  } else {
    const Json* list = Walk(&answer, steps.begin(), index);
    if (list != nullptr && list->is_array()) {
      for (const Json& row : *list) {
        if (SaysYes(Walk(&row, index + 1, steps.end()))) rows.push_back(&row);
      }
    }
  }
  const auto ours = std::count_if(rows.begin(), rows.end(),
                                  [&](const Json* row) { return IsOurs(probe, *row, arguments); });
  if (ours == 1) return ProbeFinding::kApplied;
  if (ours > 1) return ProbeFinding::kTwoMatches;
  return rows.empty() ? ProbeFinding::kNotApplied : ProbeFinding::kSomebodyElses;
}

absl::string_view ToString(ProbeFinding finding) {
  switch (finding) {
    case ProbeFinding::kApplied: return "applied";
    case ProbeFinding::kNotApplied: return "not applied";
    case ProbeFinding::kTwoMatches: return "more than one match";
    case ProbeFinding::kSomebodyElses: return "a match that is somebody else's";
  }
  ONETAKE_CHECK(false);
}

}  // namespace onetake
