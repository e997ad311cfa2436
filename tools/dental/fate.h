#pragma once

#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace onetake::dental {

// The ways in which one write goes wrong. Reads are only slow.
enum class Fault {
  kNone,
  kErrorBeforeCommit,  // 503, nothing written
  kErrorAfterCommit,   // 500, although the row is there
  kCommitThenStall,    // the row is there, the answer never comes
  kCommitThenReset,    // the row is there, the connection is reset
};

struct Fate {
  absl::Duration before_commit;  // then the row is written
  absl::Duration after_commit;   // then the answer is sent
  Fault fault = Fault::kNone;
};

// Draws latencies (log-normal) and faults. The fate of the n-th request for a thing depends on the
// seed, the thing and n only, not on arrival order: two runs against the same seed meet the same
// slow answers and the same faults, whoever the client is. Thread-safe.
class FateDealer {
 public:
  struct Options {
    absl::Duration p50 = absl::Milliseconds(1900);
    absl::Duration p95 = absl::Milliseconds(4200);
    double time_scale = 1.0;  // multiplies every latency
    // The probabilities per write; together at most 1.
    double error_before_commit = 0;
    double error_after_commit = 0;
    double commit_then_stall = 0;
    double commit_then_reset = 0;
    uint64_t seed = 1;
  };

  explicit FateDealer(const Options& options) : options_(options) {}

  // `thing` names what is asked for ("book/<slot>/<provider>/<patient>").
  Fate Deal(absl::string_view thing) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  int CountRequest(absl::string_view thing) ABSL_LOCKS_EXCLUDED(mutex_);

  const Options options_;
  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, int> requests_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace onetake::dental
