#include "runtime/ledger/lost_ledger.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "runtime/base/failpoint.h"
#include "runtime/base/status.h"
#include "runtime/base/sync_folder.h"
#include "runtime/ledger/restoration.h"
#include "runtime/ledger/schema.h"
#include "runtime/store/database.h"
#include "runtime/store/migration.h"

namespace onetake {
namespace {

// The header of a SQLite database, and places in it (sqlite.org/fileformat.html, 1.3).
constexpr size_t kHeaderBytes = 100;
constexpr size_t kReadVersion = 19;  // 1: without a WAL
constexpr size_t kPageCount = 28;
constexpr size_t kUserVersion = 60;

absl::Status Remove(const std::string& path) {
  if (unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(path, " cannot be removed: ", std::strerror(errno)));
}

absl::Status MakeDraft(const std::string& draft, absl::Time now) {
  ONETAKE_ASSIGN_OR_RETURN(const std::unique_ptr<Database> database,
                           Database::Open({draft, Database::Access::kWriter, ""}));
  ONETAKE_RETURN_IF_ERROR(Migrate(*database, kLedgerApplicationId, LedgerMigrations()));
  ONETAKE_RETURN_IF_ERROR(MarkAsInPlaceOfLost(*database, now));
  // All of the WAL goes into the file, synced: it is not renamed with the file.
  ONETAKE_ASSIGN_OR_RETURN(const Database::CheckpointResult left,
                           database->Checkpoint(Database::CheckpointMode::kTruncate));
  if (left.frames == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(draft, " is in use by another process"));
}

}  // namespace

bool HoldsLedger(const std::string& path) {
  std::error_code unseen;  // what cannot be seen cannot be opened or replaced either
  if (!std::filesystem::exists(path, unseen)) return static_cast<bool>(unseen);
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) return true;
  std::string head(kHeaderBytes, '\0');
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  if (file.bad()) return true;
  if (file.gcount() < 2) return false;  // for SQLite, one byte is none
  if (file.gcount() < static_cast<std::streamsize>(head.size())) return true;
  const bool is_database = absl::StartsWith(head, absl::string_view("SQLite format 3", 16));
  // A first start makes it a database with a WAL before it writes the schema, into that.
  const bool has_wal = head[kReadVersion] != 1;
  const bool has_schema = head.find_first_not_of('\0', kUserVersion) < kUserVersion + 4;
  // Tables without a version are somebody's: a repaired ledger's, or another program's.
  const absl::string_view pages = absl::string_view(head).substr(kPageCount, 4);
  const bool has_tables = pages != absl::string_view("\0\0\0\1", 4);
  return !is_database || has_wal || has_schema || has_tables;
}

absl::Status BeginInPlaceOfLost(const std::string& path, absl::Time now) {
  if (HoldsLedger(path)) return absl::OkStatus();
  const std::string draft = absl::StrCat(path, ".new");
  for (const char* part : {"", "-wal", "-shm"}) {  // left by a start that was killed
    ONETAKE_RETURN_IF_ERROR(Remove(draft + part));
  }
  ONETAKE_RETURN_IF_ERROR(MakeDraft(draft, now));
  // SQLite would take these files for the new ledger's.
  for (const char* part : {"-wal", "-shm"}) ONETAKE_RETURN_IF_ERROR(Remove(path + part));
  ONETAKE_RETURN_IF_ERROR(SyncFolderOf(path));
  FailPoint("ledger.lost_drafted");
  if (std::rename(draft.c_str(), path.c_str()) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(draft, " cannot be moved to ", path, ": ", std::strerror(errno)));
  }
  return SyncFolderOf(path);
}

}  // namespace onetake
