#pragma once

#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/base/secret.h"
#include "runtime/config/sealing_config.h"
#include "runtime/ledger/sqlite_ledger.h"
#include "runtime/seal/key_ring.h"

namespace onetake {

// The master keys that the configuration names, the current one first; none when sealing is off and
// there is no file of one. A missing file is created when `missing` allows it and sealing is on.
// FAILED_PRECONDITION says what to do.
absl::StatusOr<std::vector<Secret>> LoadMasterKeys(const SealingConfig& sealing,
                                                   MissingKeyFile missing);

// Reads the master keys again, and wraps every data key with the current one. On any error the ring
// stays as it is, and the status says why. A new key that comes from a file is read again after a
// `pause`, until it stays the same: the file may be in the middle of being written, and what is
// wrapped with half a key nobody opens any more. Logs that earlier keys are needed no more. Blocks.
absl::Status RotateMasterKeys(const SealingConfig& sealing, KeyRing& ring, SqliteLedger& ledger,
                              absl::FunctionRef<void()> pause);
// A pause that is longer than a key takes to be written.
void RestOfKeyFile();

// Wraps every data key with the current master key, at a start, and logs it in the same way.
absl::Status RewrapAtStart(const SealingConfig& sealing, const KeyRing& ring, SqliteLedger& ledger);

}  // namespace onetake
