#include "runtime/cli/plugin_under_test.h"

#include <utility>

#include "runtime/base/status.h"
#include "tools/grpc/grpc_plugin.h"
#include "tools/native/checked_file.h"
#include "tools/native/native_plugin.h"

namespace onetake {
namespace {

constexpr int kThreads = 4;

PluginSpec SpecOf(const PluginUnderTest& plugin) {
  PluginSpec spec{.name = std::string(kPluginUnderTest)};
  spec.kind = plugin.address.empty() ? PluginSpec::Kind::kCommand : PluginSpec::Kind::kAddress;
  spec.command = plugin.command;
  spec.address = plugin.address;
  spec.log_file = "/dev/stderr";
  for (const std::string& name : plugin.pass_env) {
    spec.environment.push_back({.name = name,
                                .value = "",
                                .secret = SecretRef{.kind = SecretRef::Kind::kEnv, .name = name}});
  }
  return spec;
}

absl::StatusOr<std::unique_ptr<PluginLink>> StartLink(const PluginUnderTest& plugin,
                                                      EventLoop& loop, SystemClock& clock,
                                                      SystemRandom& random) {
  if (!plugin.library.empty()) {
    ONETAKE_ASSIGN_OR_RETURN(const std::string digest, Sha256OfFile(plugin.library));
    ONETAKE_ASSIGN_OR_RETURN(
        std::unique_ptr<NativePlugin> native,
        NativePlugin::Load(plugin.library, digest, plugin.settings_json, kThreads, loop, clock));
    return native;
  }
  ONETAKE_ASSIGN_OR_RETURN(
      std::unique_ptr<GrpcPlugin> remote,
      GrpcPlugin::Make(SpecOf(plugin), loop, clock, random, [](const PluginDescription&) {}));
  loop.Post([raw = remote.get()] { raw->Start(); });
  return remote;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PluginExecutor>> StartUnderTest(const PluginUnderTest& plugin,
                                                               EventLoop& loop, SystemClock& clock,
                                                               SystemRandom& random) {
  ONETAKE_ASSIGN_OR_RETURN(std::unique_ptr<PluginLink> link,
                           StartLink(plugin, loop, clock, random));
  std::map<std::string, std::unique_ptr<PluginLink>> links;
  links.emplace(std::string(kPluginUnderTest), std::move(link));
  return std::make_unique<PluginExecutor>(loop, clock, std::move(links));
}

}  // namespace onetake
