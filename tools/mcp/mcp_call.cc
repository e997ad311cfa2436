#include "tools/mcp/mcp_call.h"

#include "runtime/json/json.h"

namespace onetake {
namespace {

constexpr int kVersion = 1;

}  // namespace

McpCall RenderMcpCall(const Tool& tool, const Json& arguments, absl::string_view key) {
  const McpBinding& binding = *tool.mcp;
  McpCall call{.server = binding.server,
               .tool = binding.tool,
               .arguments = binding.arguments.Render(arguments),
               .meta = Json::object()};
  if (key.empty()) return call;
  call.meta[std::string(kIntentKeyMeta)] = std::string(key);
  if (tool.key_placement.has_value() && tool.key_placement->kind == KeyPlacement::Kind::kMcpMeta) {
    call.meta[tool.key_placement->mcp_meta] = std::string(key);
  }
  return call;
}

std::string Serialise(const McpCall& call) {
  return DumpJson(Json{{"v", kVersion},
                       {"server", call.server},
                       {"tool", call.tool},
                       {"arguments", call.arguments},
                       {"meta", call.meta}});
}

absl::StatusOr<McpCall> ParseMcpCall(absl::string_view text) {
  Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  const auto is_text = [&json](const char* name) {
    return json.contains(name) && json[name].is_string();
  };
  if (!json.is_object() || json.value("v", Json()) != Json(kVersion) || !is_text("server") ||
      !is_text("tool") || !json.value("arguments", Json()).is_object() ||
      !json.value("meta", Json()).is_object()) {
    return absl::InvalidArgumentError("the recorded request is no call of an MCP server");
  }
  return McpCall{.server = json["server"],
                 .tool = json["tool"],
                 .arguments = std::move(json["arguments"]),
                 .meta = std::move(json["meta"])};
}

}  // namespace onetake
