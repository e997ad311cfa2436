#include "runtime/store/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

namespace onetake {
namespace {

std::string Owner(int fd) {
  char text[32] = {};
  const ssize_t size = pread(fd, text, sizeof(text) - 1, 0);
  int pid = 0;
  if (size <= 0 || !absl::SimpleAtoi(absl::string_view(text, size), &pid)) return "";
  return absl::StrCat(" (process ", pid, ")");
}

}  // namespace

bool FileLock::IsNamed() const {
  struct stat held {};
  struct stat named {};
  return fstat(fd_, &held) == 0 && stat(path_.c_str(), &named) == 0 &&
         held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

absl::Status FileLock::CheckStill() const {
  if (IsNamed()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      path_, " was removed or replaced while it was locked, so that another process can open the",
      " ledger beside this one: see that none has, and leave that file alone"));
}

absl::StatusOr<std::unique_ptr<FileLock>> FileLock::Acquire(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot open the lock file ", path, ": ", std::strerror(errno)));
  }
  std::unique_ptr<FileLock> lock(new FileLock(path, fd));
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(absl::StrCat("another process", Owner(fd),
                                                      " has the ledger open: ", path,
                                                      " is locked; stop that process"));
  }
  // It may have lost its name before it was locked.
  ONETAKE_RETURN_IF_ERROR(lock->CheckStill());
  const std::string pid = absl::StrCat(getpid(), "\n");
  if (ftruncate(fd, 0) != 0 ||
      pwrite(fd, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    // The lock is what counts: a full disk must not keep the ledger from recovering.
  }
  return lock;
}

FileLock::~FileLock() { close(fd_); }

}  // namespace onetake
