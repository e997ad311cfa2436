#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/access/principal.h"
#include "runtime/engine/engine.h"

namespace onetake {

// The call in the bytes of an onetake.v1.ExecuteRequest. Unlike the generated parser it lets
// `arguments_json` through when that is not UTF-8: the text is a model's, so what is wrong with it
// is for the engine to answer. INVALID_ARGUMENT with an ErrorDetail when the rest is malformed.
absl::StatusOr<ToolCall> ParseExecuteRequest(absl::string_view wire, const Principal& caller);

}  // namespace onetake
