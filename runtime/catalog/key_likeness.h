#pragma once

#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/catalog/schema_arguments.h"

namespace onetake {

// Whether a header, a parameter or a member of this name and description is an idempotency key.
// Names with "idempotency" in them are; "X-Request-Id" and its like only when the description says
// so. Pure.
enum class KeyLikeness { kNo, kYes };
KeyLikeness LikenessToKey(absl::string_view name, absl::string_view description);

// The arguments, and the members of arguments, that look like one: a model makes a new key up on
// every retry. None when it is all that the call says ("cancel the payment of this key"). Pure.
std::vector<SchemaArguments::Steps> KeyLikeArguments(const SchemaArguments& arguments);

}  // namespace onetake
