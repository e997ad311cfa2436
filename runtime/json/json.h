#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace onetake {

using Json = nlohmann::json;

struct JsonLimits {
  size_t bytes;
  int depth;
  size_t keys;
  size_t string_bytes;
  // Whether an integer beyond 64 bits is refused, or read as the nearest double.
  enum class BigIntegers { kRefuse, kRound } big_integers = BigIntegers::kRefuse;
};

// The limits for arguments from a model (limits.h). Integers beyond 64 bits are refused: rounded,
// two different intents could become equal.
JsonLimits ArgumentLimits();
// The limits for a downstream's answer: only size and depth are bounded.
JsonLimits ResultLimits();

// Parses one RFC 8259 text. Refuses, with the path and the reason in the message: text that is not
// JSON, invalid UTF-8, a duplicate key in one object, a limit exceeded, numbers that overflow a
// double. Limits are enforced while reading, before anything deep or big is built. Never throws.
// INVALID_ARGUMENT only. Thread-safe, as is everything in this folder: pure functions.
absl::StatusOr<Json> ParseJson(absl::string_view text, const JsonLimits& limits);

// Dumps compact text, keys in RFC 8785 order (UTF-16 code units), numbers in ECMAScript form, so
// that equal values have equal bytes: 1, 1.0 and 1e0 are "1", -0 is "0". Integers beyond 2^53 that
// nlohmann holds exactly are written exactly.
std::string CanonicalJson(const Json& value);

// Dumps ordinary compact text (object keys sorted by bytes), invalid UTF-8 replaced.
std::string DumpJson(const Json& value);

}  // namespace onetake
