#pragma once

#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "tools/dental/practice_db.h"

namespace onetake::dental {

// What the practice's API does with an idempotency key that comes in. Thread-safe.
class KeyDesk {
 public:
  enum class Verdict {
    kFresh,   // do it; call End() when the request is over
    kReplay,  // answer what is recorded
    kInUse,   // the first request under this key is still running
    kReused,  // the key belongs to another request
  };
  struct Check {
    Verdict verdict = Verdict::kFresh;
    std::optional<KeyedAnswer> recorded;  // kReplay
  };

  KeyDesk(PracticeDb& db, absl::Duration retention) : db_(db), retention_(retention) {}

  // `request` is compared as it is. An answer older than the retention is forgotten.
  absl::StatusOr<Check> Begin(const std::string& key, absl::string_view request, absl::Time now)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void End(absl::string_view key) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  PracticeDb& db_;
  const absl::Duration retention_;
  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, std::string> running_ ABSL_GUARDED_BY(mutex_);  // key, request
};

}  // namespace onetake::dental
