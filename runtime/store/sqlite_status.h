#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

struct sqlite3;

namespace onetake {

// What SQLite's result codes mean to us. OK, ROW and DONE are OK.
//   BUSY, LOCKED                   UNAVAILABLE: another connection holds the lock
//   FULL                           RESOURCE_EXHAUSTED: no space; once rolled back, not recorded
//   INTERRUPT                      DEADLINE_EXCEEDED: the time limit of a query
//   CONSTRAINT (unique, primary)   ALREADY_EXISTS
//   CONSTRAINT (other), TOOBIG,    INVALID_ARGUMENT: this statement's own fault
//   MISMATCH
//   IOERR, CORRUPT, NOTADB         DATA_LOSS: what is on disk is not known any more
//   everything else (NOMEM ...)    INTERNAL
// The text is SQLite's constant for the code, never its message with data in it.
absl::Status SqliteStatus(int code, absl::string_view what);

// As above, with the connection's own message, which names tables and columns. For schema work and
// constraints; SQLite puts no bound value into these messages.
absl::Status SqliteStatus(int code, absl::string_view what, sqlite3* db);

}  // namespace onetake
