#pragma once

#include "runtime/json/json.h"

namespace onetake {

// The schema that `schema` refers to by a local `$ref` ("#/definitions/x"), or `schema` itself;
// nullptr when the reference leads nowhere, or over more than 16 others.
const Json* ResolveLocalRef(const Json& document, const Json& schema);

}  // namespace onetake
