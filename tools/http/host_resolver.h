#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "runtime/base/clock.h"
#include "runtime/base/event_loop.h"
#include "runtime/base/ip_address.h"
#include "runtime/base/lifetime.h"

namespace onetake {

// Finds the addresses of host names. Owned by the loop.
class HostResolver {
 public:
  // The addresses, not empty; or UNAVAILABLE in words that name no host.
  using Addresses = absl::StatusOr<std::vector<IpAddress>>;
  using Done = absl::AnyInvocable<void(const Addresses&)>;

  virtual ~HostResolver() = default;

  // `done` runs once, from the loop, never inside this call; never after this object is destroyed.
  virtual void Resolve(const std::string& host, Done done) = 0;
};

// The system's resolver, getaddrinfo(3), on up to kThreads threads of its own. An answer is used
// again for kKeep; a caller who asks for a name that is being looked up waits for that answer. A
// look-up cannot be called off, so destroying this waits for those that run: resolv.conf(5) bounds
// that, by 10 s for one server.
class SystemResolver final : public HostResolver {
 public:
  static constexpr size_t kThreads = 8;
  static constexpr absl::Duration kKeep = absl::Seconds(60);
  // Finds the addresses. Blocks. Called from several threads at once.
  using Lookup = std::function<Addresses(const std::string& host)>;

  SystemResolver(EventLoop& loop, const Clock& clock);
  SystemResolver(EventLoop& loop, const Clock& clock, Lookup lookup);
  ~SystemResolver() override;
  SystemResolver(const SystemResolver&) = delete;
  SystemResolver& operator=(const SystemResolver&) = delete;

  void Resolve(const std::string& host, Done done) override;

 private:
  struct Found {
    std::vector<IpAddress> addresses;
    absl::Duration until = absl::ZeroDuration();
  };
  static constexpr size_t kFoundMost = 1024;

  void LookUp(const Lifetime::Observer& self);
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return ends_ || !waiting_.empty(); }
  void OnFound(const std::string& host, const Addresses& addresses);

  EventLoop& loop_;
  const Clock& clock_;
  const Lookup lookup_;
  // Owned by the loop.
  std::map<std::string, Found> found_;
  std::map<std::string, std::vector<Done>> asking_;
  std::vector<std::thread> threads_;
  Lifetime lifetime_;

  absl::Mutex mutex_;
  std::deque<std::string> waiting_ ABSL_GUARDED_BY(mutex_);
  int idle_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ends_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace onetake
