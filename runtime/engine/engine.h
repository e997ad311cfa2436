#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/base/clock.h"
#include "runtime/base/limits.h"
#include "runtime/base/secret.h"
#include "runtime/base/trace_context.h"
#include "runtime/catalog/tool.h"
#include "runtime/engine/tool_executor.h"
#include "runtime/intent/identity.h"
#include "runtime/intent/state.h"
#include "runtime/latency/latency_book.h"
#include "runtime/ledger/ledger.h"

namespace onetake {

enum class Disposition {
  kDone,
  kPending,
  kRejected,
  kUncertain,
  kNeedsReview,
  kNeedsConfirmation,
  kConflict,
  kInvalid,
  kWithdrawn,
  kFailed,
};
absl::string_view ToString(Disposition disposition);

enum class NextAction { kProceed, kWait, kAskUser, kFixCall, kHandOff };

// What to tell the model and the caller; from recorded facts only.
struct Guidance {
  std::string llm_text;
  std::string say;
  std::vector<std::string> must_not_say;
  NextAction next_action = NextAction::kProceed;
  bool may_call_again = false;
  absl::Duration check_after = absl::ZeroDuration();
  size_t told_by_tool = 0;  // bytes at the end of llm_text that are the tool author's
};

// One request to execute a tool.
struct ToolCall {
  std::string tenant;
  std::string credential;  // of the caller, for the record
  std::optional<TraceContext> trace;
  // The tools that there are for this tenant; null: all.
  std::shared_ptr<const std::set<std::string>> allowed_tools;
  std::string tool;
  std::string arguments_json;
  std::string session_id;
  std::string tool_call_id;
  std::string turn_id;
  std::string intent_id;
  int occurrence = 0;
  std::map<std::string, std::string> attributes;
  std::string language;  // for the edge, which speaks; the engine has no use for it
  std::optional<absl::Duration> patience;  // nullopt: the tool's
  // When the caller of a write must be answered at the latest, whatever the ledger does. A second
  // after `patience` it is, even if this is later.
  absl::Duration answer_within = absl::InfiniteDuration();
  std::string confirm_token;  // of the NEEDS_CONFIRMATION that the user has confirmed
  // Told once the call's write is claimed, or has joined one that is; before any answer. May be
  // empty.
  std::function<void(const struct IntentView&)> on_accepted;
  // Told what the tool says of its progress, also when the call has joined an attempt; before the
  // answer. May be empty.
  std::function<void(const AttemptProgress&)> on_progress;
};

struct IntentView {
  std::string id;
  std::string key;
  int generation = 0;
  IntentState state = IntentState::kInFlight;
  int attempts = 0;
};

// What is wrong with a model's call, in words a model can act on.
struct InvalidArgument {
  std::string path;
  std::string reason;
  std::string expected;
  std::string shape;  // the path without names that are the caller's own; empty: it has none
};

struct Answer {
  Disposition disposition = Disposition::kDone;
  bool replayed = false;
  bool joined = false;
  bool result_unavailable = false;  // DONE, but the downstream's answer could not be read
  std::optional<absl::Time> first_done_at;
  std::string result_json;
  std::optional<IntentView> intent;
  std::vector<InvalidArgument> invalid;
  std::vector<ArgumentDiff> conflicts;  // CONFLICT; NEEDS_CONFIRMATION of a near duplicate
  std::string confirm_token;            // NEEDS_CONFIRMATION
  int64_t seq =
      0;  // seq of the ledger's event that this answer tells; 0: of an earlier process, or none
  std::string reason;  // rule or failure name behind the disposition
  std::string tool;    // whose answer it is
  // NEEDS_CONFIRMATION: the write may have been done, for the ledger was restored from an older
  // copy.
  bool forgotten = false;
  // The user has discarded the turn of the call (R20): nothing is to be said of it now.
  bool discarded = false;
  // DONE, and the result was recorded, but is not kept any more.
  bool result_gone = false;
  // CONFLICT: the other call turned out to have no effect, or what it did was undone or replaced.
  bool other_is_gone = false;
  // Of a near duplicate: this call would set what the other one has set.
  bool replaces = false;
  Guidance guidance;
  absl::Duration queue_latency = absl::ZeroDuration();
  absl::Duration ledger_latency = absl::ZeroDuration();
  absl::Duration downstream_latency = absl::ZeroDuration();
};

using AnswerCallback = absl::AnyInvocable<void(absl::StatusOr<Answer>)>;

class EngineObserver;

// The life of a call: validate, join, claim, dispatch, settle, answer. Knows no gRPC, protobuf,
// SQLite or socket. Owned by the loop: every method is called from its tasks, every callback runs
// on it.
class Engine {
 public:
  struct Options {
    Secret tenant_key;
    size_t max_in_flight;  // calls inside the engine; more are RESOURCE_EXHAUSTED
    // The most writes that may be under way or have an unknown outcome, whether anybody waits or
    // not; a new write beyond that is RESOURCE_EXHAUSTED.
    size_t max_unsettled = 100'000;
    Breaker::Options breaker;
    RetryBudget::Options retry_budget;
    // The most attempts under way at one downstream, unless the tool's manifest says another
    // number; a call beyond that is refused before anything is claimed.
    size_t downstream_in_flight = limits::kDownstreamInFlight;
    int recovery_parallel;  // recovered intents settled at a time, per downstream
    // The ledger was restored from an older copy and has forgotten what was written between. Until
    // then, a new write is confirmed by the user first, unless it is NATURAL and says no more than
    // its identity.
    absl::Time unsure_until = absl::InfinitePast();
    // When it was restored: what a yes from before has made may be forgotten, so it counts as used.
    absl::Time restored_at = absl::InfinitePast();
    EngineObserver* observer = nullptr;  // null: nobody is told; must outlive the engine
  };

  Engine(Options options, Clock& clock, Scheduler& scheduler, Random& random, Ledger& ledger,
         std::map<std::string, ToolExecutor*> executors);
  ~Engine();

  // Replaces the set of tools, whose executors must all be there; calls in flight keep theirs.
  void SetTools(std::shared_ptr<const ToolSet> tools);

  // Answers at the outcome or when patience ends, exactly once; when the ledger is too slow even
  // for that, within `answer_within`: with a status while nothing is recorded, UNCERTAIN while a
  // claim is on its way to the disk. Whatever the model or the world
  // caused is an Answer; what the caller's program caused is a status with an ErrorDetail, and then
  // nothing was done and nothing recorded.
  void Execute(ToolCall call, AnswerCallback done);

  // Waits for a known intent, for its latest generation when `generation` is 0. NOT_FOUND if there
  // is none; otherwise refused as Execute is.
  void Await(const std::string& tenant, const std::string& intent_id, int generation,
             absl::Duration patience, AnswerCallback done);

  // A person's verdict, as Ledger::Resolve; whoever waits for the intent is answered by it. Also
  // FAILED_PRECONDITION, NEEDS_RESULT: "it was applied" of what another tool undoes by its result,
  // and no result in which that is found; NEEDS_TOOL: "it was applied" of a tool that is not
  // loaded. RESOURCE_EXHAUSTED when the ledger cannot be read now.
  void Resolve(Resolution resolution, absl::AnyInvocable<void(absl::StatusOr<IntentRecord>)> done);

  // The user has discarded a turn (R20): its READs end, its writes of which nothing was sent are
  // withdrawn, and so are calls of it that arrive later. What was sent runs to its recorded end.
  struct Discarded {
    int reads = 0;      // ended
    int withdrawn = 0;  // writes
  };
  Discarded DiscardTurn(const std::string& tenant, const std::string& session_id,
                        const std::string& turn_id);

  // Whether the user has discarded this turn; remembered for as long as it is against late calls.
  bool IsDiscarded(const std::string& tenant, const std::string& session_id,
                   const std::string& turn_id) const;

  // The turn that wanted a write and was discarded before the write settled, if every turn that
  // wanted it was discarded; remembered as long as discarded turns are. Empty: none is known.
  std::string DiscardedTurnOf(const std::string& tenant, const std::string& intent_id,
                              int generation) const;

  // Told of every write whose outcome, or need of a person, has become durable, after those who
  // waited for it were answered, with the answer that a further call would get. Also told of a
  // write that was not claimed after all, if somebody who could not wait was told that it may be.
  using OnSettled = std::function<void(const IntentRecord&, const Answer&)>;
  void set_on_settled(OnSettled on_settled);

  // Settles what a crash or a stop left UNKNOWN, paced. Call after Ledger::MarkCrashed.
  void Recover();

  // Calls that are not answered yet.
  size_t in_flight() const;
  // The breaker of every downstream that was asked.
  std::map<std::string, Breaker::State> Breakers() const;

  // What has been measured; restored by whoever keeps it over restarts.
  LatencyBook& latency();

  // New calls and Awaits get UNAVAILABLE; no further attempt begins; `drained` runs when none is in
  // flight, or after `grace`, when the rest is recorded UNKNOWN.
  void Drain(absl::Duration grace, Task drained);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace onetake
