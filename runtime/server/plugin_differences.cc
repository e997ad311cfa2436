#include "runtime/server/plugin_differences.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace onetake {
namespace {

using Offer = PluginDescription::Tool;

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
