#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "onetake/v1/runtime.pb.h"
#include "runtime/access/principal.h"
#include "runtime/engine/engine.h"

namespace onetake {

// Parses the bytes of an onetake.v1.ExecuteRequest into a call. Unlike the generated parser it lets
// `arguments_json` through when that is not UTF-8: the text is a model's, so the engine is to
// answer what is wrong with it. INVALID_ARGUMENT with an ErrorDetail when the rest is malformed.
absl::StatusOr<ToolCall> ParseExecuteRequest(absl::string_view wire, const Principal& caller);

// Parses the bytes of an onetake.v1.SessionRequest, with `arguments_json` as above. False: it is
// malformed otherwise, and what is in `request` says nothing.
bool ParseSessionRequest(absl::string_view wire, v1::SessionRequest& request);

}  // namespace onetake
