#include "runtime/engine/engine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/failpoint.h"
#include "runtime/base/on_loop.h"
#include "runtime/base/status.h"
#include "runtime/engine/admission.h"
#include "runtime/engine/answer.h"
#include "runtime/engine/call_check.h"
#include "runtime/engine/call_identity.h"
#include "runtime/engine/former_versions.h"
#include "runtime/engine/last_moment.h"
#include "runtime/engine/observer.h"
#include "runtime/engine/reads.h"
#include "runtime/engine/recovery.h"
#include "runtime/engine/result_reference.h"

namespace onetake {

class Engine::Impl {
 public:
  Impl(Options options, Clock& clock, Scheduler& scheduler, Random& random, Ledger& ledger,
       std::map<std::string, ToolExecutor*> executors)
      : context_{.options = std::move(options),
                 .clock = clock,
                 .scheduler = scheduler,
                 .random = random,
                 .ledger = ledger,
                 .executors = std::move(executors),
                 .began = clock.Elapsed(),
                 .unsure_elapsed = clock.Elapsed() + (context_.options.unsure_until - clock.Now())},
        admission_(context_),
        reads_(context_),
        recovery_(context_, admission_) {
    context_.park = [this](LiveIntent& live) { recovery_.Park(live); };
    context_.unpark = [this](const LiveIntentPtr& live, Task then) {
      recovery_.Unpark(live, std::move(then));
    };
    admission_.set_on_gone([this](const LiveIntent& live) {
      recovery_.OnGone(live);
      CheckDrained();
    });
  }

  void SetTools(std::shared_ptr<const ToolSet> tools) {
    context_.SetTools(std::move(tools));
    recovery_.OnTools();
  }

  void Execute(ToolCall call, AnswerCallback done);
  void Await(const std::string& tenant, const std::string& intent_id, int generation,
             absl::Duration patience, AnswerCallback done);
  void Resolve(Resolution resolution, absl::AnyInvocable<void(absl::StatusOr<IntentRecord>)> done);
  Discarded DiscardTurn(const std::string& tenant, const std::string& session_id,
                        const std::string& turn_id);
  bool IsDiscarded(const Turn& turn) {
    return context_.turns.Contains(turn, context_.clock.Elapsed());
  }
  std::string DiscardedTurnOf(const std::string& tenant, const std::string& intent_id,
                              int generation) const {
    return context_.turns.TurnOf(tenant, intent_id, generation, context_.clock.Elapsed());
  }
  void set_on_settled(OnSettled on_settled) { context_.on_settled = std::move(on_settled); }
  void Recover() { recovery_.Start(); }
  size_t in_flight() const { return in_flight_; }
  std::map<std::string, Breaker::State> Breakers() const;
  LatencyBook& latency() { return context_.latency; }
  void Drain(absl::Duration grace, Task drained);

 private:
  // Looks for the call under all versions of its tool, and executes it under the one of now.
  void ExecuteUnderAll(ToolCall call, AnswerCallback done);
  // Executes the call under the tools as they are now.
  void ExecuteNow(ToolCall call, AnswerCallback done);
  // Looks for what an earlier version has done about the call first; `former` is not empty, and the
  // call says its patience.
  void AskFormer(ToolCall call, std::vector<Meaning> former, AnswerCallback done);
  // How long the caller waits: as it says itself, or as its tool says now, or said last.
  absl::Duration PatienceOf(const ToolCall& call, const Tool& last) const;
  // Returns the call without its targets and its subject, counted until it is answered.
  WriteCallPtr NewWriteCall(ToolCall call, Meaning meaning, CallRecord record, AnswerCallback done);
  void SetSubject(WriteCall& write) const {
    write.subject =
        SubjectOf(*write.tool, write.call, write.arguments, context_.options.tenant_key);
  }
  // Counts the call until it is answered.
  AnswerCallback Counted(AnswerCallback done);
  // Tells the observer of the answer.
  AnswerCallback Observed(const ToolCall& call, AnswerCallback done);
  // Says in the answer whether the call's turn was discarded.
  AnswerCallback Marked(const ToolCall& call, AnswerCallback done);
  // Fills in result_ref: how a reversing tool will name this result, or how this write names the
  // result that it undoes. FAILED_PRECONDITION: the person has to say the result, for a reversing
  // write would not find it.
  void ResolveNow(Resolution resolution,
                  absl::AnyInvocable<void(absl::StatusOr<IntentRecord>)> done);
  using Refusal = absl::AnyInvocable<void(const ToolCall&, CallRecord, AnswerCallback)>;
  // Refuses a call that cannot run now, unless this very delivery is recorded.
  void RefuseNew(ToolCall call, CallRecord record, AnswerCallback done, Refusal refusal);
  void RefuseNewAsInvalid(ToolCall call, CallRecord record, std::vector<InvalidArgument> invalid,
                          AnswerCallback done);
  void AnswerInvalid(const ToolCall& call, CallRecord record, std::vector<InvalidArgument> invalid,
                     AnswerCallback done);
  void AnswerUnknown(const ToolCall& call, CallRecord record, AnswerCallback done);
  void ExecuteWrite(ToolCall call, KnownTool known, Json arguments, CallRecord record,
                    AnswerCallback done);
  void CheckDrained();

  EngineContext context_;
  Admission admission_;
  Reads reads_;
  Recovery recovery_;
  size_t in_flight_ = 0;
  Task drained_;
  bool check_due_ = false;  // a look at CheckDrained() is scheduled
};

namespace {

// The name that a call is recorded under when its tool is not known to the caller: the model may
// have made the name up from what the user said. No manifest can have this name.
constexpr char kUnknownTool[] = "(unknown)";

// How much longer than its patience a call waits for a slow ledger.
constexpr absl::Duration kGrace = absl::Seconds(1);

}  // namespace

AnswerCallback Engine::Impl::Observed(const ToolCall& call, AnswerCallback done) {
  return [this, tool = IsAllowed(call, call.tool) ? context_.tools->Find(call.tool) : nullptr,
          came = context_.clock.Elapsed(),
          done = std::move(done)](absl::StatusOr<Answer> answer) mutable {
    context_.options.observer->OnAnswered(tool.get(), answer, context_.clock.Elapsed() - came);
    done(std::move(answer));
  };
}

AnswerCallback Engine::Impl::Marked(const ToolCall& call, AnswerCallback done) {
  Turn turn{.tenant = call.tenant, .session_id = call.session_id, .turn_id = call.turn_id};
  return [this, turn = std::move(turn),
          done = std::move(done)](absl::StatusOr<Answer> answer) mutable {
    if (answer.ok()) answer->discarded = IsDiscarded(turn);
    if (answer.ok() && answer->discarded && IsOpen(answer->disposition)) answer->guidance.say = "";
    done(std::move(answer));
  };
}

AnswerCallback Engine::Impl::Counted(AnswerCallback done) {
  ++in_flight_;
  return [this, done = std::move(done)](absl::StatusOr<Answer> answer) mutable {
    --in_flight_;
    done(std::move(answer));
  };
}

void Engine::Impl::Execute(ToolCall call, AnswerCallback done) {
  if (context_.options.observer != nullptr) done = Observed(call, std::move(done));
  if (!call.turn_id.empty()) done = Marked(call, std::move(done));
  if (absl::Status status = CheckCaller(call); !status.ok()) return done(std::move(status));
  if (context_.draining) return done(DrainingError());
  if (in_flight_ >= context_.options.max_in_flight) {
    return done(OverloadedError("too many calls are being executed"));
  }
  ExecuteUnderAll(std::move(call), std::move(done));
}

void Engine::Impl::ExecuteUnderAll(ToolCall call, AnswerCallback done) {
  std::vector<Meaning> former = FormerMeanings(context_, call);
  if (former.empty()) return ExecuteNow(std::move(call), std::move(done));
  call.patience = PatienceOf(call, *former.back().known.tool);
  AskFormer(std::move(call), std::move(former), std::move(done));
}

// The caller knows at most the tool as it is now, and all versions together have its time.
absl::Duration Engine::Impl::PatienceOf(const ToolCall& call, const Tool& last) const {
  if (call.patience.has_value()) return *call.patience;
  const std::shared_ptr<const Tool> now = context_.tools->Find(call.tool);
  return now == nullptr ? last.timeouts.patience : now->timeouts.patience;
}

// A retry may come after a reload that has changed what makes two calls the same. Then the version
// that the write was claimed under says that it is one.
void Engine::Impl::AskFormer(ToolCall call, std::vector<Meaning> former, AnswerCallback done) {
  Meaning meaning = std::move(former.back());
  former.pop_back();
  CallRecord record = NewRecord(call, context_.NewCallId(), context_.clock.Now());
  record.fingerprint =
      Fingerprint(context_.options.tenant_key, call.tool, CanonicalJson(meaning.arguments),
                  call.intent_id, call.occurrence);
  WriteCallPtr write =
      NewWriteCall(std::move(call), std::move(meaning), std::move(record), std::move(done));
  write->or_else = [this, former = std::move(former), tools = context_.tools,
                    arrived = write->arrived](ToolCall same, AnswerCallback then) mutable {
    if (context_.draining) return then(DrainingError());
    const absl::Duration spent = context_.clock.Elapsed() - arrived;
    same.answer_within -= spent;
    same.patience = std::max(*same.patience - spent, absl::ZeroDuration());
    // The version that was the newest one is a further one to look under by now.
    if (context_.tools != tools) return ExecuteUnderAll(std::move(same), std::move(then));
    if (former.empty()) return ExecuteNow(std::move(same), std::move(then));
    AskFormer(std::move(same), std::move(former), std::move(then));
  };
  if (!write->tool->intent.sets.empty()) SetSubject(*write);
  // An earlier version has taken what today's would refuse, so neither `unfit` nor a status is
  // told.
  std::vector<InvalidArgument> unfit;
  absl::StatusOr<ReversalTargets> targets =
      FindReversalTargets(context_, *write->tool, write->call, write->arguments, unfit);
  if (targets.ok()) SetTargets(*write, *std::move(targets));
  admission_.Admit(std::move(write));
}

WriteCallPtr Engine::Impl::NewWriteCall(ToolCall call, Meaning meaning, CallRecord record,
                                        AnswerCallback done) {
  auto write = std::make_unique<WriteCall>();
  write->arrived = context_.clock.Elapsed();
  write->looked_up = write->arrived;
  const absl::Duration patience = call.patience.value_or(meaning.known.tool->timeouts.patience);
  write->deadline = write->arrived + patience;
  write->answer_by = write->arrived + std::min(call.answer_within, patience + kGrace);
  write->call = std::move(call);
  write->intent_id = IntentId(context_.options.tenant_key, meaning.identity);
  write->identity = std::move(meaning.identity);
  write->tool = std::move(meaning.known.tool);
  write->tools = std::move(meaning.known.tools);
  write->arguments = std::move(meaning.arguments);
  write->record = std::move(record);
  write->done = Counted(std::move(done));
  return write;
}

void Engine::Impl::ExecuteNow(ToolCall call, AnswerCallback done) {
  CallRecord record = NewRecord(call, context_.NewCallId(), context_.clock.Now());
  std::shared_ptr<const Tool> tool = context_.tools->Find(call.tool);
  if (tool == nullptr || !IsAllowed(call, call.tool)) {
    return RefuseNew(std::move(call), std::move(record), std::move(done),
                     [this](const ToolCall& unknown, CallRecord of, AnswerCallback then) {
                       AnswerUnknown(unknown, std::move(of), std::move(then));
                     });
  }
  std::vector<InvalidArgument> invalid;
  Json arguments = CheckArguments(*tool, call.arguments_json, invalid);
  if (!invalid.empty()) {
    return RefuseNewAsInvalid(std::move(call), std::move(record), std::move(invalid),
                              std::move(done));
  }
  record.fingerprint = Fingerprint(context_.options.tenant_key, call.tool, CanonicalJson(arguments),
                                   call.intent_id, call.occurrence);
  if (tool->effect == Effect::kWrite) {
    return ExecuteWrite(std::move(call), {std::move(tool), context_.tools}, std::move(arguments),
                        std::move(record), std::move(done));
  }
  auto read = std::make_unique<ReadCall>();
  read->arrived = context_.clock.Elapsed();
  read->deadline = read->arrived + call.patience.value_or(tool->timeouts.patience);
  read->call = std::move(call);
  read->tool = std::move(tool);
  read->arguments = std::move(arguments);
  read->record = std::move(record);
  read->done = Counted(std::move(done));
  reads_.Run(std::move(read));
}

void Engine::Impl::ExecuteWrite(ToolCall call, KnownTool known, Json arguments, CallRecord record,
                                AnswerCallback done) {
  const Tool& tool = *known.tool;
  std::vector<InvalidArgument> invalid;
  absl::StatusOr<IntentIdentity> identity = IdentifyIntent(tool, call, arguments, invalid);
  absl::StatusOr<ReversalTargets> targets =
      FindReversalTargets(context_, tool, call, arguments, invalid);
  if (!identity.ok() || !targets.ok()) {
    return RefuseNew(std::move(call), std::move(record), std::move(done),
                     [status = identity.ok() ? targets.status() : identity.status()](
                         const ToolCall&, CallRecord, AnswerCallback then) { then(status); });
  }
  if (!invalid.empty()) {
    return RefuseNewAsInvalid(std::move(call), std::move(record), std::move(invalid),
                              std::move(done));
  }
  WriteCallPtr write =
      NewWriteCall(std::move(call), {std::move(known), std::move(arguments), *std::move(identity)},
                   std::move(record), std::move(done));
  SetSubject(*write);
  SetTargets(*write, *std::move(targets));
  admission_.Admit(std::move(write));
}

void Engine::Impl::AnswerUnknown(const ToolCall& call, CallRecord record, AnswerCallback done) {
  record.tool = kUnknownTool;
  AnswerInvalid(call, std::move(record), UnknownTool(*context_.tools, call), std::move(done));
}

// A tool may be gone, stricter, or the tenant's no more since its write was claimed, over a restart
// too: then the same delivery is answered by what is recorded (R6), for nobody may hear that it was
// not run.
void Engine::Impl::RefuseNew(ToolCall call, CallRecord record, AnswerCallback done,
                             Refusal refusal) {
  if (call.session_id.empty() || call.tool_call_id.empty()) {
    return refusal(call, std::move(record), std::move(done));
  }
  LookupRequest request{
      .tenant = call.tenant, .session_id = call.session_id, .tool_call_id = call.tool_call_id};
  const absl::Duration patience = call.patience.value_or(Timeouts{}.patience) + kGrace;
  auto last = LastMoment::Set(context_.scheduler, std::min(call.answer_within, patience),
                              Counted(std::move(done)));
  auto answer = [this, call = std::move(call), record = std::move(record), last = std::move(last),
                 refusal = std::move(refusal)](absl::StatusOr<LookupResult> found) mutable {
    AnswerCallback done = last->Take();
    if (!done) return;
    if (!found.ok()) return done(OverloadedError("the ledger cannot be read now"));
    if (!found->call_intent.has_value() || found->call_intent->tool != call.tool) {
      return refusal(call, std::move(record), std::move(done));
    }
    record.fingerprint = DeliveryFingerprint(call, context_.options.tenant_key);
    if (record.fingerprint != found->call->fingerprint) return done(ReusedToolCallIdError());
    record.role = CallRole::kRedelivered;
    record.intent_row = found->call_intent->row;
    const std::shared_ptr<const Tool> tool = context_.ToolOf(*found->call_intent).tool;
    Answer recorded = AnswerAgain(*found->call_intent, found->call->role, tool.get());
    context_.RecordAnswer(record, recorded);
    done(std::move(recorded));
  };
  context_.ledger.Lookup(std::move(request), OnLoop(context_.scheduler, std::move(answer)));
}

void Engine::Impl::RefuseNewAsInvalid(ToolCall call, CallRecord record,
                                      std::vector<InvalidArgument> invalid, AnswerCallback done) {
  RefuseNew(std::move(call), std::move(record), std::move(done),
            [this, invalid = std::move(invalid)](const ToolCall& refused, CallRecord of,
                                                 AnswerCallback then) mutable {
              AnswerInvalid(refused, std::move(of), std::move(invalid), std::move(then));
            });
}

void Engine::Impl::AnswerInvalid(const ToolCall& call, CallRecord record,
                                 std::vector<InvalidArgument> invalid, AnswerCallback done) {
  record.role = CallRole::kInvalid;
  record.detail = JoinPaths(invalid);
  record.fingerprint = DeliveryFingerprint(call, context_.options.tenant_key);
  Answer answer = InvalidAnswer(call.tool, std::move(invalid));
  context_.RecordAnswer(record, answer);
  done(std::move(answer));
}

void Engine::Impl::Await(const std::string& tenant, const std::string& intent_id, int generation,
                         absl::Duration patience, AnswerCallback done) {
  if (context_.draining) return done(DrainingError());
  if (in_flight_ >= context_.options.max_in_flight) {
    return done(OverloadedError("too many calls are being executed"));
  }
  auto last = LastMoment::Set(context_.scheduler, patience + kGrace, Counted(std::move(done)));
  auto answered = [last](absl::StatusOr<Answer> answer) {
    if (AnswerCallback done = last->Take()) done(std::move(answer));
  };
  admission_.Await(tenant, intent_id, generation, context_.clock.Elapsed() + patience,
                   std::move(answered));
}

Engine::Discarded Engine::Impl::DiscardTurn(const std::string& tenant,
                                            const std::string& session_id,
                                            const std::string& turn_id) {
  const Turn turn{.tenant = tenant, .session_id = session_id, .turn_id = turn_id};
  context_.turns.Add(turn, context_.clock.Elapsed());
  return {.reads = reads_.Discard(turn), .withdrawn = admission_.Withdraw(turn)};
}

void Engine::Impl::Resolve(Resolution resolution,
                           absl::AnyInvocable<void(absl::StatusOr<IntentRecord>)> done) {
  if (resolution.verdict != IntentState::kSucceeded) {
    return ResolveNow(std::move(resolution), std::move(done));
  }
  // What the person has seen may be named by a reversing tool, or this write may name another one's
  // result; in both cases the tool says by which piece.
  LookupRequest request{.tenant = resolution.tenant,
                        .intent_id = resolution.intent_id,
                        .generation = resolution.generation};
  auto named = [this, resolution = std::move(resolution),
                done = std::move(done)](absl::StatusOr<LookupResult> found) mutable {
    if (!found.ok()) return done(found.status());
    if (found->latest.has_value()) {
      const std::shared_ptr<const Tool> tool = context_.ToolOf(*found->latest).tool;
      const absl::Status status =
          NameResult(tool.get(), *found->latest, context_.options.tenant_key, resolution);
      if (!status.ok()) return done(status);
    }
    ResolveNow(std::move(resolution), std::move(done));
  };
  context_.ledger.Lookup(std::move(request), OnLoop(context_.scheduler, std::move(named)));
}

void Engine::Impl::ResolveNow(Resolution resolution,
                              absl::AnyInvocable<void(absl::StatusOr<IntentRecord>)> done) {
  const LiveIntentPtr live = admission_.LiveOf(resolution);
  if (live != nullptr) ++live->resolving;
  auto resolved = [this, live,
                   done = std::move(done)](absl::StatusOr<IntentRecord> record) mutable {
    if (live != nullptr) --live->resolving;
    if (record.ok()) recovery_.Forget(record->row);
    if (record.ok()) admission_.OnResolved(*record);
    done(std::move(record));
  };
  context_.ledger.Resolve(std::move(resolution), OnLoop(context_.scheduler, std::move(resolved)));
}

void Engine::Impl::Drain(absl::Duration grace, Task drained) {
  FailPoint("engine.before_drain");
  context_.draining = true;
  drained_ = std::move(drained);
  recovery_.Stop();
  admission_.StopRetrying();
  context_.scheduler.RunAfter(grace, [this] {
    reads_.CancelAll();
    admission_.AbandonAll();
    CheckDrained();
  });
  CheckDrained();
}

std::map<std::string, Breaker::State> Engine::Impl::Breakers() const {
  std::map<std::string, Breaker::State> states;
  for (const auto& [downstream, breaker] : context_.breakers) {
    states.emplace(downstream, breaker->state());
  }
  return states;
}

void Engine::Impl::CheckDrained() {
  if (!drained_ || !context_.draining) return;
  // The ledger does not have yet what a downstream said after a verdict, and nobody else has.
  const bool unrecorded = context_.unrecorded_outcomes > 0;
  if (admission_.live() > 0 || reads_.live() > 0 || in_flight_ > 0 || unrecorded) {
    // Reads and look-ups end without a call to us.
    if (std::exchange(check_due_, true)) return;
    context_.scheduler.RunAfter(absl::Milliseconds(20), [this] {
      check_due_ = false;
      CheckDrained();
    });
    return;
  }
  std::exchange(drained_, nullptr)();
}

Engine::Engine(Options options, Clock& clock, Scheduler& scheduler, Random& random, Ledger& ledger,
               std::map<std::string, ToolExecutor*> executors)
    : impl_(std::make_unique<Impl>(std::move(options), clock, scheduler, random, ledger,
                                   std::move(executors))) {}
Engine::~Engine() = default;

void Engine::SetTools(std::shared_ptr<const ToolSet> tools) { impl_->SetTools(std::move(tools)); }
void Engine::Execute(ToolCall call, AnswerCallback done) {
  impl_->Execute(std::move(call), std::move(done));
}
void Engine::Await(const std::string& tenant, const std::string& intent_id, int generation,
                   absl::Duration patience, AnswerCallback done) {
  impl_->Await(tenant, intent_id, generation, patience, std::move(done));
}
void Engine::Resolve(Resolution resolution,
                     absl::AnyInvocable<void(absl::StatusOr<IntentRecord>)> done) {
  impl_->Resolve(std::move(resolution), std::move(done));
}
Engine::Discarded Engine::DiscardTurn(const std::string& tenant, const std::string& session_id,
                                      const std::string& turn_id) {
  return impl_->DiscardTurn(tenant, session_id, turn_id);
}
bool Engine::IsDiscarded(const std::string& tenant, const std::string& session_id,
                         const std::string& turn_id) const {
  return impl_->IsDiscarded({.tenant = tenant, .session_id = session_id, .turn_id = turn_id});
}

std::string Engine::DiscardedTurnOf(const std::string& tenant, const std::string& intent_id,
                                    int generation) const {
  return impl_->DiscardedTurnOf(tenant, intent_id, generation);
}
void Engine::set_on_settled(OnSettled on_settled) { impl_->set_on_settled(std::move(on_settled)); }
void Engine::Recover() { impl_->Recover(); }
size_t Engine::in_flight() const { return impl_->in_flight(); }
std::map<std::string, Breaker::State> Engine::Breakers() const { return impl_->Breakers(); }
LatencyBook& Engine::latency() { return impl_->latency(); }
void Engine::Drain(absl::Duration grace, Task drained) { impl_->Drain(grace, std::move(drained)); }

}  // namespace onetake
