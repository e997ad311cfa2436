#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "re2/re2.h"
#include "runtime/json/json.h"

namespace onetake {

// The regular expressions of a schema, by their text. They are RE2's, whose time is linear and
// whose stack is bounded: the strings come from a model, and std::regex crashes on one of 32 KB.
using SchemaPatterns = std::map<std::string, std::unique_ptr<const RE2>>;

// INVALID_ARGUMENT with the JSON pointer of the fault, unless all of `document` is draft 7 that can
// be enforced, and its root describes an object. Adds to `patterns`.
absl::Status LintSchema(const Json& document, SchemaPatterns& patterns);

}  // namespace onetake
