#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/base/clock.h"
#include "runtime/server/listen_socket.h"

namespace onetake {

// Accepts the connections of one listener on a thread of its own and hands them on, no more at once
// than it is told, and of one address (of IPv6, one /64) at most half of them; a Unix socket's
// peers have no address. One too many is closed at once. When the system has no room for one
// (EMFILE and the like) the others wait in the system's queue until it has: gRPC 1.51, which could
// accept them itself, bounds nothing and would then stop listening for ever (CVE-2023-4785).
class Acceptor {
 public:
  struct Stats {
    int64_t open = 0;
    int64_t refused = 0;  // closed at once, so far
    int64_t waits = 0;    // how often the system had no room for one, so far
  };

  // `address` as ListenSocket::Open() takes it, and its errors. Each connection takes two
  // descriptors here, so it is at most a quarter of the process's limit, whatever `most` says.
  // Peers can connect and are kept waiting until Start().
  static absl::StatusOr<std::unique_ptr<Acceptor>> Listen(const std::string& address, size_t most,
                                                          const Clock& clock);
  ~Acceptor();

  // Where clients connect.
  const std::string& address() const { return address_; }

  // Once. `hand_over` runs on the acceptor's thread, and must close each connection some day:
  // shutdown(2) and close(2), by which this knows.
  void Start(std::function<void(int fd)> hand_over);
  // Listens no more; blocks until nothing is handed over any more. Connections stay open. Once
  // stopped, nothing.
  void Stop();

  // Both thread-safe. What is open already stays so.
  void SetMost(size_t most);
  Stats stats() const;

 private:
  using Address = std::string;  // what one peer is counted by; empty: nothing

  Acceptor(std::unique_ptr<ListenSocket> socket, const Clock& clock);
  void Run();
  void AcceptSome();
  // False: there is no descriptor for it.
  bool Take(int fd, const Address& from);
  bool HasRoom(const Address& from) const;
  void Forget(int watched);
  void WaitForRoom(int error);
  enum class Attention { kListens, kWaitsForRoom };
  void Turn(Attention attention);
  bool MayLog();

  const Clock& clock_;
  const std::string address_;
  std::unique_ptr<ListenSocket> socket_;
  const int epoll_;
  const int stop_;  // an eventfd
  std::function<void(int fd)> hand_over_;
  std::atomic<size_t> most_{0};
  std::atomic<int64_t> open_{0};
  std::atomic<int64_t> refused_{0};
  std::atomic<int64_t> waits_{0};
  std::thread thread_;

  // The thread's own.
  Attention attention_ = Attention::kListens;
  std::unordered_map<int, Address> watched_;  // our own descriptor of each that is open
  std::unordered_map<Address, size_t> open_of_;
  absl::Duration log_after_ = -absl::InfiniteDuration();
};

}  // namespace onetake
