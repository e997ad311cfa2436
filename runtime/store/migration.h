#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "runtime/store/database.h"

namespace onetake {

// One step of a schema. `sql` ends with "PRAGMA user_version=<version>;", so that the step and its
// mark are one transaction.
struct Migration {
  int version;
  SqlLiteral sql;
};

// Brings the schema to the last of `migrations` (versions without gaps), each step in a transaction
// of its own. A crash between two steps is harmless. The first step fills an empty file.
// FAILED_PRECONDITION: the file is newer than this program, or older than the first step, or is
// some other program's database.
absl::Status Migrate(Database& database, int32_t application_id,
                     absl::Span<const Migration> migrations);

}  // namespace onetake
