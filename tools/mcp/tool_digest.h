#pragma once

#include <string>

#include "runtime/json/json.h"

namespace onetake {

// The part of a tool's definition in tools/list that a person reviews: what it takes and gives,
// with all that its schemas say of the arguments, and what the server says of its effects. The
// tool's own name, title and description are not in it: the manifest has its own.
Json ReviewedPart(const Json& tool);

// Returns "sha256:" and 64 hex digits of the canonical JSON of ReviewedPart(). Pure.
std::string ReviewDigest(const Json& tool);

}  // namespace onetake
