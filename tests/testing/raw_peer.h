#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/match.h"

namespace onetake::testing {

// A client's end of a connection, without any protocol on it. `address` is one of ListenSocket's;
// `from` an address of this machine to come from.
class RawPeer {
 public:
  explicit RawPeer(const std::string& address, const char* from = nullptr) {
    if (absl::StartsWith(address, "unix:")) {
      fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_un path{};
      path.sun_family = AF_UNIX;
      std::strncpy(path.sun_path, address.c_str() + 5, sizeof(path.sun_path) - 1);
      Connect(&path, sizeof(path));
      return;
    }
    const size_t colon = address.rfind(':');
    const auto port = htons(static_cast<uint16_t>(std::stoi(address.substr(colon + 1))));
    if (absl::StartsWith(address, "[")) {
      fd_ = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_in6 six{};
      six.sin6_family = AF_INET6;
      six.sin6_port = port;
      inet_pton(AF_INET6, address.substr(1, colon - 2).c_str(), &six.sin6_addr);
      Connect(&six, sizeof(six));
      return;
    }
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in four{};
    four.sin_family = AF_INET;
    if (from != nullptr) {
      inet_pton(AF_INET, from, &four.sin_addr);
      bind(fd_, reinterpret_cast<const sockaddr*>(&four), sizeof(four));
    }
    four.sin_port = port;
    inet_pton(AF_INET, address.substr(0, colon).c_str(), &four.sin_addr);
    Connect(&four, sizeof(four));
  }
  ~RawPeer() { Close(); }
  RawPeer(RawPeer&& other) noexcept : fd_(std::exchange(other.fd_, -1)), error_(other.error_) {}
  RawPeer& operator=(RawPeer&&) = delete;

  // Of connect(2); 0: it is connected.
  int error() const { return error_; }
  void Send(char byte) const { (void)send(fd_, &byte, 1, MSG_NOSIGNAL); }
  // Blocks, up to 60 s, until the other end closes.
  bool IsClosed() const {
    pollfd end{fd_, POLLIN, 0};
    char byte = 0;
    return poll(&end, 1, 60'000) == 1 && recv(fd_, &byte, 1, 0) <= 0;
  }
  void Reset() {
    const linger at_once{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    Close();
  }
  void Close() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }

 private:
  void Connect(const void* address, socklen_t size) {
    error_ = connect(fd_, static_cast<const sockaddr*>(address), size) == 0 ? 0 : errno;
  }

  int fd_ = -1;
  int error_ = 0;
};

}  // namespace onetake::testing
