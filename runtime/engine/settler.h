#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "runtime/engine/context.h"
#include "runtime/engine/live_intent.h"
#include "runtime/policy/policy.h"

namespace onetake {

// Takes one live intent from its durable claim to an end: sends, reads the report, decides by the
// policy's table, records, retries, probes. Everything it does is recorded before it goes on (R1,
// R2, R10). Owned by the loop.
class Settler {
 public:
  enum class End {
    kRecorded,   // record.state is durable: settled, REVIEW, or left UNKNOWN by a drain
    kOvertaken,  // somebody else changed the record: look it up again
    kLanded,     // what Overtake() has ended is not under way any more (IsUnderWay)
  };
  using OnEnd = std::function<void(const LiveIntentPtr&, End)>;

  Settler(EngineContext& context, OnEnd on_end);

  // The claim is durable: sends the first attempt.
  void Begin(const LiveIntentPtr& live);
  // Takes up a record found UNKNOWN and does what its tool allows, as after a lost answer (R12).
  void Resume(const LiveIntentPtr& live);
  // Makes no further attempt: what waits for its turn ends now, what is in flight may finish.
  void StopRetrying(const LiveIntentPtr& live);
  // Gives up the attempt in flight: what is known of it then is recorded, usually UNKNOWN.
  void Abandon(const LiveIntentPtr& live);
  // Whether everybody who wanted it here has taken it back (R20). False when nobody here has asked
  // for it: who wanted it before a restart is not remembered.
  bool Unwanted(const LiveIntent& live) const;
  // Withdraws what nobody wants any more (R20). False, and nothing is done, unless surely nothing
  // was sent.
  bool Withdraw(const LiveIntentPtr& live);
  // A person has settled it: `record` is its end. What is still in flight may go on, and what it
  // brings is recorded as late (R16).
  void Overtake(const LiveIntentPtr& live, IntentRecord record);
  // Whether its next attempt, or the one that is under way, makes again what an earlier one may
  // have made, even if that was undone since.
  bool MakesItAgain(const LiveIntent& live) const;
  // Records what was learned of a settled intent (R16), once there is room for it, and tells of the
  // conflict.
  void RecordLate(
      LateOutcome outcome, std::string intent_id, Task then = [] {});

 private:
  using Step = void (Settler::*)(const LiveIntentPtr&);

  // What happened to an attempt or a question after somebody else had settled the intent (R16).
  struct Late {
    IntentState says;
    std::string rule;
    int http_status = 0;
    std::string result_json;
  };
  // The same on its way to the ledger. While it waits for room on the disk (`waits`), it is one of
  // the unrecorded outcomes.
  struct UnkeptLate {
    LateOutcome outcome;
    std::string intent_id;
    Task then;  // once it is in the ledger, or can never be
    bool waits = false;
  };
  static constexpr absl::Duration kDiskFullRetry = absl::Milliseconds(250);

  static AttemptEnd EndOf(const LiveIntent& live, const AttemptReport& report);
  static bool EarlierAmbiguous(const LiveIntent& live, FailureKind failure);
  void Send(const LiveIntentPtr& live);
  // Records that an attempt which was begun in the ledger is not sent.
  void Shed(const LiveIntentPtr& live, const AttemptReport& report);
  void OnReport(const LiveIntentPtr& live, AttemptReport report);
  // Does what the table says about a failure; `end` is absent for a crash.
  void OnFailure(const LiveIntentPtr& live, FailureKind failure, std::optional<AttemptEnd> end,
                 const AttemptReport& report);
  // When an attempt would be sent that is allowed after this failure.
  struct ResendPlan {
    absl::Duration delay;
    absl::Time at;  // later than after `delay` when a plan made before a restart says so
  };
  ResendPlan PlanResend(const LiveIntent& live, const std::optional<AttemptEnd>& end,
                        const AttemptReport& report);
  AttemptHistory HistoryOf(const LiveIntent& live, FailureKind failure,
                           const ResendPlan& plan) const;
  void LeaveUnknown(const LiveIntentPtr& live, std::optional<AttemptEnd> end,
                    absl::string_view rule);
  void ScheduleResend(const LiveIntentPtr& live);
  void BeginAttempt(const LiveIntentPtr& live);
  // True: nothing can be sent for at least `closed_for`, and `then` is called later. False when it
  // can be sent, or when the wait would exceed the time that the tool's retries have.
  bool WaitsFor(const LiveIntentPtr& live, absl::Duration closed_for, Step then);
  void CountAttempt(const LiveIntentPtr& live);
  void CountAndSend(const LiveIntentPtr& live);
  // What may have been undone meanwhile, in settler_undone.cc: goes on with `then`, or to a person.
  void UnlessUndone(const LiveIntentPtr& live, Step then);
  void OnUndoneAsked(const LiveIntentPtr& live, Step then,
                     const absl::StatusOr<LookupResult>& found);
  // The same, where it took effect and its result cannot be read. Otherwise it is settled.
  void SucceedUnread(const LiveIntentPtr& live, Transition transition);
  void SucceedUnlessUndone(const LiveIntentPtr& live);
  void SucceedAsSeen(const LiveIntentPtr& live);
  // Probes, in settler_probe.cc.
  absl::Duration CanLandFor(const LiveIntent& live) const;
  absl::Time FirstProbeAt(LiveIntent& live) const;
  absl::Time PlanProbe(LiveIntent& live, absl::Duration delay) const;
  // Goes on with `then` after `delay`, when it is its turn at the downstream.
  void AskAfter(const LiveIntentPtr& live, absl::Duration delay, Step then);
  void ScheduleProbe(const LiveIntentPtr& live);
  void Probe(const LiveIntentPtr& live);
  void OnProbe(const LiveIntentPtr& live, const AttemptReport& report);
  void ProbeDownstream(const LiveIntentPtr& live);
  void OnProbeReport(const LiveIntentPtr& live, const ProbeReport& report);
  void ProbeConflict(const LiveIntentPtr& live, const Json& evidence);
  void OnProbeFound(const LiveIntentPtr& live, int http_status, std::string result);
  void OnProbeApplied(const LiveIntentPtr& live, int http_status, std::string result_json);
  void OnProbeNotApplied(const LiveIntentPtr& live);
  void BelieveNotApplied(const LiveIntentPtr& live);
  void SendAfterProbe(const LiveIntentPtr& live);
  void ProbeAgain(const LiveIntentPtr& live, absl::string_view rule, absl::string_view why);
  // Jobs, in settler_job.cc.
  void OnAccepted(const LiveIntentPtr& live, const AttemptReport& report);
  void SchedulePoll(const LiveIntentPtr& live);
  void Poll(const LiveIntentPtr& live);
  void OnPoll(const LiveIntentPtr& live, const AttemptReport& report);
  enum class Heard { kNothing, kNotYet };  // what a question about a job has brought
  void PollAgain(const LiveIntentPtr& live, Heard heard);
  void GiveUpPolling(const LiveIntentPtr& live, absl::string_view rule);
  // What comes after the verdict, in settler_late.cc.
  static std::optional<Late> LateOf(const LiveIntent& live, const AttemptReport& report);
  static std::optional<Late> LateOf(const LiveIntent& live, const Transition& transition);
  static Late Unsaid(std::optional<FailureKind> failure, int http_status);
  // Nobody looks at the intent again before `late` is in the ledger.
  void Land(const LiveIntentPtr& live, std::optional<Late> late);
  void RecordLate(
      const LiveIntent& live, Late late, Task then = [] {});
  void KeepLate(const std::shared_ptr<UnkeptLate>& late);
  void OnLateKept(const std::shared_ptr<UnkeptLate>& late,
                  const absl::StatusOr<IntentRecord>& record);
  void TellConflict(const IntentRecord& record);
  // Makes a READ for the server's own use. Returns an empty text when it was begun, else why not.
  using OnAnswer = void (Settler::*)(const LiveIntentPtr&, const AttemptReport&);
  std::string Ask(const LiveIntentPtr& live, const std::string& tool, const Json& arguments,
                  OnAnswer then);
  void ToReview(const LiveIntentPtr& live);
  void Ended(const LiveIntentPtr& live);

  // Applies `transition` from the record's state and goes on with `then` once it is durable. While
  // the disk is full, the outcome waits here and nobody is told.
  void Record(const LiveIntentPtr& live, Transition transition, Step then);
  void OnRecorded(const LiveIntentPtr& live, const Transition& transition, Step then,
                  const absl::StatusOr<Applied>& applied);
  void OnOvertaken(const LiveIntentPtr& live, const Transition& transition);

  EngineContext& context_;
  const OnEnd on_end_;
};

}  // namespace onetake
