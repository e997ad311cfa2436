#include "runtime/server/plugin_links.h"

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "tools/grpc/grpc_plugin.h"
#include "tools/native/native_plugin.h"

namespace onetake {
namespace {

// The same library behind the gRPC protocol, in a child process that may crash.
PluginSpec InItsOwnProcess(PluginSpec spec) {
  std::error_code ignored;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", ignored);
  spec.kind = PluginSpec::Kind::kCommand;
  spec.command = {self.parent_path() / "onetake-plugin-host",
                  absl::StrCat("--threads=", spec.threads), spec.library, spec.sha256};
  spec.environment.push_back(
      {.name = "ONETAKE_PLUGIN_SETTINGS", .value = spec.settings_json, .secret = std::nullopt});
  return spec;
}

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
  if (spec.isolation == PluginSpec::Isolation::kProcess) {
    return StartGrpc(InItsOwnProcess(spec), loop, clock, random, on_ready);
  }
  absl::StatusOr<std::unique_ptr<NativePlugin>> plugin =
      NativePlugin::Load(spec.library, spec.sha256, spec.settings_json, spec.threads, loop, clock);
  if (plugin.ok()) {
    loop.Post([on_ready, name = spec.name, description = *(*plugin)->description()] {
      on_ready(name, description);
    });
    return *std::move(plugin);
  }
  return absl::Status(plugin.status().code(), absl::StrCat("plugins.", spec.name, ": ",
                                                           std::string(plugin.status().message())));
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
