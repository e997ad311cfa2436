#include "runtime/ledger/checkpoint_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "runtime/base/failpoint.h"
#include "runtime/base/status.h"
#include "runtime/base/sync_folder.h"

namespace onetake {
namespace {

constexpr off_t kLineBytes = 4096;  // more than a checkpoint has
constexpr int kHow = O_RDWR | O_APPEND | O_CLOEXEC;

// If not, errno says why.
bool HasFolder(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  return access(folder.empty() ? "." : folder.c_str(), F_OK) == 0;
}

}  // namespace

absl::Status CheckpointFile::Error(absl::string_view what) const {
  return absl::FailedPreconditionError(
      absl::StrCat("checkpoints ", path_, ": ", what, ": ", std::strerror(errno)));
}

absl::StatusOr<std::unique_ptr<CheckpointFile>> CheckpointFile::Open(const std::string& path) {
  const int fd = open(path.c_str(), kHow);
  const bool missing = fd < 0 && errno == ENOENT && HasFolder(path);
  std::unique_ptr<CheckpointFile> file(new CheckpointFile(path, fd));
  if (missing) return file;
  if (fd < 0) return file->Error("cannot be opened");
  ONETAKE_RETURN_IF_ERROR(file->ReadEnd());
  return file;
}

absl::Status CheckpointFile::Make() {
  if (!exists()) fd_ = open(path_.c_str(), kHow | O_CREAT | O_EXCL, 0600);
  if (!exists()) return Error("cannot be made");
  return Annotate(SyncFolderOf(path_), "checkpoints");
}

CheckpointFile::~CheckpointFile() {
  if (fd_ >= 0) close(fd_);
}

absl::Status CheckpointFile::ReadEnd() {
  struct stat info {};
  if (fstat(fd_, &info) != 0) return Error("cannot be examined");
  const off_t from = std::max<off_t>(0, info.st_size - 2 * kLineBytes);
  std::string end(static_cast<size_t>(info.st_size - from), '\0');
  const ssize_t got = pread(fd_, end.data(), end.size(), from);
  if (got != static_cast<ssize_t>(end.size())) return Error("cannot be read");
  const size_t whole = end.rfind('\n') == std::string::npos ? 0 : end.rfind('\n') + 1;
  if (whole == 0 && from > 0) return Error("has no lines");
  if (whole < end.size() && ftruncate(fd_, from + static_cast<off_t>(whole)) != 0) {
    return Error("cannot be cut to whole lines");
  }
  if (whole == 0) return absl::OkStatus();
  const size_t before = whole < 2 ? std::string::npos : end.rfind('\n', whole - 2);
  const size_t begin = before == std::string::npos ? 0 : before + 1;
  last_ = end.substr(begin, whole - 1 - begin);
  return absl::OkStatus();
}

absl::Status CheckpointFile::Append(const Checkpoint& checkpoint) {
  const std::string line = checkpoint.ToJson() + "\n";
  struct stat before {};
  if (fstat(fd_, &before) != 0) return Error("cannot be examined");
  // The line is written in one piece: a part of it could not be told from one that a crash left.
  const ssize_t wrote = write(fd_, line.data(), line.size());
  if (wrote != static_cast<ssize_t>(line.size())) {
    const absl::Status status = Error("cannot be written");
    return ReadEnd().ok() ? status : Error("has half a line that cannot be removed");
  }
  FailPoint("ledger.checkpoint_file_written");
  if (fdatasync(fd_) != 0) {
    const absl::Status status = Error("cannot be synced");
    // The same head is signed again.
    return ftruncate(fd_, before.st_size) == 0 ? status
                                               : Error("has a line that cannot be removed");
  }
  FailPoint("ledger.checkpoint_file_synced");
  last_ = line.substr(0, line.size() - 1);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<CheckpointReader>> CheckpointReader::Open(const std::string& path) {
  std::unique_ptr<CheckpointReader> reader(new CheckpointReader(path));
  if (reader->file_) return reader;
  return absl::NotFoundError(absl::StrCat(path, ": ", std::strerror(errno)));
}

absl::StatusOr<std::optional<Checkpoint>> CheckpointReader::Next() {
  std::string line;
  if (!std::getline(file_, line) || file_.eof()) return std::nullopt;
  ++line_;
  ONETAKE_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::FromJson(line));
  return checkpoint;
}

}  // namespace onetake
