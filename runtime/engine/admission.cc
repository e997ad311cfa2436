#include "runtime/engine/admission.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/failpoint.h"
#include "runtime/base/limits.h"
#include "runtime/base/log.h"
#include "runtime/base/on_loop.h"
#include "runtime/base/planted_bug.h"
#include "runtime/engine/answer.h"
#include "runtime/engine/call_check.h"
#include "runtime/engine/call_identity.h"
#include "runtime/engine/drift.h"
#include "runtime/engine/result_reference.h"
#include "runtime/engine/rules.h"
#include "runtime/engine/stored_form.h"
#include "runtime/ledger/result_ref.h"
#include "runtime/ledger/subject.h"
#include "runtime/policy/rules.h"

namespace onetake {
namespace {

// A call that has lost a race is looked up again; losing more often than this is no race.
constexpr int kLookups = 8;

// At most this many of LookupResult::uncounted are exempt from limits::kGenerations.
constexpr int kUncounted = 45;
// The same of a write that sets a thing: it is set to the same again and again over the years.
constexpr int kUncountedOfThing = 10'000;
// The ledger, which writes none of these rules, counts by them.
static_assert(kUnheardRules[0] == kNoEffectRule && kUnheardRules[1] == kDrainNotSent &&
              kUnheardRules[2] == kWithdrawnRule && std::size(kUnheardRules) == 3);

// Returns what held when the intent was claimed and holds still: neither a changed manifest nor an
// old record alone makes a resend safe (R17).
RetrySafety SafetyOf(const IntentRecord& record, const Tool& tool, const ToolExecutor& executor) {
  const std::string recorded = absl::StrCat("+", record.safety, "+");
  const auto held = [&](const char* name) { return absl::StrContains(recorded, name); };
  if (tool.effect != Effect::kWrite) return {};  // it knows nothing of the write it was
  RetrySafety safety = tool.safety;
  safety.keyed = safety.keyed && held("+KEYED+");
  safety.natural = safety.natural && held("+NATURAL+");
  safety.probed = safety.probed && held("+PROBED+");
  if (record.tool_version == tool.version) return safety;
  safety.keyed = safety.keyed && executor.HoldsKey(tool, record.request, record.key);
  // A probe that is made of other arguments than were recorded, or of their placeholders, asks
  // about something else.
  if (safety.probed) {
    const absl::StatusOr<Json> arguments = ParseJson(record.arguments_json, ResultLimits());
    safety.probed = !record.hides && arguments.ok() && tool.parameters->Check(*arguments).empty();
  }
  return safety;
}

// Neither a look-up nor, where keys tell them apart, a downstream that makes the same state of both
// can tell a further wish for the very same thing from the first one.
RetrySafety SafetyAtClaim(const Tool& tool, int occurrence) {
  RetrySafety safety = tool.safety;
  if (occurrence == 0) return safety;
  safety.natural = safety.natural && !safety.keyed;
  const bool looked_up = tool.probe.has_value() && tool.probe->asks == ProbeSpec::Asks::kRead;
  safety.probed = safety.probed && !looked_up;
  return safety;
}

// A call that was told that it was not run is told so again (R6), however long ago its turn was.
bool WasWithdrawn(const WriteCall& call, const LookupResult& found) {
  return found.call.has_value() && found.call->role == CallRole::kWithdrawn &&
         found.call->turn_id == call.call.turn_id;
}

// Whether the same delivery would be told that it is done of what may have been undone.
bool IsDoubtful(const LookupResult& found) {
  return found.may_be_undone && found.call_intent.has_value() &&
         found.call->role != CallRole::kConflict && found.latest->row == found.call_intent->row &&
         !IsContradicted(*found.latest);
}

}  // namespace

Admission::Admission(EngineContext& context)
    : context_(context),
      settler_(context, [this](const LiveIntentPtr& live, Settler::End end) { OnEnd(live, end); }) {
}

void Admission::Admit(WriteCallPtr call) {
  JudgeBy(*call->tool, *call);
  if (++call->lookups > kLookups) {
    return Refuse(std::move(call), OverloadedError("the intent changes too fast to be joined"));
  }
  LookupRequest request{
      .tenant = call->call.tenant,
      .intent_id = call->intent_id,
      .session_id = call->call.session_id,
      .tool_call_id = call->call.session_id.empty() ? "" : call->call.tool_call_id,
      .target_intent_id = call->target_intent_id,
      .target_tool = call->tool->reverses ? call->tool->reverses->tool : "",
      .target_ref = call->target_ref,
      .undoing_tools = UndoingByResult(*context_.tools, call->tool->name),
      .sets_subject = SetsAThing(call->subject) ? call->subject : ""};
  if (call->tool->intent.near.has_value()) {
    request.near_subject = call->subject;
    request.near_since = context_.clock.Now() - call->tool->intent.near->window;
  }
  call->departures = departures_;
  auto asking = std::make_shared<Asking>();
  if (call->answer_by != absl::InfiniteDuration()) {
    asking->last =
        context_.scheduler.RunAfter(call->answer_by - context_.clock.Elapsed(), [this, asking] {
          if (asking->call == nullptr) return;
          Refuse(std::move(asking->call), OverloadedError("the ledger did not answer in time"));
        });
  }
  asking->call = std::move(call);
  auto looked_up = [this, asking = std::move(asking)](absl::StatusOr<LookupResult> found) {
    context_.scheduler.Cancel(asking->last);
    if (asking->call != nullptr) OnLookup(std::move(asking->call), std::move(found));
  };
  context_.ledger.Lookup(std::move(request), OnLoop(context_.scheduler, std::move(looked_up)));
}

void Admission::OnLookup(WriteCallPtr call, absl::StatusOr<LookupResult> found) {
  if (!found.ok()) {
    if (!absl::IsResourceExhausted(found.status())) {
      Log(LogLevel::kError, "ledger.lookup_failed",
          {{LogField::kError, std::string(found.status().message())}});
    }
    return Refuse(std::move(call), OverloadedError("the ledger cannot be read now"));
  }
  call->looked_up = context_.clock.Elapsed();
  call->target_row = found->target.has_value() ? found->target->row : 0;
  call->restores_intent = found->restores_intent;
  if (found->call.has_value()) {
    if (found->call->fingerprint != call->record.fingerprint) {
      return Refuse(std::move(call), ReusedToolCallIdError());
    }
    if (IsDoubtful(*found)) {
      call->record.intent_row = found->latest->row;
      return Doubt(std::move(call), *found->latest);
    }
    if (found->call_intent.has_value() && !ONETAKE_PLANTED_BUG("redelivery_by_latest")) {
      return Redelivered(std::move(call), *std::move(found->call_intent), found->call->role);
    }
  }
  if (LiveIntentPtr live = FindLive(call->call.tenant, call->intent_id)) {
    return Join(std::move(call), live, CallRole::kJoined);
  }
  if (TriesAnotherTarget(*call, *found)) return Admit(std::move(call));
  if (IsOutdated(*call, *found)) return LookAgain(std::move(call));
  if (found->latest.has_value()) return AgainstLatest(std::move(call), *std::move(found));
  OpenNext(std::move(call), *found);
}

// The same delivery gets the recorded answer, whatever it was (R6).
void Admission::Redelivered(WriteCallPtr call, IntentRecord record, CallRole earlier) {
  call->record.role = CallRole::kRedelivered;
  call->record.intent_row = record.row;
  // The call was refused for what is recorded of another wish, whose result is no answer to it.
  if (earlier == CallRole::kConflict) {
    if (record.intent_id != call->intent_id) return AnswerNearConflict(std::move(call), record);
    if (!SameArguments(call, record, GuardedOf(*call->tool, record))) return;
  }
  LiveIntentPtr live = FindLive(call->call.tenant, record.intent_id);
  if (live != nullptr && live->record.generation == record.generation) {
    return Join(std::move(call), live, CallRole::kRedelivered);
  }
  if (IsOlderThanLive(record)) return LookAgain(std::move(call));
  if (record.state == IntentState::kUnknown) {
    return ResumeFor(std::move(call), std::move(record), CallRole::kRedelivered);
  }
  Answer answer = AnswerFromRecord(record, AnswerKind::kReplayed, call->tool.get());
  Finish(std::move(call), std::move(answer));
}

void Admission::AgainstLatest(WriteCallPtr call, LookupResult found) {
  IntentRecord& latest = *found.latest;
  call->record.intent_row = latest.row;
  if (IsContradicted(latest)) {
    call->record.role = CallRole::kHeld;
    Answer answer = AnswerFromRecord(latest, AnswerKind::kReplayed, call->tool.get());
    return Finish(std::move(call), std::move(answer));
  }
  if (WaitsForReversal(call, found)) return;
  // One that may have replaced it: until that is known, it is not told to be done.
  if (latest.state == IntentState::kSucceeded) {
    call->done_before = true;
    if (WaitsForSame(call, found)) return;
    call->done_before = false;
  }
  if (const LiveIntentPtr since = FindDoneSince(*call, found)) {
    call->done_before = true;
    return WaitFor(since, std::move(call));
  }
  if (OpensNextGeneration(latest.state) || UndoesAnother(*call, latest, found.target) ||
      ONETAKE_PLANTED_BUG("no_generation_check")) {
    return OpenNext(std::move(call), found);
  }
  // The record is in flight, yet not live: the look-up is older than the outcome.
  if (latest.state == IntentState::kInFlight) return LookAgain(std::move(call));
  if (!SameArguments(call, latest, GuardedOf(*call->tool, latest))) return;
  if (latest.state == IntentState::kUnknown) {
    return ResumeFor(std::move(call), std::move(latest), CallRole::kJoined);
  }
  if (WaitsForName(call, found)) return;
  if (found.may_be_undone) return Doubt(std::move(call), latest);
  call->record.role = latest.state == IntentState::kReview ? CallRole::kHeld : CallRole::kReplayed;
  Answer answer = AnswerFromRecord(latest, AnswerKind::kReplayed, call->tool.get());
  Finish(std::move(call), std::move(answer));
}

void Admission::ResumeFor(WriteCallPtr call, IntentRecord record, CallRole role) {
  const KnownTool known = context_.ToolOf(record);
  const LiveIntentPtr live =
      Adopt(std::move(record), known.tool != nullptr ? known : KnownTool{call->tool, call->tools});
  Join(std::move(call), live, role);
  settler_.Resume(live);
}

void Admission::OpenNext(WriteCallPtr call, const LookupResult& found) {
  // The call asks for something new: what is recorded of an earlier generation answers neither it
  // nor its redelivery.
  call->record.intent_row = 0;
  if (call->or_else) return GoOn(std::move(call), found);
  // What was sent before answers every further call; only something new is not begun any more.
  if (WasWithdrawn(*call, found)) return AnswerWithdrawn(std::move(call));
  if (IsDiscarded(*call)) {
    const LiveIntentPtr live = FindInTheWay(*call, found.target);
    if (live != nullptr && LeavesInDoubt(*live, call)) return;
    // What undoes the same may have done so.
    if (found.target_reversal.has_value()) {
      return HoldFor(*found.target_reversal, kReversalUnsettled, std::move(call));
    }
    return AnswerWithdrawn(std::move(call));
  }
  if (std::optional<InvalidArgument> invalid = CheckNaming(*call->tool, *call->tools, call->call)) {
    return AnswerInvalid(std::move(call), *std::move(invalid));
  }
  // One that knew no generation of this intent may undo the next one.
  if (found.reversal.has_value()) {
    return HoldFor(*found.reversal, kReversalUnsettled, std::move(call));
  }
  if (WaitsForTarget(call, found)) return;
  const int generation = found.highest + 1;
  const int uncounted = SetsAThing(call->subject) ? kUncountedOfThing : kUncounted;
  if (generation - std::min(found.uncounted, uncounted) > limits::kGenerations) {
    call->record.role = CallRole::kHeld;
    Answer answer = HeldAnswer(kTooManyGenerations, *found.latest, call->tool.get());
    return Finish(std::move(call), std::move(answer));
  }
  if (WaitsForConfirmation(call, found) || WaitsForSame(call, found)) return;
  // A reversal that names an intent also claims a generation that is undone already, so that the
  // next one waits for it. A result that it names may be another write's by now.
  const bool undoes = found.target.has_value() && (found.target->state == IntentState::kSucceeded ||
                                                   !call->target_intent_id.empty());
  Open(std::move(call), generation, undoes ? found.target->row : 0);
}

// What may yet take effect or be undone under the name that this version gives it is waited for,
// too, before the call goes on under another one.
void Admission::GoOn(WriteCallPtr call, const LookupResult& found) {
  if (found.reversal.has_value()) {
    return HoldFor(*found.reversal, kReversalUnsettled, std::move(call));
  }
  if (const LiveIntentPtr live = FindInTheWay(*call, found.target)) {
    return WaitFor(live, std::move(call));
  }
  if (WaitsForSame(call, found)) return;
  call->or_else(std::move(call->call), std::move(call->done));
}

void Admission::AnswerInvalid(WriteCallPtr call, InvalidArgument invalid) {
  call->record.role = CallRole::kInvalid;
  call->record.intent_row = 0;
  call->record.detail = invalid.path;
  Answer answer = InvalidAnswer(call->tool->name, {std::move(invalid)});
  Finish(std::move(call), std::move(answer));
}

void Admission::LookAgain(WriteCallPtr call) {
  call->done_before = false;
  call->record.role = CallRole::kOpened;
  call->record.intent_row = 0;
  context_.scheduler.Post([this, call = std::move(call)]() mutable { Admit(std::move(call)); });
}

void Admission::Join(WriteCallPtr call, const LiveIntentPtr& live, CallRole role) {
  // The version that the intent was claimed under says what may differ.
  if (live->tool != call->tool) JudgeBy(*live->tool, *call);
  if (!SameArguments(call, live->record, live->guarded)) return;
  call->record.role = role;
  call->record.intent_row = live->record.row;
  WantedBy(*live, *call);
  if (live->record.row != 0 && call->call.on_accepted) call->call.on_accepted(View(live->record));
  const absl::Duration deadline = call->deadline;
  AddWaiter(live, {.call = std::move(call)}, deadline);
}

void Admission::Open(WriteCallPtr call, int generation, int64_t reverses_row) {
  std::shared_ptr<DownstreamSlot> slot = RoomFor(call);
  if (slot == nullptr) return;
  const Tool& tool = *call->tool;
  absl::StatusOr<std::string> key = KeyFor(tool, call->call, call->identity, call->arguments,
                                           generation, context_.options.tenant_key);
  absl::StatusOr<std::string> request =
      key.ok() ? context_.ExecutorOf(tool).Render(tool, call->arguments, *key) : key.status();
  if (!request.ok()) {
    return AnswerInvalid(
        std::move(call),
        {.path = "$", .reason = std::string(request.status().message()), .expected = ""});
  }
  const LiveIntentPtr live = MakeLive(*call, {.number = generation,
                                              .reverses_row = reverses_row,
                                              .key = *std::move(key),
                                              .request = *std::move(request)});
  live->slot = std::move(slot);
  WantedBy(*live, *call);
  Enter(live);
  Claim(live, std::move(call));
}

std::shared_ptr<DownstreamSlot> Admission::RoomFor(WriteCallPtr& call) {
  const Tool& tool = *call->tool;
  call->record.role = CallRole::kHeld;
  absl::Status refusal;
  if (context_.draining) {
    refusal = DrainingError();
  } else if (context_.unrecorded_outcomes > 0) {
    refusal = OverloadedError("the ledger's disk is full");
  } else if (live_.size() >= context_.options.max_unsettled) {
    refusal = OverloadedError("too many writes are not settled yet");
  }
  if (!refusal.ok()) {
    Refuse(std::move(call), std::move(refusal));
    return nullptr;
  }
  // Also while its trial is under way: what is claimed then can only wait for that.
  const absl::Duration closed_for = context_.BreakerOf(tool).RetryAfter();
  if (closed_for > absl::ZeroDuration()) {
    Answer answer = NotAdmittedAnswer("breaker_open", closed_for, tool);
    Finish(std::move(call), std::move(answer));
    return nullptr;
  }
  std::shared_ptr<DownstreamSlot> slot = context_.TakeSlot(tool);
  if (slot == nullptr) {
    Answer answer = NotAdmittedAnswer("downstream_busy", kBusyFor, tool);
    Finish(std::move(call), std::move(answer));
  }
  return slot;
}

LiveIntentPtr Admission::MakeLive(const WriteCall& call, Generation generation) const {
  const Tool& tool = *call.tool;
  const Secret& tenant_key = context_.options.tenant_key;
  auto live = std::make_shared<LiveIntent>();
  live->tool = call.tool;
  live->tools = call.tools;
  live->safety = SafetyAtClaim(tool, call.call.occurrence);
  live->guarded = call.guarded;
  live->restores_intent = call.restores_intent;
  live->trace = call.call.trace;
  const std::string& undone = UndoneBy(call);
  if (generation.reverses_row == 0 && !undone.empty()) {
    live->undoes_ref = absl::StrCat(kUndoes, undone);
  }
  const absl::Time now = context_.clock.Now();
  live->record = {.tenant = call.call.tenant,
                  .intent_id = call.intent_id,
                  .generation = generation.number,
                  .key = std::move(generation.key),
                  .tool = tool.name,
                  .tool_version = tool.version,
                  .canonicaliser = kCanonicaliserVersion,
                  .scope = RecordedScope(tool, call.call, tenant_key),
                  .session_id = call.call.session_id,
                  .safety = ToString(live->safety),
                  .identity_json = CanonicalJson(
                      StoredIdentity(tool, call.identity.identity, NamedByOf(call), tenant_key)),
                  .arguments_json = CanonicalJson(call.stored),
                  .clear_json = CanonicalJson(ClearPart(tool.storage, call.stored)),
                  .request = std::move(generation.request),
                  .hides = call.stored != call.arguments,
                  .guarded = call.guarded_digest,
                  .created_at = now,
                  .first_sent_at = now,
                  .reverses_row = generation.reverses_row,
                  .undoes_ref = live->undoes_ref,
                  .subject = call.subject};
  return live;
}

void Admission::Claim(const LiveIntentPtr& live, WriteCallPtr call) {
  call->record.role = CallRole::kOpened;
  ClaimRequest claim{.intent = live->record, .call = call->record};
  const absl::Duration deadline = call->deadline;
  AddWaiter(live, {.call = std::move(call)}, deadline);
  live->recording = true;
  live->started = context_.clock.Elapsed();
  if (ONETAKE_PLANTED_BUG("dispatch_before_commit")) settler_.Begin(live);
  auto claimed = [this, live](absl::StatusOr<ClaimResult> result) {
    OnClaimed(live, std::move(result));
  };
  context_.ledger.Claim(std::move(claim), OnLoop(context_.scheduler, std::move(claimed)));
}

void Admission::OnClaimed(const LiveIntentPtr& live, absl::StatusOr<ClaimResult> result) {
  live->recording = false;
  live->claim_latency = context_.clock.Elapsed() - live->started;
  if (result.ok() && result->granted) {
    live->record.row = result->row;
    live->record.attempts = 1;
    live->attempt_open = true;
    for (Waiter& waiter : live->waiters) {
      if (waiter.call == nullptr || waiter.then != Waiter::Then::kAnswer) continue;
      waiter.call->record.intent_row = result->row;
    }
    FailPoint("engine.after_claim");
    if (settler_.Unwanted(*live) && settler_.Withdraw(live)) return;
    for (Waiter& waiter : live->waiters) {
      const bool told = waiter.call != nullptr && waiter.then == Waiter::Then::kAnswer;
      if (told && waiter.call->call.on_accepted) waiter.call->call.on_accepted(View(live->record));
    }
    AnswerOverdue(live);
    if (ONETAKE_PLANTED_BUG("dispatch_before_commit")) return;
    return settler_.Begin(live);
  }
  Leave(*live);
  std::vector<Waiter> waiters = TakeWaiters(*live);
  TellUnclaimed(live, result);
  if (result.ok()) {
    Readmit(std::move(waiters), live->record);
  } else {
    const absl::Status status = OverloadedError(
        absl::StrCat("the claim could not be recorded: ", result.status().message()));
    for (Waiter& waiter : waiters) {
      if (waiter.call != nullptr && waiter.call->done_before) {
        LookAgain(std::move(waiter.call));
      } else if (waiter.call != nullptr) {
        Refuse(std::move(waiter.call), status);
      } else {
        waiter.await_done(status);
      }
    }
  }
  on_gone_(*live);
}

LiveIntentPtr Admission::Adopt(IntentRecord record, KnownTool known) {
  auto live = std::make_shared<LiveIntent>();
  live->safety = SafetyOf(record, *known.tool, context_.ExecutorOf(*known.tool));
  live->guarded = GuardedOf(*known.tool, record);
  live->undoes_ref = UndoesRef(*known.tool, record, context_.options.tenant_key);
  live->record = std::move(record);
  live->tool = std::move(known.tool);
  live->tools = std::move(known.tools);
  Enter(live);
  return live;
}

bool Admission::Recover(IntentRecord record, KnownTool known) {
  if (FindLive(record.tenant, record.intent_id) != nullptr) return false;
  const LiveIntentPtr live = Adopt(std::move(record), std::move(known));
  live->recovered = true;
  settler_.Resume(live);
  return true;
}

LiveIntentPtr Admission::LiveOf(const Resolution& resolution) {
  LiveIntentPtr live = FindLive(resolution.tenant, resolution.intent_id);
  const bool meant = live != nullptr && (resolution.generation == 0 ||
                                         live->record.generation == resolution.generation);
  return meant ? live : nullptr;
}

void Admission::OnResolved(const IntentRecord& record) {
  const LiveIntentPtr live = FindLive(record.tenant, record.intent_id);
  if (live != nullptr && live->record.generation == record.generation) {
    return settler_.Overtake(live, record);
  }
  const std::shared_ptr<const Tool> tool = context_.ToolOf(record).tool;
  context_.on_settled(record, AnswerFromRecord(record, AnswerKind::kReplayed, tool.get()));
}

void Admission::StopRetrying() {
  for (const LiveIntentPtr& live : AllLive()) settler_.StopRetrying(live);
}

void Admission::AbandonAll() {
  for (const LiveIntentPtr& live : AllLive()) settler_.Abandon(live);
}

}  // namespace onetake
