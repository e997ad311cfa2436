#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/ledger/chained_rows.h"
#include "runtime/ledger/checkpoint_file.h"
#include "runtime/ledger/signing_key.h"

namespace onetake {

// Holds a chain against its checkpoints while the chain is being walked. Not thread-safe.
class CheckpointCheck {
 public:
  // NOT_FOUND: one of the files is missing. INVALID_ARGUMENT: `public_key` holds no key.
  static absl::StatusOr<std::unique_ptr<CheckpointCheck>> Open(const std::string& path,
                                                               const std::string& public_key,
                                                               std::string instance);

  // Goes to the next checkpoint. No value: it is right as far as it goes, or there is none.
  absl::StatusOr<std::optional<Finding>> Advance();
  // The checkpoint that waits for the chain to get there, or nothing at the end of the file.
  const std::optional<Checkpoint>& next() const { return next_; }

  // The chain is at the event that next() signs.
  std::optional<Finding> Compare(const ChainHead& head);
  // The chain begins after next(): at `removed_at`, what it signs was removed. A finding unless
  // that was kept for so long. A checkpoint may be some days younger than what it signs: a server
  // that was killed signs its old head when it is back.
  static constexpr absl::Duration kYoungerThanSigned = absl::Hours(7 * 24);
  std::optional<Finding> RemovedTooSoon(absl::Time removed_at, absl::Duration kept_for) const;
  // Whether next() was signed later than that; false when its time cannot be read.
  bool IsAfter(absl::Time time) const;
  // The finding that the chain ends before next().
  Finding CutOff(const ChainHead& head) const;

  bool has_none() const { return reader_->line() == 0; }  // the file, after the first Advance()
  int64_t right() const { return right_; }
  int64_t last_seq() const { return last_seq_; }  // of those that were right
  const std::string& key_id() const { return key_.id(); }

 private:
  CheckpointCheck(std::unique_ptr<CheckpointReader> reader, VerifyingKey key, std::string instance);
  Finding Bad(absl::string_view what) const;

  const std::unique_ptr<CheckpointReader> reader_;
  const VerifyingKey key_;
  const std::string instance_;
  std::optional<Checkpoint> next_;
  int64_t right_ = 0;
  int64_t last_seq_ = 0;
};

}  // namespace onetake
