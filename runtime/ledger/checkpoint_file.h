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
  // A missing file is no error, and is not made: the ledger knows whether it may be missing. A last
  // line without an end, which a crash left, was never a checkpoint and is cut off.
  // FAILED_PRECONDITION when the file cannot be opened, or its folder is missing, for example
  // because a disk is not there.
  static absl::StatusOr<std::unique_ptr<CheckpointFile>> Open(const std::string& path);
  ~CheckpointFile();
  CheckpointFile(const CheckpointFile&) = delete;
  CheckpointFile& operator=(const CheckpointFile&) = delete;

  bool exists() const { return fd_ >= 0; }
  // Makes the file when it is missing (mode 0600). Once this returns OK, the file exists and
  // survives a power loss. FAILED_PRECONDITION.
  absl::Status Make();
  // The last line, or nothing.
  const std::optional<std::string>& last() const { return last_; }

  // Appends to a file that exists. OK: the line is on disk. Otherwise nobody knows; what was
  // written is taken back as far as possible, and half a line is cut off at the next Open.
  absl::Status Append(const Checkpoint& checkpoint);

 private:
  CheckpointFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  absl::Status ReadEnd();
  absl::Status Error(absl::string_view what) const;

  const std::string path_;
  int fd_;  // negative: the file is missing
  std::optional<std::string> last_;
};

// The same file as a verifier reads it, from the first line on, with one line in memory at a time.
class CheckpointReader {
 public:
  // NOT_FOUND.
  static absl::StatusOr<std::unique_ptr<CheckpointReader>> Open(const std::string& path);

  // Nothing at the end, or when the last line has no end. INVALID_ARGUMENT: the line is no
  // checkpoint.
  absl::StatusOr<std::optional<Checkpoint>> Next();
  int64_t line() const { return line_; }  // of the last one, from 1

 private:
  explicit CheckpointReader(const std::string& path) : file_(path) {}
  std::ifstream file_;
  int64_t line_ = 0;
};

}  // namespace onetake
