#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "runtime/base/clock.h"

namespace onetake {

// What has been answered and not yet been taken. HTTP/2 lets a peer say that it takes nothing (RFC
// 9113, 5.2), and gRPC then keeps every answer for it, so here they are counted: more than so many
// bytes are not kept, and a peer that takes nothing for too long is cut off. Thread-safe.
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
    // Ends its RPC without a word. From any thread; when the RPC has ended, nothing.
    virtual void Cut() = 0;
  };

  UnreadAnswers(Options options, const Clock& clock) : options_(options), clock_(clock) {}

 private:
  struct Answer {
    std::string tenant;
    size_t bytes = 0;
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

  // nullopt: too much is waiting already. Never for the first answer of a tenant.
  std::optional<Hold> Add(const std::string& tenant, size_t bytes, std::shared_ptr<Peer> peer)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Cuts off whose answers wait too long. To be called now and then.
  void CutOff() ABSL_LOCKS_EXCLUDED(mutex_);

  size_t bytes() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Remove(Entry entry) ABSL_LOCKS_EXCLUDED(mutex_);

  const Options options_;
  const Clock& clock_;
  mutable absl::Mutex mutex_;
  std::list<Answer> answers_ ABSL_GUARDED_BY(mutex_);  // the oldest first
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, size_t> tenant_bytes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace onetake
