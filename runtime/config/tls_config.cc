#include "runtime/config/tls_config.h"

#include <openssl/asn1.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <cstdio>
#include <ctime>
#include <memory>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "runtime/config/config_values.h"

namespace onetake {
namespace {

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
template <typename T>
using Owned = std::unique_ptr<T, Close>;

absl::Status Wrong(absl::string_view field, const std::string& path, absl::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat(field, ": ", path, " ", what));
}

absl::StatusOr<Owned<std::FILE>> OpenPem(absl::string_view field, const std::string& path) {
  Owned<std::FILE> file(std::fopen(path.c_str(), "re"));
  if (file == nullptr) return Wrong(field, path, "cannot be read");
  return file;
}

absl::StatusOr<Owned<X509>> ReadCertificate(absl::string_view field, const std::string& path) {
  ONETAKE_ASSIGN_OR_RETURN(const Owned<std::FILE> file, OpenPem(field, path));
  Owned<X509> certificate(PEM_read_X509(file.get(), nullptr, nullptr, nullptr));
  if (certificate == nullptr) return Wrong(field, path, "holds no certificate in PEM");
  return certificate;
}

// A pass phrase would be asked for on a terminal that a service has not.
int NoPassPhrase(char*, int, int, void*) { return -1; }

absl::StatusOr<Owned<EVP_PKEY>> ReadKey(const std::string& path) {
  constexpr absl::string_view kField = "tls.key";
  ONETAKE_ASSIGN_OR_RETURN(const Owned<std::FILE> file, OpenPem(kField, path));
  struct stat info {};
  if (fstat(fileno(file.get()), &info) != 0) return Wrong(kField, path, "cannot be examined");
  if ((info.st_mode & 07) != 0) {
    return Wrong(kField, path, absl::StrCat("can be read by everybody: chmod o= ", path));
  }
  Owned<EVP_PKEY> key(PEM_read_PrivateKey(file.get(), nullptr, NoPassPhrase, nullptr));
  if (key == nullptr) return Wrong(kField, path, "holds no private key in PEM without pass phrase");
  return key;
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

absl::StatusOr<absl::Time> CheckTlsFiles(const TlsConfig& tls) {
  ONETAKE_ASSIGN_OR_RETURN(const Owned<X509> certificate,
                           ReadCertificate("tls.certificate", tls.certificate_file));
  ONETAKE_ASSIGN_OR_RETURN(const Owned<EVP_PKEY> key, ReadKey(tls.key_file));
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return Wrong("tls.key", tls.key_file, "is not the key of tls.certificate");
  }
  if (!tls.client_ca_file.empty()) {
    ONETAKE_RETURN_IF_ERROR(ReadCertificate("tls.client_ca", tls.client_ca_file).status());
  }
  return ExpiryOf(*certificate, tls.certificate_file);
}

}  // namespace onetake
