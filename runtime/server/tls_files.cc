#include "runtime/server/tls_files.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

namespace onetake {
namespace {

absl::Status Failed(absl::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat("tls: ", what, ": ", std::strerror(errno)));
}

absl::StatusOr<int> MemoryFile(const char* name) {
  const int file = memfd_create(name, MFD_CLOEXEC);
  if (file < 0) return Failed("this machine gives no memory file");
  return file;
}

// Writes all at once, after the old content is gone: a reader sees the whole or nothing, and reads
// again.
absl::Status Write(int file, const std::string& text) {
  if (ftruncate(file, 0) != 0 ||
      pwrite(file, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return Failed("a memory file cannot be written");
  }
  return absl::OkStatus();
}

std::string PathOf(int file) { return absl::StrCat("/proc/self/fd/", file); }

}  // namespace

TlsFiles::TlsFiles(TlsConfig source, TlsPems pems)
    : source_(std::move(source)),
      in_use_(source_),
      pems_(std::move(pems)),
      expiry_s_(absl::ToUnixSeconds(pems_.expiry)) {}

TlsFiles::~TlsFiles() {
  for (const int file : {certificate_, key_, client_ca_}) {
    if (file >= 0) close(file);
  }
}

absl::StatusOr<std::unique_ptr<TlsFiles>> TlsFiles::Open(const TlsConfig& tls) {
  ONETAKE_ASSIGN_OR_RETURN(TlsPems pems, ReadTls(tls, KeyReader::kThisProcess));
  std::unique_ptr<TlsFiles> files(new TlsFiles(tls, std::move(pems)));
  ONETAKE_RETURN_IF_ERROR(files->OpenFiles());
  ONETAKE_RETURN_IF_ERROR(files->Publish());
  return files;
}

absl::Status TlsFiles::OpenFiles() {
  ONETAKE_ASSIGN_OR_RETURN(certificate_, MemoryFile("onetake-certificate"));
  in_use_.certificate_file = PathOf(certificate_);
  ONETAKE_ASSIGN_OR_RETURN(key_, MemoryFile("onetake-key"));
  in_use_.key_file = PathOf(key_);
  if (source_.client_ca_file.empty()) return absl::OkStatus();
  ONETAKE_ASSIGN_OR_RETURN(client_ca_, MemoryFile("onetake-client-ca"));
  in_use_.client_ca_file = PathOf(client_ca_);
  return absl::OkStatus();
}

absl::Status TlsFiles::Publish() {
  ONETAKE_RETURN_IF_ERROR(Write(certificate_, pems_.certificate));
  ONETAKE_RETURN_IF_ERROR(Write(key_, std::string(pems_.key.Reveal())));
  return client_ca_ < 0 ? absl::OkStatus() : Write(client_ca_, pems_.client_ca);
}

absl::Status TlsFiles::Refresh(absl::Time now) {
  ONETAKE_ASSIGN_OR_RETURN(TlsPems fresh, ReadTls(source_, KeyReader::kThisProcess));
  const bool same = fresh.certificate == pems_.certificate && fresh.client_ca == pems_.client_ca &&
                    fresh.key.Equals(pems_.key.Reveal());
  if (same) return absl::OkStatus();
  if (fresh.expiry <= now && pems_.expiry > now) {
    return absl::FailedPreconditionError(absl::StrCat(
        "tls.certificate: ", source_.certificate_file, " holds one that is over since ",
        absl::FormatTime(absl::RFC3339_sec, fresh.expiry, absl::UTCTimeZone())));
  }
  if (fresh.begin > now && pems_.begin <= now && pems_.expiry > now) {
    return absl::FailedPreconditionError(absl::StrCat(
        "tls.certificate: ", source_.certificate_file, " holds one that is not valid before ",
        absl::FormatTime(absl::RFC3339_sec, fresh.begin, absl::UTCTimeZone())));
  }
  // What could not be written is other than the file's the next time, too.
  std::swap(pems_, fresh);
  if (absl::Status status = Publish(); !status.ok()) {
    pems_ = std::move(fresh);
    return status;
  }
  expiry_s_ = absl::ToUnixSeconds(pems_.expiry);
  return absl::OkStatus();
}

}  // namespace onetake
