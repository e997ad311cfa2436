#include "runtime/store/file_identity.h"

#include <sys/stat.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace onetake {

absl::StatusOr<FileIdentity> FileIdentity::Of(const std::string& path) {
  struct stat found {};
  if (stat(path.c_str(), &found) != 0) {
    return absl::NotFoundError(absl::StrCat("there is no file ", path));
  }
  return FileIdentity(path, found.st_dev, found.st_ino);
}

absl::Status FileIdentity::CheckStill() const {
  struct stat found {};
  const bool same = stat(path_.c_str(), &found) == 0 && found.st_dev == device_ &&
                    found.st_ino == node_ && stat((path_ + "-wal").c_str(), &found) == 0;
  if (same) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      path_,
      " or its -wal was moved, deleted or replaced while it was open: what is written to it ",
      "now would be lost. Put the file back under its name, with its -wal"));
}

absl::Status CheckHasOneName(const std::string& path) {
  struct stat found {};
  if (stat(path.c_str(), &found) != 0 || found.st_nlink <= 1) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      path,
      " has another name as well, a hard link, by which another process can write to it unseen: ",
      "remove the link, or make a copy of the file and put that in its place"));
}

}  // namespace onetake
