#include "runtime/store/wal_rewrite.h"

#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <system_error>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/base/status.h"
#include "runtime/store/sqlite_status.h"

namespace onetake {
namespace {

constexpr sqlite3_int64 kPiece = 64 * 1024;  // SQLite's own VFS takes less than 128 KiB at a time

absl::Status RewriteAll(sqlite3_file* file) {
  const sqlite3_io_methods* methods = file->pMethods;
  sqlite3_int64 size = 0;
  ONETAKE_RETURN_IF_ERROR(SqliteStatus(methods->xFileSize(file, &size), "cannot size the WAL"));
  if (size == 0) return absl::OkStatus();
  std::vector<char> piece(static_cast<size_t>(std::min(size, kPiece)));
  for (sqlite3_int64 at = 0; at < size; at += kPiece) {
    const int bytes = static_cast<int>(std::min(size - at, kPiece));
    ONETAKE_RETURN_IF_ERROR(
        SqliteStatus(methods->xRead(file, piece.data(), bytes, at), "cannot read the WAL"));
    ONETAKE_RETURN_IF_ERROR(
        SqliteStatus(methods->xWrite(file, piece.data(), bytes, at), "cannot write the WAL anew"));
  }
  return SqliteStatus(methods->xSync(file, SQLITE_SYNC_FULL), "cannot sync the WAL");
}

}  // namespace

absl::StatusOr<std::optional<std::string>> QueryBehindWal(const std::string& database_path,
                                                          const std::string& vfs, const char* sql) {
  std::error_code none;
  if (std::filesystem::file_size(database_path + "-wal", none) == 0 || none) return std::nullopt;
  std::string uri = "file:";
  for (const char c : database_path) {
    const bool has_meaning = c == '%' || c == '?' || c == '#';
    absl::StrAppend(&uri, has_meaning ? absl::StrFormat("%%%02x", c) : std::string(1, c));
  }
  sqlite3* raw = nullptr;
  const int opened =
      sqlite3_open_v2((uri + "?immutable=1").c_str(), &raw, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI,
                      vfs.empty() ? nullptr : vfs.c_str());
  sqlite3_stmt* statement = nullptr;
  const absl::Cleanup close = [&raw, &statement] {
    sqlite3_finalize(statement);
    sqlite3_close(raw);
  };
  if (opened == SQLITE_CANTOPEN) return std::nullopt;
  ONETAKE_RETURN_IF_ERROR(SqliteStatus(opened, "cannot open", raw));
  ONETAKE_RETURN_IF_ERROR(SqliteStatus(sqlite3_prepare_v2(raw, sql, -1, &statement, nullptr),
                                       "cannot read the file without its WAL", raw));
  const int code = sqlite3_step(statement);
  ONETAKE_RETURN_IF_ERROR(SqliteStatus(code, "cannot read the file without its WAL", raw));
  if (code != SQLITE_ROW) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(sqlite3_column_text(statement, 0)));
}

absl::Status RewriteWal(const std::string& database_path, const std::string& vfs) {
  sqlite3_vfs* const found = sqlite3_vfs_find(vfs.empty() ? nullptr : vfs.c_str());
  if (found == nullptr) return absl::InternalError("SQLite does not know the VFS");
  // This is SQLite's own way to the name of a WAL, with the two zero bytes that a VFS looks for
  // behind it.
  const char* const name = sqlite3_create_filename(database_path.c_str(), "",
                                                   (database_path + "-wal").c_str(), 0, nullptr);
  if (name == nullptr) return absl::ResourceExhaustedError("out of memory");
  const absl::Cleanup free_name = [name] { sqlite3_free_filename(const_cast<char*>(name)); };
  const char* const wal = sqlite3_filename_wal(name);
  int exists = 0;
  ONETAKE_RETURN_IF_ERROR(SqliteStatus(found->xAccess(found, wal, SQLITE_ACCESS_EXISTS, &exists),
                                       "cannot look for the WAL"));
  if (exists == 0) return absl::OkStatus();
  const std::unique_ptr<char[]> place(new char[static_cast<size_t>(found->szOsFile)]());
  auto* const file = reinterpret_cast<sqlite3_file*>(place.get());
  const int opened =
      found->xOpen(found, wal, file, SQLITE_OPEN_WAL | SQLITE_OPEN_READWRITE, nullptr);
  const absl::Cleanup close = [file] {
    if (file->pMethods != nullptr) file->pMethods->xClose(file);
  };
  ONETAKE_RETURN_IF_ERROR(SqliteStatus(opened, "cannot open the WAL"));
  return RewriteAll(file);
}

}  // namespace onetake
