#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "runtime/engine/context.h"
#include "runtime/engine/live_intent.h"
#include "runtime/engine/settler.h"

namespace onetake {

// Decides what a write call is: a redelivery, a replay, a joiner, a drift, or a new generation; and
// answers everybody who waits. Holds the live intents. Owned by the loop.
class Admission {
 public:
  explicit Admission(EngineContext& context);

  // Takes a valid call: looks it up, then joins, replays, refuses or claims.
  void Admit(WriteCallPtr call);
  void Await(const std::string& tenant, const std::string& intent_id, int generation,
             absl::Duration deadline, AnswerCallback done);
  // Takes up an UNKNOWN record found at start. False when it is live already.
  bool Recover(IntentRecord record, KnownTool known);

  // A person has settled this generation.
  void OnResolved(const IntentRecord& record);
  // Returns the live intent that this verdict is about, or nullptr.
  LiveIntentPtr LiveOf(const Resolution& resolution);

  // Withdraws the writes that this turn wanted, that only discarded turns want, and of which
  // nothing was sent (R20). Returns how many.
  int Withdraw(const Turn& turn);

  void StopRetrying();
  void AbandonAll();
  size_t live() const { return live_.size() + landing_.size(); }

  // Runs after an intent has left the live ones.
  void set_on_gone(std::function<void(const LiveIntent&)> on_gone) {
    on_gone_ = std::move(on_gone);
  }

 private:
  using LiveKey = std::pair<std::string, std::string>;  // tenant, intent id
  // An intent that was live a moment ago.
  struct Departed {
    uint64_t number = 0;
    std::string tenant;
    std::string intent_id;
    std::string tool;
    std::string session_id;
    std::string subject;
    // What holds now, for an intent that could not be claimed although somebody was told that it
    // may be.
    std::shared_ptr<const Answer> unclaimed;
  };
  static constexpr size_t kDeparted = 1024;

  // A call that is being looked up, unless its last moment has come first.
  struct Asking {
    WriteCallPtr call;
    Scheduler::TimerId last = Scheduler::TimerId::kNone;
  };
  void OnLookup(WriteCallPtr call, absl::StatusOr<LookupResult> found);
  // `earlier` is the role of the first delivery.
  void Redelivered(WriteCallPtr call, IntentRecord record, CallRole earlier);
  void AgainstLatest(WriteCallPtr call, LookupResult found);
  void AnswerInvalid(WriteCallPtr call, InvalidArgument invalid);
  void LookAgain(WriteCallPtr call);
  // Whether another intent that this call must not overlook has come and gone since its look-up.
  bool IsOutdated(const WriteCall& call, const LookupResult& found) const;
  // Takes up `record`, which is UNKNOWN and not live, and lets the call wait for it.
  void ResumeFor(WriteCallPtr call, IntentRecord record, CallRole role);
  // What is to be claimed by a call.
  struct Generation {
    int number;
    int64_t reverses_row;
    std::string key;
    std::string request;
  };
  void OpenNext(WriteCallPtr call, const LookupResult& found);
  // Asks by the next version of its tool (WriteCall::or_else).
  void GoOn(WriteCallPtr call, const LookupResult& found);
  void Open(WriteCallPtr call, int generation, int64_t reverses_row);
  // Room for the first attempt. nullptr: nothing may be begun now, and the call is answered.
  std::shared_ptr<DownstreamSlot> RoomFor(WriteCallPtr& call);
  LiveIntentPtr MakeLive(const WriteCall& call, Generation generation) const;
  void Claim(const LiveIntentPtr& live, WriteCallPtr call);
  void OnClaimed(const LiveIntentPtr& live, absl::StatusOr<ClaimResult> result);
  LiveIntentPtr Adopt(IntentRecord record, KnownTool known);
  void Join(WriteCallPtr call, const LiveIntentPtr& live, CallRole role);
  // What touches the same (R7), in admission_reversal.cc. True: the call waits, or is answered.
  bool WaitsForReversal(WriteCallPtr& call, const LookupResult& found);
  bool WaitsForTarget(WriteCallPtr& call, const LookupResult& found);
  bool WaitsForSame(WriteCallPtr& call, const LookupResult& found);
  LiveIntentPtr FindSetsSame(const WriteCall& call) const;
  LiveIntentPtr FindInTheWay(const WriteCall& call, const std::optional<IntentRecord>& target);
  LiveIntentPtr FindMadeAgain(const WriteCall& call) const;
  static bool MayComeBackAs(const WriteCall& call, const LookupResult& found,
                            const std::string& intent_id, const std::string& session_id);
  LiveIntentPtr FindDoneSince(const WriteCall& call, const LookupResult& found) const;
  // Whether this call must wait, or be answered, until it is known whether the result that it names
  // is one that is not known here (LookupResult::may_be_meant).
  bool WaitsForName(WriteCallPtr& call, const LookupResult& found);
  // Answers a call for `latest`, of which only a person can say whether it was undone.
  void Doubt(WriteCallPtr call, const IntentRecord& latest);
  // Makes `record` wait for a person. False: there is no room to record that, and the call is
  // refused.
  bool AskAPerson(WriteCallPtr& call, const IntentRecord& record, absl::string_view rule);
  // Lets the call wait for `other`, which was not live at the look-up; answers it by `rule` when
  // nobody here can settle that.
  void HoldFor(const IntentRecord& other, absl::string_view rule, WriteCallPtr call);
  // Takes up `other`, which is UNKNOWN, and lets the call wait for it.
  void SettleFirst(const IntentRecord& other, const KnownTool& known, WriteCallPtr call);
  bool IsOlderThanLive(const IntentRecord& record);
  bool TriesAnotherTarget(WriteCall& call, const LookupResult& found);
  bool UndoesAnother(const WriteCall& call, const IntentRecord& latest,
                     const std::optional<IntentRecord>& target);
  void WaitFor(const LiveIntentPtr& other, WriteCallPtr call);
  // Confirmation, in admission_confirmation.cc. True: the call is answered.
  bool WaitsForConfirmation(WriteCallPtr& call, const LookupResult& found);
  const IntentRecord* FindNear(const WriteCall& call, const LookupResult& found) const;
  void AnswerNearConflict(WriteCallPtr call, const IntentRecord& near);
  // Withdrawal, in admission_withdrawal.cc.
  bool IsDiscarded(const WriteCall& call);
  static void WantedBy(LiveIntent& live, const WriteCall& call);
  std::vector<LiveIntentPtr> WantedIn(const Turn& turn) const;
  void AnswerWithdrawn(WriteCallPtr call);
  void NoteDiscarded(const LiveIntent& live);
  // Drift (R8), in drift.cc.
  // Fills in which of the call's arguments are stored and which are guarded, by this version's
  // rules.
  void JudgeBy(const Tool& tool, WriteCall& call) const;
  // Whether the guarded arguments are the same. If not, the call is answered CONFLICT.
  bool SameArguments(WriteCallPtr& call, const IntentRecord& record, const Json& guarded);
  // Whoever waits, in admission_waiters.cc.
  void AddWaiter(const LiveIntentPtr& live, Waiter waiter, absl::Duration deadline);
  void OnPatience(const LiveIntentPtr& live, uint64_t waiter_id);
  void AnswerOverdue(const LiveIntentPtr& live);
  // The claim has failed, or was refused: `result`.
  void TellUnclaimed(const LiveIntentPtr& live, const absl::StatusOr<ClaimResult>& result);
  const Answer* FindUnclaimed(const std::string& tenant, const std::string& intent_id,
                              int generation) const;
  // A call waits for `live` no longer. True: what it wants may have been done, and it is answered.
  bool LeavesInDoubt(LiveIntent& live, WriteCallPtr& call);
  // Asks again for as long as the ledger cannot be read.
  void AskSurely(LookupRequest request, absl::AnyInvocable<void(const LookupResult&)> then);
  void OnLastMoment(const LiveIntentPtr& live, uint64_t waiter_id);
  void OnEnd(const LiveIntentPtr& live, Settler::End end);
  void Land(const LiveIntentPtr& live);
  void OnLanded(const LiveIntentPtr& live);
  void AnswerWaiter(const LiveIntent& live, Waiter waiter);
  void Readmit(std::vector<Waiter> waiters, const IntentRecord& record);
  // Takes one waiter out and cancels its timers.
  Waiter TakeWaiter(LiveIntent& live, std::vector<Waiter>::iterator which);
  std::vector<Waiter> TakeWaiters(LiveIntent& live);
  void Finish(WriteCallPtr call, Answer answer);
  void Refuse(WriteCallPtr call, absl::Status status);
  // The live intents, in admission_live.cc.
  LiveIntentPtr FindLive(const std::string& tenant, const std::string& intent_id);
  // The live and landing intents for which `which` is true, in an order that does not differ from
  // run to run.
  std::vector<LiveIntentPtr> AllLive(absl::FunctionRef<bool(const LiveIntent&)> which =
                                         [](const LiveIntent&) { return true; }) const;
  void Enter(const LiveIntentPtr& live);
  // Makes what it undoes, and what sets the same thing, wait for it, and lets its session find it.
  void EnterTouched(const LiveIntentPtr& live);
  void Leave(const LiveIntent& live);

  EngineContext& context_;
  Settler settler_;
  absl::flat_hash_map<LiveKey, LiveIntentPtr> live_;
  absl::flat_hash_map<int64_t, LiveIntentPtr> reversing_;  // by the row that is being undone
  // Keyed by the undoes_ref of those that undo what was not known here at their claim.
  absl::flat_hash_map<LiveKey, LiveIntentPtr> undoing_;
  // Keyed by the intent that stands again if they succeed.
  absl::flat_hash_map<LiveKey, LiveIntentPtr> restoring_;
  // The intents that a person has settled while an attempt was in flight, which may take effect
  // yet: what touches the same intent waits for them as for live ones.
  absl::flat_hash_map<LiveKey, LiveIntentPtr> landing_;
  std::multimap<std::string, LiveIntentPtr> live_by_subject_;  // the live and landing ones
  // The live and landing intents of a session, the oldest first: tenant, session, number.
  std::map<std::tuple<std::string, std::string, uint64_t>, LiveIntentPtr> live_by_session_;
  uint64_t entered_ = 0;
  std::deque<Departed> departed_;  // the newest last
  uint64_t departures_ = 0;
  uint64_t next_waiter_ = 1;
  std::function<void(const LiveIntent&)> on_gone_ = [](const LiveIntent&) {};
};

}  // namespace onetake
