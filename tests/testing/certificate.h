#pragma once

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace onetake::testing {

// A private key and certificates of it, in PEM.
class CertificateMaker {
 public:
  // Signed by itself; over `lifetime_s` from now, or since then when that is negative.
  std::string Certificate(long lifetime_s) const {
    const std::unique_ptr<X509, decltype(&X509_free)> made(X509_new(), X509_free);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), lifetime_s - 7200);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), lifetime_s);
    X509_set_pubkey(made.get(), key_.get());
    X509_sign(made.get(), key_.get(), EVP_sha256());
    BIO* const memory = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(memory, made.get());
    return TextOf(memory);
  }
  std::string Key() const {
    BIO* const memory = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(memory, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
    return TextOf(memory);
  }

 private:
  static std::string TextOf(BIO* memory) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory, &data);
    std::string text(data, static_cast<size_t>(size));
    BIO_free(memory);
    return text;
  }

  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_{EVP_EC_gen("P-256"),
                                                                 EVP_PKEY_free};
};

}  // namespace onetake::testing
