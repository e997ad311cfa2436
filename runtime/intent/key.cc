#include "runtime/intent/key.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/sha.h>

#include <array>
#include <cstdint>
#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/check.h"
#include "runtime/base/planted_bug.h"
#include "runtime/base/status.h"

namespace onetake {
namespace {

constexpr absl::string_view kIntentDomain = "onetake/intent/v1";
constexpr absl::string_view kKeyDomain = "onetake/key/v1";
constexpr absl::string_view kSubjectDomain = "onetake/subject/v1";
constexpr absl::string_view kConfirmDomain = "onetake/confirm/v1";
constexpr absl::string_view kStoredDomain = "onetake/stored/v1";
constexpr absl::string_view kAttributeDomain = "onetake/attribute/v1";
constexpr absl::string_view kKeyCheckDomain = "onetake/key-check/v1";
constexpr absl::string_view kFingerprintDomain = "onetake/fingerprint/v1";

using Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

std::string First32Hex(const Digest& digest) {
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest.data()), 16));
}

// HMAC-SHA-256 (RFC 2104). A server has one key, so the thread's context keeps the last one:
// setting up a key costs more than digesting what is digested here.
class Authenticator {
 public:
  static Authenticator& OfThread() {
    static thread_local Authenticator authenticator;
    return authenticator;
  }

  Digest Of(const Secret& key, absl::string_view message) {
    if (!key_.Equals(key.Reveal())) Use(key);
    Digest digest;
    size_t size = 0;
    // Without a key, OpenSSL uses the one before.
    ONETAKE_CHECK(EVP_MAC_init(context_.get(), nullptr, 0, nullptr) == 1);
    ONETAKE_CHECK(EVP_MAC_update(context_.get(),
                                 reinterpret_cast<const unsigned char*>(message.data()),
                                 message.size()) == 1);
    ONETAKE_CHECK(EVP_MAC_final(context_.get(), digest.data(), &size, digest.size()) == 1 &&
                  size == digest.size());
    return digest;
  }

 private:
  struct Free {
    void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
    void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
  };

  void Use(const Secret& key) {
    const std::unique_ptr<EVP_MAC, Free> mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
    context_.reset(EVP_MAC_CTX_new(mac.get()));
    char sha256[] = "SHA256";
    const std::array<OSSL_PARAM, 2> parameters = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0),
        OSSL_PARAM_construct_end()};
    const absl::string_view bytes = key.Reveal();
    ONETAKE_CHECK(context_ != nullptr &&
                  EVP_MAC_init(context_.get(), reinterpret_cast<const unsigned char*>(bytes.data()),
                               bytes.size(), parameters.data()) == 1);
    key_ = Secret(std::string(bytes));
  }

  Secret key_;
  std::unique_ptr<EVP_MAC_CTX, Free> context_;
};

// The message that is digested. Each field in it is its length, 8 bytes big-endian, and its bytes.
class Message {
 public:
  explicit Message(absl::string_view domain) { Add(domain); }
  Message& Add(absl::string_view field) {
    const uint64_t size = field.size();
    for (int shift = 56; shift >= 0; shift -= 8) {
      bytes_.push_back(static_cast<char>(size >> shift & 0xff));
    }
    bytes_.append(field.data(), field.size());
    return *this;
  }
  Message& Add(int field) { return Add(absl::StrCat(field)); }

  std::string Authenticate(const Secret& key) const {
    // Without a secret anybody could guess the values behind a digest.
    ONETAKE_CHECK(!key.empty());
    return First32Hex(Authenticator::OfThread().Of(key, bytes_));
  }

 private:
  std::string bytes_;
};

Message& AddIntent(Message& message, const IntentIdentity& intent) {
  return message.Add(intent.tenant)
      .Add(intent.tool)
      .Add(intent.scope)
      .Add(CanonicalJson(intent.identity))
      .Add(intent.occurrence);
}

}  // namespace

std::string IntentId(const Secret& tenant_key, const IntentIdentity& intent) {
  Message message(kIntentDomain);
  return AddIntent(message, intent).Authenticate(tenant_key);
}

std::string IntentKey(const Secret& tenant_key, const IntentIdentity& intent, int generation) {
  ONETAKE_CHECK(generation >= 1);
  Message message(kKeyDomain);
  if (ONETAKE_PLANTED_BUG("key_without_tenant")) {
    IntentIdentity of_nobody = intent;
    of_nobody.tenant = "";
    return AddIntent(message, of_nobody).Add(generation).Authenticate(tenant_key);
  }
  return AddIntent(message, intent).Add(generation).Authenticate(tenant_key);
}

absl::StatusOr<std::string> TemplateKey(const TextTemplate& text, const Json& values,
                                        int generation) {
  ONETAKE_CHECK(generation >= 1);
  ONETAKE_ASSIGN_OR_RETURN(
      const std::string rendered,
      text.Render(values, [](absl::string_view value) -> absl::StatusOr<std::string> {
        if (value.empty()) return absl::InvalidArgumentError("is empty, so the key would be too");
        return std::string(value);
      }));
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(rendered.data()), rendered.size(), digest.data());
  const std::string key = First32Hex(digest);
  return generation == 1 ? key : absl::StrCat(key, ":g", generation);
}

std::string SubjectId(const Secret& tenant_key, absl::string_view tenant, absl::string_view tool,
                      const Json& same) {
  return Message(kSubjectDomain)
      .Add(tenant)
      .Add(tool)
      .Add(CanonicalJson(same))
      .Authenticate(tenant_key);
}

std::string ConfirmationDigest(const Secret& tenant_key,
                               const std::vector<absl::string_view>& parts) {
  Message message(kConfirmDomain);
  for (const absl::string_view part : parts) message.Add(part);
  return message.Authenticate(tenant_key);
}

std::string StoredDigest(const Secret& tenant_key, absl::string_view what,
                         absl::string_view canonical) {
  return Message(kStoredDomain).Add(what).Add(canonical).Authenticate(tenant_key);
}

std::string AttributeDigest(const Secret& tenant_key, absl::string_view tenant,
                            absl::string_view name, absl::string_view value) {
  return Message(kAttributeDomain).Add(tenant).Add(name).Add(value).Authenticate(tenant_key);
}

std::string KeyCheck(const Secret& tenant_key) {
  return Message(kKeyCheckDomain).Authenticate(tenant_key);
}

bool SameDigest(absl::string_view a, absl::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string Fingerprint(const Secret& tenant_key, absl::string_view tool,
                        absl::string_view canonical_arguments, absl::string_view intent_id,
                        int occurrence) {
  return Message(kFingerprintDomain)
      .Add(tool)
      .Add(canonical_arguments)
      .Add(intent_id)
      .Add(occurrence)
      .Authenticate(tenant_key);
}

}  // namespace onetake
