#include "runtime/config/retention_config.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace onetake {
namespace {

constexpr absl::Duration kShortest = absl::Hours(1);
// The skeleton is what tells a repeated call from a new one (R18).
constexpr absl::Duration kLongest = absl::Hours(876'000);
constexpr size_t kIntentIdDigits = 32;

void ParseNames(YamlFaults& faults, const YAML::Node& node, const std::string& field,
                std::vector<std::string>& names) {
  if (!node.IsSequence()) return faults.Add(node, field, "must be a list of names");
  for (const YAML::Node& entry : node) {
    if (auto text = Text(faults, entry, field)) names.push_back(*std::move(text));
  }
}

std::optional<absl::Duration> ParseTime(YamlFaults& faults, const YAML::Node& value,
                                        const std::string& field, absl::Duration shortest,
                                        absl::string_view example) {
  const auto text = Text(faults, value, field);
  if (!text.has_value()) return std::nullopt;
  absl::Duration time;
  if (absl::ParseDuration(*text, &time) && time >= shortest && time <= kLongest) return time;
  faults.Add(value, field,
             absl::StrCat("must be a duration from ", absl::ToInt64Hours(shortest),
                          "h to 876000h, e.g. ", example));
  return std::nullopt;
}

// Checks each intent's id: with a wrong letter it would hold nothing, and nobody would know before
// it is too late.
void CheckIntents(YamlFaults& faults, const YAML::Node& node, const std::vector<std::string>& ids) {
  for (const std::string& id : ids) {
    if (id.size() == kIntentIdDigits && std::all_of(id.begin(), id.end(), [](char c) {
          return absl::ascii_isxdigit(c) != 0 && !absl::ascii_isupper(c);
        })) {
      continue;
    }
    faults.Add(node, "retention.hold.intents",
               absl::StrCat(id, " is not an intent's whole id: ", kIntentIdDigits,
                            " digits of hex, in lower case"));
  }
}

void ParseHold(YamlFaults& faults, const YAML::Node& node, AgeRules& rules) {
  YamlFields fields(faults, node, "retention.hold");
  for (const auto& [name, names] :
       {std::pair{"sessions", &rules.held_sessions}, std::pair{"tools", &rules.held_tools},
        std::pair{"intents", &rules.held_intents}}) {
    fields.Optional(name, [&, field = absl::StrCat("retention.hold.", name),
                           names = names](const YAML::Node& list) {
      ParseNames(faults, list, field, *names);
      if (names == &rules.held_intents) CheckIntents(faults, list, *names);
    });
  }
  fields.End();
}

}  // namespace

AgeRules ParseRetention(YamlFaults& faults, const YAML::Node& node) {
  AgeRules rules;
  YamlFields fields(faults, node, "retention");
  fields.Optional("bodies", [&](const YAML::Node& value) {
    rules.bodies = ParseTime(faults, value, "retention.bodies", kShortest, "720h (30 days)")
                       .value_or(rules.bodies);
  });
  fields.Optional("skeletons", [&](const YAML::Node& value) {
    rules.skeletons = ParseTime(faults, value, "retention.skeletons", AgeRules::kShortestSkeletons,
                                "52560h (6 years)")
                          .value_or(rules.skeletons);
  });
  if (rules.skeletons < rules.bodies) {
    faults.Add(node, "retention.skeletons", "must not be shorter than retention.bodies");
  }
  fields.Optional("hold", [&](const YAML::Node& hold) { ParseHold(faults, hold, rules); });
  fields.End();
  return rules;
}

}  // namespace onetake
