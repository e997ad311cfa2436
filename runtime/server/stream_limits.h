#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "runtime/config/stream_limit_options.h"

namespace onetake {

// Limits how many streams are open, over all and of each tenant, so that one tenant that opens and
// opens takes nobody else's place. CallLimits counts the calls within them. Thread-safe.
class StreamLimits {
 public:
  using Options = StreamLimitOptions;
  enum class Kind { kSession, kWatcher };

  explicit StreamLimits(Options options) : options_(options) {}

  // Holds from now on; streams that are open stay.
  void SetOptions(Options options) ABSL_LOCKS_EXCLUDED(mutex_);

  // A stream's place, which is given back when this dies. Movable.
  class Place {
   public:
    Place() = default;
    Place(StreamLimits* limits, Kind kind, std::string tenant)
        : limits_(limits), kind_(kind), tenant_(std::move(tenant)) {}
    Place(Place&& other) noexcept
        : limits_(std::exchange(other.limits_, nullptr)),
          kind_(other.kind_),
          tenant_(std::move(other.tenant_)) {}
    Place& operator=(Place&& other) noexcept {
      Release();
      limits_ = std::exchange(other.limits_, nullptr);
      kind_ = other.kind_;
      tenant_ = std::move(other.tenant_);
      return *this;
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { Release(); }
    void Release() {
      if (limits_ != nullptr) std::exchange(limits_, nullptr)->Leave(kind_, tenant_);
    }

   private:
    StreamLimits* limits_ = nullptr;
    Kind kind_ = Kind::kSession;
    std::string tenant_;
  };

  // RESOURCE_EXHAUSTED with an ErrorDetail that says when to come again: OVERLOADED or
  // TENANT_OVERLOADED of sessions, TOO_MANY_WATCHERS. Nothing was done.
  absl::StatusOr<Place> Enter(Kind kind, const std::string& tenant) ABSL_LOCKS_EXCLUDED(mutex_);

  size_t open(Kind kind) const ABSL_LOCKS_EXCLUDED(mutex_);
  // How many streams were refused.
  int64_t refused(Kind kind) const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Streams {
    size_t open = 0;
    int64_t refused = 0;
    std::map<std::string, size_t> of_tenants;  // tenants that have any
  };
  void Leave(Kind kind, const std::string& tenant) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Check(Kind kind, const std::string& tenant) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  Options options_ ABSL_GUARDED_BY(mutex_);
  std::array<Streams, 2> streams_ ABSL_GUARDED_BY(mutex_);  // by Kind
};

}  // namespace onetake
