#include "runtime/config/tls_config.h"

#include <fcntl.h>
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <fstream>
#include <memory>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "runtime/config/config_values.h"

namespace onetake {
namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

constexpr size_t kMostBytes = 1024 * 1024;
constexpr size_t kMostKeyBytes = 64 * 1024;

absl::Status Wrong(absl::string_view field, const std::string& path, absl::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat(field, ": ", path, " ", what));
}

absl::StatusOr<std::string> ReadPem(absl::string_view field, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kMostBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad()) return Wrong(field, path, "cannot be read");
  if (file.gcount() > static_cast<std::streamsize>(kMostBytes)) {
    return Wrong(field, path, "is bigger than 1 MiB");
  }
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

Owned<BIO> Memory(absl::string_view text) {
  return Owned<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Whether the text ends in a PEM block that has no end (RFC 7468), or in a piece of such a line.
bool IsCutOff(absl::string_view text) {
  constexpr absl::string_view kEnd = "-----END ", kDashes = "-----";
  const size_t last = text.rfind(kEnd);
  if (last == absl::string_view::npos) return true;
  const size_t closed = text.find(kDashes, last + kEnd.size());
  return closed == absl::string_view::npos ||
         absl::StrContains(text.substr(closed + kDashes.size()), kDashes);
}

// The first certificate, once all of them can be read: a file that is being replaced may end
// anywhere.
absl::StatusOr<Owned<X509>> ParseCertificates(absl::string_view field, const std::string& path,
                                              const std::string& text) {
  const absl::Cleanup forget_errors = [] { ERR_clear_error(); };
  const Owned<BIO> memory = Memory(text);
  const auto next = [&] {
    return Owned<X509>(PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr));
  };
  Owned<X509> first = next();
  if (first == nullptr) return Wrong(field, path, "holds no certificate in PEM");
  int count = 1;
  while (next() != nullptr) ++count;
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (at_end && !IsCutOff(text)) return first;
  return Wrong(field, path, absl::StrCat("is cut off or damaged behind certificate ", count));
}

// Refuses: a pass phrase would be asked for on a terminal, which a service does not have.
int NoPassPhrase(char*, int, int, void*) { return -1; }

absl::StatusOr<Owned<EVP_PKEY>> ParseKey(const std::string& path, absl::string_view text) {
  Owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(Memory(text).get(), nullptr, NoPassPhrase, nullptr));
  if (key != nullptr) return key;
  return Wrong("tls.key", path, "holds no private key in PEM without pass phrase");
}

// The group may read, never write. A group that others may be in as a second one is not ours.
absl::Status CheckPrivate(const std::string& path, const struct stat& info, KeyReader reader) {
  const bool ours = reader == KeyReader::kThisProcess;
  if (!S_ISREG(info.st_mode)) return Wrong("tls.key", path, "is not a regular file");
  if (ours && info.st_uid != 0 && info.st_uid != geteuid()) {
    return Wrong("tls.key", path,
                 "belongs to another user: it must be of root or of the user onetaked runs as");
  }
  const mode_t allowed = !ours || info.st_gid == getegid() ? 0740 : 0700;
  if ((info.st_mode & 0777 & ~allowed) == 0) return absl::OkStatus();
  return Wrong("tls.key", path,
               absl::StrCat("can be read or written by others than its owner: chmod 600 ", path,
                            "; 640 if its group is the primary group of the user onetaked runs "
                            "as"));
}

// The file that is checked is the one that is read, whatever becomes of its name meanwhile.
absl::StatusOr<Secret> ReadKey(const std::string& path, KeyReader reader) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return Wrong("tls.key", path, "cannot be read");
  const auto close_file = absl::MakeCleanup([file] { close(file); });
  struct stat info {};
  if (fstat(file, &info) != 0) return Wrong("tls.key", path, "cannot be examined");
  ONETAKE_RETURN_IF_ERROR(CheckPrivate(path, info, reader));
  std::string text(kMostKeyBytes + 1, '\0');
  size_t length = 0;
  while (length < text.size()) {
    const ssize_t got = read(file, text.data() + length, text.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Wrong("tls.key", path, "cannot be read");
    if (got == 0) break;
    length += static_cast<size_t>(got);
  }
  if (length > kMostKeyBytes) return Wrong("tls.key", path, "is bigger than 64 KiB");
  text.resize(length);
  return Secret(std::move(text));
}

absl::Status ReadValidity(const X509& certificate, const std::string& path, TlsPems& pems) {
  std::tm begin{};
  std::tm expiry{};
  if (ASN1_TIME_to_tm(X509_get0_notBefore(&certificate), &begin) != 1 ||
      ASN1_TIME_to_tm(X509_get0_notAfter(&certificate), &expiry) != 1) {
    return Wrong("tls.certificate", path, "does not say when it is valid");
  }
  pems.begin = absl::FromTM(begin, absl::UTCTimeZone());
  pems.expiry = absl::FromTM(expiry, absl::UTCTimeZone());
  return absl::OkStatus();
}

}  // namespace

TlsConfig ParseTls(YamlFaults& faults, const YAML::Node& node, const std::string& folder) {
  TlsConfig tls;
  YamlFields fields(faults, node, "tls");
  const auto file_of = [&](const std::string& field, std::string& file) {
    return [&faults, &folder, field, &file](const YAML::Node& path) {
      if (const auto text = Text(faults, path, field)) file = AbsolutePath(folder, *text);
    };
  };
  fields.Required("certificate", file_of("tls.certificate", tls.certificate_file));
  fields.Required("key", file_of("tls.key", tls.key_file));
  fields.Optional("client_ca", file_of("tls.client_ca", tls.client_ca_file));
  fields.Optional("clients", [&](const YAML::Node& clients) {
    const auto text = Text(faults, clients, "tls.clients");
    if (!text.has_value()) return;
    if (*text != "required" && *text != "optional") {
      return faults.Add(clients, "tls.clients", "must be required or optional");
    }
    if (tls.client_ca_file.empty()) {
      return faults.Add(clients, "tls.clients", "goes with tls.client_ca");
    }
    tls.clients =
        *text == "required" ? TlsConfig::Clients::kRequired : TlsConfig::Clients::kOptional;
  });
  fields.End();
  return tls;
}

absl::StatusOr<TlsPems> ReadTls(const TlsConfig& tls, KeyReader reader) {
  TlsPems pems;
  ONETAKE_ASSIGN_OR_RETURN(pems.certificate, ReadPem("tls.certificate", tls.certificate_file));
  ONETAKE_ASSIGN_OR_RETURN(
      const Owned<X509> certificate,
      ParseCertificates("tls.certificate", tls.certificate_file, pems.certificate));
  ONETAKE_ASSIGN_OR_RETURN(pems.key, ReadKey(tls.key_file, reader));
  ONETAKE_ASSIGN_OR_RETURN(const Owned<EVP_PKEY> key, ParseKey(tls.key_file, pems.key.Reveal()));
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return Wrong("tls.key", tls.key_file, "is not the key of tls.certificate");
  }
  if (!tls.client_ca_file.empty()) {
    ONETAKE_ASSIGN_OR_RETURN(pems.client_ca, ReadPem("tls.client_ca", tls.client_ca_file));
    ONETAKE_RETURN_IF_ERROR(
        ParseCertificates("tls.client_ca", tls.client_ca_file, pems.client_ca).status());
  }
  ONETAKE_RETURN_IF_ERROR(ReadValidity(*certificate, tls.certificate_file, pems));
  return pems;
}

}  // namespace onetake
