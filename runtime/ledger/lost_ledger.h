#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace onetake {

// Whether `path` names a file that there has been a ledger in, as far as can be seen: one of no
// bytes, as a copy leaves it that found no room, and a database without a schema are none. What the
// first start of a ledger leaves is one from its first page on, and so is what cannot be read.
bool HoldsLedger(const std::string& path);

// Makes an empty ledger at `path`, marked as one in the place of a lost one, unless there is one.
// The mark comes with the file: at any moment, whatever kills the process, there is either no
// ledger, or one that CheckNotRestored() refuses until somebody has accepted it. `path` comes from
// ResolveDatabasePath; the caller holds the ledger's lock.
//
// FAILED_PRECONDITION: the files of the lost one, or the new one, cannot be moved. Otherwise as
// Database::Open and Migrate.
absl::Status BeginInPlaceOfLost(const std::string& path, absl::Time now);

}  // namespace onetake
