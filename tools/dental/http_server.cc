#include "tools/dental/http_server.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace onetake::dental {
namespace {

// cpp-httplib listens with a backlog of 5: sixty clients that connect at once would wait a second
// for the kernel to retransmit.
constexpr int kBacklog = 1024;
constexpr size_t kMaxBodyBytes = size_t{64} * 1024;
constexpr size_t kRequestsPerConnection = 1000;

using GetName = int (*)(int, sockaddr*, socklen_t*);

bool IsEndOf(int fd, GetName get_name, const std::string& ip, int port) {
  sockaddr_in address = {};
  socklen_t size = sizeof(address);
  if (get_name(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return false;
  char text[INET_ADDRSTRLEN] = {};
  return address.sin_family == AF_INET && ntohs(address.sin_port) == port &&
         inet_ntop(AF_INET, &address.sin_addr, text, sizeof(text)) != nullptr && ip == text;
}

// cpp-httplib does not tell a handler its socket, but both ends of the connection.
int FindSocket(const httplib::Request& request) {
  int found = -1;
  DIR* fds = opendir("/proc/self/fd");
  if (fds == nullptr) return found;
  for (dirent* entry = readdir(fds); entry != nullptr && found < 0; entry = readdir(fds)) {
    int fd = -1;
    if (absl::SimpleAtoi(entry->d_name, &fd) &&
        IsEndOf(fd, getpeername, request.remote_addr, request.remote_port) &&
        IsEndOf(fd, getsockname, request.local_addr, request.local_port)) {
      found = fd;
    }
  }
  closedir(fds);
  return found;
}

}  // namespace

HttpServer::HttpServer(int threads) {
  new_task_queue = [threads] { return new httplib::ThreadPool(static_cast<size_t>(threads)); };
  set_keep_alive_timeout(1);
  set_keep_alive_max_count(kRequestsPerConnection);
  set_payload_max_length(kMaxBodyBytes);
  set_tcp_nodelay(true);
  // The library's default is SO_REUSEPORT, which lets two servers share a port without a word.
  set_socket_options([](socket_t socket) {
    const int on = 1;
    (void)setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  });
}

HttpServer::~HttpServer() {
  if (!thread_.joinable()) return;
  stop();
  thread_.join();
}

absl::StatusOr<int> HttpServer::Start(const std::string& host, int port) {
  if (port == 0) {
    port = bind_to_any_port(host);
  } else if (!bind_to_port(host, port)) {
    port = -1;
  }
  if (port < 0) {
    return absl::UnavailableError(absl::StrCat("cannot listen on ", host, ": ", strerror(errno)));
  }
  if (::listen(svr_sock_, kBacklog) != 0) {
    return absl::UnavailableError(absl::StrCat("listen: ", strerror(errno)));
  }
  thread_ = std::thread([this] { listen_after_bind(); });
  // stop() is ignored before the accept loop runs.
  while (!is_running()) std::this_thread::yield();
  return port;
}

void ResetConnection(const httplib::Request& request) {
  const int fd = FindSocket(request);
  if (fd < 0) return;
  // Linux: connecting a TCP socket to "no address" aborts its connection with a reset.
  sockaddr nowhere = {};
  nowhere.sa_family = AF_UNSPEC;
  (void)::connect(fd, &nowhere, sizeof(nowhere));
}

}  // namespace onetake::dental
