#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "runtime/access/role.h"

namespace onetake {

// What is kept of a token, which is never the token itself.
struct TokenRecord {
  std::string id;
  std::string digest;  // SecretDigest() of its secret
  std::string name;    // who holds it
  std::string tenant;
  RoleSet roles;
  absl::Time created_at;
  absl::Time expires_at;
  std::optional<absl::Time> revoked_at;
};

// The file of tokens: JSON Lines, a token a line,
//
//   {"created_at":"2026-06-24T14:00:00Z","expires_at":"…","id":"…","name":"voice-agent",
//    "roles":"execute","sha256":"…","tenant":"default"}
//
// and "revoked_at" when it is revoked. Empty lines and lines that begin with # are left out. Who
// can write the file decides who may call, so nobody but its owner may.

inline constexpr size_t kMostTokens = 4096;

// Reads the text strictly. INVALID_ARGUMENT names the line and the field, and holds no digest.
absl::StatusOr<std::vector<TokenRecord>> ParseTokens(absl::string_view text);
std::string DumpTokens(const std::vector<TokenRecord>& tokens);

// NOT_FOUND: there is no such file. FAILED_PRECONDITION: others may read or write it, or it is no
// file. Blocks on the disk.
absl::StatusOr<std::vector<TokenRecord>> ReadTokenFile(const std::string& path);

// Reads the file, lets `edit` change the list, and replaces the file at once, on disk. Of two edits
// at the same time one waits for the other. A missing file is an empty list; an error of `edit`
// changes nothing.
absl::Status EditTokenFile(const std::string& path,
                           absl::FunctionRef<absl::Status(std::vector<TokenRecord>&)> edit);

}  // namespace onetake
