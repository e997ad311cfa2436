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

// Whether the value is what the path goes through, as far as it is there; of a list, every row.
bool HasShape(const Json& node, Steps::const_iterator step, Steps::const_iterator end) {
  if (step == end || node.is_null()) return true;
  if (node.is_array() != step->is_index) return false;
  if (step->is_index) {
    return std::all_of(node.begin(), node.end(),
                       [&](const Json& row) { return HasShape(row, step + 1, end); });
  }
  if (!node.is_object()) return false;
  const auto member = node.find(step->name);
  return member == node.end() || HasShape(*member, step + 1, end);
}

// An object where a list should be, the other way round, or a text in the place of either is not
// the answer that the manifest's author has seen: an error, or the blocks of an MCP server's
// content. It proves nothing.
bool IsAnswer(const ProbeSpec& probe, const Json& answer) {
  if (!answer.is_structured()) return probe.applied_if.is_root() && answer.is_boolean();
  const Steps& steps = probe.applied_if.steps();
  return HasShape(answer, steps.begin(), steps.end());
}

// A row that counts, and the value in it that made it count.
struct Match {
  const Json* row;
  const Json* node;
};

std::vector<Match> Matches(const ProbeSpec& probe, const Json& answer) {
  const Steps& steps = probe.applied_if.steps();
  const auto index = std::find_if(steps.begin(), steps.end(),
                                  [](const JsonPath::Step& step) { return step.is_index; });
  std::vector<Match> matches;
  if (index == steps.end()) {
    const Json* node = probe.applied_if.Find(answer);
    if (SaysYes(node)) matches.push_back({&answer, node});
    return matches;
  }
  const Json* list = Walk(&answer, steps.begin(), index);
  if (list == nullptr || !list->is_array()) return matches;
  for (const Json& row : *list) {
    const Json* node = Walk(&row, index + 1, steps.end());
    if (SaysYes(node)) matches.push_back({&row, node});
  }
  return matches;
}

}  // namespace

Json ProbeMatches(const ProbeSpec& probe, const Json& answer) {
  Json nodes = Json::array();
  for (const Match& match : Matches(probe, answer)) nodes.push_back(*match.node);
  return nodes;
}

bool SaysYes(const Json* node) {
  if (node == nullptr || node->is_null()) return false;
  if (node->is_boolean()) return node->get<bool>();
  if (node->is_array()) return !node->empty();
  return true;
}

ProbeFinding ReadProbeAnswer(const ProbeSpec& probe, const Json& answer, const Json& arguments) {
  if (!IsAnswer(probe, answer)) return ProbeFinding::kNoAnswer;
  const std::vector<Match> rows = Matches(probe, answer);
  const auto ours = std::count_if(rows.begin(), rows.end(), [&](const Match& match) {
    return IsOurs(probe, *match.row, arguments);
  });
  if (ours == 1) return ProbeFinding::kApplied;
  if (ours > 1) return ProbeFinding::kTwoMatches;
  return rows.empty() ? ProbeFinding::kNotApplied : ProbeFinding::kSomebodyElses;
}

Json ProbeResult(const ProbeSpec& probe, const Json& answer, const Json& arguments) {
  if (!probe.result.has_value()) return answer;
  const Steps& steps = probe.result->steps();
  const Steps& applied = probe.applied_if.steps();
  const auto is_index = [](const JsonPath::Step& step) { return step.is_index; };
  const auto list = std::find_if(applied.begin(), applied.end(), is_index) - applied.begin();
  const bool leads_there =
      list < std::ssize(applied) && list < std::ssize(steps) && steps[list].is_index &&
      std::equal(steps.begin(), steps.begin() + list, applied.begin(),
                 [](const JsonPath::Step& a, const JsonPath::Step& b) { return a.name == b.name; });
  const Json* node = probe.result->Find(answer);
  if (leads_there) {
    for (const Match& match : Matches(probe, answer)) {
      if (!IsOurs(probe, *match.row, arguments)) continue;
      node = Walk(match.row, steps.begin() + list + 1, steps.end());
      break;
    }
  }
  return node == nullptr ? Json() : *node;
}

absl::string_view ToString(ProbeFinding finding) {
  switch (finding) {
    case ProbeFinding::kApplied: return "applied";
    case ProbeFinding::kNotApplied: return "not applied";
    case ProbeFinding::kTwoMatches: return "more than one match";
    case ProbeFinding::kSomebodyElses: return "a match that is somebody else's";
    case ProbeFinding::kNoAnswer: return "of another kind than applied_if needs";
  }
  ONETAKE_CHECK(false);
}

}  // namespace onetake
