#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/base/clock.h"
#include "runtime/ledger/chain_queries.h"
#include "runtime/store/database.h"

namespace onetake {

// Answers ChainQueries on a reader's connection. Owned by the thread of that connection.
class ChainReads {
 public:
  ChainReads(Database& database, const Clock& clock, absl::Duration time_limit)
      : database_(database), clock_(clock), time_limit_(time_limit) {}
  absl::StatusOr<ChainPage> Verify(int64_t from_seq, int64_t max_events);

 private:
  Database& database_;
  const Clock& clock_;
  const absl::Duration time_limit_;
};

}  // namespace onetake
