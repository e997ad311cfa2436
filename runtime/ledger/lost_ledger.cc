#include "runtime/ledger/lost_ledger.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "runtime/base/failpoint.h"
#include "runtime/base/status.h"
#include "runtime/base/sync_folder.h"
#include "runtime/ledger/restoration.h"
#include "runtime/ledger/schema.h"
#include "runtime/store/database.h"
#include "runtime/store/migration.h"

namespace onetake {
namespace {

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

absl::Status BeginInPlaceOfLost(const std::string& path, absl::Time now) {
  std::error_code ignored;  // what cannot be seen cannot be replaced either
  if (std::filesystem::exists(path, ignored)) return absl::OkStatus();
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
