#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "runtime/store/database.h"

namespace onetake {

// Says in words which part of the ledger's schema (tables, indexes, triggers, views) is not as its
// version makes it: an auditor who reads a view reads what its text says. Nothing when all is.
absl::StatusOr<std::optional<std::string>> FindSchemaChange(Database& ledger);

}  // namespace onetake
