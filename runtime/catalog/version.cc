#include "runtime/catalog/version.h"

#include <openssl/evp.h>

#include "absl/strings/escaping.h"
#include "runtime/base/check.h"

namespace onetake {
namespace {

constexpr size_t kVersionBytes = 8;

}  // namespace

std::string VersionOf(absl::string_view bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  ONETAKE_CHECK(EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr) == 1);
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest), kVersionBytes));
}

}  // namespace onetake
