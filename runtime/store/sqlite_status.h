#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

struct sqlite3;

namespace onetake {

// What SQLite's result codes mean to us. OK, ROW and DONE are OK.
//   BUSY, LOCKED                   UNAVAILABLE: another connection holds the lock
//   FULL                           RESOURCE_EXHAUSTED: no space; once rolled back, not recorded.
//                                  Also of IOERR_WRITE, where NoRoomIsFull() was asked
//   INTERRUPT                      DEADLINE_EXCEEDED: the time limit of a query
//   CONSTRAINT (unique, primary)   ALREADY_EXISTS
//   CONSTRAINT (other), TOOBIG,    INVALID_ARGUMENT: this statement's own fault
//   MISMATCH
//   IOERR, CORRUPT, NOTADB         DATA_LOSS: what is on disk is not known any more
//   everything else (NOMEM ...)    INTERNAL
// The text is SQLite's constant for the code, never its message with data in it.
absl::Status SqliteStatus(int code, absl::string_view what);

// As above and NoRoomIsFull(), with the connection's own message, which names tables and columns.
// For schema work and constraints; SQLite puts no bound value into these messages.
absl::Status SqliteStatus(int code, absl::string_view what, sqlite3* db);

// SQLite takes a write for one on a full disk by ENOSPC only. By this, one that a quota (EDQUOT) or
// a limit on the size of files (EFBIG) refuses is FULL as well; every other code is as it was.
// Reads errno, which the failed write has left, so it is asked at once after the call that returned
// `code`: sqlite3_system_errno() knows nothing of a COMMIT.
int NoRoomIsFull(int code);

}  // namespace onetake
