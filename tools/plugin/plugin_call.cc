#include "tools/plugin/plugin_call.h"

#include "runtime/json/json.h"

namespace onetake {
namespace {

constexpr int kVersion = 1;

}  // namespace

PluginCall RenderCall(const PluginBinding& binding, const Json& arguments, absl::string_view key) {
  return {.plugin = binding.plugin,
          .tool = binding.tool,
          .arguments_json = DumpJson(binding.arguments.Render(arguments)),
          .key = std::string(key)};
}

std::string Serialise(const PluginCall& call) {
  return DumpJson(Json{{"v", kVersion},
                       {"plugin", call.plugin},
                       {"tool", call.tool},
                       {"arguments", call.arguments_json},
                       {"key", call.key}});
}

absl::StatusOr<PluginCall> ParsePluginCall(absl::string_view text) {
  const Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  const auto is_text = [&json](const char* name) {
    return json.contains(name) && json[name].is_string();
  };
  if (!json.is_object() || json.value("v", Json()) != Json(kVersion) || !is_text("plugin") ||
      !is_text("tool") || !is_text("arguments") || !is_text("key")) {
    return absl::InvalidArgumentError("the recorded request is no call of a plugin");
  }
  return PluginCall{.plugin = json["plugin"],
                    .tool = json["tool"],
                    .arguments_json = json["arguments"],
                    .key = json["key"]};
}

}  // namespace onetake
