#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/base/secret.h"

namespace onetake {

// A bearer token (RFC 6750):
//
//   otk_<id: 16 hex digits>_<secret: 64 hex digits>
//
// The id finds its record, the secret proves it. The secret is 32 random bytes, so the record keeps
// its plain SHA-256: nobody can guess what to hash. The prefix lets scanners for leaked secrets
// know what they found.
struct BearerToken {
  std::string id;
  Secret secret;

  // The whole text of the token, to be shown once.
  Secret ToText() const;
};

// Makes a token with fresh randomness of the system. INTERNAL: the system has none.
absl::StatusOr<BearerToken> NewBearerToken();

// INVALID_ARGUMENT, without a part of the text, when it does not have that form.
absl::StatusOr<BearerToken> ParseBearerToken(absl::string_view text);

// The record's digest of a secret: 64 hex digits.
std::string SecretDigest(const Secret& secret);

}  // namespace onetake
