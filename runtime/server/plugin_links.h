#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/base/clock.h"
#include "runtime/base/event_loop.h"
#include "tools/plugin/plugin_link.h"
#include "tools/plugin/plugin_spec.h"

namespace onetake {

// Told on the loop what a plugin offers, whenever it has become ready to be called.
using PluginReady =
    std::function<void(const std::string& plugin, const PluginDescription& description)>;
using PluginLinks = std::map<std::string, std::unique_ptr<PluginLink>>;

// Makes the plugins of onetake.yaml, by their names; they are started once the loop runs. On
// failure returns the status of the first that cannot be started, naming it.
absl::StatusOr<PluginLinks> StartPlugins(const std::vector<PluginSpec>& specs, EventLoop& loop,
                                         const Clock& clock, Random& random,
                                         const PluginReady& on_ready);

}  // namespace onetake
