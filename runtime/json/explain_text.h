#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "runtime/json/json.h"

namespace onetake {

// Words for messages about a schema that passed LintSchema. None holds a value of an argument.

// Returns "string (format date-time)", "one of: a, b"; empty when there is nothing to say.
std::string DescribeSchema(const Json& document, const Json& schema);
// Returns "a, b, c" for a list of allowed values, cut when long.
std::string ListValues(const Json& values);
// Returns "a string or null" for the value of `type`.
std::string TypeInWords(const Json& type);

}  // namespace onetake
