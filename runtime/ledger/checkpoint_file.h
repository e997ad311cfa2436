#pragma once

#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/ledger/chain_checkpoint.h"

namespace onetake {

// The file of checkpoints, one a line, as its writer has it. It only grows. Not thread-safe.
class CheckpointFile {
 public:
  // A file that is missing is no error, and not made: whether it may be missing, the ledger knows.
  // A last line without an end, which a crash left, was never a checkpoint and is cut off.
  // FAILED_PRECONDITION; so is a missing folder, of a disk that is not there for example.
  static absl::StatusOr<std::unique_ptr<CheckpointFile>> Open(const std::string& path);
  ~CheckpointFile();
  CheckpointFile(const CheckpointFile&) = delete;
  CheckpointFile& operator=(const CheckpointFile&) = delete;

  bool exists() const { return fd_ >= 0; }
  // Makes it when it is missing (mode 0600). It exists, and does after a power loss, when this
  // returns OK. FAILED_PRECONDITION.
  absl::Status Make();
  // The last line, or nothing.
  const std::optional<std::string>& last() const { return last_; }

  // To a file that exists. On disk when it returns OK. Otherwise nobody knows, and what
  // was written is taken back as far as that goes; half a line goes at the next Open.
  absl::Status Append(const Checkpoint& checkpoint);

 private:
  CheckpointFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  absl::Status ReadEnd();
  absl::Status Error(absl::string_view what) const;

  const std::string path_;
  int fd_;  // negative: it is missing
  std::optional<std::string> last_;
};

// The same as a verifier reads it, from the first line on, one in memory at a time.
class CheckpointReader {
 public:
  // NOT_FOUND.
  static absl::StatusOr<std::unique_ptr<CheckpointReader>> Open(const std::string& path);

  // Nothing at the end; a last line without an end is none. INVALID_ARGUMENT: the line is no
  // checkpoint.
  absl::StatusOr<std::optional<Checkpoint>> Next();
  int64_t line() const { return line_; }  // of the last one, from 1

 private:
  explicit CheckpointReader(const std::string& path) : file_(path) {}
  std::ifstream file_;
  int64_t line_ = 0;
};

}  // namespace onetake
