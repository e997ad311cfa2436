#include "runtime/catalog/header_rules.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "runtime/base/limits.h"

namespace onetake {
namespace {

constexpr size_t kHeaderNameBytesMax = 128;

constexpr absl::string_view kReserved[] = {
    "accept-encoding",  "connection", "content-length",    "expect",  "host",    "keep-alive",
    "proxy-connection", "te",         "transfer-encoding", "trailer", "upgrade",
};

constexpr absl::string_view kCredentials[] = {
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "api-key",
    "apikey",
    "x-apikey",
    "x-auth-token",
    "x-auth-key",
    "x-access-token",
    "private-token",
    "x-functions-key",
    "ocp-apim-subscription-key",
};

constexpr absl::string_view kCredentialWords[] = {"token",      "secret", "password", "apikey",
                                                  "credential", "passwd", "signature"};

}  // namespace

bool IsHeaderName(absl::string_view name) {
  if (name.empty() || name.size() > kHeaderNameBytesMax) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(c) || absl::StrContains("!#$%&'*+-.^_`|~", c);
  });
}

bool IsReservedHeader(absl::string_view name) {
  return std::any_of(std::begin(kReserved), std::end(kReserved), [&](absl::string_view reserved) {
    return absl::EqualsIgnoreCase(name, reserved);
  });
}

Credential CredentialIn(absl::string_view header_name) {
  for (const absl::string_view credential : kCredentials) {
    if (absl::EqualsIgnoreCase(header_name, credential)) return Credential::kSurely;
  }
  const std::string joined =
      absl::StrReplaceAll(absl::AsciiStrToLower(header_name), {{"-", ""}, {"_", ""}});
  for (const absl::string_view word : kCredentialWords) {
    if (absl::StrContains(joined, word)) return Credential::kLikely;
  }
  return Credential::kNone;
}

bool IsHeaderText(absl::string_view text) {
  return text.size() <= limits::kHeaderValueBytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return absl::ascii_isprint(c); });
}

}  // namespace onetake
