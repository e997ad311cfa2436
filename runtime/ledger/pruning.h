#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/ledger/chain.h"
#include "runtime/ledger/chain_base.h"
#include "runtime/ledger/event_log.h"
#include "runtime/ledger/ledger_upkeep.h"
#include "runtime/ledger/legal_hold.h"
#include "runtime/store/database.h"

namespace onetake {

// Removes what has been kept for long enough, skeletons and events: only from the beginning of the
// chain on, so that what is left is a chain still. CHAIN.md, "Where it begins". Each method runs
// inside the caller's transaction. Owned by the writer thread.
class Pruning {
 public:
  // `database` and `events` must outlive it.
  static absl::StatusOr<std::unique_ptr<Pruning>> Prepare(Database& database, EventLog& events);

  // Removes at most `limit` (1 to 1000) events, with the generations, calls and all that they are
  // the first about, and appends one that says so. Returns how many. It stops before the first one
  // that is not old enough, is on legal hold, or claims a generation that has no outcome, settled
  // not long enough ago, or waits for a person; and leaves the last row of each table. What is not
  // as it was written stays too, and all behind it: its times are somebody else's, and with it
  // would go what tells of them. Then it logs `ledger.altered`.
  absl::StatusOr<int64_t> Prune(const AgeRules& rules, absl::Time now, int limit);

 private:
  Pruning(Database& database, EventLog& events, ChainBaseReader base)
      : database_(database), events_(events), base_(std::move(base)) {}
  absl::Status PrepareAll();
  absl::StatusOr<ChainBase> FindEnd(const AgeRules& rules, absl::Time now, int limit,
                                    const ChainBase& begin);
  absl::StatusOr<bool> MayGo(const Run& event, const AgeRules& rules, int64_t old_before);
  // Whether the event is what was linked to `before`.
  bool IsLinked(const Run& event, const ChainHead& before);
  absl::StatusOr<bool> HasSettledBefore(int64_t intent_row, int64_t old_before);
  absl::Status Delete(const ChainBase& begin, const ChainBase& end);

  Database& database_;
  EventLog& events_;
  ChainBaseReader base_;
  HeldCalls held_calls_;
  ChainHasher hasher_;
  RowEncoding encoding_;
  ColumnNames names_;
  Statement select_events_, select_intent_, select_last_;
  // The statements in order: children are deleted first.
  Statement delete_attributes_, delete_calls_;
  Statement delete_requests_, delete_bodies_, delete_results_, delete_keys_, delete_attempts_,
      delete_intents_;
  Statement delete_events_;
};

}  // namespace onetake
