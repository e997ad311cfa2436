#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "runtime/store/database.h"

namespace onetake {

// Says in SQLite's words where an index of the ledger does not lead to exactly the rows of its
// table, or the file's structure is broken: whoever looks for a row by an index would not see it,
// or see another one. Nothing when all is right. Reads the whole file, and looks up each row in
// each index, a table in one snapshot; needs the memory of the connection's cache and a bit a page.
absl::StatusOr<std::optional<std::string>> FindIndexChange(Database& ledger);

}  // namespace onetake
