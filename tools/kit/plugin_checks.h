#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/base/event_loop.h"
#include "runtime/catalog/tool.h"
#include "tools/kit/check_result.h"
#include "tools/plugin/plugin_executor.h"

namespace onetake {

struct PluginCheckOptions {
  // Whether WRITEs are really made, once or a few times: for a plugin that reaches a real system
  // these are real bookings. kNo: they are skipped.
  enum class Writes { kNo, kMake };
  Writes writes = Writes::kNo;
  std::string key_prefix;            // makes this run's intent keys: no other run has used it
  std::vector<std::string> secrets;  // values that must be in nothing that the plugin says
};

// Waits until the plugin is ready and says what it offers. UNAVAILABLE when it is not in time.
absl::StatusOr<PluginDescription> AwaitDescription(PluginExecutor& executor, EventLoop& loop,
                                                   const std::string& plugin);

// Makes tools that can be tested of what a plugin describes: WRITE, KEYED and PROBED as it says
// itself. Tools without a usable schema are failures in `results`.
std::vector<std::shared_ptr<Tool>> DescribedTools(const PluginDescription& description,
                                                  const std::string& plugin,
                                                  std::vector<CheckResult>& results);

// Drives one tool of a running plugin. `arguments` must conform to the tool's schema. Blocks; not
// from the loop.
std::vector<CheckResult> CheckPluginTool(const Tool& tool, const Json& arguments,
                                         const PluginDescription& description,
                                         const PluginCheckOptions& options,
                                         PluginExecutor& executor, EventLoop& loop);

}  // namespace onetake
