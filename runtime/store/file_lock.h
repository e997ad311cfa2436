#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace onetake {

// An exclusive lock on a file of its own, so that two processes cannot run one database. Held until
// destroyed or the process ends, however it ends. The file stays; it holds the owner's process id.
class FileLock {
 public:
  // FAILED_PRECONDITION when somebody else holds it, with the process id if that is known.
  static absl::StatusOr<std::unique_ptr<FileLock>> Acquire(const std::string& path);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  const int fd_;
};

}  // namespace onetake
