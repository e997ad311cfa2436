#pragma once

#include <cstdint>

#include "absl/types/span.h"
#include "runtime/store/migration.h"

namespace onetake {

// "onet": marks a SQLite file as a ledger (PRAGMA application_id).
inline constexpr int32_t kLedgerApplicationId = 0x6f6e6574;

// The steps that make and change the tables and views. README.md describes the result. A step that
// has been released is never edited: a change is a new step.
absl::Span<const Migration> LedgerMigrations();

}  // namespace onetake
