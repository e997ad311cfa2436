#pragma once

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace onetake {

// An exclusive lock on a file of its own, so that two processes cannot run one database. Held until
// destroyed or the process ends, however it ends. The file stays; it holds the owner's process id.
class FileLock {
 public:
  // FAILED_PRECONDITION when somebody else holds it, with the process id if that is known.
  static absl::StatusOr<std::unique_ptr<FileLock>> Acquire(const std::string& path);
  // DATA_LOSS when the name now belongs to no file or to another one, which somebody else can lock.
  absl::Status CheckStill() const;
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  FileLock(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  bool IsNamed() const;

  const std::string path_;
  const int fd_;
};

}  // namespace onetake
