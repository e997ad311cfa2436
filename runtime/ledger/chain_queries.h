#pragma once

#include <cstdint>
#include <optional>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "runtime/ledger/chain.h"
#include "runtime/ledger/chained_rows.h"

namespace onetake {

// A verified part of the chain.
struct ChainPage {
  int64_t events = 0;  // how many are intact
  ChainHead head;      // the last of them; if there are none, the event before
  bool at_end = false;
  std::optional<Finding> finding;
};

// Questions that may be asked of the chain while the ledger is in use. Thread-safe.
class ChainQueries {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<ChainPage>)>;
  static constexpr int64_t kMaxEvents = 20'000;  // some tenths of a second

  virtual ~ChainQueries() = default;
  // Verifies up to `max_events` (1 to kMaxEvents) from `from_seq` on, as ChainVerifier does, on the
  // thread and within the time limit of LedgerQueries. NOT_FOUND: there is no event before
  // `from_seq`.
  virtual void VerifyChain(int64_t from_seq, int64_t max_events, Done done) = 0;
};

}  // namespace onetake
