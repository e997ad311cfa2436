#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/clock.h"

namespace onetake::sim {

// A disk in memory, as a SQLite VFS. Of every file it knows two images: what programs read, and
// what has reached the medium. A sync moves the one to the other; a power loss keeps of the writes
// between them what chance keeps: whole ones, none, or some of their sectors of 512 bytes. Locks
// and the WAL's shared memory are those of one process. Single-threaded; the default VFS while it
// lives.
class SimDisk {
 public:
  struct Faults {
    // Chances, an operation.
    double write_error = 0;  // EIO; a part of the bytes may have been written
    double read_error = 0;
    double sync_error = 0;  // what was not synced is on the medium or lost, and never written again
    bool full = false;      // nothing can grow
  };
  struct Counts {
    int64_t writes = 0, syncs = 0, write_errors = 0, read_errors = 0, sync_errors = 0, full = 0;
    int64_t lost_writes = 0, torn_writes = 0;  // by power losses
  };

  explicit SimDisk(Random& random);
  ~SimDisk();
  SimDisk(const SimDisk&) = delete;
  SimDisk& operator=(const SimDisk&) = delete;

  const std::string& name() const { return name_; }
  Faults& faults() { return faults_; }
  const Counts& counts() const { return counts_; }

  // The program dies at the `operations`-th change from now (1: at the next one), before it is
  // made; 0: it does not.
  void DieAfter(int64_t operations) { die_after_ = operations; }
  // The program is dead: nothing it does reaches its files any more.
  void Freeze() { frozen_ = true; }
  bool frozen() const { return frozen_; }
  // Another program may use the disk; every file must be closed.
  void Thaw();
  // After Freeze(): what was not synced is kept, lost or torn.
  void LosePower();

  // Copies what has reached the medium of `path`, its WAL included, to `copy`.
  void CopySynced(const std::string& path, const std::string& copy);
  void Remove(const std::string& path);
  // Whether `text` stands in `path` or its WAL, as programs read them.
  bool Holds(const std::string& path, const std::string& text) const;

  // For the VFS's methods.
  struct Change {
    enum class Kind { kWrite, kTruncate } kind = Kind::kWrite;
    int64_t offset = 0;  // kTruncate: the size
    std::string bytes;
  };
  struct File {
    std::string bytes, synced;
    std::vector<Change> unsynced;  // the oldest first
    int open = 0;
    // Locks of the database file, and of the WAL's index.
    int shared = 0;
    const void* reserved = nullptr;
    const void* exclusive = nullptr;
    std::vector<std::unique_ptr<char[]>> index;
    int index_users = 0;
    int index_locks[SQLITE_SHM_NLOCK] = {};  // so many readers, or -1: a writer
  };
  File& At(const std::string& path) { return files_[path]; }
  bool Exists(const std::string& path) const { return files_.count(path) != 0; }
  int Write(File& file, const char* from, int64_t size, int64_t offset);
  int Read(const File& file, char* to, int64_t size, int64_t offset);
  int Truncate(File& file, int64_t size);
  int Sync(File& file);
  int Delete(const std::string& path);
  Random& random() { return random_; }

 private:
  bool Dies();
  bool Chance(double probability);

  const std::string name_ = "simdisk";
  Random& random_;
  sqlite3_vfs vfs_ = {};
  Faults faults_;
  Counts counts_;
  bool frozen_ = false;
  int64_t die_after_ = 0;
  std::map<std::string, File> files_;
};

}  // namespace onetake::sim
