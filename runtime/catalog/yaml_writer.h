#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "runtime/json/json.h"

// Pieces of YAML text that ParseYaml and ReadJson read back as what was given. Pure.
namespace onetake {

// The name of a member: bare where that is safe, else in quotes.
std::string YamlName(absl::string_view name);

// The text behind "name:", its line's end included: " value\n" or "\n" and a block whose lines are
// indented by `indent` spaces. Members of an object stand in the order that a reader of JSON Schema
// expects: type and description before the rest.
std::string YamlValue(const Json& value, int indent);

// `text` as comment lines, wrapped, each with `indent` spaces and "# " before it. Empty for "".
std::string YamlComment(absl::string_view text, int indent);

}  // namespace onetake
