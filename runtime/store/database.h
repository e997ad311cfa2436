#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "runtime/base/clock.h"
#include "runtime/store/statement.h"

struct sqlite3;

namespace onetake {

// The absolute path of a database file, symbolic links resolved, so that one file has one name (and
// one lock). INVALID_ARGUMENT when it is empty or a folder, NOT_FOUND when its folder is missing.
absl::StatusOr<std::string> ResolveDatabasePath(const std::string& path);

// One SQLite connection with all our settings (runtime/ledger/README.md says which and why).
// Compatible with threads, not safe: used by one thread at a time, and nobody else opens or closes
// the file in this process, which would drop SQLite's locks on it.
class Database {
 public:
  enum class Access {
    kWriter,  // creates the file (mode 0600); WAL and synchronous=FULL, or it does not open
    kReader,  // read-only; the file must exist. Never checkpoints
  };
  struct Options {
    std::string path;  // from ResolveDatabasePath
    Access access = Access::kReader;
    std::string vfs;  // name of a registered SQLite VFS; empty: the system's
  };

  // FAILED_PRECONDITION: another process writes to the file, or a setting that our durability needs
  // could not be made ("synchronous is 1, must be 2"). Otherwise as SqliteStatus.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const Options& options);
  // Opens an empty database, in memory only, and nobody else's: to see what a script would make of
  // a file.
  static absl::StatusOr<std::unique_ptr<Database>> OpenInMemory();
  // Every statement must be gone. The last connection to close empties and removes the WAL.
  ~Database() = default;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  absl::StatusOr<Statement> Prepare(SqlLiteral sql);
  // Runs one or more statements without parameters.
  absl::Status RunScript(SqlLiteral sql);
  // The first column of the first row; NOT_FOUND without one.
  absl::StatusOr<int64_t> QueryInt(SqlLiteral sql);
  absl::StatusOr<std::string> QueryText(SqlLiteral sql);

  bool InTransaction() const;
  // Rows inserted, updated or deleted since the database was opened, by triggers too.
  int64_t TotalChanges() const;
  // Transactions rolled back since the database was opened, by SQLite itself too. What a program
  // knows of a transaction's changes is void when this has moved.
  int64_t Rollbacks() const { return rollbacks_; }
  // The row id of the last INSERT into a rowid table.
  int64_t LastInsertedRow() const;

  // Frames in the WAL after the last commit or checkpoint of this connection.
  int64_t WalFrames() const { return wal_frames_; }
  static constexpr int64_t kWalFrameBytes = 4096 + 24;

  enum class CheckpointMode {
    kPassive,   // copies what no reader still needs; waits for nobody
    kTruncate,  // as above, and empties the WAL when no reader uses it
  };
  struct CheckpointResult {
    int64_t frames = 0;  // in the WAL
    int64_t copied = 0;  // of these, into the database
  };
  // For the writer only: SQLite 3.40 may lose commits when two connections checkpoint (fixed in
  // 3.51.3). Readers in the way are no error; they only leave less done.
  absl::StatusOr<CheckpointResult> Checkpoint(CheckpointMode mode);

  // Leaves the WAL for the next start to read: after a failed commit nobody knows what is on disk.
  void KeepWalAtClose();

 private:
  friend class Transaction;
  friend class TimeLimit;
  struct Close {
    void operator()(sqlite3* raw) const;
  };
  explicit Database(sqlite3* raw) : raw_(raw) {}
  absl::Status Configure(Access access);
  absl::Status PrepareTransactions();
  static int OnCommit(void* self, sqlite3* raw, const char* schema, int frames);
  static void OnRollback(void* self);

  std::unique_ptr<sqlite3, Close> raw_;  // before its statements: they go first
  int64_t wal_frames_ = 0;
  int64_t rollbacks_ = 0;
  Statement begin_read_, begin_write_, commit_, rollback_;
};

// While it lives, a statement of `database` that runs for longer ends with DEADLINE_EXCEEDED.
class TimeLimit {
 public:
  TimeLimit(Database& database, const Clock& clock, absl::Duration limit);
  ~TimeLimit();
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;

 private:
  static int Expired(void* self);
  Database& database_;
  const Clock& clock_;
  const absl::Duration end_;
};

}  // namespace onetake
