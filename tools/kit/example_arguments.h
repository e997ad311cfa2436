#pragma once

#include "absl/status/statusor.h"
#include "runtime/json/schema.h"

namespace onetake {

// Makes arguments that `schema` accepts: its required ones, the smallest values that fit;
// `default`, `const`, `enum` and `examples` are taken where they stand. FAILED_PRECONDITION, with
// the argument's path, when they cannot be made up (a pattern, a format that is checked elsewhere):
// then a person has to give some. Pure.
absl::StatusOr<Json> ExampleArguments(const JsonSchema& schema);

}  // namespace onetake
