#include "runtime/access/bearer_token.h"

#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/base/status.h"

namespace onetake {
namespace {

constexpr absl::string_view kPrefix = "otk_";
constexpr size_t kIdBytes = 8;
constexpr size_t kSecretBytes = 32;

bool IsHex(absl::string_view text, size_t bytes) {
  return text.size() == 2 * bytes && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f');
         });
}

template <size_t kBytes>
absl::StatusOr<std::string> RandomHex() {
  std::array<unsigned char, kBytes> bytes{};
  if (RAND_bytes(bytes.data(), kBytes) != 1) {
    return absl::InternalError("the system has no randomness");
  }
  std::string hex = absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return hex;
}

}  // namespace

Secret BearerToken::ToText() const {
  return Secret(absl::StrCat(kPrefix, id, "_", secret.Reveal()));
}

absl::StatusOr<BearerToken> NewBearerToken() {
  BearerToken token;
  ONETAKE_ASSIGN_OR_RETURN(token.id, RandomHex<kIdBytes>());
  ONETAKE_ASSIGN_OR_RETURN(std::string secret, RandomHex<kSecretBytes>());
  token.secret = Secret(std::move(secret));
  return token;
}

absl::StatusOr<BearerToken> ParseBearerToken(absl::string_view text) {
  const absl::Status malformed =
      absl::InvalidArgumentError("is no token of onetake: otk_, 16 hex digits, _, 64 hex digits");
  if (!absl::ConsumePrefix(&text, kPrefix)) return malformed;
  const size_t end_of_id = text.find('_');
  if (end_of_id == absl::string_view::npos) return malformed;
  const absl::string_view id = text.substr(0, end_of_id);
  const absl::string_view secret = text.substr(end_of_id + 1);
  if (!IsHex(id, kIdBytes) || !IsHex(secret, kSecretBytes)) return malformed;
  return BearerToken{std::string(id), Secret(std::string(secret))};
}

std::string SecretDigest(const Secret& secret) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  const absl::string_view text = secret.Reveal();
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
}

}  // namespace onetake
