#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/base/secret.h"

namespace onetake {

// The source of a secret of the server.
struct SecretSource {
  enum class Kind { kFile, kEnv, kCommand };
  Kind kind = Kind::kFile;
  std::string name;                  // path, or name of the variable
  std::vector<std::string> command;  // kCommand: the program's absolute path and its arguments
};

inline constexpr size_t kSecretBytes = 32;

enum class MissingKeyFile { kCreate, kRefuse };

// What a secret is for, in the words of an operator.
struct SecretUse {
  absl::string_view name;        // "intent key": how messages call it
  absl::string_view created;     // the log's event when a file of it was created
  absl::string_view keep;        // advice at its creation
  absl::string_view if_missing;  // what a missing file of an existing ledger means, and what to do
};
// The secret that every intent id and key is derived with.
extern const SecretUse kIntentKeyUse;
// The key that wraps the data keys of a sealed ledger.
extern const SecretUse kMasterKeyUse;

// Reads the secret: a file's, a variable's or a command's text without white space at its ends, at
// least 32 bytes. A missing file is created when `missing` allows it: mode 0600, 32 random bytes in
// hex, on disk before this returns, and logged. A command has 30 s, no input, and its standard
// error is the server's. FAILED_PRECONDITION says what to do; no message holds any part of the
// secret. Blocks on the disk and the command.
absl::StatusOr<Secret> LoadSecret(const SecretSource& source, const SecretUse& use,
                                  MissingKeyFile missing);

}  // namespace onetake
