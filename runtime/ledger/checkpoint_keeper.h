#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "runtime/base/clock.h"
#include "runtime/ledger/chain.h"
#include "runtime/ledger/checkpoint_file.h"
#include "runtime/ledger/checkpoint_options.h"
#include "runtime/ledger/signing_key.h"

namespace onetake {

// Signs the head of the chain now and then, on a thread of its own, so that no commit waits for it.
// A checkpoint that cannot be written is logged and tried again; the ledger goes on.
// Thread-safe.
class CheckpointKeeper {
 public:
  // Opens the files, and makes the keys when they are missing. FAILED_PRECONDITION says what to do;
  // one case is that there are checkpoints and no key: a new key would make them worthless.
  static absl::StatusOr<std::unique_ptr<CheckpointKeeper>> Open(CheckpointOptions options,
                                                                std::string instance,
                                                                const Clock& clock);
  ~CheckpointKeeper();

  // The last checkpoint on file, when this key signed it for this ledger; nothing when there is
  // none. DATA_LOSS: the last line is something else.
  absl::StatusOr<std::optional<Checkpoint>> Last() const;

  // Whether the file of checkpoints is there. If not, make it before Start(), as
  // CheckpointFile::Make().
  bool has_file() const { return file_->exists(); }
  absl::Status MakeFile() { return file_->Make(); }

  void Start();
  // Signs what is not signed yet, on this thread. Only without Start().
  void SignNew();
  // Signs what is not signed yet, and ends the thread. Idempotent.
  void Stop();

  // Tells, after a commit, where the chain ends now. Cheap, never blocks on the disk.
  void Note(const ChainHead& head);

  int64_t written() const;  // checkpoints since it was opened

 private:
  CheckpointKeeper(CheckpointOptions options, std::string instance, const Clock& clock,
                   SigningKey key, std::unique_ptr<CheckpointFile> file);
  void Loop();
  bool IsDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasNew() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return head_.seq > signed_seq_; }
  bool MayRest() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_ || HasNew(); }
  absl::Status Write(const ChainHead& head) ABSL_LOCKS_EXCLUDED(mutex_);

  const CheckpointOptions options_;
  const std::string instance_;
  const Clock& clock_;
  const SigningKey key_;
  const std::unique_ptr<CheckpointFile> file_;  // used by the thread, once it runs
  std::thread thread_;
  mutable absl::Mutex mutex_;
  ChainHead head_ ABSL_GUARDED_BY(mutex_);
  int64_t signed_seq_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t written_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool complained_ = false;  // of the thread
};

}  // namespace onetake
