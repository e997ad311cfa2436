#include "runtime/base/private_file.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "runtime/base/sync_folder.h"

namespace onetake {
namespace {

class File {
 public:
  File(const std::string& path, absl::string_view what) : path_(path), what_(what) {}

  absl::Status Error(absl::string_view why) const {
    return absl::FailedPreconditionError(absl::StrCat(what_, " ", path_, ": ", why));
  }
  absl::Status Errno(absl::string_view why) const {
    return Error(absl::StrCat(why, ": ", std::strerror(errno)));
  }

  absl::StatusOr<Secret> Read(int file, size_t most, PrivateTo whom) const {
    struct stat info {};
    if (fstat(file, &info) != 0) return Errno("cannot be examined");
    if (!S_ISREG(info.st_mode)) return Error("is not a regular file");
    const bool group_too = whom == PrivateTo::kGroup;
    if ((info.st_mode & 0777 & ~(group_too ? 0740 : 0700)) != 0) {
      return Error(absl::StrCat("can be read or written by others: chmod ",
                                group_too ? "640 " : "600 ", path_));
    }
    // One byte more than allowed tells a file that is too big. The buffer is never moved, so that
    // it is wiped.
    std::string buffer(most + 1, '\0');
    const auto wipe = absl::MakeCleanup([&] { OPENSSL_cleanse(buffer.data(), buffer.size()); });
    size_t length = 0;
    while (length < buffer.size()) {
      const ssize_t got = read(file, buffer.data() + length, buffer.size() - length);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return Errno("cannot be read");
      if (got == 0) return Secret(buffer.substr(0, length));
      length += static_cast<size_t>(got);
    }
    return Error(absl::StrCat("is bigger than ", most, " bytes"));
  }

  absl::Status Write(int file, absl::string_view text) const {
    while (!text.empty()) {
      const ssize_t wrote = write(file, text.data(), text.size());
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0) return Errno("cannot be written");
      text.remove_prefix(static_cast<size_t>(wrote));
    }
    return fsync(file) == 0 ? absl::OkStatus() : Errno("cannot be synced");
  }

  // Writes a file beside this one, mode 0600 and synced. Returns its name.
  absl::StatusOr<std::string> WriteDraft(absl::string_view content) const {
    std::string draft = absl::StrCat(path_, ".XXXXXX");
    const int file = mkostemp(draft.data(), O_CLOEXEC);
    if (file < 0) return Errno("cannot be created");
    const absl::Status written = Write(file, content);
    close(file);
    if (written.ok()) return draft;
    unlink(draft.c_str());
    return written;
  }

  // Gives the draft to the owner of the file, or of the folder when there is no file yet: an
  // operator who edits it as root must not take it away from the service.
  absl::Status KeepOwner(const std::string& draft) const {
    struct stat owner {};
    if (stat(path_.c_str(), &owner) != 0 && stat(Folder().c_str(), &owner) != 0) {
      return Errno("cannot be examined");
    }
    if (owner.st_uid == geteuid()) return absl::OkStatus();
    if (chown(draft.c_str(), owner.st_uid, owner.st_gid) == 0) return absl::OkStatus();
    return Error("belongs to another user: run this as that user, or as root");
  }

  absl::Status SyncFolder() const {
    const absl::Status synced = SyncFolderOf(path_);
    if (synced.ok()) return synced;
    return absl::FailedPreconditionError(absl::StrCat(what_, " ", synced.message()));
  }

 private:
  std::string Folder() const {
    const std::string folder = std::filesystem::path(path_).parent_path();
    return folder.empty() ? "." : folder;
  }

  const std::string& path_;
  const absl::string_view what_;
};

}  // namespace

absl::StatusOr<Secret> ReadPrivateFile(const std::string& path, absl::string_view what, size_t most,
                                       PrivateTo whom) {
  const File messages(path, what);
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0 && errno == ENOENT) {
    return absl::NotFoundError(absl::StrCat(what, " ", path, " is missing"));
  }
  if (file < 0) return messages.Errno("cannot be opened");
  const auto close_file = absl::MakeCleanup([&] { close(file); });
  return messages.Read(file, most, whom);
}

// The file is written under another name, and linked or renamed when it is whole.
absl::Status CreatePrivateFile(const std::string& path, absl::string_view what,
                               absl::string_view content) {
  const File messages(path, what);
  ONETAKE_ASSIGN_OR_RETURN(const std::string draft, messages.WriteDraft(content));
  const auto remove_draft = absl::MakeCleanup([&] { unlink(draft.c_str()); });
  if (link(draft.c_str(), path.c_str()) != 0 && errno != EEXIST) {
    return messages.Errno("cannot be created");
  }
  return messages.SyncFolder();
}

absl::Status ReplacePrivateFile(const std::string& name, absl::string_view what,
                                absl::string_view content) {
  std::error_code unknown;  // a file that is not there yet has its own name
  const std::filesystem::path real = std::filesystem::canonical(name, unknown);
  const std::string path = unknown ? name : real.string();
  const File messages(path, what);
  ONETAKE_ASSIGN_OR_RETURN(const std::string draft, messages.WriteDraft(content));
  if (absl::Status status = messages.KeepOwner(draft); !status.ok()) {
    unlink(draft.c_str());
    return status;
  }
  if (rename(draft.c_str(), path.c_str()) != 0) {
    const absl::Status failed = messages.Errno("cannot be replaced");
    unlink(draft.c_str());
    return failed;
  }
  return messages.SyncFolder();
}

}  // namespace onetake
