#include "runtime/store/database.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "runtime/base/check.h"
#include "runtime/base/planted_bug.h"
#include "runtime/base/status.h"
#include "runtime/store/sqlite_status.h"

namespace onetake {
namespace {

constexpr int kReaderPatienceMs = 250;

// Makes new files, the WAL and the lock index among them, readable for their owner only.
class PrivateFiles {
 public:
  PrivateFiles() : before_(umask(077)) {}
  ~PrivateFiles() { umask(before_); }
  PrivateFiles(const PrivateFiles&) = delete;
  PrivateFiles& operator=(const PrivateFiles&) = delete;

 private:
  const mode_t before_;
};

// Turns off SQLite's count of its memory, which nobody reads and which costs a lock of the whole
// process at every allocation. Only the first user of SQLite in a process can do that; for later
// ones it is already off.
void CountNoMemory() {
  static const int once = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  (void)once;
}

void SetLimits(sqlite3* db) {
  sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 2 * 1024 * 1024);
  sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, 100 * 1024);
  sqlite3_limit(db, SQLITE_LIMIT_VARIABLE_NUMBER, 64);
  sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_limit(db, SQLITE_LIMIT_EXPR_DEPTH, 50);
  sqlite3_limit(db, SQLITE_LIMIT_TRIGGER_DEPTH, 4);
}

absl::Status Switch(sqlite3* db, int verb, int value) {
  int now = -1;
  const int code = sqlite3_db_config(db, verb, value, &now);
  if (code != SQLITE_OK || now != value) {
    return absl::FailedPreconditionError(
        absl::StrCat("SQLite does not take the connection setting ", verb));
  }
  return absl::OkStatus();
}

absl::Status SetSwitches(sqlite3* db, Database::Access access) {
  ONETAKE_RETURN_IF_ERROR(Switch(db, SQLITE_DBCONFIG_DEFENSIVE, 1));
  ONETAKE_RETURN_IF_ERROR(Switch(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0));
  ONETAKE_RETURN_IF_ERROR(Switch(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0));
  ONETAKE_RETURN_IF_ERROR(Switch(db, SQLITE_DBCONFIG_ENABLE_FKEY, 1));
  ONETAKE_RETURN_IF_ERROR(Switch(db, SQLITE_DBCONFIG_DQS_DDL, 0));
  ONETAKE_RETURN_IF_ERROR(Switch(db, SQLITE_DBCONFIG_DQS_DML, 0));
  // Makes a plan depend on no bound value; else a statement that may use a partial index is
  // compiled anew whenever it is bound.
  ONETAKE_RETURN_IF_ERROR(Switch(db, SQLITE_DBCONFIG_ENABLE_QPSG, 1));
  if (access == Database::Access::kWriter) return absl::OkStatus();
  return Switch(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1);
}

absl::Status Expect(absl::string_view setting, int64_t is, int64_t must_be) {
  if (is == must_be) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("SQLite's ", setting, " is ", is, ", must be ", must_be));
}

// WAL and FULL are what the guarantee rests on, so they are read back rather than trusted.
absl::Status SetWriterPragmas(Database& db) {
  // The first two take effect only before the first table exists, and do no harm later.
  ONETAKE_RETURN_IF_ERROR(db.RunScript("PRAGMA page_size=4096; PRAGMA auto_vacuum=NONE;"));
  ONETAKE_ASSIGN_OR_RETURN(const std::string mode, db.QueryText("PRAGMA journal_mode=WAL"));
  if (mode != "wal") {
    return absl::FailedPreconditionError(
        absl::StrCat("the file system does not support SQLite's WAL (journal_mode stays ", mode,
                     "): put the file on a local disk"));
  }
  ONETAKE_RETURN_IF_ERROR(
      db.RunScript("PRAGMA synchronous=FULL; PRAGMA cache_size=-32768; PRAGMA secure_delete=ON;"
                   "PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=16777216;"));
  ONETAKE_ASSIGN_OR_RETURN(const int64_t synchronous, db.QueryInt("PRAGMA synchronous"));
  ONETAKE_RETURN_IF_ERROR(Expect("synchronous", synchronous, 2));
  if (ONETAKE_PLANTED_BUG("synchronous_normal")) {
    ONETAKE_RETURN_IF_ERROR(db.RunScript("PRAGMA synchronous=NORMAL"));
  }
  ONETAKE_ASSIGN_OR_RETURN(const int64_t page_size, db.QueryInt("PRAGMA page_size"));
  ONETAKE_RETURN_IF_ERROR(Expect("page_size", page_size, 4096));
  ONETAKE_ASSIGN_OR_RETURN(const int64_t secure_delete, db.QueryInt("PRAGMA secure_delete"));
  return Expect("secure_delete", secure_delete, 1);
}

absl::Status SetReaderPragmas(Database& db) {
  ONETAKE_RETURN_IF_ERROR(db.RunScript("PRAGMA query_only=1; PRAGMA cache_size=-8192;"));
  ONETAKE_ASSIGN_OR_RETURN(const int64_t query_only, db.QueryInt("PRAGMA query_only"));
  return Expect("query_only", query_only, 1);
}

}  // namespace

absl::StatusOr<std::string> ResolveDatabasePath(const std::string& path) {
  if (path.empty()) return absl::InvalidArgumentError("the database path is empty");
  std::error_code error;
  // A relative path whose file does not exist yet would stay relative.
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  if (error) return absl::InvalidArgumentError(absl::StrCat(path, ": ", error.message()));
  const std::filesystem::path full = std::filesystem::weakly_canonical(absolute, error);
  if (error) return absl::InvalidArgumentError(absl::StrCat(path, ": ", error.message()));
  if (std::filesystem::is_directory(full, error)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is a folder, must be a file"));
  }
  if (!std::filesystem::is_directory(full.parent_path(), error)) {
    return absl::NotFoundError(absl::StrCat("the folder of ", path, " does not exist: create it"));
  }
  return full.string();
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const Options& options) {
  // Debian's SQLite reads "file:..." as a URI and ":memory:" as no file; an absolute path is
  // neither.
  if (options.path.empty() || options.path.front() != '/') {
    return absl::InvalidArgumentError("the database path must be absolute");
  }
  CountNoMemory();
  const PrivateFiles private_files;
  const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                    (options.access == Access::kWriter ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                                       : SQLITE_OPEN_READONLY);
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(options.path.c_str(), &raw, flags,
                                   options.vfs.empty() ? nullptr : options.vfs.c_str());
  // SQLite hands out a connection on most errors, to be closed like any other.
  std::unique_ptr<Database> db(new Database(raw));
  absl::Status status = SqliteStatus(code, "cannot open");
  if (status.ok()) status = db->Configure(options.access);
  if (absl::IsUnavailable(status)) {
    status = absl::FailedPreconditionError(
        "another process has the ledger open and is writing to it: stop that process");
  }
  if (!status.ok()) return Annotate(status, options.path);
  return db;
}

absl::Status Database::Configure(Access access) {
  SetLimits(raw_.get());
  sqlite3_busy_timeout(raw_.get(), access == Access::kWriter ? 0 : kReaderPatienceMs);
  ONETAKE_RETURN_IF_ERROR(SetSwitches(raw_.get(), access));
  ONETAKE_RETURN_IF_ERROR(
      RunScript("PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY; PRAGMA cell_size_check=ON;"));
  ONETAKE_RETURN_IF_ERROR(access == Access::kWriter ? SetWriterPragmas(*this)
                                                    : SetReaderPragmas(*this));
  ONETAKE_RETURN_IF_ERROR(PrepareTransactions());
  // This comes after wal_autocheckpoint, which would replace the hook.
  sqlite3_wal_hook(raw_.get(), &Database::OnCommit, this);
  sqlite3_rollback_hook(raw_.get(), &Database::OnRollback, this);
  return absl::OkStatus();
}

absl::Status Database::PrepareTransactions() {
  ONETAKE_ASSIGN_OR_RETURN(begin_read_, Prepare("BEGIN"));
  ONETAKE_ASSIGN_OR_RETURN(begin_write_, Prepare("BEGIN IMMEDIATE"));
  ONETAKE_ASSIGN_OR_RETURN(commit_, Prepare("COMMIT"));
  ONETAKE_ASSIGN_OR_RETURN(rollback_, Prepare("ROLLBACK"));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Database>> Database::OpenInMemory() {
  CountNoMemory();
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(
      ":memory:", &raw,
      SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
      nullptr);
  std::unique_ptr<Database> db(new Database(raw));
  ONETAKE_RETURN_IF_ERROR(SqliteStatus(code, "cannot open a database in memory"));
  SetLimits(raw);
  ONETAKE_RETURN_IF_ERROR(SetSwitches(raw, Access::kWriter));
  ONETAKE_RETURN_IF_ERROR(db->PrepareTransactions());
  return db;
}

void Database::Close::operator()(sqlite3* raw) const {
  ONETAKE_CHECK(sqlite3_close(raw) == SQLITE_OK);
}

int Database::OnCommit(void* self, sqlite3* /*raw*/, const char* /*schema*/, int frames) {
  static_cast<Database*>(self)->wal_frames_ = frames;
  return SQLITE_OK;
}

void Database::OnRollback(void* self) { ++static_cast<Database*>(self)->rollbacks_; }

absl::StatusOr<Statement> Database::Prepare(SqlLiteral sql) {
  return Statement::Prepare(raw_.get(), sql);
}

absl::Status Database::RunScript(SqlLiteral sql) {
  const int code = sqlite3_exec(raw_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  return SqliteStatus(code, "cannot run a script", raw_.get());
}

absl::StatusOr<int64_t> Database::QueryInt(SqlLiteral sql) {
  ONETAKE_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
  Run run(statement);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
  if (!found) return absl::NotFoundError("no row");
  return run.Int(0);
}

absl::StatusOr<std::string> Database::QueryText(SqlLiteral sql) {
  ONETAKE_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
  Run run(statement);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
  if (!found) return absl::NotFoundError("no row");
  return std::string(run.Text(0));
}

bool Database::InTransaction() const { return sqlite3_get_autocommit(raw_.get()) == 0; }

int64_t Database::LastInsertedRow() const { return sqlite3_last_insert_rowid(raw_.get()); }

int64_t Database::TotalChanges() const { return sqlite3_total_changes64(raw_.get()); }

absl::StatusOr<Database::CheckpointResult> Database::Checkpoint(CheckpointMode mode) {
  int frames = -1;
  int copied = -1;
  const int code = sqlite3_wal_checkpoint_v2(
      raw_.get(), nullptr,
      mode == CheckpointMode::kPassive ? SQLITE_CHECKPOINT_PASSIVE : SQLITE_CHECKPOINT_TRUNCATE,
      &frames, &copied);
  if ((code & 0xff) != SQLITE_BUSY) {
    ONETAKE_RETURN_IF_ERROR(SqliteStatus(NoRoomIsFull(code), "cannot checkpoint"));
  }
  if (frames >= 0) wal_frames_ = frames;
  return CheckpointResult{wal_frames_, copied < 0 ? 0 : copied};
}

void Database::KeepWalAtClose() {
  sqlite3_db_config(raw_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

TimeLimit::TimeLimit(Database& database, const Clock& clock, absl::Duration limit)
    : database_(database), clock_(clock), end_(clock.Elapsed() + limit) {
  constexpr int kInstructionsBetweenLooks = 1000;  // some microseconds
  sqlite3_progress_handler(database_.raw_.get(), kInstructionsBetweenLooks, &TimeLimit::Expired,
                           this);
}

TimeLimit::~TimeLimit() { sqlite3_progress_handler(database_.raw_.get(), 0, nullptr, nullptr); }

int TimeLimit::Expired(void* self) {
  const auto* limit = static_cast<const TimeLimit*>(self);
  return limit->clock_.Elapsed() > limit->end_ ? 1 : 0;
}

}  // namespace onetake
