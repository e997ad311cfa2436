#include "runtime/engine/call_check.h"

#include <map>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/limits.h"
#include "runtime/base/status.h"

namespace onetake {
namespace {

absl::Status CheckId(absl::string_view field, absl::string_view value) {
  ONETAKE_RETURN_IF_ERROR(CheckLength(field, value, limits::kIdBytes));
  for (const char c : value) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      return BadField(field, "holds a control character");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckAttributes(const std::map<std::string, std::string>& attributes) {
  if (attributes.size() > limits::kAttributes) {
    return BadField("attributes", absl::StrCat("has more than ", limits::kAttributes, " entries"));
  }
  for (const auto& [name, value] : attributes) {
    if (name.empty() || name.size() > limits::kAttributeKeyBytes) {
      return BadField("attributes", absl::StrCat("a name is empty or longer than ",
                                                 limits::kAttributeKeyBytes, " bytes"));
    }
    ONETAKE_RETURN_IF_ERROR(
        CheckLength(absl::StrCat("attributes.", name), value, limits::kAttributeValueBytes));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckCaller(const ToolCall& call) {
  if (call.tool.empty()) return BadField("tool", "is required");
  ONETAKE_RETURN_IF_ERROR(CheckLength("tool", call.tool, limits::kToolNameBytes));
  ONETAKE_RETURN_IF_ERROR(CheckId("session_id", call.session_id));
  ONETAKE_RETURN_IF_ERROR(CheckId("tool_call_id", call.tool_call_id));
  ONETAKE_RETURN_IF_ERROR(CheckId("turn_id", call.turn_id));
  ONETAKE_RETURN_IF_ERROR(CheckId("intent_id", call.intent_id));
  ONETAKE_RETURN_IF_ERROR(CheckAttributes(call.attributes));
  ONETAKE_RETURN_IF_ERROR(
      CheckLength("confirm_token", call.confirm_token, limits::kConfirmTokenBytes));
  if (call.occurrence < 0 || call.occurrence > limits::kMaxOccurrence) {
    return BadField("occurrence", absl::StrCat("must be 0 to ", limits::kMaxOccurrence));
  }
  if (call.occurrence > 0 && call.turn_id.empty()) {
    return BadField("turn_id",
                    "is required with an occurrence: it is the evidence that the user asked again");
  }
  if (call.patience.has_value() &&
      (*call.patience < absl::ZeroDuration() || *call.patience > limits::kMaxPatience)) {
    return BadField("patience_ms",
                    absl::StrCat("must be 0 to ", absl::ToInt64Milliseconds(limits::kMaxPatience)));
  }
  return absl::OkStatus();
}

Json CheckArguments(const Tool& tool, absl::string_view arguments_json,
                    std::vector<InvalidArgument>& invalid) {
  if (arguments_json.empty()) arguments_json = "{}";
  absl::StatusOr<Json> parsed = ParseJson(arguments_json, ArgumentLimits());
  if (!parsed.ok()) {
    invalid.push_back({.path = "arguments",
                       .reason = std::string(parsed.status().message()),
                       .expected = "one JSON object"});
    return {};
  }
  if (!parsed->is_object()) {
    invalid.push_back({.path = "$", .reason = "is not an object", .expected = "one JSON object"});
    return {};
  }
  for (JsonSchema::Violation& violation : tool.parameters->Check(*parsed)) {
    invalid.push_back({.path = std::move(violation.path),
                       .reason = std::move(violation.reason),
                       .expected = std::move(violation.expected),
                       .shape = std::move(violation.shape)});
  }
  return *std::move(parsed);
}

std::optional<InvalidArgument> CheckNaming(const Tool& tool, const ToolSet& tools,
                                           const ToolCall& call) {
  if (call.occurrence == 0 && call.intent_id.empty()) return std::nullopt;
  const auto undoes = [&tool](const std::shared_ptr<const Tool>& other) {
    return other->reverses.has_value() && other->reverses->identity.has_value() &&
           other->reverses->tool == tool.name;
  };
  const auto undo = absl::c_find_if(tools.tools(), undoes);
  if (undo == tools.tools().end()) return std::nullopt;
  return InvalidArgument{
      .path = call.occurrence > 0 ? "occurrence" : "intent_id",
      .reason = absl::StrCat((*undo)->name,
                             " undoes it by the identity arguments alone, and would "
                             "not find it"),
      .expected = call.occurrence > 0 ? "0" : "none"};
}

bool IsAllowed(const ToolCall& call, const std::string& tool) {
  return call.allowed_tools == nullptr || call.allowed_tools->count(tool) != 0;
}

// What another tenant may use is not even hinted at.
std::vector<InvalidArgument> UnknownTool(const ToolSet& tools, const ToolCall& call) {
  std::vector<std::shared_ptr<const Tool>> allowed;
  for (const std::shared_ptr<const Tool>& tool : tools.tools()) {
    if (IsAllowed(call, tool->name)) allowed.push_back(tool);
  }
  const std::string nearest = ToolSet(std::move(allowed)).Nearest(call.tool);
  return {{.path = "tool",
           .reason = "is not a known tool",
           .expected = nearest.empty() ? "one of the listed tools"
                                       : absl::StrCat("did you mean ", nearest, "?")}};
}

// For the ledger, the shape of a path is preferred: a name that the model made up may say as much
// as a value.
std::string JoinPaths(const std::vector<InvalidArgument>& invalid) {
  std::string paths;
  for (const InvalidArgument& entry : invalid) {
    absl::StrAppend(&paths, paths.empty() ? "" : " ",
                    entry.shape.empty() ? entry.path : entry.shape);
  }
  return paths;
}

}  // namespace onetake
