#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/ledger/attribute_index.h"
#include "runtime/ledger/event_log.h"
#include "runtime/ledger/ledger.h"
#include "runtime/ledger/row_cipher.h"
#include "runtime/ledger/sha256.h"
#include "runtime/ledger/transition_rules.h"
#include "runtime/store/database.h"

namespace onetake {

// The statements that change the ledger, but for those of UpkeepWrites. Each method runs inside the
// caller's transaction, and refuses before it has written anything. Owned by the writer thread.
class LedgerWrites {
 public:
  // `database` and `attributes` must outlive it.
  static absl::StatusOr<std::unique_ptr<LedgerWrites>> Prepare(Database& database,
                                                               std::unique_ptr<RowKeys> keys,
                                                               const AttributeIndex& attributes);

  // As in ledger.h.
  absl::StatusOr<ClaimResult> Claim(const ClaimRequest& request);
  absl::StatusOr<Applied> Apply(const Transition& transition);
  struct Changed {
    int64_t row = 0;
    int64_t seq = 0;  // of its event
  };
  absl::StatusOr<Changed> RecordLate(const LateOutcome& outcome);
  absl::StatusOr<Changed> Resolve(const Resolution& resolution);
  absl::Status RecordCall(const CallRecord& call);
  // Puts on record that calls were not recorded, so that the gap can be seen.
  struct ShedCalls {
    int64_t count = 0;
    std::string tenant;  // the last one's
    absl::Time last_at;
  };
  absl::Status RecordShed(const ShedCalls& shed);
  absl::StatusOr<int64_t> MarkCrashed(absl::Time now);
  // Gives to a person what is without an outcome in a copy: it may have got one since. Uses
  // transactions of its own.
  absl::Status SettleNothingOfACopy(absl::Time now);
  absl::StatusOr<int64_t> RewrapKeys() { return keys_->Rewrap(); }

  EventLog& events() { return *events_; }

 private:
  // What a transition needs to know of its generation.
  struct Current {
    IntentState state;
    int attempts;
    LastAttempt last;  // whether the last attempt has ended
    std::optional<int64_t> settled_at;
    int64_t reverses_row;  // 0: none
    std::optional<int64_t> review_at;
    std::optional<std::string> result_ref;
    bool sets_a_thing;  // subject.h
    RowCipher cipher;
  };
  // Calls on record with one tool_call_id.
  struct Deliveries {
    int64_t last = 0;        // 0: none
    int64_t of_intents = 0;  // how many are about an intent
  };

  LedgerWrites(Database& database, std::unique_ptr<RowKeys> keys, const AttributeIndex& attributes)
      : database_(database), keys_(std::move(keys)), attributes_(attributes) {}
  absl::Status PrepareAll();
  absl::Status PrepareReinstating();
  absl::Status PrepareOverwriting();
  absl::Status PrepareVerdicts();
  absl::StatusOr<bool> OpensGeneration(const IntentRecord& intent);
  absl::StatusOr<int64_t> InsertIntent(const IntentRecord& intent, absl::Time first_sent_at);
  absl::Status InsertBody(int64_t row, const IntentRecord& intent);
  absl::Status BeginAttempt(int64_t row, int number, absl::Time at);
  absl::Status EndAttempt(int64_t row, const AttemptEnd& end, absl::Time at,
                          const RowCipher& cipher);
  absl::Status InsertResult(Statement& insert, int64_t row, absl::string_view result,
                            const RowCipher& cipher);
  absl::StatusOr<Deliveries> FindDeliveries(const CallRecord& call);
  // Returns the row of the call.
  absl::StatusOr<int64_t> InsertCall(const CallRecord& call, int64_t intent_row, int64_t delivery);
  // Completes the record of a call that is there already; returns its row. 0: it is not.
  absl::StatusOr<int64_t> UpdateCall(const CallRecord& call);
  absl::Status InsertAttributes(const CallRecord& call, int64_t call_row);
  // Finds what is to be changed at this time.
  absl::StatusOr<Current> Find(int64_t row, absl::Time at);
  absl::StatusOr<std::optional<Current>> FindIfThere(int64_t row, absl::Time at);
  absl::Status UpdateIntent(const Transition& transition, const Current& current);
  absl::StatusOr<std::vector<Transition>> FindCrashed(absl::Time now);
  absl::StatusOr<std::vector<int64_t>> FindRows(SqlLiteral select);
  absl::Status LeaveToAPerson(const std::vector<int64_t>& unknown, absl::string_view rule,
                              absl::Time now);
  absl::Status DoubtWhatWasUnderWay(absl::Time now);
  // Returns the state of the transition's own generation then.
  absl::StatusOr<IntentState> CloseReversed(const Transition& transition, const Current& before);
  absl::Status Reverse(int64_t row, const Transition& reversal);
  // Moves `target` because of `cause`, a change of another write. Returns `transition` with the
  // actor and time of that.
  absl::StatusOr<Transition> Move(Transition transition, const Current& target,
                                  const Transition& cause);
  // Appends the event; what it says is stored by `cipher`. Returns its seq.
  absl::StatusOr<int64_t> AppendEvent(EventLog::Change change, const RowCipher& cipher);
  absl::StatusOr<int64_t> FindGeneration(const Resolution& resolution);
  absl::StatusOr<Changed> ContradictBySuccess(int64_t row, absl::Time at);
  absl::Status CheckResolution(const Resolution& resolution, const Current& current);
  // The state that a person's verdict leads to.
  absl::StatusOr<IntentState> StateAfter(const Resolution& resolution, int64_t row,
                                         const Current& current);
  // Whether a write that undoes this generation has no outcome, or a contradicted one.
  absl::StatusOr<bool> HasOpenReversal(int64_t row);
  // The same question about what a reversal named when it was not known (kUndoes).
  absl::StatusOr<bool> HasOpenUndoing(const std::string& undoes, const std::string& tenant);
  // The same question about this write, and about what it would undo.
  absl::StatusOr<bool> IsBeingUndone(const IntentRecord& intent);
  absl::Status DoubtReversed(const Transition& correction, int64_t reverses_row);
  // The row that the write of `row` has undone; 0: none is known.
  absl::StatusOr<int64_t> FindUndone(int64_t row, int64_t reverses_row);
  // `undoing`, the write of cause.row, was undone: what it had undone stands again, or a person is
  // asked whether it does.
  absl::Status ReinstateUndone(const Current& undoing, const Transition& cause);
  absl::Status Reinstate(int64_t row, const Transition& cause);
  // Asks a person about `row`, which is REVERSED: `cause` is why it may stand, and `evidence` what
  // the event says of that.
  absl::Status DoubtReversal(int64_t row, absl::string_view rule, std::string evidence,
                             const Transition& cause);
  // Whether another intent that sets the same thing as this one has no outcome.
  absl::StatusOr<bool> IsBeingSet(const IntentRecord& intent);
  // Another write that sets the same thing as that of `row`, and took effect, be it undone since.
  struct Setting {
    int64_t row = 0;
    IntentState state = IntentState::kSucceeded;
    std::string reason;
  };
  absl::StatusOr<std::optional<Setting>> ReadSetting(Statement& select, int64_t row);
  // The last one that was claimed before it.
  absl::StatusOr<std::optional<Setting>> FindSetBefore(int64_t row);
  // The first one that was claimed after it.
  absl::StatusOr<std::optional<Setting>> FindSetAfter(int64_t row);
  absl::Status Overwrite(const Transition& success, const Current& before);
  absl::Status CloseOverwritten(const Transition& success, const Current& before);
  absl::Status MoveOverwritten(int64_t row, int64_t by, const Transition& cause);
  absl::Status DoubtOverwritten(const Transition& correction, const Current& before);

  Database& database_;
  std::unique_ptr<RowKeys> keys_;
  const AttributeIndex& attributes_;
  std::unique_ptr<EventLog> events_;
  Statement select_latest_, select_deliveries_, select_current_, select_crashed_,
      select_generation_, select_call_, select_reversed_by_, select_counterpart_,
      select_open_reversal_, select_open_restoring_, select_open_undoing_, select_undone_,
      select_against_, select_happened_, select_newest_of_subject_, select_set_before_,
      select_set_after_;
  Statement insert_intent_, insert_body_, insert_result_, insert_missing_result_, insert_attempt_,
      insert_call_, insert_attribute_, insert_request_;
  // In `meta`, what had an open attempt at a verdict "not applied", until it is known how that
  // ended.
  Statement insert_under_way_, delete_under_way_;
  Statement update_intent_, update_attempt_, update_call_, update_answer_, update_review_,
      forget_hiding_;
  Sha256 hasher_;
};

}  // namespace onetake
