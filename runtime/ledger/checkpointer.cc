#include "runtime/ledger/checkpointer.h"

#include "runtime/base/failpoint.h"
#include "runtime/base/log.h"
#include "runtime/base/status.h"

namespace onetake {

absl::Status Checkpointer::AfterCommit() {
  const int64_t frames = database_.WalFrames();
  // The WAL has started again from its beginning.
  if (frames < next_frames_ - kPassiveFrames) next_frames_ = kPassiveFrames;
  if (frames < next_frames_) return absl::OkStatus();
  return Checkpoint(frames * Database::kWalFrameBytes > kTruncateBytes
                        ? Database::CheckpointMode::kTruncate
                        : Database::CheckpointMode::kPassive);
}

absl::Status Checkpointer::WhenIdle() {
  if (!HasWork()) return absl::OkStatus();
  return Checkpoint(Database::CheckpointMode::kTruncate);
}

absl::Status Checkpointer::Checkpoint(Database::CheckpointMode mode) {
  FailPoint("ledger.before_checkpoint");
  ONETAKE_ASSIGN_OR_RETURN(const Database::CheckpointResult result, database_.Checkpoint(mode));
  syncs_.Checkpointed(result);
  FailPoint("ledger.after_checkpoint");
  next_frames_ = result.frames + kPassiveFrames;
  AlarmWhenLarge();
  return absl::OkStatus();
}

void Checkpointer::AlarmWhenLarge() {
  const int64_t bytes = database_.WalFrames() * Database::kWalFrameBytes;
  if (bytes > kAlarmBytes && !alarmed_) {
    Log(LogLevel::kWarning, "ledger.wal_large",
        {{LogField::kCount, bytes},
         {LogField::kAdvice, "a reader holds a snapshot: end long queries on the ledger file"}});
  }
  alarmed_ = bytes > kAlarmBytes;
}

}  // namespace onetake
