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

// The answers that were given and have not been taken yet. HTTP/2 lets a peer say that it takes
// nothing (RFC 9113, 5.2), and gRPC then keeps every answer for it, so they are counted here. While
// too much waits, new calls are refused before anything is done for them; a call that was let in is
// always answered, because what it did is done. To bound those answers, too, peers are cut off: the
// one that has waited for longest when there is twice too much, and any that takes nothing for too
// long. Like every call that ends without a status from us, that says nothing about its write.
// Thread-safe.
class UnreadAnswers {
 public:
  struct Options {
    size_t bytes = 64 * 1024 * 1024;         // the most of all tenants
    size_t tenant_bytes = 32 * 1024 * 1024;  // the most of one
    absl::Duration patience = absl::Seconds(30);
  };

  // The peer that is to take answers.
  class Peer {
   public:
    virtual ~Peer() = default;
    // Ends its RPC without a word, and tells nobody on this stack. From any thread; does nothing
    // when the RPC has ended.
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
  // One unread answer, until this dies. Movable.
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

  // To be asked before anything is done for a call. RESOURCE_EXHAUSTED, ANSWERS_UNREAD, while too
  // much waits for this tenant, or too much for all tenants and more than its part for this one.
  // Each tenant for which anything waits has an equal part.
  absl::Status Admit(const std::string& tenant) ABSL_LOCKS_EXCLUDED(mutex_);

  // Adds the answer to a call that was let in, whatever waits meanwhile. May cut off others, so
  // call it under no lock.
  [[nodiscard]] Hold Add(const std::string& tenant, size_t bytes, std::shared_ptr<Peer> peer)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Cuts off the peers whose answers wait too long. To be called now and then, under no lock.
  void CutOff() ABSL_LOCKS_EXCLUDED(mutex_);

  // How many bytes wait for peers that are not cut off.
  size_t bytes() const ABSL_LOCKS_EXCLUDED(mutex_);
  // How many calls were not let in.
  int64_t refused() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // The multiple of the bounds that the answers to calls which were let in may take.
  static constexpr size_t kMostTimes = 2;

  // Whether there is more than `times` what Options says.
  bool HasTooMuch(const std::string& tenant, size_t times) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  using Peers = std::vector<std::shared_ptr<Peer>>;
  // Takes the oldest answers of the tenants that have twice too much, until none has.
  Peers TakeTooMany() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Remove(Entry entry) ABSL_LOCKS_EXCLUDED(mutex_);
  // Takes out of the counts an answer that waits no more.
  void Discount(Answer& answer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  const Clock& clock_;
  mutable absl::Mutex mutex_;
  std::list<Answer> answers_ ABSL_GUARDED_BY(mutex_);  // the oldest first
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, size_t> tenant_bytes_ ABSL_GUARDED_BY(mutex_);  // those that have any
  int64_t refused_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace onetake
