#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/base/secret.h"

namespace onetake {

inline constexpr size_t kSealKeyBytes = 32;
// By how much a sealed text is longer than the text.
inline constexpr size_t kSealOverhead = 1 + 12 + 16;

// Authenticated encryption of one field: AES-256-GCM (NIST SP 800-38D) with a fresh random nonce.
//   sealed = version (one byte, 1) ‖ nonce (12 bytes) ‖ ciphertext ‖ tag (16 bytes)
// `context` is authenticated and not stored: where the field belongs, so that a sealed value that
// is moved to another place does not open. Thread-safe.

// Makes a key of 32 random bytes. INTERNAL: the system has no randomness.
absl::StatusOr<Secret> NewSealKey();

// INTERNAL when OpenSSL refuses. `key` has kSealKeyBytes.
absl::StatusOr<std::string> Seal(const Secret& key, absl::string_view context,
                                 absl::string_view text);

// DATA_LOSS: `sealed` is not what was sealed with this key in this context, or is not whole.
absl::StatusOr<std::string> Unseal(const Secret& key, absl::string_view context,
                                   absl::string_view sealed);

// The parts, each with its length (8 bytes, big-endian) before it, so that no two lists meet.
std::string SealContext(absl::Span<const absl::string_view> parts);

// Derives a key of 32 bytes from another one: HMAC-SHA-256(key, SealContext(parts)).
Secret DeriveKey(const Secret& key, absl::Span<const absl::string_view> parts);

}  // namespace onetake
