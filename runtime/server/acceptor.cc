#include "runtime/server/acceptor.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/check.h"
#include "runtime/base/log.h"
#include "runtime/base/status.h"
#include "runtime/base/this_thread.h"

namespace onetake {
namespace {

constexpr int kAtATime = 64;  // then those that have gone are looked at
constexpr int kTryAgainMs = 100;
constexpr absl::Duration kBetweenLines = absl::Seconds(10);

size_t MostOfTheProcess() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY) return SIZE_MAX;
  return std::max<size_t>(files.rlim_cur / 4, 1);
}

// Whoever has an IPv6 address has a /64 of them (RFC 6177).
std::string AddressOf(const sockaddr_storage& peer) {
  if (peer.ss_family == AF_INET) {
    const auto& four = reinterpret_cast<const sockaddr_in&>(peer).sin_addr;
    return std::string(reinterpret_cast<const char*>(&four), sizeof(four));
  }
  if (peer.ss_family != AF_INET6) return "";
  const auto& six = reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr;
  const auto* const bytes = reinterpret_cast<const char*>(&six);
  return IN6_IS_ADDR_V4MAPPED(&six) ? std::string(bytes + 12, 4) : std::string(bytes, 8);
}

// Of one connection that is gone already, or whose network is (accept(2)): the next one may be
// well.
bool IsOfThatConnection(int error) {
  switch (error) {
    case ECONNABORTED:
    case EINTR:
    case EPERM:  // a firewall's rule
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case ETIMEDOUT: return true;
    default: return false;
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Acceptor>> Acceptor::Listen(const std::string& address, size_t most,
                                                           const Clock& clock) {
  ONETAKE_ASSIGN_OR_RETURN(std::unique_ptr<ListenSocket> socket, ListenSocket::Open(address));
  std::unique_ptr<Acceptor> acceptor(new Acceptor(std::move(socket), clock));
  if (acceptor->epoll_ < 0 || acceptor->stop_ < 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", address, ": too few descriptors; raise LimitNOFILE"));
  }
  acceptor->SetMost(most);
  return acceptor;
}

Acceptor::Acceptor(std::unique_ptr<ListenSocket> socket, const Clock& clock)
    : clock_(clock),
      address_(socket->address()),
      socket_(std::move(socket)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      stop_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Acceptor::~Acceptor() {
  Stop();
  if (epoll_ >= 0) close(epoll_);
  if (stop_ >= 0) close(stop_);
}

void Acceptor::Start(std::function<void(int fd)> hand_over) {
  hand_over_ = std::move(hand_over);
  thread_ = std::thread([this] { Run(); });
}

void Acceptor::Stop() {
  if (thread_.joinable()) {
    const uint64_t one = 1;
    ONETAKE_CHECK(write(stop_, &one, sizeof(one)) == sizeof(one));
    thread_.join();
  }
  socket_.reset();
  for (const auto& [watched, from] : watched_) close(watched);
  watched_.clear();
}

void Acceptor::SetMost(size_t most) { most_ = std::min(most, MostOfTheProcess()); }

Acceptor::Stats Acceptor::stats() const { return {open_, refused_, waits_}; }

void Acceptor::Run() {
  NameThisThread("accept");
  for (const auto& [fd, events] : {std::pair<int, uint32_t>{stop_, EPOLLIN}, {socket_->fd(), 0}}) {
    epoll_event event{.events = events, .data = {.fd = fd}};
    ONETAKE_CHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0);
  }
  Turn(Attention::kListens);
  std::array<epoll_event, kAtATime> events{};
  while (true) {
    const int count = epoll_wait(epoll_, events.data(), events.size(),
                                 attention_ == Attention::kWaitsForRoom ? kTryAgainMs : -1);
    bool accept = false;
    for (int i = 0; i < count; ++i) {
      const auto& [what, data] = events[static_cast<size_t>(i)];
      if (data.fd == stop_) return;
      if (data.fd == socket_->fd()) {
        accept = true;
      } else if ((what & EPOLLHUP) != 0) {
        Forget(data.fd);
      }
    }
    if (attention_ == Attention::kWaitsForRoom) Turn(Attention::kListens);
    if (accept) AcceptSome();
  }
}

void Acceptor::AcceptSome() {
  for (int i = 0; i < kAtATime; ++i) {
    sockaddr_storage peer{};
    socklen_t size = sizeof(peer);
    const int fd = accept4(socket_->fd(), reinterpret_cast<sockaddr*>(&peer), &size,
                           SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && IsOfThatConnection(errno)) continue;
    if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (fd < 0) return WaitForRoom(errno);
    const Address from = AddressOf(peer);
    if (!HasRoom(from)) {
      ++refused_;
      close(fd);
      if (MayLog()) {
        Log(LogLevel::kWarning, "connection.refused",
            {{LogField::kCount, refused_.load()},
             {LogField::kAdvice, "limits.connections are open, or half of them from one address"}});
      }
    } else if (!Take(fd, from)) {
      const int error = errno;
      close(fd);
      ++refused_;
      return WaitForRoom(error);
    }
  }
}

bool Acceptor::HasRoom(const Address& from) const {
  const size_t most = most_;
  if (watched_.size() >= most) return false;
  const auto open = open_of_.find(from);
  return open == open_of_.end() || open->second < std::max<size_t>(most / 2, 1);
}

// A descriptor of our own says when the connection is at an end, whoever ended it.
bool Acceptor::Take(int fd, const Address& from) {
  const int watched = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (watched < 0) return false;
  // EPOLLHUP is always told. Once, as EPOLLERR alone, which is too, may not be the end.
  epoll_event event{.events = EPOLLET, .data = {.fd = watched}};
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, watched, &event) != 0) {
    close(watched);
    return false;
  }
  watched_[watched] = from;
  if (!from.empty()) ++open_of_[from];
  ++open_;
  hand_over_(fd);
  return true;
}

void Acceptor::Forget(int watched) {
  const auto entry = watched_.find(watched);
  const auto open = open_of_.find(entry->second);
  if (open != open_of_.end() && --open->second == 0) open_of_.erase(open);
  watched_.erase(entry);
  --open_;
  // gRPC may have the connection open yet: closing alone would not end the watch.
  epoll_ctl(epoll_, EPOLL_CTL_DEL, watched, nullptr);
  close(watched);
}

void Acceptor::WaitForRoom(int error) {
  ++waits_;
  if (MayLog()) {
    Log(LogLevel::kError, "connection.waits",
        {{LogField::kError, std::strerror(error)},
         {LogField::kAdvice,
          "no connection can be accepted until some have ended: raise LimitNOFILE, or find what "
          "opens so many"}});
  }
  Turn(Attention::kWaitsForRoom);
}

void Acceptor::Turn(Attention attention) {
  attention_ = attention;
  const uint32_t events = attention == Attention::kListens ? uint32_t{EPOLLIN} : 0;
  epoll_event event{.events = events, .data = {.fd = socket_->fd()}};
  epoll_ctl(epoll_, EPOLL_CTL_MOD, socket_->fd(), &event);
}

bool Acceptor::MayLog() {
  const absl::Duration now = clock_.Elapsed();
  if (now < log_after_) return false;
  log_after_ = now + kBetweenLines;
  return true;
}

}  // namespace onetake
