#include "runtime/ledger/signing_key.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/check.h"
#include "runtime/base/log.h"
#include "runtime/base/private_file.h"
#include "runtime/base/status.h"
#include "runtime/ledger/sha256.h"

namespace onetake {
namespace {

constexpr char kWhat[] = "checkpoint key file";
constexpr size_t kSignatureBytes = 64;

using Key = std::shared_ptr<EVP_PKEY>;
using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

Key Owned(EVP_PKEY* key) { return {key, &EVP_PKEY_free}; }

Bio Reading(absl::string_view text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free};
}

// Keys have no password: the file's mode is what protects them, and nobody can be asked.
int NoPassword(char* /*out*/, int /*size*/, int /*writing*/, void* /*user*/) { return -1; }

bool IsEd25519(const Key& key) {
  return key != nullptr && EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_ED25519;
}

template <typename Write>
std::string Pem(Write write) {
  const Bio out(BIO_new(BIO_s_mem()), &BIO_free);
  ONETAKE_CHECK(out != nullptr && write(out.get()) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<size_t>(size)};
}

const unsigned char* Bytes(absl::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

absl::Status Create(const std::string& path) {
  const Key key = Owned(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  ONETAKE_CHECK(key != nullptr);
  const Secret secret(Pem([&](BIO* out) {
    return PEM_write_bio_PKCS8PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  }));
  ONETAKE_RETURN_IF_ERROR(CreatePrivateFile(path, kWhat, secret.Reveal()));
  Log(LogLevel::kWarning, "ledger.checkpoint_key_created",
      {{LogField::kPath, path},
       {LogField::kAdvice,
        absl::StrCat("keep it from whoever may write the ledger, and keep a copy of ", path,
                     ".pub elsewhere: it proves the checkpoints")}});
  return absl::OkStatus();
}

absl::Status WritePublic(const std::string& path, const Key& key) {
  const std::string pem = Pem([&](BIO* out) { return PEM_write_bio_PUBKEY(out, key.get()); });
  std::ofstream file(path, std::ios::trunc);
  file << pem;
  file.close();
  if (file.good()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(path, ": cannot be written"));
}

}  // namespace

VerifyingKey::VerifyingKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {
  std::array<char, 32> raw;
  size_t size = raw.size();
  ONETAKE_CHECK(EVP_PKEY_get_raw_public_key(
                    key_.get(), reinterpret_cast<unsigned char*>(raw.data()), &size) == 1);
  id_ = Sha256().Of({absl::string_view(raw.data(), size)}).ToHex().substr(0, 16);
}

absl::StatusOr<VerifyingKey> VerifyingKey::FromPem(absl::string_view pem) {
  const Bio in = Reading(pem);
  Key key = Owned(PEM_read_bio_PUBKEY(in.get(), nullptr, &NoPassword, nullptr));
  if (IsEd25519(key)) return VerifyingKey(std::move(key));
  return absl::InvalidArgumentError("is no Ed25519 public key in PEM");
}

absl::StatusOr<VerifyingKey> VerifyingKey::Load(const std::string& path) {
  std::ifstream file(path);
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": ", std::strerror(errno)));
  const std::string pem{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  absl::StatusOr<VerifyingKey> key = FromPem(pem);
  if (!key.ok()) return Annotate(key.status(), path);
  return key;
}

bool VerifyingKey::Verifies(absl::string_view message, absl::string_view signature) const {
  if (signature.size() != kSignatureBytes) return false;
  const Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  ONETAKE_CHECK(context != nullptr);
  ONETAKE_CHECK(EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1);
  return EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(message),
                          message.size()) == 1;
}

absl::StatusOr<SigningKey> SigningKey::Load(const std::string& path, Missing missing) {
  absl::StatusOr<Secret> pem = ReadPrivateFile(path, kWhat, kKeyFileBytes);
  if (absl::IsNotFound(pem.status()) && missing == Missing::kCreate) {
    ONETAKE_RETURN_IF_ERROR(Create(path));
    pem = ReadPrivateFile(path, kWhat, kKeyFileBytes);
  }
  if (!pem.ok()) return pem.status();
  const Bio in = Reading(pem->Reveal());
  Key key = Owned(PEM_read_bio_PrivateKey(in.get(), nullptr, &NoPassword, nullptr));
  if (!IsEd25519(key)) {
    return absl::FailedPreconditionError(
        absl::StrCat(kWhat, " ", path,
                     ": holds no Ed25519 private key in PEM, as made by: openssl "
                     "genpkey -algorithm ed25519"));
  }
  ONETAKE_RETURN_IF_ERROR(WritePublic(path + ".pub", key));
  return SigningKey(std::move(key));
}

std::string SigningKey::Sign(absl::string_view message) const {
  const Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  ONETAKE_CHECK(context != nullptr);
  ONETAKE_CHECK(
      EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, verifying_.key_.get()) == 1);
  std::string signature(kSignatureBytes, '\0');
  size_t size = signature.size();
  ONETAKE_CHECK(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()),
                               &size, Bytes(message), message.size()) == 1);
  ONETAKE_CHECK(size == kSignatureBytes);
  return signature;
}

}  // namespace onetake
