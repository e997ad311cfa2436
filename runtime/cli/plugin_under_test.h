#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/base/event_loop.h"
#include "runtime/base/system_clock.h"
#include "tools/plugin/plugin_executor.h"

namespace onetake {

// How `tools test` reaches the plugin that it drives: one of the first three is set.
struct PluginUnderTest {
  std::vector<std::string> command;
  std::string address;  // loopback or unix:
  std::string library;
  std::string settings_json = "{}";   // of the library
  std::vector<std::string> pass_env;  // variables of ours that a command gets

  bool given() const { return !command.empty() || !address.empty() || !library.empty(); }
};

// The name of the plugin in the executor, whatever manifests call it.
inline constexpr absl::string_view kPluginUnderTest = "plugin";

// Starts the plugin by the links that serve it in onetaked; a library is loaded into this process,
// whatever its SHA-256 is. INVALID_ARGUMENT when it cannot be loaded.
absl::StatusOr<std::unique_ptr<PluginExecutor>> StartUnderTest(const PluginUnderTest& plugin,
                                                               EventLoop& loop, SystemClock& clock,
                                                               SystemRandom& random);

}  // namespace onetake
