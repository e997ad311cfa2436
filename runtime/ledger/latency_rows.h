#pragma once

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/ledger/latency_store.h"
#include "runtime/store/database.h"

namespace onetake {

// The statement that writes the latencies table, inside the caller's transaction. Owned by the
// writer thread.
class LatencyWrites {
 public:
  static absl::StatusOr<std::unique_ptr<LatencyWrites>> Prepare(Database& database);
  absl::Status Save(const std::vector<LatencyRecord>& records);

 private:
  Statement upsert_;
};

// The statement that reads it. Owned by the thread of its connection.
class LatencyReads {
 public:
  static absl::StatusOr<std::unique_ptr<LatencyReads>> Prepare(Database& database);
  absl::StatusOr<std::vector<LatencyRecord>> Load();

 private:
  Statement select_;
};

}  // namespace onetake
