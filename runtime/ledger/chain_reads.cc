#include "runtime/ledger/chain_reads.h"

#include <algorithm>
#include <memory>

#include "runtime/base/status.h"
#include "runtime/ledger/chain_verifier.h"

namespace onetake {

absl::StatusOr<ChainPage> ChainReads::Verify(int64_t from_seq, int64_t max_events) {
  const TimeLimit time_limit(database_, clock_, time_limit_);
  ONETAKE_ASSIGN_OR_RETURN(const std::unique_ptr<ChainVerifier> verifier,
                           ChainVerifier::Prepare(database_, {.from_seq = from_seq}));
  const int64_t page = std::clamp<int64_t>(max_events, 1, ChainQueries::kMaxEvents);
  ONETAKE_ASSIGN_OR_RETURN(const bool more, verifier->Next(page));
  return ChainPage{verifier->events(), verifier->head(), !more && !verifier->finding().has_value(),
                   verifier->finding()};
}

}  // namespace onetake
