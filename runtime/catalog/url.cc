#include "runtime/catalog/url.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "runtime/base/status.h"

namespace onetake {
namespace {

absl::Status Fault(absl::string_view message) { return absl::InvalidArgumentError(message); }

absl::Status CheckPort(absl::string_view port) {
  int number = 0;
  if (port.empty() || !std::all_of(port.begin(), port.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(port, &number) || number < 1 || number > 65535) {
    return Fault("has a port that is not a number from 1 to 65535");
  }
  return absl::OkStatus();
}

absl::StatusOr<UrlHost> HostOf(absl::string_view authority) {
  if (absl::StrContains(authority, '{')) {
    return Fault(
        "has a hole before the path: the model must not choose the host; write it out, or take it "
        "from the environment by ${NAME}");
  }
  if (absl::StrContains(authority, '@')) {
    return Fault(
        "has a user in it: give credentials by a header, Authorization: { secret: { env: NAME } }");
  }
  size_t end = authority.find(':');
  if (absl::StartsWith(authority, "[")) {
    const size_t bracket = authority.find(']');
    if (bracket == absl::string_view::npos) return Fault("has [ without ] around an IPv6 address");
    end = bracket + 1;
    if (end < authority.size() && authority[end] != ':') {
      return Fault("has something after ] that is no :port");
    }
  }
  if (end < authority.size()) ONETAKE_RETURN_IF_ERROR(CheckPort(authority.substr(end + 1)));
  return ParseUrlHost(authority.substr(0, end));
}

absl::Status CheckPath(absl::string_view path) {
  for (const char c : path) {
    if (!absl::ascii_isgraph(c) || absl::StrContains("\"<>\\^`|", c)) {
      return Fault("has a character in its path that URLs do not have: write it percent-encoded");
    }
  }
  for (size_t at = path.find('%'); at != absl::string_view::npos; at = path.find('%', at + 1)) {
    if (at + 2 >= path.size() || !absl::ascii_isxdigit(path[at + 1]) ||
        !absl::ascii_isxdigit(path[at + 2])) {
      return Fault("has a % in its path without two hex digits: write %25 for the character");
    }
  }
  for (const absl::string_view segment : absl::StrSplit(path, '/')) {
    if (segment == "." || segment == "..") {
      return Fault("has . or .. as a part of its path: write the path that is meant");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<HttpUrl> ParseHttpUrl(absl::string_view text) {
  const size_t scheme_end = text.find("://");
  const std::string scheme = scheme_end == absl::string_view::npos
                                 ? ""
                                 : absl::AsciiStrToLower(text.substr(0, scheme_end));
  if (scheme != "http" && scheme != "https") {
    return Fault("must begin with https:// or http://, and holes may only be in the path");
  }
  text.remove_prefix(scheme_end + 3);
  const size_t authority_end = std::min(text.find_first_of("/?#"), text.size());
  const absl::string_view authority = text.substr(0, authority_end);
  absl::string_view path = text.substr(authority_end);
  if (absl::StrContains(path, '?')) {
    return Fault("has a query: give it as http.query: { name: $.argument }");
  }
  if (absl::StrContains(path, '#')) return Fault("has a fragment (#), which is never sent");
  if (path.empty()) path = "/";
  ONETAKE_ASSIGN_OR_RETURN(UrlHost host, HostOf(authority));
  ONETAKE_RETURN_IF_ERROR(CheckPath(path));
  return HttpUrl{.origin = absl::StrCat(scheme, "://", absl::AsciiStrToLower(authority)),
                 .path = std::string(path),
                 .wire = scheme == "https" ? EgressPolicy::Wire::kTls : EgressPolicy::Wire::kClear,
                 .host = std::move(host)};
}

absl::Status CheckEgress(const HttpUrl& url, const std::vector<IpNetwork>& allow_networks) {
  return EgressPolicy::Make(url.wire, url.host, allow_networks).status();
}

}  // namespace onetake
