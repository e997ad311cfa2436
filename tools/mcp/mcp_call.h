#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/catalog/tool.h"

namespace onetake {

// The member of `_meta` that has the intent key in every call of a WRITE.
inline constexpr absl::string_view kIntentKeyMeta = "dev.onetake/intentKey";

// One call of a tool, the same for every attempt; ids and tokens of the protocol are added at the
// send. Its text form is part of the claim (R11): JSON, version 1.
struct McpCall {
  std::string server;
  std::string tool;
  Json arguments;
  Json meta;  // an object
};

// Makes the call of the tool with these arguments and key. Pure.
McpCall RenderMcpCall(const Tool& tool, const Json& arguments, absl::string_view key);
std::string Serialise(const McpCall& call);
// INVALID_ARGUMENT when `text` is no such call: another kind of tool had the name when it was made.
absl::StatusOr<McpCall> ParseMcpCall(absl::string_view text);

}  // namespace onetake
