#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace onetake {

// The latency that was measured of one tool at one downstream. The ledger keeps the histogram as a
// text that only its owner reads; the figures beside it are for people who read the file by hand.
struct LatencyRecord {
  std::string tool;
  std::string downstream;
  std::string version;  // of the tool: another version starts anew
  std::string histogram;
  int64_t samples = 0;
  int64_t censored = 0;  // samples that say only "at least that long"
  absl::Duration p50 = absl::ZeroDuration();
  absl::Duration p95 = absl::ZeroDuration();
  absl::Duration p99 = absl::ZeroDuration();
  absl::Duration p999 = absl::ZeroDuration();
  absl::Time updated_at;
};

// Keeps measured latencies over restarts. No intent depends on them. Thread-safe.
class LatencyStore {
 public:
  using Done = absl::AnyInvocable<void(absl::Status)>;
  virtual ~LatencyStore() = default;

  // Replaces the rows of these tools and downstreams, in one transaction. `done` as in ledger.h.
  // Bounded: RESOURCE_EXHAUSTED when the writer is behind or the disk is full; nothing was kept.
  virtual void SaveLatencies(std::vector<LatencyRecord> records, Done done) = 0;

  // Returns at most kMaxLatencies, those of the last update first. Blocks; not from a `done`.
  static constexpr int kMaxLatencies = 1000;
  virtual absl::StatusOr<std::vector<LatencyRecord>> LoadLatencies() = 0;
};

}  // namespace onetake
