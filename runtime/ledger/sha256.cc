#include "runtime/ledger/sha256.h"

#include <openssl/evp.h>

#include "absl/strings/escaping.h"
#include "runtime/base/check.h"

namespace onetake {

std::string Digest::ToHex() const { return absl::BytesToHexString(view()); }

void Sha256::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  ONETAKE_CHECK(context_ != nullptr);
  ONETAKE_CHECK(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
}

Digest Sha256::Of(std::initializer_list<absl::string_view> pieces) {
  Digest digest;
  // Without a type, OpenSSL keeps the one that the context was made with, and looks up no algorithm
  // again.
  ONETAKE_CHECK(EVP_DigestInit_ex(context_.get(), nullptr, nullptr) == 1);
  for (const absl::string_view piece : pieces) {
    ONETAKE_CHECK(EVP_DigestUpdate(context_.get(), piece.data(), piece.size()) == 1);
  }
  auto* out = reinterpret_cast<unsigned char*>(digest.bytes.data());
  ONETAKE_CHECK(EVP_DigestFinal_ex(context_.get(), out, nullptr) == 1);
  return digest;
}

}  // namespace onetake
