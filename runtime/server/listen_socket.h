#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace onetake {

// A socket that listens, until it is destroyed; a Unix socket's file goes with it.
class ListenSocket {
 public:
  // `address` as ParseListenAddress() returns it. The file that a killed server has left in a Unix
  // socket's place is replaced. UNAVAILABLE when the address cannot be bound, and says why.
  static absl::StatusOr<std::unique_ptr<ListenSocket>> Open(const std::string& address);
  ~ListenSocket();
  ListenSocket(const ListenSocket&) = delete;
  ListenSocket& operator=(const ListenSocket&) = delete;

  // Does not block.
  int fd() const { return fd_; }
  // Where clients connect: with the port that was bound when 0 was asked for.
  const std::string& address() const { return address_; }

 private:
  ListenSocket(int fd, std::string address) : fd_(fd), address_(std::move(address)) {}
  absl::Status ListenAtPath(const std::string& path);
  absl::Status ListenAtPort(const std::string& host, int port);
  absl::Status Bind(const sockaddr* address, socklen_t size);

  const int fd_;
  std::string address_;
  std::string path_;  // of the Unix socket's file, once it is ours
  ino_t file_ = 0;    // its number: another server may have put its own there since
};

}  // namespace onetake
