#pragma once

#include <string>

#include "runtime/json/json.h"

namespace onetake {

// What a person reviews of a tool's definition in tools/list: what it takes and gives, and what the
// server says of its effects. Its name and texts for the model are not in it: the manifest has its
// own.
Json ReviewedPart(const Json& tool);

// "sha256:" and 64 hex digits of the canonical JSON of ReviewedPart(). Pure.
std::string ReviewDigest(const Json& tool);

}  // namespace onetake
