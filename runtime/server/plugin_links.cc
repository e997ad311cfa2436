#include "runtime/server/plugin_links.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "tools/grpc/grpc_plugin.h"

namespace onetake {
namespace {

absl::StatusOr<std::unique_ptr<PluginLink>> StartGrpc(PluginSpec spec, EventLoop& loop,
                                                      const Clock& clock, Random& random,
                                                      const PluginReady& on_ready) {
  auto ready = [on_ready, name = spec.name](const PluginDescription& description) {
    on_ready(name, description);
  };
  ONETAKE_ASSIGN_OR_RETURN(
      std::unique_ptr<GrpcPlugin> plugin,
      GrpcPlugin::Make(std::move(spec), loop, clock, random, std::move(ready)));
  loop.Post([raw = plugin.get()] { raw->Start(); });
  return plugin;
}

absl::StatusOr<std::unique_ptr<PluginLink>> StartPlugin(const PluginSpec& spec, EventLoop& loop,
                                                        const Clock& clock, Random& random,
                                                        const PluginReady& on_ready) {
  switch (spec.kind) {
    case PluginSpec::Kind::kCommand:
    case PluginSpec::Kind::kAddress: return StartGrpc(spec, loop, clock, random, on_ready);
    case PluginSpec::Kind::kNative: break;
  }
  return absl::UnimplementedError(
      absl::StrCat("plugins.", spec.name, ": this build has no native plugins"));
}

}  // namespace

absl::StatusOr<PluginLinks> StartPlugins(const std::vector<PluginSpec>& specs, EventLoop& loop,
                                         const Clock& clock, Random& random,
                                         const PluginReady& on_ready) {
  PluginLinks links;
  for (const PluginSpec& spec : specs) {
    ONETAKE_ASSIGN_OR_RETURN(links[spec.name], StartPlugin(spec, loop, clock, random, on_ready));
  }
  return links;
}

}  // namespace onetake
