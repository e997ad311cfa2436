#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "runtime/base/clock.h"
#include "runtime/config/call_limit_options.h"
#include "runtime/server/backlog.h"
#include "runtime/server/retry_pacing.h"

namespace onetake {

// RESOURCE_EXHAUSTED: nothing was done, and it is safe to come again after `again`.
absl::Status RefusedForNow(absl::string_view reason, absl::string_view what, absl::Duration again);
// The same for a call that UnreadAnswers does not let in.
absl::Status AnswersUnread();

// Limits how many calls may be under way, over all and of each tenant, and how many may begin in a
// second, and watches whether the loop keeps up with those that are let in. It is asked on the
// thread that the call arrives on, so that what is too much is answered at once and never waits
// behind what is admitted. Thread-safe.
class CallLimits {
 public:
  using Options = CallLimitOptions;
  CallLimits(Options options, const Clock& clock);

  // Holds from now on; calls that are under way stay.
  void SetOptions(Options options) ABSL_LOCKS_EXCLUDED(mutex_);

  // A call's place, which is given back when this dies. Movable.
  class Place {
   public:
    Place() = default;
    Place(CallLimits* limits, std::string tenant) : limits_(limits), tenant_(std::move(tenant)) {}
    Place(Place&& other) noexcept
        : limits_(std::exchange(other.limits_, nullptr)), tenant_(std::move(other.tenant_)) {}
    Place& operator=(Place&&) = delete;
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { Release(); }
    // To be called before the caller is answered: it may call again at once.
    void Release() {
      if (limits_ != nullptr) std::exchange(limits_, nullptr)->Leave(tenant_);
    }

   private:
    CallLimits* limits_ = nullptr;
    std::string tenant_;
  };

  // RESOURCE_EXHAUSTED with an ErrorDetail that says when to come again, one caller behind the
  // other as far as ComeAgain can: OVERLOADED, TENANT_OVERLOADED, TENANT_RATE. Nothing was done.
  absl::StatusOr<Place> Enter(const std::string& tenant) ABSL_LOCKS_EXCLUDED(mutex_);

  // When a call arrives, keep Arrived(), and give it to TakenUp() when the call is taken up, on
  // another thread. How long calls wait tells whether more can be let in.
  absl::Duration Arrived() const { return clock_.Elapsed(); }
  void TakenUp(absl::Duration arrived) ABSL_LOCKS_EXCLUDED(mutex_);

  size_t in_flight() const ABSL_LOCKS_EXCLUDED(mutex_);
  // How many calls were refused.
  int64_t shed() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Tenant {
    size_t in_flight = 0;
    double tokens = 0;
    absl::Duration filled_at = absl::ZeroDuration();
    ComeAgain again;
  };
  void Leave(const std::string& tenant) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Check(Tenant& tenant) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Refill(Tenant& tenant) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // How far apart those callers who found no place are to come again.
  absl::Duration Apart() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Clock& clock_;
  mutable absl::Mutex mutex_;
  Options options_ ABSL_GUARDED_BY(mutex_);
  size_t in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t shed_ ABSL_GUARDED_BY(mutex_) = 0;
  Backlog backlog_ ABSL_GUARDED_BY(mutex_);
  ComeAgain again_ ABSL_GUARDED_BY(mutex_);
  Pace left_ ABSL_GUARDED_BY(mutex_);
  // Tenants come from credentials that an operator made, so there are not many.
  std::map<std::string, Tenant> tenants_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace onetake
