#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/json/json.h"

namespace onetake {

struct PlainSchema {
  Json schema;
  std::vector<std::string> notes;  // what is not checked any more, sorted
};

// Converts a JSON Schema of whatever draft, for an object, to one that JsonSchema takes: draft 7,
// looser where that or our checker cannot say what it says. INVALID_ARGUMENT and
// RESOURCE_EXHAUSTED: it cannot be used. Pure.
absl::StatusOr<PlainSchema> ConvertPlainSchema(const Json& schema);

}  // namespace onetake
