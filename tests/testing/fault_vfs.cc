#include "tests/testing/fault_vfs.h"

#include <atomic>
#include <cerrno>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/check.h"

namespace onetake::testing {
namespace {

// What SQLite allocates for an open file: ours, and behind it the system's.
struct FaultFile {
  sqlite3_file base;
  FaultVfs* vfs;
  FaultVfs::File kind;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

FaultFile* Ours(sqlite3_file* file) { return reinterpret_cast<FaultFile*>(file); }
sqlite3_file* Real(sqlite3_file* file) { return Ours(file)->real(); }
const sqlite3_io_methods* Methods(sqlite3_file* file) { return Real(file)->pMethods; }

FaultVfs::Verdict Judge(sqlite3_file* file, FaultVfs::Operation operation) {
  return Ours(file)->vfs->Judge(operation, Ours(file)->kind);
}

int Close(sqlite3_file* file) { return Methods(file)->xClose(Real(file)); }

int Read(sqlite3_file* file, void* to, int size, sqlite3_int64 offset) {
  const int code = Judge(file, FaultVfs::Operation::kRead).code;
  return code != SQLITE_OK ? code : Methods(file)->xRead(Real(file), to, size, offset);
}

int Write(sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
  const FaultVfs::Verdict verdict = Judge(file, FaultVfs::Operation::kWrite);
  if (verdict.code == SQLITE_OK) return Methods(file)->xWrite(Real(file), from, size, offset);
  const int torn = std::min(static_cast<int>(verdict.torn_bytes), size);
  if (torn > 0) Methods(file)->xWrite(Real(file), from, torn, offset);
  errno = verdict.system_error;
  return verdict.code;
}

int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  const int code = Judge(file, FaultVfs::Operation::kTruncate).code;
  return code != SQLITE_OK ? code : Methods(file)->xTruncate(Real(file), size);
}

int Sync(sqlite3_file* file, int flags) {
  const int code = Judge(file, FaultVfs::Operation::kSync).code;
  if (code != SQLITE_OK || !Ours(file)->vfs->syncs()) return code;
  return Methods(file)->xSync(Real(file), flags);
}

int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  return Methods(file)->xFileSize(Real(file), size);
}
int Lock(sqlite3_file* file, int level) {
  const int code = Judge(file, FaultVfs::Operation::kLock).code;
  return code != SQLITE_OK ? code : Methods(file)->xLock(Real(file), level);
}
int Unlock(sqlite3_file* file, int level) { return Methods(file)->xUnlock(Real(file), level); }
int CheckReservedLock(sqlite3_file* file, int* held) {
  return Methods(file)->xCheckReservedLock(Real(file), held);
}
int FileControl(sqlite3_file* file, int verb, void* argument) {
  return Methods(file)->xFileControl(Real(file), verb, argument);
}
int SectorSize(sqlite3_file* file) { return Methods(file)->xSectorSize(Real(file)); }
int Characteristics(sqlite3_file* file) {
  return Methods(file)->xDeviceCharacteristics(Real(file));
}
int ShmMap(sqlite3_file* file, int page, int size, int extend, void volatile** to) {
  const int code = Judge(file, FaultVfs::Operation::kIndexMap).code;
  return code != SQLITE_OK ? code : Methods(file)->xShmMap(Real(file), page, size, extend, to);
}
int ShmLock(sqlite3_file* file, int offset, int count, int flags) {
  // What is let go of is never refused: SQLite does not look.
  const bool locks = (flags & SQLITE_SHM_LOCK) != 0;
  const int code = locks ? Judge(file, FaultVfs::Operation::kIndexLock).code : SQLITE_OK;
  return code != SQLITE_OK ? code : Methods(file)->xShmLock(Real(file), offset, count, flags);
}
void ShmBarrier(sqlite3_file* file) { Methods(file)->xShmBarrier(Real(file)); }
int ShmUnmap(sqlite3_file* file, int remove) {
  return Methods(file)->xShmUnmap(Real(file), remove);
}

// Version 2: shared memory, as WAL needs it, but no memory-mapped reads.
const sqlite3_io_methods kMethods = {2,
                                     Close,
                                     Read,
                                     Write,
                                     Truncate,
                                     Sync,
                                     FileSize,
                                     Lock,
                                     Unlock,
                                     CheckReservedLock,
                                     FileControl,
                                     SectorSize,
                                     Characteristics,
                                     ShmMap,
                                     ShmLock,
                                     ShmBarrier,
                                     ShmUnmap,
                                     nullptr,
                                     nullptr};

int Open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out_flags) {
  auto* owner = static_cast<FaultVfs*>(vfs->pAppData);
  FaultFile* ours = Ours(file);
  ours->base.pMethods = nullptr;
  ours->vfs = owner;
  ours->kind = (flags & SQLITE_OPEN_WAL) != 0       ? FaultVfs::File::kWal
               : (flags & SQLITE_OPEN_MAIN_DB) != 0 ? FaultVfs::File::kDatabase
                                                    : FaultVfs::File::kAny;
  const int verdict = owner->Judge(FaultVfs::Operation::kOpen, ours->kind).code;
  if (verdict != SQLITE_OK) return verdict;
  const int code = owner->real()->xOpen(owner->real(), path, ours->real(), flags, out_flags);
  if (code == SQLITE_OK) ours->base.pMethods = &kMethods;
  return code;
}

int Delete(sqlite3_vfs* vfs, const char* path, int sync_folder) {
  auto* owner = static_cast<FaultVfs*>(vfs->pAppData);
  const FaultVfs::File kind =
      absl::EndsWith(path, "-wal") ? FaultVfs::File::kWal : FaultVfs::File::kAny;
  const int verdict = owner->Judge(FaultVfs::Operation::kDelete, kind).code;
  if (verdict != SQLITE_OK) return verdict;
  return owner->real()->xDelete(owner->real(), path, owner->syncs() ? sync_folder : 0);
}

int SleepNot(sqlite3_vfs* /*vfs*/, int microseconds) { return microseconds; }

}  // namespace

FaultVfs::FaultVfs(Pace pace)
    : name_([] {
        static std::atomic<int> next{1};
        return absl::StrCat("fault", next++);
      }()),
      pace_(pace),
      real_(sqlite3_vfs_find(nullptr)),
      vfs_(*real_) {
  vfs_.szOsFile = static_cast<int>(sizeof(FaultFile)) + real_->szOsFile;
  vfs_.zName = name_.c_str();
  vfs_.pNext = nullptr;
  vfs_.pAppData = this;
  vfs_.xOpen = Open;
  vfs_.xDelete = Delete;
  if (pace_ == Pace::kHurried) vfs_.xSleep = SleepNot;
  ONETAKE_CHECK(sqlite3_vfs_register(&vfs_, 0) == SQLITE_OK);
}

FaultVfs::~FaultVfs() { sqlite3_vfs_unregister(&vfs_); }

void FaultVfs::Arm(Fault fault) {
  absl::MutexLock lock(&mutex_);
  faults_.push_back(fault);
}

void FaultVfs::Clear() {
  absl::MutexLock lock(&mutex_);
  faults_.clear();
}

bool FaultVfs::IsWell() const {
  absl::MutexLock lock(&mutex_);
  return faults_.empty();
}

int64_t FaultVfs::Count(Operation operation, File file) const {
  absl::MutexLock lock(&mutex_);
  const auto& counts = counts_[static_cast<size_t>(operation)];
  if (file != File::kAny) return counts[static_cast<size_t>(file)];
  return counts[0] + counts[1] + counts[2];
}

int64_t FaultVfs::Failures() const {
  absl::MutexLock lock(&mutex_);
  return failures_;
}

FaultVfs::Verdict FaultVfs::Judge(Operation operation, File file) {
  absl::MutexLock lock(&mutex_);
  ++counts_[static_cast<size_t>(operation)][static_cast<size_t>(file)];
  for (auto fault = faults_.begin(); fault != faults_.end(); ++fault) {
    if (fault->operation != operation) continue;
    if (fault->file != File::kAny && fault->file != file) continue;
    if (fault->skip-- > 0) continue;
    ++failures_;
    const Verdict verdict{fault->code, fault->torn_bytes, fault->system_error};
    if (fault->times == Times::kOnce) faults_.erase(fault);
    return verdict;
  }
  return {};
}

}  // namespace onetake::testing
