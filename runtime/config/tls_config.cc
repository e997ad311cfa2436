#include "runtime/config/tls_config.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <ctime>
#include <fstream>
#include <memory>
#include <utility>

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

absl::StatusOr<Owned<X509>> ParseCertificate(absl::string_view field, const std::string& path,
                                             const std::string& text) {
  Owned<X509> certificate(PEM_read_bio_X509(Memory(text).get(), nullptr, nullptr, nullptr));
  if (certificate == nullptr) return Wrong(field, path, "holds no certificate in PEM");
  return certificate;
}

// A pass phrase would be asked for on a terminal that a service has not.
int NoPassPhrase(char*, int, int, void*) { return -1; }

absl::StatusOr<Owned<EVP_PKEY>> ParseKey(const std::string& path, absl::string_view text) {
  Owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(Memory(text).get(), nullptr, NoPassPhrase, nullptr));
  if (key != nullptr) return key;
  return Wrong("tls.key", path, "holds no private key in PEM without pass phrase");
}

absl::Status CheckMode(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return Wrong("tls.key", path, "cannot be examined");
  if ((info.st_mode & 07) == 0) return absl::OkStatus();
  return Wrong("tls.key", path, absl::StrCat("can be read by everybody: chmod o= ", path));
}

absl::StatusOr<absl::Time> ExpiryOf(X509& certificate, const std::string& path) {
  std::tm expiry{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(&certificate), &expiry) != 1) {
    return Wrong("tls.certificate", path, "has no end of its validity");
  }
  return absl::FromTM(expiry, absl::UTCTimeZone());
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

absl::StatusOr<TlsPems> ReadTls(const TlsConfig& tls) {
  TlsPems pems;
  ONETAKE_ASSIGN_OR_RETURN(pems.certificate, ReadPem("tls.certificate", tls.certificate_file));
  ONETAKE_ASSIGN_OR_RETURN(
      const Owned<X509> certificate,
      ParseCertificate("tls.certificate", tls.certificate_file, pems.certificate));
  ONETAKE_RETURN_IF_ERROR(CheckMode(tls.key_file));
  ONETAKE_ASSIGN_OR_RETURN(std::string key_text, ReadPem("tls.key", tls.key_file));
  pems.key = Secret(std::move(key_text));
  ONETAKE_ASSIGN_OR_RETURN(const Owned<EVP_PKEY> key, ParseKey(tls.key_file, pems.key.Reveal()));
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return Wrong("tls.key", tls.key_file, "is not the key of tls.certificate");
  }
  if (!tls.client_ca_file.empty()) {
    ONETAKE_ASSIGN_OR_RETURN(pems.client_ca, ReadPem("tls.client_ca", tls.client_ca_file));
    ONETAKE_RETURN_IF_ERROR(
        ParseCertificate("tls.client_ca", tls.client_ca_file, pems.client_ca).status());
  }
  ONETAKE_ASSIGN_OR_RETURN(pems.expiry, ExpiryOf(*certificate, tls.certificate_file));
  return pems;
}

}  // namespace onetake
