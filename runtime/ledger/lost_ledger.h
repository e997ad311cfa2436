#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace onetake {

// Makes an empty ledger at `path`, marked as one in the place of a lost one, unless a file is
// there. The mark comes with the file: at any moment, whatever kills the process, there is either
// no ledger, or one that CheckNotRestored() refuses until somebody has accepted it. `path` comes
// from ResolveDatabasePath; the caller holds the ledger's lock.
//
// FAILED_PRECONDITION: the files of the lost one, or the new one, cannot be moved. Otherwise as
// Database::Open and Migrate.
absl::Status BeginInPlaceOfLost(const std::string& path, absl::Time now);

}  // namespace onetake
