#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "runtime/store/database.h"

namespace onetake {

// Compares the check value of the intent key with that of the key which this ledger was begun with;
// a ledger that has none yet takes it over. With another key every intent of the ledger would be
// unknown, and its writes would be done again: FAILED_PRECONDITION says what to do. An empty check
// value is not compared. Call it outside of a transaction.
absl::Status CheckIntentKey(Database& writer, absl::string_view check);

}  // namespace onetake
