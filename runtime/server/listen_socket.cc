#include "runtime/server/listen_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/base/status.h"

namespace onetake {
namespace {

constexpr absl::string_view kUnix = "unix:";

sockaddr_un AtPath(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// Nobody answers at a socket's file that its server has left behind.
bool IsLeftBehind(const std::string& path) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) return false;
  const int peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (peer < 0) return false;
  const sockaddr_un address = AtPath(path);
  const bool refused =
      connect(peer, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 &&
      errno == ECONNREFUSED;
  close(peer);
  return refused;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ListenSocket>> ListenSocket::Open(const std::string& address) {
  absl::string_view path = address;
  const bool is_unix = absl::ConsumePrefix(&path, kUnix);
  const int family = is_unix ? AF_UNIX : absl::StartsWith(address, "[") ? AF_INET6 : AF_INET;
  const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", address, ": ", std::strerror(errno)));
  }
  std::unique_ptr<ListenSocket> opened(new ListenSocket(fd, address));
  if (is_unix) {
    ONETAKE_RETURN_IF_ERROR(opened->ListenAtPath(std::string(path)));
  } else {
    const size_t colon = address.rfind(':');
    std::string host = address.substr(0, colon);
    if (family == AF_INET6) host = host.substr(1, host.size() - 2);
    int port = 0;
    if (!absl::SimpleAtoi(absl::string_view(address).substr(colon + 1), &port)) {
      return absl::UnavailableError(absl::StrCat("cannot listen on ", address, ": no port"));
    }
    ONETAKE_RETURN_IF_ERROR(opened->ListenAtPort(host, port));
  }
  return opened;
}

ListenSocket::~ListenSocket() {
  struct stat info {};
  if (!path_.empty() && lstat(path_.c_str(), &info) == 0 && info.st_ino == file_) {
    unlink(path_.c_str());
  }
  close(fd_);
}

absl::Status ListenSocket::ListenAtPath(const std::string& path) {
  if (IsLeftBehind(path)) unlink(path.c_str());
  const sockaddr_un address = AtPath(path);
  ONETAKE_RETURN_IF_ERROR(Bind(reinterpret_cast<const sockaddr*>(&address), sizeof(address)));
  struct stat info {};
  if (lstat(path.c_str(), &info) == 0) file_ = info.st_ino;
  path_ = path;
  return absl::OkStatus();
}

absl::Status ListenSocket::ListenAtPort(const std::string& host, int port) {
  sockaddr_in four{};
  sockaddr_in6 six{};
  four.sin_family = AF_INET;
  six.sin6_family = AF_INET6;
  four.sin_port = six.sin6_port = htons(static_cast<uint16_t>(port));
  const bool is_v4 = inet_pton(AF_INET, host.c_str(), &four.sin_addr) == 1;
  if (!is_v4) inet_pton(AF_INET6, host.c_str(), &six.sin6_addr);
  // A server that starts again binds its port while connections of before are still in TIME_WAIT.
  const int on = 1;
  setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  // Of the connections, which inherit them: what gRPC sets at a listener of its own.
  const int unacknowledged_ms = 10'000;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  setsockopt(fd_, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms, sizeof(unacknowledged_ms));
  auto* const address =
      is_v4 ? reinterpret_cast<sockaddr*>(&four) : reinterpret_cast<sockaddr*>(&six);
  socklen_t size = is_v4 ? sizeof(four) : sizeof(six);
  ONETAKE_RETURN_IF_ERROR(Bind(address, size));
  getsockname(fd_, address, &size);
  address_ = absl::StrCat(address_.substr(0, address_.rfind(':')), ":",
                          ntohs(is_v4 ? four.sin_port : six.sin6_port));
  return absl::OkStatus();
}

absl::Status ListenSocket::Bind(const sockaddr* address, socklen_t size) {
  if (bind(fd_, address, size) == 0 && listen(fd_, SOMAXCONN) == 0) return absl::OkStatus();
  const int error = errno;
  absl::string_view advice;
  if (error == EADDRINUSE) advice = "; is another onetaked running?";
  if (error == ENOENT) advice = "; make its folder first";
  if (error == EACCES) advice = "; let the user that onetaked runs as write there";
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", address_, ": ", std::strerror(error), advice));
}

}  // namespace onetake
