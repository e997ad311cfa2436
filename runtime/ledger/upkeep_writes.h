#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "runtime/ledger/attribute_index.h"
#include "runtime/ledger/event_log.h"
#include "runtime/ledger/ledger_upkeep.h"
#include "runtime/ledger/legal_hold.h"
#include "runtime/ledger/pruning.h"
#include "runtime/store/database.h"

namespace onetake {

// The statements that destroy on purpose, for a person or when its time is over, and what is
// recorded of that. Each method runs inside the caller's transaction. Owned by the writer thread.
class UpkeepWrites {
 public:
  // All of them must outlive it.
  static absl::StatusOr<std::unique_ptr<UpkeepWrites>> Prepare(Database& database, EventLog& events,
                                                               const AttributeIndex& attributes);

  // As in ledger_upkeep.h.
  absl::StatusOr<ErasureResult> Erase(const Erasure& erasure);
  absl::StatusOr<int64_t> RecordUnsealing(const Unsealing& unsealing);
  absl::StatusOr<AgeResult> Age(const AgeRules& rules, absl::Time now, int limit);

 private:
  // A generation that somebody asks to erase.
  struct Erasable {
    int64_t row;
    std::string state;
    bool settled;
    bool sealed;
    bool gone;
    bool held;
  };
  struct Erasables {
    std::vector<Erasable> generations;
    std::vector<int64_t> calls, held_calls;  // rows with attributes, of none of the generations
  };
  // Where the last Age() stopped looking: the rows that are kept must not be read again for ever.
  struct AgeCursor {
    int64_t settled_at = std::numeric_limits<int64_t>::min();
    int64_t row = 0;
    int64_t rollbacks = 0;  // Database::Rollbacks() when the cursor was right
  };

  UpkeepWrites(Database& database, EventLog& events, const AttributeIndex& attributes)
      : database_(database), events_(events), attributes_(attributes) {}
  absl::Status PrepareAll();
  absl::StatusOr<Erasables> FindErasable(const Erasure& erasure);
  // NOT_FOUND when nothing was found.
  absl::Status CheckSomethingFound(const Erasables& found, const Erasure& erasure);
  absl::Status EraseRow(const Erasable& one, const Erasure& erasure);
  absl::Status EraseCall(int64_t row, const Erasure& erasure);
  absl::Status DeleteBodies(int64_t row);
  absl::Status AgeRow(int64_t row, absl::string_view state, absl::Time now);

  Database& database_;
  EventLog& events_;
  const AttributeIndex& attributes_;
  std::unique_ptr<Pruning> pruning_;
  HeldCalls held_calls_;
  Statement select_of_intent_, select_of_session_, select_of_subject_, select_calls_of_session_,
      select_calls_of_subject_, select_any_call_, select_old_;
  Statement forget_request_, delete_attributes_, delete_call_attributes_, delete_key_,
      delete_result_, delete_body_, mark_erased_, mark_aged_;
  AgeCursor age_cursor_;
};

}  // namespace onetake
