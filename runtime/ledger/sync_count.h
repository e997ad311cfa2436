#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "runtime/store/database.h"

namespace onetake {

// How often the commits and checkpoints of the writer have made the disk sync. SQLite tells nobody:
// the number is derived from what it does and from what it reports of the WAL. Tests hold it
// against the calls of a VFS. Failed syncs are not counted, nor those of opening and closing. The
// writer counts; any thread reads.
class SyncCount {
 public:
  // `frames` are those in the WAL when it begins to count.
  explicit SyncCount(int64_t frames) : frames_(frames) {}

  // To be called after a commit that has changed something; `frames` are in the WAL now. When the
  // commit begins the WAL anew, the new header is synced before the first frame.
  void Committed(int64_t frames) {
    const bool anew = frames_ == 0 || frames <= frames_;
    if (anew) copied_ = 0;
    frames_ = frames;
    syncs_ += anew ? 2 : 1;
  }

  // The WAL is synced before any of it is copied, and the database when all of it is. SQLite
  // reports no frames for a WAL that it has emptied.
  void Checkpointed(const Database::CheckpointResult& result) {
    const bool emptied = result.frames == 0;
    const int64_t copied = emptied ? frames_ : result.copied;
    if (copied > copied_) syncs_ += copied == frames_ ? 2 : 1;
    copied_ = emptied ? 0 : std::max(copied_, copied);
    frames_ = result.frames;
  }

  int64_t syncs() const { return syncs_; }

 private:
  int64_t frames_;      // those in the WAL
  int64_t copied_ = 0;  // of these, into the database
  std::atomic<int64_t> syncs_{0};
};

}  // namespace onetake
