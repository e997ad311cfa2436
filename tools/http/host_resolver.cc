#include "tools/http/host_resolver.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <optional>
#include <utility>

#include "tools/http/socket_address.h"

namespace onetake {
namespace {

HostResolver::Addresses AskSystem(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const int error = getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (error != 0) return absl::UnavailableError("the host name cannot be resolved");
  std::vector<IpAddress> addresses;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    const std::optional<IpAddress> address = AddressOf(*entry->ai_addr);
    if (address.has_value()) addresses.push_back(*address);
  }
  freeaddrinfo(list);
  if (addresses.empty()) return absl::UnavailableError("the host name has no address");
  return addresses;
}

}  // namespace

SystemResolver::SystemResolver(EventLoop& loop, const Clock& clock)
    : SystemResolver(loop, clock, &AskSystem) {}

SystemResolver::SystemResolver(EventLoop& loop, const Clock& clock, Lookup lookup)
    : loop_(loop), clock_(clock), lookup_(std::move(lookup)) {}

SystemResolver::~SystemResolver() {
  lifetime_.End();
  {
    const absl::MutexLock lock(&mutex_);
    ends_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
}

void SystemResolver::LookUp(const Lifetime::Observer& self) {
  while (true) {
    std::string host;
    {
      const absl::MutexLock lock(&mutex_);
      ++idle_;
      mutex_.Await(absl::Condition(this, &SystemResolver::HasWork));
      --idle_;
      if (ends_) return;
      host = std::move(waiting_.front());
      waiting_.pop_front();
    }
    Addresses addresses = lookup_(host);
    loop_.Post(self.While([this, host = std::move(host), addresses = std::move(addresses)] {
      OnFound(host, addresses);
    }));
  }
}

void SystemResolver::Resolve(const std::string& host, Done done) {
  const auto found = found_.find(host);
  if (found != found_.end() && clock_.Elapsed() < found->second.until) {
    return loop_.Post(lifetime_.While([addresses = Addresses(found->second.addresses),
                                       done = std::move(done)]() mutable { done(addresses); }));
  }
  std::vector<Done>& asking = asking_[host];
  asking.push_back(std::move(done));
  if (asking.size() > 1) return;
  bool all_busy = false;
  {
    const absl::MutexLock lock(&mutex_);
    waiting_.push_back(host);
    all_busy = static_cast<size_t>(idle_) < waiting_.size();
  }
  if (all_busy && threads_.size() < kThreads) {
    threads_.emplace_back(&SystemResolver::LookUp, this, lifetime_.Observe());
  }
}

void SystemResolver::OnFound(const std::string& host, const Addresses& addresses) {
  if (addresses.ok()) {
    // The hosts are those of manifests, so more than these come only by many reloads.
    if (found_.size() >= kFoundMost) found_.clear();
    found_[host] = {*addresses, clock_.Elapsed() + kKeep};
  }
  auto node = asking_.extract(host);
  if (node.empty()) return;
  const Lifetime::Observer self = lifetime_.Observe();
  for (Done& done : node.mapped()) {
    done(addresses);
    if (self.IsOver()) return;
  }
}

}  // namespace onetake
