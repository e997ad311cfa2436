#include "tools/grpc/pem.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

namespace onetake {
namespace {

struct FreeIt {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Bio = std::unique_ptr<BIO, FreeIt>;
using Certificate = std::unique_ptr<X509, FreeIt>;
using Key = std::unique_ptr<EVP_PKEY, FreeIt>;

Bio Over(absl::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Refuses: nobody is there to type a password.
int NoPassword(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*user*/) { return -1; }

Certificate Next(const Bio& bio) {
  return Certificate(PEM_read_bio_X509(bio.get(), nullptr, NoPassword, nullptr));
}

}  // namespace

absl::Status CheckCertificates(absl::string_view pem) {
  const Bio bio = Over(pem);
  int found = 0;
  ERR_clear_error();
  while (Next(bio) != nullptr) ++found;
  // This error means the end of the text; every other means a broken certificate.
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (found == 0) return absl::InvalidArgumentError("holds no certificate in PEM");
  if (!at_end) return absl::InvalidArgumentError("holds a certificate that is broken");
  return absl::OkStatus();
}

absl::Status CheckPrivateKey(absl::string_view key_pem, absl::string_view certificates_pem) {
  const Bio bio = Over(key_pem);
  const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassword, nullptr));
  const Certificate certificate = Next(Over(certificates_pem));
  const bool fits = key != nullptr && certificate != nullptr &&
                    X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  if (key == nullptr) {
    return absl::InvalidArgumentError("holds no private key in PEM that opens without a password");
  }
  if (!fits) return absl::InvalidArgumentError("is not the key of the first certificate");
  return absl::OkStatus();
}

}  // namespace onetake
