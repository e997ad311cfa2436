#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "runtime/ledger/ledger.h"
#include "runtime/ledger/transition_rules.h"

namespace onetake::testing {

// A ledger in memory with the contract of ledger.h, for engine tests; the contract suite
// (ledger_contract_test.cc) holds it to that. `Hold()` keeps claims and transitions on their way to
// the disk; `fail_claims`, `fail_applies`, `fail_late`, `fail_lookups` and `fail_resolves` answer
// that many of them with `failure`. Single-threaded.
class MemoryLedger final : public Ledger {
 public:
  void Claim(ClaimRequest request, Done<absl::StatusOr<ClaimResult>> done) override;
  void Apply(Transition transition, Done<absl::StatusOr<Applied>> done) override;
  void RecordLate(LateOutcome outcome, Done<absl::StatusOr<IntentRecord>> done) override;
  void Resolve(Resolution resolution, Done<absl::StatusOr<IntentRecord>> done) override;
  void RecordCall(CallRecord call) override;
  void Lookup(LookupRequest request, Done<absl::StatusOr<LookupResult>> done) override;
  absl::StatusOr<int64_t> MarkCrashed(absl::Time now) override;
  absl::StatusOr<std::vector<IntentRecord>> Unsettled(int64_t after_row, int limit) override;

  // Look-ups see what is recorded now, and are answered at the release.
  void HoldLookups() { hold_lookups_ = true; }
  // Those that are held stay so.
  void HoldNoMoreLookups() { hold_lookups_ = false; }
  void ReleaseLookups();
  void Hold() { held_ = true; }
  void Release();

  bool HoldsKey(const std::string& key) const;
  // Forgets all that is recorded; what is held or made to fail stays so.
  void Clear();
  // The seq of the last event.
  int64_t last_seq() const { return static_cast<int64_t>(events.size()); }

  std::vector<IntentRecord> intents;                       // row n at index n - 1
  std::map<int64_t, std::vector<AttemptRecord>> attempts;  // by row
  std::map<std::string, CallRecord> calls;
  std::map<int64_t, std::string> refs;  // result_ref by row
  std::vector<EventRecord> events;
  std::vector<Transition> transitions;  // those that Apply() was asked for, and that are recorded
  std::vector<LateOutcome> late;  // those recorded, also with a verdict that a success contradicts
  size_t max_result_bytes = kMaxBodyBytes;
  absl::Status failure = absl::ResourceExhaustedError("full");
  int fail_claims = 0;
  bool keeps_callbacks = false;  // as the ledger's thread does, for a while after it has called
  int fail_unsettled = 0;
  int fail_lookups = 0;
  int fail_applies = 0;
  int fail_late = 0;
  int fail_resolves = 0;
  int pass_applies = 0;  // so many go well before the first that fails

 private:
  void Later(absl::AnyInvocable<void()> work);
  // What each change does once it has come to the disk.
  absl::StatusOr<ClaimResult> RecordClaim(ClaimRequest request);
  absl::StatusOr<Applied> RecordTransition(const Transition& transition);
  absl::StatusOr<IntentRecord> RecordOutcome(LateOutcome outcome);
  absl::StatusOr<IntentRecord> RecordVerdict(const Resolution& resolution);
  absl::Status CheckVerdict(const Resolution& resolution, const IntentRecord& record) const;
  absl::StatusOr<IntentState> StateAfter(const Resolution& resolution,
                                         const IntentRecord& record) const;
  absl::StatusOr<Transition> AsTransition(const Resolution& resolution,
                                          const IntentRecord& record) const;
  LookupResult Find(const LookupRequest& request) const;
  void FindIntent(const LookupRequest& request, LookupResult& result) const;
  void FindTarget(const LookupRequest& request, LookupResult& result) const;
  const IntentRecord* FindNear(const LookupRequest& request) const;
  const IntentRecord* FindSetsSame(const LookupRequest& request, const LookupResult& result) const;

  absl::StatusOr<IntentRecord*> AtRow(int64_t row);
  LastAttempt LastOf(int64_t row) const;
  void EndAttempt(IntentRecord& record, const AttemptEnd& end, absl::Time at);
  void Update(IntentRecord& record, const Transition& transition);
  // Returns the event's seq.
  int64_t Append(const IntentRecord& record, EventRecord event);
  void CloseReversed(const IntentRecord& record, const Transition& transition);
  // Moves `target` because of `cause`, and appends the event. Returns what it did.
  Transition Move(IntentRecord& target, Transition transition, const Transition& cause);
  void Reverse(int64_t row, const Transition& reversal);
  void DoubtReversed(const IntentRecord& record, const Transition& correction);
  void ReinstateUndone(const Transition& cause);
  IntentRecord* FindUndone(const IntentRecord& record);
  void DoubtReversal(IntentRecord& undone, const std::string& rule, std::string evidence,
                     const Transition& cause);
  // The last write before this row, or the first after it, that sets the same thing and took
  // effect.
  IntentRecord* FindSetBefore(const IntentRecord& record);
  const IntentRecord* FindSetAfter(const IntentRecord& record) const;
  void Overwrite(const IntentRecord& record, const Transition& success);
  void CloseOverwritten(IntentRecord& record, const Transition& success);
  void DoubtOverwritten(const IntentRecord& record, const Transition& correction);

  bool Opens(const IntentRecord& next) const;
  bool IsBeingUndone(const IntentRecord& next) const;
  bool IsBeingSet(const IntentRecord& next) const;
  // The generation that answers for the intent.
  const IntentRecord* Current(const std::string& tenant, const std::string& intent_id) const;
  const IntentRecord* FindGeneration(const std::string& tenant, const std::string& intent_id,
                                     int generation) const;
  std::vector<const IntentRecord*> ReversalsOf(int64_t row) const;
  // One that has no outcome, or a contradicted one; or that undoes what has undone this row.
  const IntentRecord* FindOpenReversal(int64_t row) const;
  // What undoes `undone`, a result_ref or an intent_id; null when that is empty.
  const IntentRecord* FindOpenUndoing(const std::string& tenant, const std::string& undone) const;
  bool MayBeUndone(const IntentRecord& undone, const std::vector<std::string>& tools) const;
  // Whether it undid something that is not known here, and may be this one.
  bool MayUndo(const IntentRecord& undoing, const IntentRecord& undone) const;
  std::string FindMaybeUndoing(const LookupRequest& request) const;
  const IntentRecord* FindNameless(const LookupRequest& request, const LookupResult& result) const;
  const CallRecord* FindDeliveryOfIntent(const LookupRequest& request) const;
  const CallRecord* FindDelivery(const std::string& tenant, const std::string& session,
                                 const std::string& tool_call_id) const;
  std::string RefOf(int64_t row) const;
  // The record as it is told: what `refs` says of it is part of that.
  IntentRecord Told(const IntentRecord& record) const;
  std::optional<IntentRecord> Told(const IntentRecord* record) const;

  bool held_ = false;
  bool hold_lookups_ = false;
  std::set<int64_t> under_way_;          // said not to be applied beside an open attempt
  std::vector<std::string> deliveries_;  // the ids of the calls, in the order of their recording
  std::vector<absl::AnyInvocable<void()>> lookups_;
  std::deque<absl::AnyInvocable<void()>> waiting_;
  std::vector<absl::AnyInvocable<void()>> kept_;
};

}  // namespace onetake::testing
