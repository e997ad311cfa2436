#include "runtime/server/plugin_differences.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "runtime/json/json.h"
#include "runtime/json/path.h"

namespace onetake {
namespace {

using Offer = PluginDescription::Tool;

const Json& Member(const Json& object, const std::string& name) {
  static const Json& none = *new Json();
  const auto found = object.is_object() ? object.find(name) : object.end();
  return object.is_object() && found != object.end() ? *found : none;
}

bool Requires(const Json& schema, const std::string& name) {
  const Json& required = Member(schema, "required");
  return required.is_array() && std::find(required.begin(), required.end(), name) != required.end();
}

// What the manifest sends to the plugin under one name.
struct Sent {
  std::string argument;  // the argument sent as it is; empty: something else, which is always there
};

// What is sent, keyed by the names that the plugin sees.
std::map<std::string, Sent> SentBy(const Tool& tool, const Json& schema) {
  std::map<std::string, Sent> sent;
  const Json& source = tool.plugin->arguments.source();
  if (source == "$") {
    for (const auto& property : Member(schema, "properties").items()) {
      sent[property.key()] = {property.key()};
    }
  } else if (source.is_object()) {
    for (const auto& member : source.items()) {
      const absl::StatusOr<JsonPath> path =
          member.value().is_string() ? JsonPath::Parse(member.value().get<std::string>())
                                     : absl::StatusOr<JsonPath>(absl::NotFoundError("no path"));
      const bool whole = path.ok() && path->steps().size() == 1;
      sent[member.key()] = {whole ? std::string(path->first_name()) : ""};
    }
  }
  return sent;
}

// The names that a schema mentions.
std::set<std::string> NamesIn(const Json& schema) {
  std::set<std::string> names;
  for (const auto& property : Member(schema, "properties").items()) names.insert(property.key());
  const Json& required = Member(schema, "required");
  for (const Json& name : required.is_array() ? required : Json::array()) {
    if (name.is_string()) names.insert(name.get<std::string>());
  }
  return names;
}

using Add = absl::FunctionRef<void(const std::string&)>;

// Reports what the plugin would refuse, or read otherwise, although the manifest lets it through.
void CompareParameters(const Tool& tool, const Offer& offer, Add add) {
  const absl::StatusOr<Json> parsed = ParseJson(offer.parameters_json, ResultLimits());
  if (!parsed.ok() || !parsed->is_object() || tool.parameters == nullptr) return;
  const Json& theirs = *parsed;
  const Json& ours = tool.parameters->document();
  const std::map<std::string, Sent> sent = SentBy(tool, ours);
  const Json& properties = Member(theirs, "properties");
  for (const std::string& name : NamesIn(theirs)) {
    const auto found = sent.find(name);
    if (found == sent.end()) {
      if (Requires(theirs, name)) add("the plugin requires " + name + ", which is never sent");
      continue;
    }
    const std::string& argument = found->second.argument;
    if (argument.empty()) continue;
    if (Requires(theirs, name) && !Requires(ours, argument)) {
      add(absl::StrCat("the plugin requires ", name, ", the manifest does not require ", argument));
    }
    const Json& type = Member(Member(Member(ours, "properties"), argument), "type");
    const Json& their_type = Member(Member(properties, name), "type");
    if (!type.is_null() && !their_type.is_null() && type != their_type) {
      add(absl::StrCat("the plugin takes ", name, " as ", DumpJson(their_type),
                       ", the manifest says ", DumpJson(type)));
    }
  }
  if (Member(theirs, "additionalProperties") != Json(false)) return;
  for (const auto& [name, what] : sent) {
    if (!properties.contains(name)) add("the plugin does not know " + name + ", which is sent");
  }
}

void Compare(const Tool& tool, const Offer& offer, std::vector<std::string>& differences) {
  const auto add = [&](absl::string_view what) {
    differences.push_back(absl::StrCat(tool.name, ": ", what));
  };
  if (tool.effect == Effect::kRead && offer.effect == Effect::kWrite) {
    add("the manifest says READ, the plugin says WRITE");
  }
  const bool keyed =
      tool.key_placement.has_value() && tool.key_placement->kind == KeyPlacement::Kind::kPlugin;
  if (keyed && offer.key_retention <= absl::ZeroDuration()) {
    add("the manifest says keyed, the plugin does not say that it passes the key on");
  } else if (keyed && tool.safety.key_retention > offer.key_retention) {
    add("the manifest says that keys are remembered for longer than the plugin says");
  }
  const bool probed = tool.probe.has_value() && tool.probe->asks == ProbeSpec::Asks::kDownstream;
  if (probed && !offer.can_probe) {
    add("the manifest trusts its probe, the plugin says that it has none");
  }
  CompareParameters(tool, offer, add);
}

}  // namespace

std::vector<std::string> PluginDifferences(const ToolSet& tools, absl::string_view plugin,
                                           const PluginDescription& description) {
  std::vector<std::string> differences;
  for (const std::shared_ptr<const Tool>& tool : tools.tools()) {
    if (!tool->plugin.has_value() || tool->plugin->plugin != plugin) continue;
    const auto offer =
        std::find_if(description.tools.begin(), description.tools.end(),
                     [&](const Offer& offered) { return offered.name == tool->plugin->tool; });
    if (offer == description.tools.end()) {
      differences.push_back(absl::StrCat(tool->name, ": the plugin does not offer ",
                                         tool->plugin->tool, "; calls are refused"));
      continue;
    }
    Compare(*tool, *offer, differences);
  }
  return differences;
}

}  // namespace onetake
