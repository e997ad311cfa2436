#include "runtime/store/backup.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "runtime/store/sqlite_status.h"

namespace onetake {
namespace {

constexpr int kPatienceMs = 5000;

struct Close {
  void operator()(sqlite3* raw) const { sqlite3_close(raw); }
};
using Connection = std::unique_ptr<sqlite3, Close>;

absl::StatusOr<Connection> OpenReadOnly(const std::string& path) {
  sqlite3* raw = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &raw,
                      SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  Connection connection(raw);
  ONETAKE_RETURN_IF_ERROR(Annotate(SqliteStatus(code, "cannot open"), path));
  sqlite3_busy_timeout(raw, kPatienceMs);
  // Only the ledger's writer may checkpoint, and the schema of a foreign file is not to be trusted.
  sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
  return connection;
}

absl::Status SystemError(absl::string_view what, const std::string& path) {
  const int error = errno;
  const std::string text = absl::StrCat(path, ": ", what, ": ", std::strerror(error));
  if (error == EEXIST) {
    return absl::AlreadyExistsError(
        absl::StrCat(path, " exists already: name a file that does not"));
  }
  if (error == ENOENT) return absl::NotFoundError(text);
  if (error == ENOSPC || error == EDQUOT) return absl::ResourceExhaustedError(text);
  return absl::FailedPreconditionError(text);
}

absl::Status SyncFile(const std::string& path, int flags) {
  const int file = open(path.c_str(), flags | O_CLOEXEC);
  if (file < 0) return SystemError("cannot open", path);
  const absl::Status status =
      fsync(file) == 0 ? absl::OkStatus() : SystemError("cannot sync", path);
  close(file);
  return status;
}

absl::Status VacuumInto(const std::string& source, const std::string& target) {
  ONETAKE_ASSIGN_OR_RETURN(const Connection from, OpenReadOnly(source));
  sqlite3_stmt* statement = nullptr;
  const int prepared = sqlite3_prepare_v2(from.get(), "VACUUM INTO ?1", -1, &statement, nullptr);
  const absl::Cleanup finalize = [statement] { sqlite3_finalize(statement); };
  ONETAKE_RETURN_IF_ERROR(Annotate(SqliteStatus(prepared, "cannot read", from.get()), source));
  sqlite3_bind_text(statement, 1, target.c_str(), -1, SQLITE_STATIC);
  int code = SQLITE_ROW;
  while (code == SQLITE_ROW) code = sqlite3_step(statement);
  return Annotate(SqliteStatus(code, absl::StrCat("cannot copy to ", target), from.get()), source);
}

absl::Status CheckIntegrity(const std::string& path) {
  ONETAKE_ASSIGN_OR_RETURN(const Connection copy, OpenReadOnly(path));
  std::string found;
  const int code = sqlite3_exec(
      copy.get(), "PRAGMA integrity_check(10)",
      [](void* text, int columns, char** values, char**) {
        if (columns > 0 && values[0] != nullptr) {
          absl::StrAppend(static_cast<std::string*>(text), values[0], "; ");
        }
        return 0;
      },
      &found, nullptr);
  ONETAKE_RETURN_IF_ERROR(Annotate(SqliteStatus(code, "cannot check", copy.get()), path));
  if (found == "ok; ") return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("the copy is damaged: ", found));
}

}  // namespace

absl::Status BackUp(const std::string& source, const std::string& target) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(source, error)) {
    return absl::NotFoundError(absl::StrCat(source, " is no file: name the ledger's"));
  }
  // The file is ours from the first moment, and nobody else's to read. SQLite takes an empty file
  // as a new one.
  const int file = open(target.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  if (file < 0) return SystemError("cannot create", target);
  close(file);
  absl::Cleanup remove = [&target] { unlink(target.c_str()); };
  ONETAKE_RETURN_IF_ERROR(VacuumInto(source, target));
  ONETAKE_RETURN_IF_ERROR(CheckIntegrity(target));
  ONETAKE_RETURN_IF_ERROR(SyncFile(target, O_RDONLY));
  ONETAKE_RETURN_IF_ERROR(
      SyncFile(std::filesystem::path(target).parent_path().string(), O_RDONLY | O_DIRECTORY));
  std::move(remove).Cancel();
  return absl::OkStatus();
}

}  // namespace onetake
