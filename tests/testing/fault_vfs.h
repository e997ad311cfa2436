#pragma once

#include <sqlite3.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace onetake::testing {

// A SQLite VFS over the system's that counts file operations and makes chosen ones fail, as a full
// disk or a dying one does. Registered while it lives; open databases with name() and close them
// first. Thread-safe.
//
//   FaultVfs vfs;
//   vfs.Arm({.operation = FaultVfs::Operation::kWrite, .code = SQLITE_FULL});
class FaultVfs {
 public:
  enum class Operation {
    kOpen,
    kRead,
    kWrite,
    kSync,
    kTruncate,
    kLock,       // of the database file
    kIndexLock,  // of the WAL's index
    kIndexMap,   // the memory that the WAL's index is in
    kDelete
  };
  static constexpr size_t kOperations = 9;
  enum class File { kAny, kDatabase, kWal };
  enum class Times { kOnce, kFromThenOn };
  struct Fault {
    Operation operation = Operation::kWrite;
    File file = File::kAny;
    int64_t skip = 0;  // so many of these operations succeed first
    int code = SQLITE_IOERR;
    Times times = Times::kFromThenOn;
    size_t torn_bytes = 0;  // kWrite: so many bytes reach the file before it fails
    int system_error = 0;   // kWrite: what the system says of it (errno)
  };

  // For what runs thousands of times in one thread and loses no power: a sync reaches no medium,
  // and a wait for a lock is over at once.
  enum class Pace { kReal, kHurried };

  FaultVfs() : FaultVfs(Pace::kReal) {}
  explicit FaultVfs(Pace pace);
  ~FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;

  const std::string& name() const { return name_; }
  void Arm(Fault fault);
  // The disk is well again.
  void Clear();
  // No fault waits any more.
  bool IsWell() const;
  // Operations on `file` since the start, failed ones included.
  int64_t Count(Operation operation, File file) const;
  // Operations that were made to fail.
  int64_t Failures() const;

  // For the methods of open files: the fault for this operation, if any.
  struct Verdict {
    int code = SQLITE_OK;
    size_t torn_bytes = 0;
    int system_error = 0;
  };
  Verdict Judge(Operation operation, File file);
  sqlite3_vfs* real() const { return real_; }
  bool syncs() const { return pace_ == Pace::kReal; }

 private:
  const std::string name_;
  const Pace pace_;
  sqlite3_vfs* const real_;
  sqlite3_vfs vfs_;
  mutable absl::Mutex mutex_;
  std::vector<Fault> faults_ ABSL_GUARDED_BY(mutex_);
  std::array<std::array<int64_t, 3>, kOperations> counts_ ABSL_GUARDED_BY(mutex_) = {};
  int64_t failures_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace onetake::testing
