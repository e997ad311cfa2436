#include "runtime/seal/aead.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <array>
#include <cstring>
#include <memory>

#include "runtime/base/check.h"

namespace onetake {
namespace {

constexpr char kVersion = 1;
constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

// Fetched once: looking an algorithm up costs more than sealing a short field.
const EVP_CIPHER* Aes256Gcm() {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return cipher;
}

const unsigned char* Bytes(absl::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

// Draws many at a time, as OpenSSL makes a system call at each draw. No process that forks without
// exec may seal, or both would use the same ones.
bool MakeNonce(unsigned char* nonce) {
  constexpr size_t kDrawn = 64 * kNonceBytes;
  thread_local std::array<unsigned char, kDrawn> drawn;
  thread_local size_t used = kDrawn;
  if (used == kDrawn) {
    if (RAND_bytes(drawn.data(), kDrawn) != 1) return false;
    used = 0;
  }
  std::memcpy(nonce, drawn.data() + used, kNonceBytes);
  used += kNonceBytes;
  return true;
}

absl::Status OpenSslError(absl::string_view what) {
  return absl::InternalError(std::string(what) + ": OpenSSL refused");
}

absl::Status NotAsSealed() {
  return absl::DataLossError(
      "a sealed field does not open: it was changed, moved, or sealed with another key");
}

}  // namespace

absl::StatusOr<Secret> NewSealKey() {
  std::string key(kSealKeyBytes, '\0');
  if (RAND_bytes(Bytes(key), static_cast<int>(key.size())) != 1) {
    return OpenSslError("making a key");
  }
  return Secret(std::move(key));
}

absl::StatusOr<std::string> Seal(const Secret& key, absl::string_view context,
                                 absl::string_view text) {
  ONETAKE_CHECK(key.Reveal().size() == kSealKeyBytes);
  std::string sealed(kSealOverhead + text.size(), '\0');
  sealed[0] = kVersion;
  unsigned char* const nonce = Bytes(sealed) + 1;
  unsigned char* const body = nonce + kNonceBytes;
  if (!MakeNonce(nonce)) return OpenSslError("making a nonce");
  const CipherContext cipher(EVP_CIPHER_CTX_new());
  int length = 0;
  const bool sealed_it =
      cipher != nullptr &&
      EVP_EncryptInit_ex2(cipher.get(), Aes256Gcm(), Bytes(key.Reveal()), nonce, nullptr) == 1 &&
      EVP_EncryptUpdate(cipher.get(), nullptr, &length, Bytes(context),
                        static_cast<int>(context.size())) == 1 &&
      EVP_EncryptUpdate(cipher.get(), body, &length, Bytes(text), static_cast<int>(text.size())) ==
          1 &&
      EVP_EncryptFinal_ex(cipher.get(), body + text.size(), &length) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes, body + text.size()) == 1;
  if (!sealed_it) return OpenSslError("sealing");
  return sealed;
}

absl::StatusOr<std::string> Unseal(const Secret& key, absl::string_view context,
                                   absl::string_view sealed) {
  ONETAKE_CHECK(key.Reveal().size() == kSealKeyBytes);
  if (sealed.size() < kSealOverhead || sealed[0] != kVersion) return NotAsSealed();
  const absl::string_view nonce = sealed.substr(1, kNonceBytes);
  const absl::string_view body = sealed.substr(1 + kNonceBytes, sealed.size() - kSealOverhead);
  std::string tag(sealed.substr(sealed.size() - kTagBytes));
  std::string text(body.size(), '\0');
  const CipherContext cipher(EVP_CIPHER_CTX_new());
  int length = 0;
  const bool opened =
      cipher != nullptr &&
      EVP_DecryptInit_ex2(cipher.get(), Aes256Gcm(), Bytes(key.Reveal()), Bytes(nonce), nullptr) ==
          1 &&
      EVP_DecryptUpdate(cipher.get(), nullptr, &length, Bytes(context),
                        static_cast<int>(context.size())) == 1 &&
      EVP_DecryptUpdate(cipher.get(), Bytes(text), &length, Bytes(body),
                        static_cast<int>(body.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(cipher.get(), Bytes(text) + text.size(), &length) == 1;
  if (!opened) return NotAsSealed();
  return text;
}

std::string SealContext(absl::Span<const absl::string_view> parts) {
  std::string context;
  for (const absl::string_view part : parts) {
    for (int shift = 56; shift >= 0; shift -= 8) {
      context.push_back(static_cast<char>((uint64_t{part.size()} >> shift) & 0xff));
    }
    context.append(part.data(), part.size());
  }
  return context;
}

Secret DeriveKey(const Secret& key, absl::Span<const absl::string_view> parts) {
  const std::string message = SealContext(parts);
  std::string derived(kSealKeyBytes, '\0');
  unsigned int length = 0;
  const unsigned char* const made =
      HMAC(EVP_sha256(), key.Reveal().data(), static_cast<int>(key.Reveal().size()), Bytes(message),
           message.size(), Bytes(derived), &length);
  ONETAKE_CHECK(made != nullptr && length == kSealKeyBytes);
  return Secret(std::move(derived));
}

}  // namespace onetake
