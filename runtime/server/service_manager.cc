#include "runtime/server/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

#include "absl/strings/numbers.h"
#include "runtime/base/log.h"

namespace onetake {

void TellServiceManager(absl::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || *path == '\0') return;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const size_t length = std::strlen(path);
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  ssize_t sent = -1;
  if (length < sizeof(address.sun_path) && fd >= 0) {
    std::memcpy(address.sun_path, path, length);
    // The name of an abstract socket begins with a zero, for which a variable has "@".
    if (path[0] == '@') address.sun_path[0] = '\0';
    sent = sendto(fd, state.data(), state.size(), MSG_NOSIGNAL,
                  reinterpret_cast<const sockaddr*>(&address),
                  static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length));
  }
  if (sent < 0) {
    Log(LogLevel::kWarning, "service_manager.not_told",
        {{LogField::kError, std::string(std::strerror(errno))}});
  }
  if (fd >= 0) close(fd);
}

std::optional<absl::Duration> ServiceManagerPatience() {
  const char* patience = std::getenv("WATCHDOG_USEC");
  const char* process = std::getenv("WATCHDOG_PID");
  int64_t patience_us = 0;
  if (patience == nullptr || !absl::SimpleAtoi(patience, &patience_us) || patience_us <= 0) {
    return std::nullopt;
  }
  int64_t pid = 0;
  if (process != nullptr && (!absl::SimpleAtoi(process, &pid) || pid != getpid())) {
    return std::nullopt;
  }
  return absl::Microseconds(patience_us);
}

}  // namespace onetake
