#include "tools/native/native_library.h"

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/limits.h"
#include "runtime/json/json.h"
#include "tools/native/checked_file.h"

namespace onetake {
namespace {

constexpr size_t kErrorBytes = 512;
constexpr size_t kDescriptionBytes = 1024 * 1024;

// Copies no more than `most`: a longer text is cut, and then it is no JSON any more.
std::string Copy(onetake_text text, size_t most) {
  if (text.data == nullptr) return "";
  return std::string(text.data, std::min(text.size, most));
}

onetake_text View(const std::string& text) { return {text.data(), text.size()}; }

int IsCancelled(void* host) { return static_cast<CallHost*>(host)->IsCancelled() ? 1 : 0; }
int64_t TimeLeftMs(void* host) {
  return std::max<int64_t>(0, absl::ToInt64Milliseconds(static_cast<CallHost*>(host)->TimeLeft()));
}
void Progress(void* host, onetake_text text, double progress, double total) {
  static_cast<CallHost*>(host)->Progress(
      {.text = Copy(text, limits::kProgressBytes), .progress = progress, .total = total});
}

onetake_call ToCall(const PluginLink::Call& call, CallHost& host) {
  return {.struct_size = sizeof(onetake_call),
          .tool = View(call.tool),
          .arguments_json = View(call.arguments_json),
          .key = View(call.key),
          .attempt = call.attempt,
          .timeout_ms = absl::ToInt64Milliseconds(call.timeout),
          .host = &host,
          .is_cancelled = &IsCancelled,
          .time_left_ms = &TimeLeftMs,
          .progress = &Progress};
}

// Runs invoke or probe. False: it threw.
using Function = void (*)(void*, const onetake_call*, onetake_result*);
bool Run(const onetake_plugin& plugin, Function function, const onetake_call& call,
         onetake_result& result) {
  try {
    function(plugin.self, &call, &result);
    return true;
  } catch (...) {
    return false;
  }
}

void Free(const onetake_plugin& plugin, onetake_result& result) {
  if (plugin.free_result == nullptr) return;
  try {
    plugin.free_result(plugin.self, &result);
  } catch (...) {
    // What it held is lost; the call is not.
  }
}

std::optional<PluginDescription::Tool> ToTool(const Json& json) {
  if (!json.is_object() || !json.contains("name") || !json["name"].is_string()) return std::nullopt;
  const auto text = [&json](const char* name) {
    return json.contains(name) && json[name].is_string() ? json[name].get<std::string>() : "";
  };
  const Json retention = json.value("key_retention_ms", Json(0));
  const Json can_probe = json.value("can_probe", Json(false));
  return PluginDescription::Tool{
      .name = text("name"),
      .description = text("description"),
      .parameters_json = DumpJson(json.value("parameters", Json::object())),
      .effect = text("effect") == "READ" ? Effect::kRead : Effect::kWrite,
      .key_retention = absl::Milliseconds(retention.is_number() ? retention.get<double>() : 0),
      .can_probe = can_probe == Json(true)};
}

absl::StatusOr<PluginDescription> ParseDescription(const std::string& text) {
  const absl::StatusOr<Json> json = ParseJson(text, ResultLimits());
  if (!json.ok() || !json->is_object() || !json->value("tools", Json()).is_array()) {
    return absl::InvalidArgumentError("its description is not the JSON of onetake_plugin.h");
  }
  PluginDescription description;
  const Json name = json->value("name", Json(""));
  const Json version = json->value("version", Json(""));
  description.name = name.is_string() ? name.get<std::string>() : "";
  description.version = version.is_string() ? version.get<std::string>() : "";
  for (const Json& entry : (*json)["tools"]) {
    std::optional<PluginDescription::Tool> tool = ToTool(entry);
    if (!tool.has_value())
      return absl::InvalidArgumentError("a tool of its description has no name");
    description.tools.push_back(*std::move(tool));
  }
  return description;
}

absl::StatusOr<onetake_plugin> Create(void* library, const std::string& settings_json) {
  const auto create =
      reinterpret_cast<onetake_plugin_create_fn>(dlsym(library, ONETAKE_PLUGIN_ENTRY));
  if (create == nullptr) {
    return absl::InvalidArgumentError("it exports no " ONETAKE_PLUGIN_ENTRY);
  }
  onetake_plugin plugin{};
  plugin.struct_size = sizeof(plugin);
  char error[kErrorBytes] = "";
  int failed = 1;
  try {
    failed = create(ONETAKE_PLUGIN_ABI, View(settings_json), &plugin, error, sizeof(error));
  } catch (...) {
    return absl::InvalidArgumentError("it threw while it was created");
  }
  error[sizeof(error) - 1] = '\0';
  if (failed != 0) return absl::InvalidArgumentError(absl::StrCat("it refuses to start: ", error));
  if (plugin.abi != 0 && plugin.abi != ONETAKE_PLUGIN_ABI) {
    return absl::InvalidArgumentError(absl::StrCat("it was built for plugin ABI ", plugin.abi,
                                                   "; this onetaked has ", ONETAKE_PLUGIN_ABI));
  }
  if (plugin.abi == 0 || plugin.struct_size != sizeof(plugin) || plugin.describe == nullptr ||
      plugin.invoke == nullptr) {
    return absl::InvalidArgumentError("it does not fill onetake_plugin as version 1 has it");
  }
  return plugin;
}

absl::Status InFile(const std::string& path, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(path, ": ", std::string(status.message())));
}

}  // namespace

absl::StatusOr<std::unique_ptr<NativeLibrary>> NativeLibrary::Load(
    const std::string& path, const std::string& sha256, const std::string& settings_json) {
  const absl::StatusOr<int> file = OpenChecked(path, sha256);
  if (!file.ok()) return file.status();
  void* library = dlopen(absl::StrCat("/proc/self/fd/", *file).c_str(), RTLD_NOW | RTLD_LOCAL);
  // Once it was created it stays open, as the library stays mapped: the linker knows libraries by
  // their names, and would take another one with the same number for this one.
  if (library == nullptr) {
    const char* why = dlerror();
    close(*file);
    return InFile(path, absl::InvalidArgumentError(why == nullptr ? "cannot be loaded" : why));
  }
  absl::StatusOr<onetake_plugin> plugin = Create(library, settings_json);
  if (!plugin.ok()) return InFile(path, plugin.status());
  auto loaded = std::unique_ptr<NativeLibrary>(new NativeLibrary(*plugin));
  std::string text;
  try {
    text = Copy(plugin->describe(plugin->self), kDescriptionBytes);
  } catch (...) {
    return InFile(path, absl::InvalidArgumentError("it threw while it was asked what it offers"));
  }
  absl::StatusOr<PluginDescription> description = ParseDescription(text);
  if (!description.ok()) return InFile(path, description.status());
  loaded->description_ = *std::move(description);
  return loaded;
}

NativeLibrary::~NativeLibrary() {
  try {
    if (plugin_.destroy != nullptr) plugin_.destroy(plugin_.self);
  } catch (...) {
    // It is gone all the same.
  }
}

PluginResult NativeLibrary::Invoke(const PluginLink::Call& call, CallHost& host) {
  const onetake_call given = ToCall(call, host);
  onetake_result result{};
  result.struct_size = sizeof(result);
  if (!Run(plugin_, plugin_.invoke, given, result)) {
    return {.error = "the plugin threw an exception"};
  }
  PluginResult answer;
  switch (result.outcome) {
    case ONETAKE_SUCCEEDED: answer.outcome = PluginResult::Outcome::kSucceeded; break;
    case ONETAKE_REJECTED: answer.outcome = PluginResult::Outcome::kRejected; break;
    case ONETAKE_NO_EFFECT: answer.outcome = PluginResult::Outcome::kNoEffect; break;
    default: break;
  }
  answer.result_json = Copy(result.result_json, limits::kResultBytes + 1);
  answer.error = Copy(result.error, kErrorBytes);
  if (result.retry_after_ms > 0) answer.retry_after = absl::Milliseconds(result.retry_after_ms);
  Free(plugin_, result);
  return answer;
}

ProbeReport NativeLibrary::Probe(const PluginLink::Call& call, CallHost& host) {
  if (plugin_.probe == nullptr) return {.error = "the plugin cannot be asked"};
  const onetake_call given = ToCall(call, host);
  onetake_result result{};
  result.struct_size = sizeof(result);
  if (!Run(plugin_, plugin_.probe, given, result))
    return {.error = "the plugin threw an exception"};
  ProbeReport report{.result_json = Copy(result.result_json, limits::kResultBytes + 1),
                     .error = Copy(result.error, kErrorBytes)};
  if (result.outcome == ONETAKE_PROBE_APPLIED) report.finding = ProbeReport::Finding::kApplied;
  if (result.outcome == ONETAKE_PROBE_NOT_APPLIED) {
    report.finding = ProbeReport::Finding::kNotApplied;
  }
  Free(plugin_, result);
  return report;
}

}  // namespace onetake
