#include "runtime/config/retention_config.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace onetake {
namespace {

constexpr absl::Duration kShortest = absl::Hours(1);
constexpr absl::Duration kLongest = absl::Hours(876'000);

void ParseNames(YamlFaults& faults, const YAML::Node& node, const std::string& field,
                std::vector<std::string>& names) {
  if (!node.IsSequence()) return faults.Add(node, field, "must be a list of names");
  for (const YAML::Node& entry : node) {
    if (auto text = Text(faults, entry, field)) names.push_back(*std::move(text));
  }
}

void ParseHold(YamlFaults& faults, const YAML::Node& node, AgeRules& rules) {
  YamlFields fields(faults, node, "retention.hold");
  for (const auto& [name, names] :
       {std::pair{"sessions", &rules.held_sessions}, std::pair{"tools", &rules.held_tools},
        std::pair{"intents", &rules.held_intents}}) {
    fields.Optional(name, [&, field = absl::StrCat("retention.hold.", name), names = names](
                              const YAML::Node& list) { ParseNames(faults, list, field, *names); });
  }
  fields.End();
}

}  // namespace

AgeRules ParseRetention(YamlFaults& faults, const YAML::Node& node) {
  AgeRules rules;
  YamlFields fields(faults, node, "retention");
  fields.Optional("bodies", [&](const YAML::Node& value) {
    const auto text = Text(faults, value, "retention.bodies");
    if (!text.has_value()) return;
    absl::Duration bodies;
    if (!absl::ParseDuration(*text, &bodies) || bodies < kShortest || bodies > kLongest) {
      return faults.Add(value, "retention.bodies",
                        "must be a duration from 1h to 876000h, e.g. 720h (30 days)");
    }
    rules.bodies = bodies;
  });
  fields.Optional("hold", [&](const YAML::Node& hold) { ParseHold(faults, hold, rules); });
  fields.End();
  return rules;
}

}  // namespace onetake
