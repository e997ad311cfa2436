#include "tools/openapi/security.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "runtime/catalog/header_rules.h"
#include "tools/openapi/names.h"

namespace onetake {
namespace {

using Headers = std::vector<SecretHeader>;

absl::Status Unusable(const std::string& scheme, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("security scheme ", scheme, ": ", why));
}

absl::StatusOr<SecretHeader> ApiKey(const std::string& scheme, const Json& node) {
  const std::string in = TextOf(node, "in");
  const std::string name = TextOf(node, "name");
  SecretHeader header{.comment = "the API key"};
  if (in == "cookie") {
    header.name = "Cookie";
    header.prefix = absl::StrCat(name, "=");
    return header;
  }
  if (in != "header") {
    return Unusable(scheme, "an API key in the query would stand in logs: use another scheme");
  }
  if (!IsHeaderName(name) || IsReservedHeader(name)) {
    return Unusable(scheme, "its name is no header that a request may set");
  }
  header.name = name;
  if (absl::EqualsIgnoreCase(name, "authorization")) {
    header.comment = "the whole value of the header, its kind in front: Bearer ..., Client ...";
  }
  return header;
}

absl::StatusOr<SecretHeader> HeaderOf(const OpenApiDescription& description,
                                      const std::string& scheme) {
  const Json* components = MemberOf(description.root(), "components");
  const Json* schemes = components == nullptr ? nullptr : MemberOf(*components, "securitySchemes");
  const Json* given = schemes == nullptr ? nullptr : MemberOf(*schemes, scheme);
  if (given == nullptr) return Unusable(scheme, "is not described in components.securitySchemes");
  ONETAKE_ASSIGN_OR_RETURN(const Json* node, description.Resolve(*given));
  const std::string type = TextOf(*node, "type");
  const std::string http = TextOf(*node, "scheme");
  if (type == "apiKey") return ApiKey(scheme, *node);
  if (type == "oauth2" || type == "openIdConnect") {
    return SecretHeader{.name = "Authorization",
                        .prefix = "Bearer ",
                        .comment =
                            "an access token, which something else gets and renews: a "
                            "secret: { file: PATH } is read at each send"};
  }
  if (type == "http" && absl::EqualsIgnoreCase(http, "bearer")) {
    return SecretHeader{.name = "Authorization", .prefix = "Bearer ", .comment = "the token"};
  }
  if (type == "http" && absl::EqualsIgnoreCase(http, "basic")) {
    return SecretHeader{
        .name = "Authorization", .prefix = "Basic ", .comment = "the base64 of user:password"};
  }
  return Unusable(scheme, absl::StrCat("of type ", type, http.empty() ? "" : " ", http,
                                       " cannot be expressed by a header with a secret"));
}

absl::StatusOr<Headers> Alternative(const OpenApiDescription& description, const Json& schemes,
                                    const std::string& prefix) {
  Headers headers;
  for (const auto& [scheme, unused] : schemes.items()) {
    ONETAKE_ASSIGN_OR_RETURN(SecretHeader header, HeaderOf(description, scheme));
    for (const SecretHeader& other : headers) {
      if (absl::EqualsIgnoreCase(other.name, header.name)) {
        return Unusable(scheme, absl::StrCat("needs the header ", header.name,
                                             ", and so does another one beside it"));
      }
    }
    header.variable = absl::StrCat(prefix, VariableNameOf(scheme));
    headers.push_back(std::move(header));
  }
  return headers;
}

}  // namespace

absl::StatusOr<Headers> SecretHeadersOf(const OpenApiDescription& description,
                                        const OpenApiOperation& operation,
                                        const std::string& prefix) {
  if (!operation.security.is_array()) return Headers{};
  absl::Status first = absl::OkStatus();
  for (const Json& schemes : operation.security) {
    if (!schemes.is_object() || schemes.empty()) continue;
    absl::StatusOr<Headers> headers = Alternative(description, schemes, prefix);
    if (headers.ok()) return headers;
    if (first.ok()) first = headers.status();
  }
  const bool open = operation.security.empty() ||
                    std::any_of(operation.security.begin(), operation.security.end(),
                                [](const Json& schemes) { return schemes.empty(); });
  if (first.ok() || open) return Headers{};
  return first;
}

}  // namespace onetake
