#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/json/json.h"

namespace onetake {

// Whether this argument is likely to hold a text that a model words freely, so that two wordings of
// one wish would be two intents. `schema` is one of the schemas of the argument.
enum class Wording { kFixed, kFree };
Wording WordingOf(absl::string_view name, const std::vector<const Json*>& schemas);

// The words of snake_case, kebab-case and camelCase, in lower case.
std::vector<std::string> WordsOf(absl::string_view name);

}  // namespace onetake
