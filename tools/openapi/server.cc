#include "tools/openapi/server.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "runtime/base/status.h"
#include "runtime/catalog/url.h"

namespace onetake {
namespace {

// The URL of the first server, its variables at their defaults; empty when there is none.
std::string FirstServer(const Json& servers) {
  if (!servers.is_array() || servers.empty()) return "";
  std::string url = TextOf(servers[0], "url");
  const Json* variables = MemberOf(servers[0], "variables");
  if (variables != nullptr && variables->is_object()) {
    for (const auto& [name, variable] : variables->items()) {
      url = absl::StrReplaceAll(url, {{absl::StrCat("{", name, "}"), TextOf(variable, "default")}});
    }
  }
  while (absl::EndsWith(url, "/")) url.pop_back();
  return url;
}

bool IsAbsolute(absl::string_view url) {
  return absl::StartsWith(url, "http://") || absl::StartsWith(url, "https://");
}

}  // namespace

absl::StatusOr<std::string> ServerNames::BaseUrlOf(const OpenApiOperation& operation) {
  if (!base_url_.empty()) return std::string(absl::StripSuffix(base_url_, "/"));
  const std::string url = FirstServer(operation.servers);
  // It would end the manifest's own variable, or begin one.
  if (url.find_first_of("{}") != std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat(
        "server ", url, ": has a brace that is no variable of the server; give --base-url"));
  }
  if (absl::StrContains(url, "://") && !IsAbsolute(url)) {
    return absl::InvalidArgumentError(
        absl::StrCat("server ", url, ": must be http or https, or give --base-url"));
  }
  if (IsAbsolute(url)) {
    const absl::Status status = ParseHttpUrl(url).status();
    if (!status.ok()) return Annotate(status, absl::StrCat("server ", url));
  }
  const std::string number = variables_.empty() ? "" : absl::StrCat("_", variables_.size() + 1);
  const auto [entry, unused] =
      variables_.try_emplace(url, absl::StrCat(prefix_, "BASE_URL", number));
  if (IsAbsolute(url)) return absl::StrCat("${", entry->second, ":-", url, "}");
  // The URL is relative to wherever the description was found, which nobody knows here.
  return absl::StrCat("${", entry->second, "}", url.empty() || url[0] == '/' ? "" : "/", url);
}

}  // namespace onetake
