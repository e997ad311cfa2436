#include "tests/sim/sim_disk.h"

#include <algorithm>
#include <cstring>

#include "runtime/base/check.h"
#include "tests/sim/sim_vfs.h"

namespace onetake::sim {
namespace {

constexpr int64_t kSector = 512;

void Apply(const SimDisk::Change& change, std::string& image) {
  if (change.kind == SimDisk::Change::Kind::kTruncate) {
    image.resize(static_cast<size_t>(change.offset));
    return;
  }
  const size_t end = static_cast<size_t>(change.offset) + change.bytes.size();
  if (image.size() < end) image.resize(end);
  image.replace(static_cast<size_t>(change.offset), change.bytes.size(), change.bytes);
}

}  // namespace

SimDisk::SimDisk(Random& random) : random_(random) {
  FillVfs(vfs_, *this);
  ONETAKE_CHECK(sqlite3_vfs_register(&vfs_, 1) == SQLITE_OK);
  // Its salts and random rows come from our randomness from here on.
  sqlite3_randomness(0, nullptr);
}

SimDisk::~SimDisk() { sqlite3_vfs_unregister(&vfs_); }

bool SimDisk::Chance(double probability) {
  if (probability <= 0) return false;
  return static_cast<double>(random_.Next() >> 11) * 0x1p-53 < probability;
}

// Whether the program dies before this change, or has.
bool SimDisk::Dies() {
  if (!frozen_ && die_after_ > 0 && --die_after_ == 0) frozen_ = true;
  return frozen_;
}

void SimDisk::Thaw() {
  for (auto& [path, file] : files_) ONETAKE_CHECK(file.open == 0);
  frozen_ = false;
  die_after_ = 0;
}

void SimDisk::LosePower() {
  ONETAKE_CHECK(frozen_);
  for (auto& [path, file] : files_) {
    for (Change& change : file.unsynced) {
      const uint64_t fate = random_.Next() % 4;
      if (fate == 0 || (fate == 1 && change.kind == Change::Kind::kTruncate)) {
        ++counts_.lost_writes;
      } else if (fate != 1) {
        Apply(change, file.synced);
      } else {
        ++counts_.torn_writes;
        for (size_t at = 0; at < change.bytes.size();) {
          const int64_t offset = change.offset + static_cast<int64_t>(at);
          const size_t size =
              std::min(change.bytes.size() - at, static_cast<size_t>(kSector - offset % kSector));
          if (random_.Next() % 2 == 0) {
            Apply({Change::Kind::kWrite, offset, change.bytes.substr(at, size)}, file.synced);
          }
          at += size;
        }
      }
    }
    file.unsynced.clear();
    file.bytes = file.synced;
  }
}

void SimDisk::CopySynced(const std::string& path, const std::string& copy) {
  for (const char* suffix : {"", "-wal"}) {
    const auto found = files_.find(path + suffix);
    if (found == files_.end()) continue;
    File& to = files_[copy + suffix];
    to.bytes = to.synced = found->second.synced;
  }
}

void SimDisk::Remove(const std::string& path) {
  for (const char* suffix : {"", "-wal", "-journal"}) files_.erase(path + suffix);
}

bool SimDisk::Holds(const std::string& path, const std::string& text) const {
  for (const char* suffix : {"", "-wal"}) {
    const auto found = files_.find(path + suffix);
    if (found == files_.end()) continue;
    if (found->second.bytes.find(text) != std::string::npos) return true;
  }
  return false;
}

int SimDisk::Write(File& file, const char* from, int64_t size, int64_t offset) {
  if (Dies()) return SQLITE_IOERR_WRITE;
  ++counts_.writes;
  int code = SQLITE_OK;
  int64_t written = size;
  if (faults_.full && offset + size > static_cast<int64_t>(file.bytes.size())) {
    ++counts_.full;
    code = SQLITE_FULL;
  } else if (Chance(faults_.write_error)) {
    ++counts_.write_errors;
    code = SQLITE_IOERR_WRITE;
  }
  if (code != SQLITE_OK) {
    written = random_.Next() % 2 == 0 ? 0 : static_cast<int64_t>(random_.Next() % size);
    if (code == SQLITE_FULL) {
      const int64_t room = static_cast<int64_t>(file.bytes.size()) - offset;
      written = std::clamp(room, int64_t{0}, written);
    }
  }
  if (written > 0) {
    Change change{Change::Kind::kWrite, offset, std::string(from, static_cast<size_t>(written))};
    Apply(change, file.bytes);
    file.unsynced.push_back(std::move(change));
  }
  return code;
}

int SimDisk::Read(const File& file, char* to, int64_t size, int64_t offset) {
  if (frozen_) return SQLITE_IOERR_READ;
  if (Chance(faults_.read_error)) {
    ++counts_.read_errors;
    return SQLITE_IOERR_READ;
  }
  const int64_t there =
      std::clamp(static_cast<int64_t>(file.bytes.size()) - offset, int64_t{0}, size);
  std::memcpy(to, file.bytes.data() + (there > 0 ? offset : 0), static_cast<size_t>(there));
  std::memset(to + there, 0, static_cast<size_t>(size - there));
  return there == size ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

int SimDisk::Truncate(File& file, int64_t size) {
  if (Dies()) return SQLITE_IOERR_TRUNCATE;
  Change change{Change::Kind::kTruncate, size, ""};
  Apply(change, file.bytes);
  file.unsynced.push_back(std::move(change));
  return SQLITE_OK;
}

// After a sync that has failed the system takes its pages for clean: what did not reach the medium
// is in memory only, and no later sync writes it.
int SimDisk::Sync(File& file) {
  if (Dies()) return SQLITE_IOERR_FSYNC;
  ++counts_.syncs;
  const bool fails = Chance(faults_.sync_error);
  if (fails) ++counts_.sync_errors;
  for (const Change& change : file.unsynced) {
    if (!fails || random_.Next() % 2 == 0) Apply(change, file.synced);
  }
  file.unsynced.clear();
  return fails ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

// A name that is gone stays gone.
int SimDisk::Delete(const std::string& path) {
  if (!Exists(path)) return SQLITE_IOERR_DELETE_NOENT;
  if (Dies()) return SQLITE_IOERR_DELETE;
  ONETAKE_CHECK(files_[path].open == 0);
  files_.erase(path);
  return SQLITE_OK;
}

}  // namespace onetake::sim
