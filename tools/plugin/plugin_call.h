#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/catalog/tool.h"

namespace onetake {

// One call of a plugin's tool, exactly as every attempt makes it. Its text form is part of the
// claim (R11): JSON, version 1.
struct PluginCall {
  std::string plugin;
  std::string tool;
  std::string arguments_json;
  std::string key;
};

// Makes the call of the tool with these arguments and key. Pure.
PluginCall RenderCall(const PluginBinding& binding, const Json& arguments, absl::string_view key);
std::string Serialise(const PluginCall& call);
// INVALID_ARGUMENT when `text` is no such call: another kind of tool had the name when it was made.
absl::StatusOr<PluginCall> ParsePluginCall(absl::string_view text);

}  // namespace onetake
