#include "tests/sim/sim_vfs.h"

#include <cstdio>
#include <cstring>
#include <new>
#include <string>

#include "tests/sim/sim_disk.h"

namespace onetake::sim {
namespace {

// What SQLite allocates for an open file.
struct Handle {
  sqlite3_file base;
  SimDisk* disk;
  SimDisk::File* file;
  int level;  // SQLITE_LOCK_...
  bool has_index;
  int index_locks[SQLITE_SHM_NLOCK];  // 0, 1: shared, -1: exclusive
};

Handle& Ours(sqlite3_file* file) { return *reinterpret_cast<Handle*>(file); }

int Unlock(sqlite3_file* base, int level) {
  Handle& handle = Ours(base);
  SimDisk::File& file = *handle.file;
  if (level < SQLITE_LOCK_EXCLUSIVE && file.exclusive == &handle) file.exclusive = nullptr;
  if (level < SQLITE_LOCK_RESERVED && file.reserved == &handle) file.reserved = nullptr;
  if (level == SQLITE_LOCK_NONE && handle.level >= SQLITE_LOCK_SHARED) --file.shared;
  if (level < handle.level) handle.level = level;
  return SQLITE_OK;
}

int Lock(sqlite3_file* base, int level) {
  Handle& handle = Ours(base);
  SimDisk::File& file = *handle.file;
  if (handle.level >= level) return SQLITE_OK;
  if (file.exclusive != nullptr && file.exclusive != &handle) return SQLITE_BUSY;
  if (level == SQLITE_LOCK_SHARED) {
    ++file.shared;
  } else if (file.reserved != nullptr && file.reserved != &handle) {
    return SQLITE_BUSY;
  } else if (level == SQLITE_LOCK_RESERVED) {
    file.reserved = &handle;
  } else {
    if (file.shared > 1) return SQLITE_BUSY;
    file.exclusive = &handle;
  }
  handle.level = level;
  return SQLITE_OK;
}

int ShmUnmap(sqlite3_file* base, int /*remove*/) {
  Handle& handle = Ours(base);
  if (!handle.has_index) return SQLITE_OK;
  for (int i = 0; i < SQLITE_SHM_NLOCK; ++i) {
    if (handle.index_locks[i] > 0) --handle.file->index_locks[i];
    if (handle.index_locks[i] < 0) handle.file->index_locks[i] = 0;
    handle.index_locks[i] = 0;
  }
  handle.has_index = false;
  if (--handle.file->index_users == 0) handle.file->index.clear();
  return SQLITE_OK;
}

int ShmMap(sqlite3_file* base, int page, int size, int extend, void volatile** to) {
  Handle& handle = Ours(base);
  SimDisk::File& file = *handle.file;
  if (!handle.has_index) {
    handle.has_index = true;
    ++file.index_users;
  }
  *to = nullptr;
  while (extend != 0 && static_cast<int>(file.index.size()) <= page) {
    file.index.push_back(std::make_unique<char[]>(static_cast<size_t>(size)));
    std::memset(file.index.back().get(), 0, static_cast<size_t>(size));
  }
  if (page < static_cast<int>(file.index.size())) *to = file.index[static_cast<size_t>(page)].get();
  return SQLITE_OK;
}

int ShmLock(sqlite3_file* base, int first, int count, int flags) {
  Handle& handle = Ours(base);
  SimDisk::File& file = *handle.file;
  const bool locks = (flags & SQLITE_SHM_LOCK) != 0;
  const bool shared = (flags & SQLITE_SHM_SHARED) != 0;
  for (int i = first; locks && i < first + count; ++i) {
    const int held = file.index_locks[i] - (handle.index_locks[i] > 0 ? 1 : 0);
    const bool free = shared ? file.index_locks[i] >= 0 : held == 0;
    if (!free && handle.index_locks[i] >= 0) return SQLITE_BUSY;
  }
  for (int i = first; i < first + count; ++i) {
    int& mine = handle.index_locks[i];
    if (locks && mine == 0) {
      mine = shared ? 1 : -1;
      file.index_locks[i] += mine;
    } else if (!locks && mine != 0) {
      file.index_locks[i] -= mine;
      mine = 0;
    }
  }
  return SQLITE_OK;
}

void ShmBarrier(sqlite3_file* /*base*/) {}

int Close(sqlite3_file* base) {
  ShmUnmap(base, 0);
  Unlock(base, SQLITE_LOCK_NONE);
  --Ours(base).file->open;
  return SQLITE_OK;
}

int Read(sqlite3_file* base, void* to, int size, sqlite3_int64 offset) {
  return Ours(base).disk->Read(*Ours(base).file, static_cast<char*>(to), size, offset);
}
int Write(sqlite3_file* base, const void* from, int size, sqlite3_int64 offset) {
  return Ours(base).disk->Write(*Ours(base).file, static_cast<const char*>(from), size, offset);
}
int Truncate(sqlite3_file* base, sqlite3_int64 size) {
  return Ours(base).disk->Truncate(*Ours(base).file, size);
}
int Sync(sqlite3_file* base, int /*flags*/) { return Ours(base).disk->Sync(*Ours(base).file); }
int FileSize(sqlite3_file* base, sqlite3_int64* size) {
  *size = static_cast<sqlite3_int64>(Ours(base).file->bytes.size());
  return SQLITE_OK;
}
int CheckReservedLock(sqlite3_file* base, int* held) {
  *held = Ours(base).file->reserved != nullptr ? 1 : 0;
  return SQLITE_OK;
}
int FileControl(sqlite3_file* /*base*/, int /*verb*/, void* /*argument*/) {
  return SQLITE_NOTFOUND;
}
int SectorSize(sqlite3_file* /*base*/) { return 4096; }
int Characteristics(sqlite3_file* /*base*/) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

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

SimDisk& DiskOf(sqlite3_vfs* vfs) { return *static_cast<SimDisk*>(vfs->pAppData); }

int Open(sqlite3_vfs* vfs, const char* path, sqlite3_file* base, int flags, int* out_flags) {
  base->pMethods = nullptr;
  SimDisk& disk = DiskOf(vfs);
  const std::string name = path == nullptr ? "" : path;
  const bool exists = disk.Exists(name);
  if (!exists && ((flags & SQLITE_OPEN_CREATE) == 0 || disk.frozen())) return SQLITE_CANTOPEN;
  auto* handle = new (base) Handle{};
  handle->disk = &disk;
  handle->file = &disk.At(name);
  ++handle->file->open;
  handle->base.pMethods = &kMethods;
  if (out_flags != nullptr) *out_flags = flags;
  return SQLITE_OK;
}

int Delete(sqlite3_vfs* vfs, const char* path, int /*sync_folder*/) {
  return DiskOf(vfs).Delete(path);
}

int Access(sqlite3_vfs* vfs, const char* path, int /*flags*/, int* exists) {
  *exists = DiskOf(vfs).Exists(path) ? 1 : 0;
  return SQLITE_OK;
}

int FullPathname(sqlite3_vfs* /*vfs*/, const char* path, int size, char* to) {
  return std::snprintf(to, static_cast<size_t>(size), "%s", path) < size ? SQLITE_OK
                                                                         : SQLITE_CANTOPEN;
}

int Randomness(sqlite3_vfs* vfs, int size, char* to) {
  for (int i = 0; i < size; ++i) to[i] = static_cast<char>(DiskOf(vfs).random().Next());
  return size;
}

int Sleep(sqlite3_vfs* /*vfs*/, int microseconds) { return microseconds; }

// Only views ask for the time, and what they show is not looked at.
int CurrentTime(sqlite3_vfs* /*vfs*/, double* days) {
  *days = 2461000.5;
  return SQLITE_OK;
}

int LastError(sqlite3_vfs* /*vfs*/, int /*size*/, char* /*to*/) { return 0; }

}  // namespace

void FillVfs(sqlite3_vfs& vfs, SimDisk& disk) {
  vfs.iVersion = 1;
  vfs.szOsFile = static_cast<int>(sizeof(Handle));
  vfs.mxPathname = 512;
  vfs.zName = disk.name().c_str();
  vfs.pAppData = &disk;
  vfs.xOpen = Open;
  vfs.xDelete = Delete;
  vfs.xAccess = Access;
  vfs.xFullPathname = FullPathname;
  vfs.xRandomness = Randomness;
  vfs.xSleep = Sleep;
  vfs.xCurrentTime = CurrentTime;
  vfs.xGetLastError = LastError;
}

}  // namespace onetake::sim
