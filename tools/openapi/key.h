#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "runtime/json/json.h"

namespace onetake {

// What a description says about an idempotency key. Pure.

// How long a key is remembered, as a manifest has it ("24h"), when the text says exactly one
// duration next to words about that; nullopt when it does not.
std::optional<std::string> RetentionIn(absl::string_view text);

// Why the schema of the field cannot take our keys, which are 32 hex digits; empty when it can.
std::string KeyMisfit(const Json& schema);

}  // namespace onetake
