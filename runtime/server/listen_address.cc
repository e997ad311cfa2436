#include "runtime/server/listen_address.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/base/status.h"

namespace onetake {
namespace {

constexpr absl::string_view kRight =
    "use 127.0.0.1:7171, [::1]:7171 or unix:/run/onetake/onetake.sock";

absl::Status Wrong(absl::string_view text, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" ", what, "; ", kRight));
}

// An abstract socket has no file mode, so whoever is on the machine could call it.
absl::StatusOr<std::string> ParseUnix(absl::string_view text, absl::string_view base_folder) {
  absl::string_view path = text;
  if (!absl::ConsumePrefix(&path, "unix:")) {
    return Wrong(text, "is not a Unix socket this server can bind");
  }
  absl::ConsumePrefix(&path, "//");
  if (path.empty()) return Wrong(text, "names no socket file");
  const std::string full =
      absl::StartsWith(path, "/") ? std::string(path) : absl::StrCat(base_folder, "/", path);
  constexpr size_t kLongest = sizeof(sockaddr_un::sun_path) - 1;
  if (full.size() > kLongest) {
    return Wrong(full,
                 absl::StrCat("is longer than the ", kLongest, " bytes a socket's path may have"));
  }
  return absl::StrCat("unix:", full);
}

bool IsLoopback4(const std::string& host) {
  in_addr address{};
  return inet_pton(AF_INET, host.c_str(), &address) == 1 && (ntohl(address.s_addr) >> 24) == 127;
}

bool IsLoopback6(const std::string& host) {
  in6_addr address{};
  return inet_pton(AF_INET6, host.c_str(), &address) == 1 && IN6_IS_ADDR_LOOPBACK(&address) != 0;
}

}  // namespace

absl::StatusOr<std::string> ParseListenAddress(absl::string_view text,
                                               absl::string_view base_folder) {
  if (absl::StartsWith(text, "unix")) return ParseUnix(text, base_folder);
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) return Wrong(text, "has no port");
  const absl::string_view port_text = text.substr(colon + 1);
  int port = -1;
  if (!absl::SimpleAtoi(port_text, &port) || port < 0 || port > 65535 ||
      port_text.find_first_not_of("0123456789") != absl::string_view::npos) {
    return Wrong(text, "has no port from 0 to 65535");
  }
  const absl::string_view host = text.substr(0, colon);
  // A name is looked up, and what the look-up says is not in our hands; this one has a fixed
  // meaning.
  if (host == "localhost") return absl::StrCat("127.0.0.1:", port);
  if (IsLoopback4(std::string(host))) return absl::StrCat(host, ":", port);
  if (absl::StartsWith(host, "[") && absl::EndsWith(host, "]") &&
      IsLoopback6(std::string(host.substr(1, host.size() - 2)))) {
    return absl::StrCat(host, ":", port);
  }
  return Wrong(text,
               "can be reached from other machines or is a name: without TLS only loopback "
               "addresses and Unix sockets are accepted");
}

}  // namespace onetake
