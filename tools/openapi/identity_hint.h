#pragma once

#include "runtime/catalog/manifest_writer.h"

namespace onetake {

// Writes `intent:` as a comment for a person to complete: which arguments make two calls the same
// decision? It has the required arguments with the normalisers that their schemas suggest, and what
// looks like free text as ignored. It has no fields when the schema has no arguments. Pure.
ManifestField IdentityHint(const Json& schema);

}  // namespace onetake
