#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/json/json.h"

namespace onetake {

// Whether a header, a parameter or a member of this name and description is an idempotency key.
// Names with "idempotency" in them are; "X-Request-Id" and its like only when the description says
// so. Pure.
enum class KeyLikeness { kNo, kYes };
KeyLikeness LikenessToKey(absl::string_view name, absl::string_view description);

// An argument, or a member of one: {"body", "idempotency_key"}.
struct KeyLikeArgument {
  std::vector<std::string> names;
  std::vector<const Json*> schemas;  // all of its own; part of the schema asked about

  std::string Shown() const;  // "body.idempotency_key"
};

// The arguments of this JSON Schema that look like a key: a model makes a new one up on every
// retry. None when it is all that the call says ("cancel the payment of this key"). Pure.
std::vector<KeyLikeArgument> KeyLikeArguments(const Json& schema);

}  // namespace onetake
