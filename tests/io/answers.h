#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "runtime/ledger/sqlite_ledger.h"

namespace onetake::io {

// Everything that a ledger in manual mode tells the engine and the auditors of tenant "clinic" and
// session "CA1", to the last field, but for what was measured of latencies: a line each.
absl::StatusOr<std::string> Answers(SqliteLedger& ledger);

}  // namespace onetake::io
