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
  bool is_question = false;  // not natural unless a person says so, for the reason given
  std::string reason;
};
enum class HasKey { kNo, kYes };
// Says NATURAL of a WRITE by idempotentHint of x-mcp-annotations, else by the verb: PUT and DELETE.
// A hint beside a key may be true because of the key, and then only for as long as that is
// remembered.
ProposedNatural NaturalOf(const OpenApiOperation& operation, HasKey has_key);

// How long the API remembers keys, as its descriptions say.
std::optional<std::string> RetentionOf(const OpenApiOperation& operation, const DocumentedKey& key);

}  // namespace onetake
