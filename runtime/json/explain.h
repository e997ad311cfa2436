#pragma once

#include <vector>

#include "runtime/json/schema.h"

namespace onetake {

// Why `value` breaks `document`, in words: walks the schema beside the value and looks at the
// keywords that describe one node (type, enum, const, required, properties, additionalProperties,
// items, lengths, bounds). It explains; it does not decide: combinators (anyOf, if ...) are left to
// the validator.
std::vector<JsonSchema::Violation> ExplainViolations(const Json& document, const Json& value);

// The schema that `schema` refers to by a local `$ref` ("#/definitions/x"), or `schema` itself;
// nullptr when the reference leads nowhere.
const Json* ResolveLocalRef(const Json& document, const Json& schema);

}  // namespace onetake
