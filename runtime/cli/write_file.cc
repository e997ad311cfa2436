#include "runtime/cli/write_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "runtime/base/sync_folder.h"

namespace onetake {
namespace {

absl::Status Failed(const std::string& path) {
  return absl::FailedPreconditionError(
      absl::StrCat(path, ": cannot be written: ", std::strerror(errno)));
}

absl::Status WriteAll(int file, const std::string& path, absl::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = write(file, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return Failed(path);
    text.remove_prefix(static_cast<size_t>(wrote));
  }
  return fsync(file) == 0 ? absl::OkStatus() : Failed(path);
}

// Gives it the rights of the file that it is to replace.
absl::Status WriteDraft(int file, const std::string& path, const struct stat& replaced,
                        absl::string_view text) {
  // Who does not own it cannot give it away either, but perhaps to the group; the folder lets them
  // replace it all the same.
  if (fchown(file, replaced.st_uid, replaced.st_gid) != 0) {
    const int kept = fchown(file, static_cast<uid_t>(-1), replaced.st_gid);
    static_cast<void>(kept);
  }
  if (fchmod(file, replaced.st_mode & 07777) != 0) return Failed(path);
  return WriteAll(file, path, text);
}

// False: it can only be written in its place, as its folder takes no other file, or it is a mount.
absl::StatusOr<bool> Replace(const std::string& path, const struct stat& replaced,
                             const std::string& text) {
  std::string draft = absl::StrCat(path, ".XXXXXX");
  const int file = mkstemp(draft.data());
  if (file < 0 && (errno == EACCES || errno == EPERM || errno == EROFS)) return false;
  if (file < 0) return Failed(path);
  absl::Cleanup remove = [&draft] { unlink(draft.c_str()); };
  const absl::Status written = WriteDraft(file, path, replaced, text);
  close(file);
  ONETAKE_RETURN_IF_ERROR(written);
  if (std::rename(draft.c_str(), path.c_str()) != 0) {
    if (errno == EBUSY) return false;
    return Failed(path);
  }
  std::move(remove).Cancel();
  ONETAKE_RETURN_IF_ERROR(SyncFolderOf(path));
  return true;
}

}  // namespace

absl::Status WriteFile(const std::string& path, const std::string& text) {
  std::error_code unknown;  // a file that is not there yet has its own name
  const std::filesystem::path real = std::filesystem::canonical(path, unknown);
  struct stat present {};
  if (!unknown && stat(real.c_str(), &present) == 0 && S_ISREG(present.st_mode)) {
    ONETAKE_ASSIGN_OR_RETURN(const bool replaced, Replace(real.string(), present, text));
    if (replaced) return absl::OkStatus();
  }
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (file.good()) return absl::OkStatus();
  if (unknown) std::filesystem::remove(path, unknown);  // no half of a new one stays
  return absl::FailedPreconditionError(absl::StrCat(path, ": cannot be written"));
}

}  // namespace onetake
