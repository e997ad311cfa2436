#pragma once

#include "runtime/engine/engine.h"
#include "runtime/ledger/ledger.h"

namespace onetake {

// Answers made of recorded facts. `tool` may be nullptr when the catalog no longer has it.

IntentView View(const IntentRecord& record);

// Whether the outcome is still to come: PENDING or UNCERTAIN.
bool IsOpen(Disposition disposition);

// An answer with no more than this in it, and without words yet.
Answer NewAnswer(Disposition disposition, absl::string_view reason, absl::string_view tool);
// The same answer with what is said of it, which all the rest of it decides.
Answer Worded(Answer answer, const Tool* tool);

// How the caller came to this record.
enum class AnswerKind { kFirst, kJoined, kReplayed };
Answer AnswerFromRecord(const IntentRecord& record, AnswerKind kind, const Tool* tool);

// The answer to a repeated delivery: `earlier` is the role that the first one is recorded with.
// Where that is a conflict, the record is of the other wish, and no answer to this call.
Answer AnswerAgain(const IntentRecord& record, CallRole earlier, const Tool* tool);

// The same intent, but guarded arguments differ (R8).
Answer ConflictAnswer(const IntentRecord& record, std::vector<ArgumentDiff> diff, const Tool* tool);

// A near duplicate of `near`: the user has to be asked (R15).
Answer NearAnswer(const IntentRecord& near, std::vector<ArgumentDiff> diff, const Tool& tool);
// The same where it does not run beside `near` whatever the user says. The result of `near` is not
// told: it may be of another conversation.
Answer NearConflictAnswer(const IntentRecord& near, std::vector<ArgumentDiff> diff,
                          const Tool& tool);
// The tool is read back to the user before it runs.
Answer ReadBackAnswer(const Tool& tool);

// The call's turn was discarded before anything was sent (R20).
Answer WithdrawnAnswer(const Tool& tool);

// The call cannot run.
Answer InvalidAnswer(absl::string_view tool_name, std::vector<InvalidArgument> invalid);

// Nothing was sent of `tool`, a reversing write: what it would undo was refused, or nobody can tell
// whether it took effect (R7).
Answer HeldByTargetAnswer(const IntentRecord& target, const Tool& tool);
// Nothing was sent: the intent is as `record` says, and `reason` is why that is all.
Answer HeldAnswer(absl::string_view reason, const IntentRecord& record, const Tool* tool);
// The same for an intent of which only a person can tell, whatever its record says.
Answer ReviewAnswer(absl::string_view reason, const IntentRecord& record, const Tool* tool);
// What the call wants took effect before, and it waited to know whether it is a further wish for
// that. It is tied to no intent: what is known of that one is no answer to a further wish.
Answer DoneBeforeAnswer(absl::Duration check_after, const Tool& tool);
// The call waited for `record`, another write, which may have undone what it would undo.
Answer BeingUndoneAnswer(const IntentRecord& record, const Tool& tool);
// The caller's time is over and the claim is not known to be durable.
Answer ClaimOnItsWayAnswer(const IntentRecord& record, const Tool& tool);
// A claim that was said to be on its way has turned out not to be durable: nothing was done.
Answer ClaimFailedAnswer(const IntentRecord& record, const Tool& tool);

// How long to wait before a downstream that is full, with as many attempts under way as it may
// have, is asked again.
inline constexpr absl::Duration kBusyFor = absl::Seconds(1);

// A write that was not admitted and so surely had no effect.
Answer NotAdmittedAnswer(absl::string_view reason, absl::Duration check_after, const Tool& tool);

}  // namespace onetake
