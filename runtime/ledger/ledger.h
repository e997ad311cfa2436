#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/intent/state.h"

namespace onetake {

// What became of the private fields of a generation.
enum class Bodies {
  kKept,
  kAged,    // deleted when they had been kept for as long as they may be replayed (R18)
  kErased,  // their key was destroyed for the person whom they belonged to
};

// One generation of an intent, as recorded.
struct IntentRecord {
  int64_t row = 0;  // the ledger's own id of this generation
  std::string tenant;
  std::string intent_id;  // the same over all generations
  int generation = 1;
  std::string key;
  std::string tool;
  std::string tool_version;
  int canonicaliser = 1;
  std::string scope;
  std::string session_id;
  std::string safety;  // ToString(RetrySafety) at the claim
  IntentState state = IntentState::kInFlight;
  bool ambiguous = false;  // an attempt may have happened (R14)
  bool happened = false;   // an attempt was answered 2xx, only its body could not be read
  int attempts = 0;        // dispatches begun
  int waits = 0;           // of them, those that were answered "key in use": no try was spent
  std::string reason;      // why the state is what it is: a rule or failure name
  // What became of the private fields. They, and the result, are empty when this says that they are
  // gone.
  Bodies bodies = Bodies::kKept;
  std::string identity_json;
  std::string arguments_json;  // canonical, as the schema's x-onetake-store lets them be stored
  std::string clear_json;      // the part of them that is not sealed; an object, or empty
  std::string request;         // rendered bytes (R11); empty once they were forgotten
  bool hides = false;          // the request holds what the schema keeps out of the ledger
  std::string guarded;         // keyed digest of the guarded arguments; outlives them
  std::optional<std::string>
      result_json;  // the outcome's; absent when there is none or it was unreadable
  absl::Time created_at;
  absl::Time first_sent_at;
  std::optional<absl::Time> settled_at;
  std::optional<absl::Time> next_attempt_at;
  // The generation that this write undoes (R7), a row of the ledger; 0: none known. When this one
  // SUCCEEDS, that one becomes REVERSED in the same transaction; and when this one is undone in
  // turn, SUCCEEDED again, or else waits for a person (kReinstatedRule).
  int64_t reverses_row = 0;
  // What it undoes, of which no write was known at its claim: kUndoes and that one's result_ref, or
  // its intent_id (result_ref.h); empty: it undoes nothing, or a row.
  std::string undoes_ref;
  bool has_result_ref = false;  // a reversing tool finds it by its result
  int probes = 0;   // how many were asked without an answer that settles it; survives a restart
  std::string job;  // what an asynchronous downstream named its job by; empty: none
  // Digest by which near duplicates are found (R15); with kSets before it (subject.h), also what
  // sets the same thing (R7). Empty: none.
  std::string subject;
  // When it came to need a person: it is in REVIEW, a late outcome contradicts what is recorded
  // (R16), or what undid it did not happen, as a person has said, or was undone itself.
  std::optional<absl::Time> review_at;
  int64_t last_seq = 0;  // seq of the event of its last change, when this process made it; else 0
};

// Whether what was learned later contradicts the recorded verdict, which nothing overwrites (R16).
inline bool IsContradicted(const IntentRecord& record) {
  return record.review_at.has_value() && IsSettled(record.state);
}

enum class CallRole {
  kOpened,
  kJoined,
  kReplayed,
  kRedelivered,
  kConflict,
  kHeld,
  kUnconfirmed,  // near duplicate, or to be read back first: nothing was claimed
  kWithdrawn,    // its turn was discarded before dispatch (R20)
  kRead,
  kInvalid
};
absl::string_view ToString(CallRole role);
// Whether such a call would have written again had nothing held it back.
bool IsHeldBack(CallRole role);

// One request to execute a tool.
struct CallRecord {
  std::string call_id;  // ours, unique
  std::string tenant;
  std::string session_id;
  std::string tool_call_id;  // the model's; may be empty
  std::string turn_id;
  std::string tool;
  std::string credential;  // whose request it was: the name of what proved it
  std::string trace_id;    // of the caller's trace: 32 hex digits (W3C Trace Context), or empty
  std::string fingerprint;
  CallRole role = CallRole::kOpened;
  int64_t intent_row = 0;   // 0: none (reads, invalid calls)
  std::string disposition;  // empty until answered
  std::string detail;       // reason for INVALID or a READ's FAILED, differing paths; no values
  absl::Time received_at;
  std::optional<absl::Time> answered_at;
  // The caller's attributes, taken when the call is first recorded: those that the ledger indexes
  // are kept as digests, the others not at all. Never read back.
  std::map<std::string, std::string> attributes;
};

struct AttemptEnd {
  int number = 1;
  std::string reached;  // ToString(Reached)
  std::string failure;  // ToString(FailureKind), empty when it succeeded
  int http_status = 0;
  std::string error;
  absl::Duration latency = absl::ZeroDuration();
};

// One state change of a generation, with all that belongs to it, applied in one transaction (R10).
struct Transition {
  int64_t row = 0;
  IntentState from = IntentState::kInFlight;  // must be the recorded state
  IntentState to = IntentState::kInFlight;
  std::string rule;   // why: "R3.keyed", "table.success"
  std::string actor;  // "engine", "recovery", or a person's name
  absl::Time at;
  std::optional<AttemptEnd> attempt_end;
  std::optional<int> attempt_begin;        // number of the attempt that is about to be dispatched
  std::optional<std::string> result_json;  // only when `to` is SUCCEEDED or REJECTED
  // The digest by which a reversing tool will name this result, a piece of it; or kUndoes
  // (result_ref.h).
  std::optional<std::string> result_ref;
  bool ambiguous = false;  // turns the record's flag on; never off
  std::optional<absl::Time> next_attempt_at;
  std::optional<int> probes;       // the new number of probes
  std::optional<std::string> job;  // the downstream accepted it as this job
  std::string evidence_json;       // for the event; may be empty
};

// The rule by which another write has undone a generation.
inline constexpr char kReversedRule[] = "R7.reversed";
// The rule by which a generation that was undone stands again, because what undid it was undone
// itself. It must be the last of its intent, and nothing else may have undone it; otherwise only a
// person can tell what stands.
inline constexpr char kReinstatedRule[] = "R7.reinstated";
// The rule by which a later write of the same subject, with kSets, has replaced what a generation
// did.
inline constexpr char kOverwrittenRule[] = "R7.overwritten";
// The rule by which a request that was under way at a verdict "not applied" makes a person look
// again: what became of it is not known.
inline constexpr char kLateUnknownRule[] = "R16.late_unknown";

// What a transition has led to.
struct Applied {
  int64_t seq = 0;  // of its event
  // The generation's state then: REVERSED instead of SUCCEEDED when another write, which named its
  // result before it was known, has undone it.
  IntentState state = IntentState::kInFlight;
};

// What is learned about a generation after somebody else has given the verdict (R16).
struct LateOutcome {
  int64_t row = 0;
  IntentState says = IntentState::kSucceeded;  // or kRejected; kUnknown: it is in doubt again
  std::string rule;
  std::string actor;
  absl::Time at;
  std::string evidence_json;
};

// A person's verdict on what only a person can settle.
struct Resolution {
  std::string tenant;
  std::string intent_id;
  int generation = 0;                            // 0: the latest, as of a LookupRequest
  IntentState verdict = IntentState::kRejected;  // kSucceeded: it was applied
  std::string by;                                // who
  std::string evidence_json;                     // why
  std::optional<std::string> result_json;  // what the tool would have answered, with kSucceeded
  std::optional<std::string> result_ref;   // of that result, as a Transition's
  absl::Time at;
};

struct ClaimRequest {
  IntentRecord intent;  // row, state, attempts are set by the ledger: IN_FLIGHT, 1
  CallRecord call;
};
struct ClaimResult {
  bool granted = false;
  int64_t row = 0;  // of the new generation, when granted
};

struct LookupRequest {
  std::string tenant;
  std::string intent_id;  // empty: do not look for it
  // The generation of intent_id to find. 0: the highest; but if that would open the next one and an
  // earlier one is contradicted or stands (a person has found it applied), the earlier one.
  int generation = 0;
  std::string session_id;
  std::string tool_call_id;  // empty: do not look for it
  // What a reversing write would undo, named by intent or by the result that it was given. Empty:
  // do not look.
  std::string target_intent_id;
  std::string target_tool;
  std::string target_ref;  // a result of target_tool
  // The tools that undo one of intent_id's by its result; empty: do not look.
  std::vector<std::string> undoing_tools;
  // Finds near duplicates (R15): another intent of this subject that is live, or took effect since.
  std::string near_subject;  // empty: do not look
  absl::Time near_since;
  // Finds another intent of this subject, with kSets, that may set the same thing yet or may have
  // done so unnoticed; empty: do not look.
  std::string sets_subject;
  // What may have undone the write of this row, whose result is not known: a write of one of
  // undoing_tools; 0: do not look.
  int64_t undone_row = 0;
};
// The rules by which a generation ends REJECTED although nobody has looked at the wish: its
// downstream was too busy, the server was stopping, or its turn was discarded.
inline constexpr absl::string_view kUnheardRules[] = {"limit.no_effect", "drain.not_sent",
                                                      "R20.withdrawn"};

struct LookupResult {
  std::optional<CallRecord> call;           // the earlier delivery of this tool_call_id
  std::optional<IntentRecord> call_intent;  // what that delivery was about
  std::optional<IntentRecord> latest;       // of intent_id: the generation asked for
  int highest = 0;  // generation of intent_id, which `latest` need not be; 0: none, or not asked
  // How many generations of intent_id ended by kUnheardRules, or were replaced by a later write
  // (kOverwrittenRule); counted from the fifth generation on (R18).
  int uncounted = 0;
  // A reversing write of `latest`, or of an unknown intent_id, without an uncontradicted outcome.
  // Of what is undone, or was, also one that undoes what undid it.
  std::optional<IntentRecord> reversal;
  // `latest` SUCCEEDED and has no result_ref, while a later write of undoing_tools, which was not
  // refused, undid something that is not known here: it may be this one.
  bool may_be_undone = false;
  std::optional<IntentRecord> target;  // what a reversing write would undo, found as for 0
  // The same for `target`; it may be an earlier generation of this very intent. Without a target,
  // the same for what target_ref or target_intent_id names.
  std::optional<IntentRecord> target_reversal;
  // The intent that `target` has undone, and that stands again if `target` is undone; or empty.
  std::string restores_intent;
  // What may have been given target_ref once more, although its result is not known here: a later
  // generation of the intent of `target`, which is gone; or, where no target is known, a write of
  // target_tool in this session. It came after `latest`, if that SUCCEEDED, and was not refused.
  std::optional<IntentRecord> may_be_meant;
  std::optional<IntentRecord> near;  // the newest near duplicate
  // The one of sets_subject that has no outcome. If there is none and `latest` SUCCEEDED, a later
  // one that was refused, and of which a late outcome says that it took effect.
  std::optional<IntentRecord> sets_same;
  // The intent of one after undone_row, of its session or scope, that was not refused and undid
  // something that is not known here; empty: there is none.
  std::string undone_by_intent;
};

struct AttemptRecord {
  int number = 1;
  absl::Time started_at;
  std::optional<absl::Time> ended_at;
  AttemptEnd end;
};

struct EventRecord {
  int64_t seq = 0;  // contiguous, over the whole ledger
  absl::Time at;
  std::string tenant;
  int64_t intent_row = 0;
  std::string intent_id;
  int generation = 0;
  std::string tool;
  std::string session_id;
  std::string kind;  // "claimed", "resend", "settled" ...
  std::string from;
  std::string to;
  std::string rule;
  std::string actor;
  std::string evidence_json;
};

// The durable record of every write intent. Asynchronous and batch-shaped.
//
// Contract
//   - `done` runs on a thread of the ledger, outside any lock, after the commit is on disk (fsync
//     done) for writes. It must not block. What is refused before it is queued (queue full, ledger
//     closed) is answered on the caller's thread, before the method returns.
//   - A claim or a transition that is answered OK survives power loss.
//   - RESOURCE_EXHAUSTED: queue or disk full, surely not recorded.
//   - FAILED_PRECONDITION: the recorded state forbids it. INVALID_ARGUMENT, ALREADY_EXISTS: the
//     request itself is wrong (an illegal move, an attempt that is not open, a call_id used twice):
//     a bug of the caller. UNAVAILABLE: closed. All of these: surely not recorded.
//   - Any other error means that it may be found after a restart. The ledger stops the process on
//     such errors itself (fail-stop), so callers see them only in tests.
// Thread-safe.
class Ledger {
 public:
  template <typename T>
  using Done = absl::AnyInvocable<void(T)>;

  virtual ~Ledger() = default;

  // Inserts generation `intent.generation`, its first attempt, its call and its event. Not granted
  // when that generation or a later one exists, when the one before does not open the next
  // (OpensNextGeneration), when any before stands (SUCCEEDED) or is contradicted, when it, or what
  // it reverses, has another reversal without an outcome or with a contradicted one, or when a call
  // with the same (tenant, session, tool_call_id) is about an intent already: look again. A
  // reversing write that succeeded is followed by one that reverses what it did not (another row
  // than its own, or one claimed after it when it knew none), whatever became of earlier ones: they
  // undid something else. Nor is it granted beside another intent of its subject, with kSets, that
  // has no outcome. A call that names no session or no tool_call_id is like no other.
  // Bounded: RESOURCE_EXHAUSTED when the queue is full.
  virtual void Claim(ClaimRequest request, Done<absl::StatusOr<ClaimResult>> done) = 0;

  // What becomes SUCCEEDED makes REVERSED what it undoes, and what it has replaced: the earlier one
  // of its subject, with kSets. FAILED_PRECONDITION when the recorded state is not `from`: nothing
  // was changed. Never shed by the queue; RESOURCE_EXHAUSTED only when the disk is full.
  virtual void Apply(Transition transition, Done<absl::StatusOr<Applied>> done) = 0;

  // Appends what was learned too late; changes no verdict. If it contradicts the verdict, the event
  // is a "conflict" and the generation waits for a person; else it is a "late" one. Returns the
  // generation as it is then, `last_seq` being the event's. DATA_LOSS: it is recorded, and the
  // generation cannot be read. Never shed.
  // Of an attempt that was open at a verdict "not applied" something has to be recorded, whatever
  // it came to: until then MarkCrashed() takes it for one that may have had an effect.
  virtual void RecordLate(LateOutcome outcome, Done<absl::StatusOr<IntentRecord>> done) = 0;

  // Records a person's verdict on what is UNKNOWN, in REVIEW, or contradicted by a late outcome; an
  // attempt that is still open ends with it. Returns the generation as it is then. A first verdict
  // "not applied" is contradicted at once by a 2xx whose body could not be read. A verdict that a
  // write did not happen after all makes what it undid, or has replaced, wait for a person, too.
  // What is found applied behind a later one of its subject, with kSets, is replaced by that.
  // NOT_FOUND; FAILED_PRECONDITION when it is not a person's to settle, naming its state.
  virtual void Resolve(Resolution resolution, Done<absl::StatusOr<IntentRecord>> done) = 0;

  // Inserts the call, or updates role, disposition, detail and answered_at of the same call_id (and
  // intent_row when it was 0). Nobody waits for it. Shed with a counter when the queue is full.
  // A tool_call_id that is recorded again is kept as its next delivery.
  virtual void RecordCall(CallRecord call) = 0;

  // Sees every commit that was answered before. Of several deliveries of a tool_call_id it finds
  // the first that is about an intent, or else the first. Bounded: RESOURCE_EXHAUSTED when readers
  // are behind.
  virtual void Lookup(LookupRequest request, Done<absl::StatusOr<LookupResult>> done) = 0;

  // Makes every claim without an outcome UNKNOWN and ends every attempt still open as "CRASH", in
  // one transaction (R12). What was said not to be applied while an attempt was open of which
  // nothing is recorded since, becomes a person's again (kLateUnknownRule). Blocks; call once,
  // before the first claim, not from a `done`. Returns how many generations were marked; a second
  // call marks none.
  virtual absl::StatusOr<int64_t> MarkCrashed(absl::Time now) = 0;
  // Returns UNKNOWN generations in order of row, after `after_row`, at most `limit` (1 to 1000).
  // Blocks; not from a `done`.
  virtual absl::StatusOr<std::vector<IntentRecord>> Unsettled(int64_t after_row, int limit) = 0;
};

}  // namespace onetake
