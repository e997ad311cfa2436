#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct evp_pkey_st;

namespace onetake {

// Ed25519 by OpenSSL. Files are PEM, as `openssl genpkey -algorithm ed25519` makes them.

// The public half, which checks signatures. Thread-compatible.
class VerifyingKey {
 public:
  // NOT_FOUND: there is no such file. INVALID_ARGUMENT: it is no Ed25519 public key in PEM.
  static absl::StatusOr<VerifyingKey> Load(const std::string& path);
  static absl::StatusOr<VerifyingKey> FromPem(absl::string_view pem);

  bool Verifies(absl::string_view message, absl::string_view signature) const;
  // The first 16 hex digits of SHA-256 of the 32 bytes of the key.
  const std::string& id() const { return id_; }

 private:
  friend class SigningKey;
  explicit VerifyingKey(std::shared_ptr<evp_pkey_st> key);
  std::shared_ptr<evp_pkey_st> key_;
  std::string id_;
};

// The private half, which signs. Thread-compatible; the key itself never leaves it.
class SigningKey {
 public:
  enum class Missing { kCreate, kRefuse };
  // Reads `path` (mode 0600). If it is missing and `missing` allows, makes both files: `path`, and
  // `path`.pub for everybody. NOT_FOUND: missing and may not be made. FAILED_PRECONDITION says what
  // to do.
  static absl::StatusOr<SigningKey> Load(const std::string& path, Missing missing);

  std::string Sign(absl::string_view message) const;  // 64 bytes
  const VerifyingKey& verifying_key() const { return verifying_; }

 private:
  explicit SigningKey(std::shared_ptr<evp_pkey_st> key) : verifying_(std::move(key)) {}
  VerifyingKey verifying_;
};

}  // namespace onetake
