#pragma once

#include <optional>
#include <string>

#include "runtime/policy/policy.h"
#include "tools/openapi/request.h"

namespace onetake {

// The effect that is proposed for an operation, and why.
struct ProposedEffect {
  Effect effect = Effect::kWrite;
  std::string reason;  // for a person; empty when it is the verb's and needs no word
};
// Judges by readOnlyHint of x-mcp-annotations, else by the verb: GET and HEAD read.
ProposedEffect EffectOf(const OpenApiOperation& operation);

struct ProposedNatural {
  bool natural = false;
  std::string reason;
};
// Judges by idempotentHint of x-mcp-annotations, else by the verb: PUT and DELETE. For WRITEs only.
ProposedNatural NaturalOf(const OpenApiOperation& operation);

// How long the API remembers keys, as its descriptions say.
std::optional<std::string> RetentionOf(const OpenApiOperation& operation, const DocumentedKey& key);

}  // namespace onetake
