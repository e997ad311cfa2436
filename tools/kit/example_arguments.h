#pragma once

#include "absl/status/statusor.h"
#include "runtime/json/schema.h"

namespace onetake {

// Arguments that `schema` accepts: its required ones, the smallest values that fit; `default`,
// `const`, `enum` and `examples` are taken where they stand. FAILED_PRECONDITION when they cannot
// be made up (a pattern, a format that is checked elsewhere), with the argument's path: then a
// person has to give some. Pure.
absl::StatusOr<Json> ExampleArguments(const JsonSchema& schema);

}  // namespace onetake
