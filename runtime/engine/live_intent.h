#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/engine/engine.h"
#include "runtime/engine/tool_executor.h"
#include "runtime/engine/turns.h"
#include "runtime/intent/key.h"

namespace onetake {

class DownstreamSlot;  // context.h

// A valid call of a WRITE on its way to an answer.
struct WriteCall {
  ToolCall call;
  std::shared_ptr<const Tool> tool;
  std::shared_ptr<const ToolSet> tools;  // the set that `tool` is of
  Json arguments;
  Json stored;                 // the arguments, as they are recorded
  Json guarded;                // of these
  std::string guarded_digest;  // of the guarded arguments as they came
  IntentIdentity identity;
  std::string intent_id;
  // What a reversing write would undo (R7): at most one is set.
  std::string target_intent_id;
  std::string target_ref;
  int64_t target_row = 0;  // what was found of it at the last look-up; 0: nothing
  // The intent that stands again when that is undone, which has undone it; empty: none.
  std::string restores_intent;
  // Further names of the target's intent, to be tried from the back on while none is found that may
  // stand: what earlier versions of its tool call it, and at last the one of now again.
  std::vector<std::string> other_targets;
  // Finds near duplicates (R15) and, with kSets before it, what sets the same thing (R7); empty:
  // neither.
  std::string subject;
  CallRecord record;
  AnswerCallback done;
  absl::Duration arrived = absl::ZeroDuration();  // Clock::Elapsed() at Execute
  absl::Duration looked_up = absl::ZeroDuration();
  absl::Duration deadline = absl::ZeroDuration();       // Elapsed() when patience ends
  absl::Duration answer_by = absl::InfiniteDuration();  // Elapsed() when nobody would hear it
  int lookups = 0;
  uint64_t departures = 0;  // intents that had left when it was looked up last
  // What it wants took effect before, and it waits to know whether it is a further wish for that.
  bool done_before = false;
  // Set when the call came after its tool had changed, and `tool` is an earlier version: the call
  // only looks for what is recorded under that one. If nothing is, this goes on with the call.
  // Empty: the usual call.
  absl::AnyInvocable<void(ToolCall, AnswerCallback)> or_else;
};
using WriteCallPtr = std::unique_ptr<WriteCall>;

// The name of what the call would undo; empty: nothing.
inline const std::string& UndoneBy(const WriteCall& call) {
  return call.target_ref.empty() ? call.target_intent_id : call.target_ref;
}

// Somebody who waits for the outcome of a live intent: a call, or an Await.
struct Waiter {
  enum class Then {
    kAnswer,     // with the live intent's outcome
    kLookAgain,  // it is another intent, which this call must not overtake (R7)
  };
  uint64_t id = 0;
  Then then = Then::kAnswer;
  WriteCallPtr call;          // nullptr: an Await, which is not recorded
  AnswerCallback await_done;  // for an Await
  Scheduler::TimerId patience = Scheduler::TimerId::kNone;
  bool overdue = false;  // patience ended before the claim was durable
  // The last moment, for a call that joined before the claim was durable.
  Scheduler::TimerId last = Scheduler::TimerId::kNone;
};

// One generation that something is being done about: claimed, sent, retried, probed. It is in the
// map of live intents until its outcome is durable, so that every further call joins it (R4).
struct LiveIntent {
  IntentRecord record;  // what is durable; at first what is being claimed
  std::shared_ptr<const Tool> tool;
  std::shared_ptr<const ToolSet> tools;  // the set that `tool` is of
  RetrySafety safety;                    // what held at the claim and still holds
  Json guarded;
  std::string undoes_ref;  // its result_ref when it has no other (result_ref.h), or empty
  // The intent that what it undoes had undone (WriteCall::restores_intent), when that was known at
  // its claim, or empty. Afterwards the ledger knows.
  std::string restores_intent;
  std::optional<TraceContext> trace;  // of the call that claimed it

  // Admission's: who wants it, and what they have been told.
  uint64_t number = 0;  // in the order in which they became live
  std::vector<Waiter> waiters;
  // The turns of every call that opened or joined it here; an empty turn stands for one that is not
  // known (R20).
  std::vector<Turn> wanted_by;
  bool left_open = false;  // somebody has gone while the claim was on its way to the disk
  int resolving = 0;       // verdicts of persons on their way to the disk
  absl::Duration claim_latency = absl::ZeroDuration();

  // Settler's: what is known of the attempts.
  // Whether one of them may have happened, as far as is known now: a probe that found no effect
  // clears it. `record.ambiguous`, whether one ever was in doubt, is never cleared.
  bool in_doubt = false;
  bool happened = false;    // a 2xx was seen, only its body is missing
  bool still_runs = false;  // AttemptReport's, of any attempt
  // The refusal that came after an ambiguous attempt (R14): together with a probe that finds no
  // effect it is an outcome. Absent: the last attempt was not refused.
  std::optional<std::string> refusal_json;
  // What the downstream asked for when it last turned an attempt away.
  std::optional<absl::Duration> retry_after;
  absl::Duration downstream_latency = absl::ZeroDuration();

  // Settler's: what is under way, and when it goes on.
  std::optional<AttemptId> attempt;  // while one is in flight
  // Held from before the claim to the report of the attempt; then taken anew for each resend.
  std::shared_ptr<DownstreamSlot> slot;
  bool attempt_open = false;  // begun in the ledger, its end is not recorded yet
  bool recording = false;     // a claim or transition is on its way to the disk
  bool asking = false;        // whether it was undone is being looked up
  bool abandoned = false;     // a drain has given up the attempt in flight
  bool ended = false;
  Scheduler::TimerId timer = Scheduler::TimerId::kNone;  // backoff, or the next probe
  absl::Duration started = absl::ZeroDuration();         // Elapsed() when this process took it up
  absl::Duration last_ended = absl::ZeroDuration();      // Elapsed() when the last attempt ended
  absl::Duration ask_at = absl::ZeroDuration();          // Elapsed() when the next probe is due
  // When the next step was due, for an intent taken up from the ledger; until an attempt is made.
  std::optional<absl::Time> recovered_plan;

  // Taken up from the ledger: only the wall clock tells how old it was then.
  bool resumed = false;

  // Recovery's.
  bool recovered = false;  // taken up from the ledger, counted by the recovery's pace
  bool parked = false;     // waits for its time and does not count for that pace
};
using LiveIntentPtr = std::shared_ptr<LiveIntent>;

// Whether an attempt is in flight, or what it came to is on its way to the disk.
inline bool IsUnderWay(const LiveIntent& live) {
  return live.attempt.has_value() || live.recording;
}

}  // namespace onetake
