#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "runtime/store/database.h"

namespace onetake {

// What of the ledger's schema (tables, indexes, triggers, views) is not as its version makes it, in
// words: an auditor who reads a view reads what its text says. Nothing: all is.
absl::StatusOr<std::optional<std::string>> FindSchemaChange(Database& ledger);

}  // namespace onetake
