#include "runtime/cli/write_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

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

// UNIMPLEMENTED: the file can only be written in its place, as its folder takes no other or it is a
// mount.
absl::Status Replace(const std::string& path, const struct stat& replaced,
                     const std::string& text) {
  std::string draft = absl::StrCat(path, ".XXXXXX");
  const int file = mkstemp(draft.data());
  if (file < 0 && (errno == EACCES || errno == EPERM || errno == EROFS)) {
    return absl::UnimplementedError("its folder cannot be written to");
  }
  if (file < 0) return Failed(path);
  absl::Status status = WriteDraft(file, path, replaced, text);
  close(file);
  if (status.ok() && std::rename(draft.c_str(), path.c_str()) != 0) {
    status = errno == EBUSY ? absl::UnimplementedError("it is a mount") : Failed(path);
  }
  if (status.ok()) return SyncFolderOf(path);
  unlink(draft.c_str());
  return status;
}

}  // namespace

absl::Status WriteFile(const std::string& path, const std::string& text) {
  std::error_code unknown;  // a file that is not there yet has its own name
  const std::filesystem::path real = std::filesystem::canonical(path, unknown);
  struct stat present {};
  if (!unknown && stat(real.c_str(), &present) == 0 && S_ISREG(present.st_mode)) {
    absl::Status replaced = Replace(real.string(), present, text);
    if (!absl::IsUnimplemented(replaced)) return replaced;
  }
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (file.good()) return absl::OkStatus();
  if (unknown) std::filesystem::remove(path, unknown);  // no half of a new one stays
  return absl::FailedPreconditionError(absl::StrCat(path, ": cannot be written"));
}

}  // namespace onetake
