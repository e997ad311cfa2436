#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "runtime/base/clock.h"

namespace onetake {

// What has been answered and not yet been taken. HTTP/2 lets a peer say that it takes nothing (RFC
// 9113, 5.2), and gRPC then keeps every answer for it, so here they are counted. While too much
// waits, new calls are refused, before anything is done for them; a call that was let in is always
// answered, because what it did is done. So that those are bounded too, who has waited for longest
// is cut off when there is twice too much, and anybody who takes nothing for too long: like every
// call that ends without a status from us, that says nothing about its write. Thread-safe.
class UnreadAnswers {
 public:
  struct Options {
    size_t bytes = 64 * 1024 * 1024;         // of all tenants
    size_t tenant_bytes = 32 * 1024 * 1024;  // of one
    absl::Duration patience = absl::Seconds(30);
  };

  // Who is to take them.
  class Peer {
   public:
    virtual ~Peer() = default;
    // Ends its RPC without a word, and tells nobody on this stack. From any thread; when the RPC
    // has ended, nothing.
    virtual void Cut() = 0;
  };

  UnreadAnswers(Options options, const Clock& clock) : options_(options), clock_(clock) {}

 private:
  struct Answer {
    std::string tenant;
    size_t bytes = 0;  // 0 once its peer is cut off
    std::shared_ptr<Peer> peer;
    absl::Duration since;
  };
  using Entry = std::list<Answer>::iterator;

 public:
  // One of them, until this dies. Movable.
  class Hold {
   public:
    Hold(UnreadAnswers* answers, Entry entry) : answers_(answers), entry_(entry) {}
    Hold(Hold&& other) noexcept
        : answers_(std::exchange(other.answers_, nullptr)), entry_(other.entry_) {}
    Hold& operator=(Hold&&) = delete;
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    ~Hold() {
      if (answers_ != nullptr) answers_->Remove(entry_);
    }

   private:
    UnreadAnswers* answers_;
    Entry entry_;
  };

  // Before anything is done for a call. RESOURCE_EXHAUSTED, ANSWERS_UNREAD, while too much waits of
  // its tenant; or of all, and of this one more than its part, an equal one for each tenant of
  // which anything waits.
  absl::Status Admit(const std::string& tenant) ABSL_LOCKS_EXCLUDED(mutex_);

  // Of a call that was let in, whatever waits meanwhile. May cut off others, so call it under no
  // lock.
  [[nodiscard]] Hold Add(const std::string& tenant, size_t bytes, std::shared_ptr<Peer> peer)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Cuts off whose answers wait too long. To be called now and then, under no lock.
  void CutOff() ABSL_LOCKS_EXCLUDED(mutex_);

  // That wait for peers that are not cut off.
  size_t bytes() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Calls that were not let in.
  int64_t refused() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // By how many times the bounds the answers of calls that were let in may be more.
  static constexpr size_t kMostTimes = 2;

  // Of so many times what Options says.
  bool HasTooMuch(const std::string& tenant, size_t times) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  using Peers = std::vector<std::shared_ptr<Peer>>;
  // Of the tenants that have twice too much the oldest, until none has.
  Peers TakeTooMany() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Remove(Entry entry) ABSL_LOCKS_EXCLUDED(mutex_);
  // It waits no more.
  void Discount(Answer& answer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  const Clock& clock_;
  mutable absl::Mutex mutex_;
  std::list<Answer> answers_ ABSL_GUARDED_BY(mutex_);  // the oldest first
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, size_t> tenant_bytes_ ABSL_GUARDED_BY(mutex_);  // of those that have any
  int64_t refused_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace onetake
