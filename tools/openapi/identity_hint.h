#pragma once

#include "runtime/catalog/manifest_writer.h"

namespace onetake {

// `intent:` as a comment for a person to complete: which arguments make two calls the same
// decision? The required arguments with the normalisers that their schemas suggest, and what looks
// like free text, or like an idempotency key, as ignored. Without fields when the schema has no
// arguments. Pure.
ManifestField IdentityHint(const Json& schema);

}  // namespace onetake
