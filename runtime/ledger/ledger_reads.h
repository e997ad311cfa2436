#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/ledger/ledger.h"
#include "runtime/ledger/row_cipher.h"
#include "runtime/store/database.h"

namespace onetake {

// Answers the engine's look-ups, on a read-only connection: a few index look-ups each, in one
// snapshot. Owned by the thread of its connection.
class LedgerReads {
 public:
  static absl::StatusOr<std::unique_ptr<LedgerReads>> Prepare(Database& database,
                                                              std::unique_ptr<RowKeys> keys);

  // As in ledger.h.
  absl::StatusOr<LookupResult> Lookup(const LookupRequest& request);
  absl::StatusOr<std::vector<IntentRecord>> Unsettled(int64_t after_row, int limit);
  // As in ledger_queries.h.
  absl::StatusOr<int64_t> LastSeq();
  // Reads a generation that is known to be there.
  absl::StatusOr<IntentRecord> ByRow(int64_t row);

 private:
  LedgerReads(Database& database, std::unique_ptr<RowKeys> keys)
      : database_(database), keys_(std::move(keys)) {}
  absl::Status PrepareAll();
  // Reads the one generation that `run` finds. Where it finds none, `intent` stays as it is.
  absl::Status ReadOne(Run& run, std::optional<IntentRecord>& intent);
  absl::Status FindCall(const LookupRequest& request, LookupResult& result);
  // The generation that answers for the intent (LookupRequest::generation 0). Returns the highest.
  absl::StatusOr<int> FindCurrent(const std::string& intent_id, const std::string& tenant,
                                  std::optional<IntentRecord>& current);
  absl::Status FindLatest(const LookupRequest& request, LookupResult& result);
  // Finds a reversing write of `undone` that has no outcome, or a contradicted one; or one that
  // undoes what undid it.
  absl::Status FindReversal(const std::optional<IntentRecord>& undone,
                            std::optional<IntentRecord>& reversal);
  // Finds a write without an outcome, or with a contradicted one, that undoes what was not known by
  // this name at its claim: a result_ref, or an intent_id; empty: none.
  absl::Status FindUndoing(const std::string& undone, const std::string& tenant,
                           std::optional<IntentRecord>& undoing);
  absl::Status FindUnknownReversal(const LookupRequest& request, LookupResult& result);
  absl::Status CountUncounted(const LookupRequest& request, LookupResult& result);
  absl::Status FindTarget(const LookupRequest& request, LookupResult& result);
  absl::Status FindRestored(LookupResult& result);
  absl::Status FindNameless(const LookupRequest& request, LookupResult& result);
  absl::Status FindNear(const LookupRequest& request, LookupResult& result);
  absl::Status FindSetsSame(const LookupRequest& request, LookupResult& result);
  absl::Status FindUndoneBy(const LookupRequest& request, LookupResult& result);

  Database& database_;
  std::unique_ptr<RowKeys> keys_;
  Statement select_call_, select_by_row_, select_latest_, select_standing_, select_unknown_,
      select_reversal_, select_undoing_, select_by_ref_, select_near_, select_undone_by_,
      select_unknown_reversal_, select_last_seq_, count_uncounted_, select_call_of_intent_,
      select_restoring_, select_restored_, select_later_nameless_, select_nameless_of_session_,
      select_being_set_, select_refused_after_;
};

}  // namespace onetake
