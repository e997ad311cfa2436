#pragma once

#include "absl/strings/string_view.h"

namespace onetake {

// Whether it is a token of RFC 9110 of at most 128 bytes.
bool IsHeaderName(absl::string_view name);

// Whether it is a header that the executor or HTTP itself sets: Host, Content-Length ...
bool IsReservedHeader(absl::string_view name);

enum class Credential {
  kNone,
  kLikely,  // by its name: X-Session-Token
  kSurely,  // Authorization, Cookie, X-Api-Key ...
};
// Whether the value of the header is a secret.
Credential CredentialIn(absl::string_view header_name);

// Whether a literal may stand in a header's value: printable ASCII, at most 1,024 bytes.
bool IsHeaderText(absl::string_view text);

}  // namespace onetake
