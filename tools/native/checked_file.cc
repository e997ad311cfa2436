#include "tools/native/checked_file.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace onetake {
namespace {

constexpr off_t kLargest = 256 * 1024 * 1024;

absl::Status Refused(const std::string& path, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", why));
}

absl::Status CheckKind(const std::string& path, int file) {
  struct stat about {};
  if (fstat(file, &about) != 0) return Refused(path, std::strerror(errno));
  if (!S_ISREG(about.st_mode)) return Refused(path, "is no regular file");
  if ((about.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Refused(path, "may be written by others than its owner: chmod go-w");
  }
  if (about.st_size > kLargest) return Refused(path, "is larger than 256 MiB");
  return absl::OkStatus();
}

bool WriteAll(int file, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t written = write(file, bytes, size);
    if (written <= 0) return false;
    bytes += written;
    size -= static_cast<size_t>(written);
  }
  return true;
}

// Copies all of `from`, to nowhere when `to` is -1; returns the hex digest of what was copied.
absl::StatusOr<std::string> CopyAndDigest(const std::string& path, int from, int to) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  if (context == nullptr || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1) {
    return absl::UnavailableError("no SHA-256");
  }
  char buffer[64 * 1024];
  ssize_t got = 0;
  while ((got = read(from, buffer, sizeof(buffer))) > 0) {
    EVP_DigestUpdate(context.get(), buffer, static_cast<size_t>(got));
    if (to >= 0 && !WriteAll(to, buffer, static_cast<size_t>(got))) {
      return absl::UnavailableError(absl::StrCat(path, ": no memory for a copy"));
    }
  }
  if (got < 0) return Refused(path, std::strerror(errno));
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_DigestFinal_ex(context.get(), digest, &size);
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<char*>(digest), size));
}

}  // namespace

absl::StatusOr<std::string> Sha256OfFile(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return absl::NotFoundError(absl::StrCat(path, ": ", std::strerror(errno)));
  const absl::Cleanup close_file = [file] { close(file); };
  return CopyAndDigest(path, file, -1);
}

absl::StatusOr<int> OpenChecked(const std::string& path, const std::string& sha256) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0 && errno == ELOOP) return Refused(path, "is a symbolic link");
  if (file < 0) return absl::NotFoundError(absl::StrCat(path, ": ", std::strerror(errno)));
  const absl::Cleanup close_file = [file] { close(file); };
  if (absl::Status status = CheckKind(path, file); !status.ok()) return status;
  const int copy = memfd_create("onetake-plugin", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (copy < 0) return absl::UnavailableError(absl::StrCat("memfd: ", std::strerror(errno)));
  absl::Cleanup close_copy = [copy] { close(copy); };
  const absl::StatusOr<std::string> digest = CopyAndDigest(path, file, copy);
  if (!digest.ok()) return digest.status();
  if (*digest != sha256) {
    return Refused(
        path, absl::StrCat("is not the file that onetake.yaml allows: its SHA-256 is ", *digest));
  }
  constexpr int kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  if (fcntl(copy, F_ADD_SEALS, kSeals) != 0)
    return absl::UnavailableError("the copy is not sealed");
  std::move(close_copy).Cancel();
  return copy;
}

}  // namespace onetake
