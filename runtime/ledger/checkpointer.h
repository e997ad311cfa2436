#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "runtime/ledger/sync_count.h"
#include "runtime/store/database.h"

namespace onetake {

// Moves what is in the WAL into the database, between the batches of the writer and never inside
// one, so that nobody waits for it. Owned by the writer thread.
class Checkpointer {
 public:
  static constexpr int64_t kPassiveFrames = 2000;
  static constexpr int64_t kTruncateBytes = 16 * 1024 * 1024;
  static constexpr int64_t kAlarmBytes = 64 * 1024 * 1024;

  Checkpointer(Database& database, SyncCount& syncs) : database_(database), syncs_(syncs) {}

  // To be called after a commit whose waiters have been woken. An error other than
  // RESOURCE_EXHAUSTED is fatal: after a failed sync nobody knows what has reached the disk, and a
  // second try may lie about it.
  absl::Status AfterCommit();
  // Empties the WAL, when the writer has nothing to do. Errors as above.
  absl::Status WhenIdle();
  bool HasWork() const { return database_.WalFrames() > 0; }

 private:
  absl::Status Checkpoint(Database::CheckpointMode mode);
  void AlarmWhenLarge();

  Database& database_;
  SyncCount& syncs_;
  // How many frames in the WAL make the next try due. A reader that holds a snapshot keeps the WAL
  // from being reused: then that is after as many new frames again, not after every commit.
  int64_t next_frames_ = kPassiveFrames;
  bool alarmed_ = false;
};

}  // namespace onetake
