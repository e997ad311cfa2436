#include "runtime/server/intent_key.h"

#include <fcntl.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/log.h"
#include "runtime/base/status.h"

namespace onetake {
namespace {

absl::Status FileError(const std::string& path, absl::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat("intent key file ", path, ": ", what));
}

absl::Status ErrnoError(const std::string& path, absl::string_view what) {
  return FileError(path, absl::StrCat(what, ": ", std::strerror(errno)));
}

absl::StatusOr<Secret> CheckSecret(absl::string_view text, absl::string_view where) {
  const absl::string_view trimmed = absl::StripAsciiWhitespace(text);
  if (trimmed.size() < kIntentKeyBytes) {
    return absl::FailedPreconditionError(
        absl::StrCat("intent key in ", where, " has ", trimmed.size(), " bytes, ", kIntentKeyBytes,
                     " or more are needed, e.g. the output of: openssl rand -hex 32"));
  }
  return Secret(std::string(trimmed));
}

absl::StatusOr<Secret> ReadOpened(int file, const std::string& path) {
  struct stat info {};
  if (fstat(file, &info) != 0) return ErrnoError(path, "cannot be examined");
  if (!S_ISREG(info.st_mode)) return FileError(path, "is not a regular file");
  if ((info.st_mode & 077) != 0) {
    return FileError(path, absl::StrCat("can be read by others: chmod 600 ", path));
  }
  std::array<char, 4096> buffer{};
  const auto wipe = absl::MakeCleanup([&] { OPENSSL_cleanse(buffer.data(), buffer.size()); });
  size_t length = 0;
  while (length < buffer.size()) {
    const ssize_t got = read(file, buffer.data() + length, buffer.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError(path, "cannot be read");
    if (got == 0) return CheckSecret(absl::string_view(buffer.data(), length), path);
    length += static_cast<size_t>(got);
  }
  return FileError(path, "is too big for a key");
}

absl::Status WriteAll(int file, absl::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t wrote = write(file, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return ErrnoError(path, "cannot be written");
    text.remove_prefix(static_cast<size_t>(wrote));
  }
  return absl::OkStatus();
}

absl::Status SyncFolderOf(const std::string& path) {
  std::string folder = std::filesystem::path(path).parent_path();
  if (folder.empty()) folder = ".";
  const int file = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return ErrnoError(path, "its folder cannot be opened");
  const int synced = fsync(file);
  close(file);
  return synced == 0 ? absl::OkStatus() : ErrnoError(path, "its folder cannot be synced");
}

// Written under another name and linked when whole, so that a crash leaves no half key, and of two
// servers that start at once both end up with the same one.
absl::Status CreateKeyFile(const std::string& path) {
  std::array<unsigned char, kIntentKeyBytes> random{};
  if (RAND_bytes(random.data(), random.size()) != 1) return FileError(path, "no randomness");
  const Secret text(absl::StrCat(absl::BytesToHexString(absl::string_view(
                                     reinterpret_cast<const char*>(random.data()), random.size())),
                                 "\n"));
  OPENSSL_cleanse(random.data(), random.size());

  std::string draft = absl::StrCat(path, ".XXXXXX");
  const int file = mkostemp(draft.data(), O_CLOEXEC);  // mode 0600
  if (file < 0) return ErrnoError(path, "cannot be created");
  const auto remove_draft = absl::MakeCleanup([&] { unlink(draft.c_str()); });
  const auto close_file = absl::MakeCleanup([&] { close(file); });
  ONETAKE_RETURN_IF_ERROR(WriteAll(file, text.Reveal(), path));
  if (fsync(file) != 0) return ErrnoError(path, "cannot be synced");
  if (link(draft.c_str(), path.c_str()) != 0 && errno != EEXIST) {
    return ErrnoError(path, "cannot be created");
  }
  ONETAKE_RETURN_IF_ERROR(SyncFolderOf(path));
  Log(LogLevel::kWarning, "intent_key.created",
      {{LogField::kPath, path},
       {LogField::kAdvice,
        "keep it, and out of backups of the ledger: without it every intent is new"}});
  return absl::OkStatus();
}

absl::StatusOr<Secret> ReadFile(const std::string& path, MissingKeyFile missing) {
  int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 && errno == ENOENT) {
    if (missing == MissingKeyFile::kRefuse) {
      return FileError(path,
                       "is missing, but the ledger exists: a new key would make every recorded "
                       "intent unknown and allow duplicates. Restore the key, or move the ledger "
                       "away to begin anew");
    }
    ONETAKE_RETURN_IF_ERROR(CreateKeyFile(path));
    file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  }
  if (file < 0) return ErrnoError(path, "cannot be opened");
  const auto close_file = absl::MakeCleanup([&] { close(file); });
  return ReadOpened(file, path);
}

}  // namespace

absl::StatusOr<Secret> LoadIntentKey(const IntentKeySource& source, MissingKeyFile missing) {
  if (source.kind == IntentKeySource::Kind::kFile) return ReadFile(source.name, missing);
  const char* value = std::getenv(source.name.c_str());
  if (value == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("intent key: the environment has no variable ", source.name));
  }
  return CheckSecret(value, absl::StrCat("variable ", source.name));
}

}  // namespace onetake
