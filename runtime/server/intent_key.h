#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "runtime/base/secret.h"

namespace onetake {

// Where the secret comes from that every intent id and key is derived with.
struct IntentKeySource {
  enum class Kind { kFile, kEnv };
  Kind kind = Kind::kFile;
  std::string name;  // path, or name of the variable
};

inline constexpr size_t kIntentKeyBytes = 32;

enum class MissingKeyFile { kCreate, kRefuse };

// Reads the secret: a file's or a variable's text without white space at its ends, at least 32
// bytes. A missing file is created when `missing` allows it: mode 0600, 32 random bytes in hex, on
// disk before this returns, and logged. FAILED_PRECONDITION says what to do; no message holds any
// part of the secret. Blocks on the disk.
absl::StatusOr<Secret> LoadIntentKey(const IntentKeySource& source, MissingKeyFile missing);

}  // namespace onetake
