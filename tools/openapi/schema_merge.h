#pragma once

#include <optional>

#include "runtime/json/json.h"

namespace onetake {

// One JSON Schema (draft 7) that says what both say; remarks of `first` win. An object that one of
// them closes stays closed around the properties of both, as authors of allOf mean it. nullopt when
// one schema cannot say it: then both stand in an allOf.
std::optional<Json> MergeSchemas(const Json& first, const Json& second);

// The schema with its allOf merged into it as far as that goes.
Json WithMergedAllOf(Json schema);

}  // namespace onetake
