#include "runtime/config/listen_address.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include <optional>
#include <utility>

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

// An abstract socket has no file mode, so anybody on the machine could call it.
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

// The reach of an address as it is written; nullopt: it is none.
std::optional<ListenAddress::Reach> ReachOf(const std::string& host) {
  in_addr four{};
  in6_addr six{};
  bool loopback = false;
  if (inet_pton(AF_INET, host.c_str(), &four) == 1) {
    loopback = (ntohl(four.s_addr) >> 24) == 127;
  } else if (host.size() > 2 && host.front() == '[' && host.back() == ']' &&
             inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &six) == 1) {
    loopback = IN6_IS_ADDR_LOOPBACK(&six) != 0;
  } else {
    return std::nullopt;
  }
  return loopback ? ListenAddress::Reach::kMachine : ListenAddress::Reach::kNetwork;
}

}  // namespace

absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view text,
                                                 absl::string_view base_folder) {
  if (absl::StartsWith(text, "unix")) {
    ONETAKE_ASSIGN_OR_RETURN(std::string socket, ParseUnix(text, base_folder));
    return ListenAddress{std::move(socket), ListenAddress::Reach::kMachine};
  }
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) return Wrong(text, "has no port");
  const absl::string_view port_text = text.substr(colon + 1);
  int port = -1;
  if (!absl::SimpleAtoi(port_text, &port) || port < 0 || port > 65535 ||
      port_text.find_first_not_of("0123456789") != absl::string_view::npos) {
    return Wrong(text, "has no port from 0 to 65535");
  }
  std::string host(text.substr(0, colon));
  if (host == "localhost") host = "127.0.0.1";  // this name has a fixed meaning
  const std::optional<ListenAddress::Reach> reach = ReachOf(host);
  if (!reach.has_value()) return Wrong(text, "has no address that is written in numbers");
  return ListenAddress{absl::StrCat(host, ":", port), *reach};
}

}  // namespace onetake
