#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "runtime/engine/engine.h"

// What is wrong with a call, as far as it tells before anything is looked up or claimed. Pure.
namespace onetake {

// Faults of the caller's program that need no tool: missing or oversized fields. INVALID_ARGUMENT
// with an ErrorDetail naming the field.
absl::Status CheckCaller(const ToolCall& call);

// Parses and validates the model's arguments; absent arguments ("") are {}. Faults go to `invalid`.
// Returns the object also when it is not to the schema; null when the arguments are no object.
Json CheckArguments(const Tool& tool, absl::string_view arguments_json,
                    std::vector<InvalidArgument>& invalid);

// Whether the caller may use the tool, or so much as hear of it.
bool IsAllowed(const ToolCall& call, const std::string& tool);

// That there is no such tool, and which of those that the caller may use is meant.
std::vector<InvalidArgument> UnknownTool(const ToolSet& tools, const ToolCall& call);

// Why an intent of this tool cannot be named by an `intent_id` or an `occurrence`, where this call
// does; nullopt when it can.
std::optional<InvalidArgument> CheckNaming(const Tool& tool, const ToolSet& tools,
                                           const ToolCall& call);

// What is invalid, for the ledger: the paths alone.
std::string JoinPaths(const std::vector<InvalidArgument>& invalid);

}  // namespace onetake
