#include "runtime/store/sqlite_status.h"

#include <sqlite3.h>

#include <cerrno>

#include "absl/strings/str_cat.h"

namespace onetake {
namespace {

absl::StatusCode CodeOfConstraint(int code) {
  switch (code) {
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
    case SQLITE_CONSTRAINT_UNIQUE: return absl::StatusCode::kAlreadyExists;
    default: return absl::StatusCode::kInvalidArgument;
  }
}

absl::StatusCode CodeOf(int code) {
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return absl::StatusCode::kUnavailable;
    case SQLITE_FULL: return absl::StatusCode::kResourceExhausted;
    case SQLITE_INTERRUPT: return absl::StatusCode::kDeadlineExceeded;
    case SQLITE_CONSTRAINT: return CodeOfConstraint(code);
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH: return absl::StatusCode::kInvalidArgument;
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return absl::StatusCode::kDataLoss;
    default: return absl::StatusCode::kInternal;
  }
}

bool IsOk(int code) { return code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE; }

}  // namespace

absl::Status SqliteStatus(int code, absl::string_view what) {
  if (IsOk(code)) return absl::OkStatus();
  return absl::Status(CodeOf(code),
                      absl::StrCat(what, ": ", sqlite3_errstr(code), " (SQLite ", code, ")"));
}

absl::Status SqliteStatus(int code, absl::string_view what, sqlite3* db) {
  if (IsOk(code)) return absl::OkStatus();
  const absl::StatusCode meaning = CodeOf(NoRoomIsFull(code));
  return absl::Status(meaning,
                      absl::StrCat(what, ": ", sqlite3_errmsg(db), " (SQLite ", code, ")"));
}

int NoRoomIsFull(int code) {
  const bool no_room = code == SQLITE_IOERR_WRITE && (errno == EDQUOT || errno == EFBIG);
  return no_room ? SQLITE_FULL : code;
}

}  // namespace onetake
