#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/on_loop.h"
#include "runtime/base/planted_bug.h"
#include "runtime/engine/admission.h"
#include "runtime/engine/answer.h"
#include "runtime/engine/rules.h"
#include "runtime/ledger/result_ref.h"

// The part of admission that answers: at the outcome, or when patience ends.
namespace onetake {
namespace {

constexpr absl::Duration kCheckAfter = absl::Seconds(2);
// Nothing is done before the next attempt or probe, but a person may settle it meanwhile.
constexpr absl::Duration kLongestCheck = absl::Minutes(1);
// How often it is looked for what nobody is at work on, because its tool is gone.
constexpr absl::Duration kLookEvery = absl::Seconds(1);

// Whether `live` may have undone by now what the call is to undo. A person's word that it has not
// is what is told of it, unless its success was seen.
bool MayHaveUndone(const LiveIntent& live, const WriteCall& call) {
  const std::string& undone = UndoneBy(call);
  const bool surely_not =
      live.record.state == IntentState::kRejected && !IsContradicted(live.record) && !live.happened;
  if (undone.empty() || surely_not) return false;
  if (call.target_row != 0 && live.record.reverses_row == call.target_row) return true;
  return live.undoes_ref == absl::StrCat(kUndoes, undone);
}

}  // namespace

void Admission::AddWaiter(const LiveIntentPtr& live, Waiter waiter, absl::Duration deadline) {
  waiter.id = next_waiter_++;
  waiter.patience = context_.scheduler.RunAfter(
      deadline - context_.clock.Elapsed(), [this, live, id = waiter.id] { OnPatience(live, id); });
  if (live->record.row == 0 && waiter.call != nullptr &&
      !ONETAKE_PLANTED_BUG("last_moment_missed") &&
      waiter.call->answer_by != absl::InfiniteDuration()) {
    waiter.last =
        context_.scheduler.RunAfter(waiter.call->answer_by - context_.clock.Elapsed(),
                                    [this, live, id = waiter.id] { OnLastMoment(live, id); });
  }
  live->waiters.push_back(std::move(waiter));
}

// The caller goes; the attempt lives on (R9).
void Admission::OnPatience(const LiveIntentPtr& live, uint64_t waiter_id) {
  const auto found = std::find_if(live->waiters.begin(), live->waiters.end(),
                                  [&](const Waiter& waiter) { return waiter.id == waiter_id; });
  if (found == live->waiters.end()) return;
  // PENDING would be a promise, and a claim that is still on its way may yet be refused. A call can
  // wait for that until its last moment, which an Await does not have.
  const bool on_its_way = live->record.row == 0 && found->then == Waiter::Then::kAnswer;
  if (on_its_way && found->call != nullptr) {
    found->overdue = true;
    return;
  }
  Waiter waiter = TakeWaiter(*live, found);
  live->left_open = live->left_open || on_its_way;
  if (on_its_way) return waiter.await_done(ClaimOnItsWayAnswer(live->record, *live->tool));
  if (waiter.then == Waiter::Then::kAnswer) return AnswerWaiter(*live, std::move(waiter));
  if (LeavesInDoubt(*live, waiter.call)) return;
  Answer answer = NotAdmittedAnswer(kWaitsForAnother, kCheckAfter, *waiter.call->tool);
  Finish(std::move(waiter.call), std::move(answer));
}

// That nothing was changed, or that it was not run, would be heard as if it had never been done.
bool Admission::LeavesInDoubt(LiveIntent& live, WriteCallPtr& call) {
  const bool is_done = std::exchange(call->done_before, false);
  if (!is_done && !MayHaveUndone(live, *call)) return false;
  live.left_open = live.left_open || (!is_done && live.record.row == 0);
  Answer answer = is_done ? DoneBeforeAnswer(kCheckAfter, *call->tool)
                          : BeingUndoneAnswer(live.record, *call->tool);
  Finish(std::move(call), std::move(answer));
  return true;
}

// The claim may be on the disk by now, or may be refused yet: neither can be told. Who waits for
// another intent has claimed nothing.
void Admission::OnLastMoment(const LiveIntentPtr& live, uint64_t waiter_id) {
  const auto found = std::find_if(live->waiters.begin(), live->waiters.end(),
                                  [&](const Waiter& waiter) { return waiter.id == waiter_id; });
  if (found == live->waiters.end()) return;
  if (live->record.row != 0 || found->then == Waiter::Then::kLookAgain) {
    return OnPatience(live, waiter_id);
  }
  Waiter waiter = TakeWaiter(*live, found);
  live->left_open = true;
  Answer answer = ClaimOnItsWayAnswer(live->record, *live->tool);
  Finish(std::move(waiter.call), std::move(answer));
}

// Callers that have gone were forbidden to repeat the call, and would wait for ever.
void Admission::TellUnclaimed(const LiveIntentPtr& live,
                              const absl::StatusOr<ClaimResult>& result) {
  if (!live->left_open) return;
  auto answer = std::make_shared<const Answer>(ClaimFailedAnswer(live->record, *live->tool));
  departed_.back().unclaimed = answer;
  if (!result.ok()) return context_.on_settled(live->record, *answer);
  live->slot.reset();  // nothing is sent of it
  // When it was refused, another call may have claimed this very generation, which is told of then.
  AskSurely({.tenant = live->record.tenant,
             .intent_id = live->record.intent_id,
             .generation = live->record.generation},
            [this, live, answer](const LookupResult& found) {
              if (!found.latest.has_value()) context_.on_settled(live->record, *answer);
            });
}

// The ledger refuses to be read just when it is slow, and that is when callers have to leave.
void Admission::AskSurely(LookupRequest request,
                          absl::AnyInvocable<void(const LookupResult&)> then) {
  auto asked = [this, request,
                then = std::move(then)](const absl::StatusOr<LookupResult>& found) mutable {
    if (found.ok()) return then(*found);
    context_.scheduler.RunAfter(
        kBusyFor, [this, request = std::move(request), then = std::move(then)]() mutable {
          AskSurely(std::move(request), std::move(then));
        });
  };
  context_.ledger.Lookup(std::move(request), OnLoop(context_.scheduler, std::move(asked)));
}

const Answer* Admission::FindUnclaimed(const std::string& tenant, const std::string& intent_id,
                                       int generation) const {
  for (auto it = departed_.rbegin(); it != departed_.rend(); ++it) {
    const bool found = it->unclaimed != nullptr && it->tenant == tenant &&
                       it->intent_id == intent_id &&
                       (generation == 0 || generation == it->unclaimed->intent->generation);
    if (found) return it->unclaimed.get();
  }
  return nullptr;
}

void Admission::AnswerOverdue(const LiveIntentPtr& live) {
  std::vector<uint64_t> overdue;
  for (const Waiter& waiter : live->waiters) {
    if (waiter.overdue) overdue.push_back(waiter.id);
  }
  for (const uint64_t id : overdue) OnPatience(live, id);
}

Waiter Admission::TakeWaiter(LiveIntent& live, std::vector<Waiter>::iterator which) {
  Waiter waiter = std::move(*which);
  live.waiters.erase(which);
  context_.scheduler.Cancel(waiter.patience);
  context_.scheduler.Cancel(waiter.last);
  return waiter;
}

std::vector<Waiter> Admission::TakeWaiters(LiveIntent& live) {
  for (const Waiter& waiter : live.waiters) {
    context_.scheduler.Cancel(waiter.patience);
    context_.scheduler.Cancel(waiter.last);
  }
  return std::exchange(live.waiters, {});
}

// The verdict is told at once, but of what is still under way neither may a further attempt be made
// beside it (R4), nor what it undoes be done again, nor what it sets be set otherwise (R7).
void Admission::Land(const LiveIntentPtr& live) {
  landing_.emplace(LiveKey(live->record.tenant, live->record.intent_id), live);
  EnterTouched(live);
}

void Admission::OnLanded(const LiveIntentPtr& live) {
  const auto found = landing_.find(LiveKey(live->record.tenant, live->record.intent_id));
  if (found != landing_.end() && found->second == live) landing_.erase(found);
  Leave(*live);
  for (Waiter& waiter : TakeWaiters(*live)) LookAgain(std::move(waiter.call));
}

void Admission::OnEnd(const LiveIntentPtr& live, Settler::End end) {
  if (end == Settler::End::kLanded) return OnLanded(live);
  Leave(*live);
  if (IsUnderWay(*live)) Land(live);
  std::vector<Waiter> waiters = TakeWaiters(*live);
  if (end == Settler::End::kOvertaken) {
    Readmit(std::move(waiters), live->record);
  } else {
    for (Waiter& waiter : waiters) {
      // A caller that joined while it was being withdrawn may still want it.
      const bool wants_it = live->record.reason == kWithdrawnRule && waiter.call != nullptr &&
                            !IsDiscarded(*waiter.call);
      if (waiter.then == Waiter::Then::kLookAgain || wants_it) {
        LookAgain(std::move(waiter.call));
      } else {
        AnswerWaiter(*live, std::move(waiter));
      }
    }
  }
  NoteDiscarded(*live);
  if (end == Settler::End::kRecorded && live->record.state != IntentState::kUnknown &&
      !ONETAKE_PLANTED_BUG("push_lost")) {
    context_.on_settled(live->record,
                        AnswerFromRecord(live->record, AnswerKind::kReplayed, live->tool.get()));
  }
  on_gone_(*live);
}

void Admission::AnswerWaiter(const LiveIntent& live, Waiter waiter) {
  const bool first = waiter.call != nullptr && waiter.call->record.role == CallRole::kOpened;
  Answer answer = AnswerFromRecord(live.record, first ? AnswerKind::kFirst : AnswerKind::kJoined,
                                   live.tool.get());
  answer.ledger_latency = live.claim_latency;
  answer.downstream_latency = live.downstream_latency;
  if (answer.guidance.next_action == NextAction::kWait && live.record.next_attempt_at.has_value()) {
    const absl::Duration until = *live.record.next_attempt_at - context_.clock.Now();
    answer.guidance.check_after = std::clamp(until, answer.guidance.check_after, kLongestCheck);
  }
  if (answer.guidance.may_call_again && live.retry_after.has_value()) {
    answer.guidance.check_after = *live.retry_after;
  }
  if (waiter.call == nullptr) return waiter.await_done(std::move(answer));
  Finish(std::move(waiter.call), std::move(answer));
}

void Admission::Readmit(std::vector<Waiter> waiters, const IntentRecord& record) {
  for (Waiter& waiter : waiters) {
    if (waiter.call != nullptr) {
      LookAgain(std::move(waiter.call));
    } else {
      Await(record.tenant, record.intent_id, 0, context_.clock.Elapsed(),
            std::move(waiter.await_done));
    }
  }
}

void Admission::Await(const std::string& tenant, const std::string& intent_id, int generation,
                      absl::Duration deadline, AnswerCallback done) {
  LiveIntentPtr live = FindLive(tenant, intent_id);
  if (live != nullptr && (generation == 0 || generation == live->record.generation)) {
    return AddWaiter(live, {.await_done = std::move(done)}, deadline);
  }
  LookupRequest request{.tenant = tenant, .intent_id = intent_id, .generation = generation};
  auto found = [this, tenant, intent_id, generation, deadline,
                done = std::move(done)](absl::StatusOr<LookupResult> result) mutable {
    if (!result.ok()) return done(OverloadedError("the ledger cannot be read now"));
    if (!result->latest.has_value()) {
      const Answer* unclaimed = FindUnclaimed(tenant, intent_id, generation);
      if (unclaimed != nullptr) return done(*unclaimed);
      return done(absl::NotFoundError("intent_id: no such intent or generation"));
    }
    IntentRecord record = *std::move(result->latest);
    const KnownTool known = context_.ToolOf(record);
    LiveIntentPtr live = FindLive(tenant, intent_id);
    if (live == nullptr && record.state == IntentState::kUnknown && known.tool != nullptr &&
        !context_.draining) {
      live = Adopt(std::move(record), known);
      AddWaiter(live, {.await_done = std::move(done)}, deadline);
      return settler_.Resume(live);
    }
    if (live != nullptr && live->record.generation == record.generation) {
      return AddWaiter(live, {.await_done = std::move(done)}, deadline);
    }
    const absl::Duration left = deadline - context_.clock.Elapsed();
    const bool nobody_works = live == nullptr && record.state == IntentState::kUnknown;
    if (nobody_works && left > absl::ZeroDuration() && !context_.draining) {
      context_.scheduler.RunAfter(
          std::min(left, kLookEvery),
          [this, tenant, intent_id, generation, deadline, done = std::move(done)]() mutable {
            Await(tenant, intent_id, generation, deadline, std::move(done));
          });
      return;
    }
    done(AnswerFromRecord(record, AnswerKind::kReplayed, known.tool.get()));
  };
  context_.ledger.Lookup(std::move(request), OnLoop(context_.scheduler, std::move(found)));
}

void Admission::Finish(WriteCallPtr call, Answer answer) {
  answer.queue_latency = call->looked_up - call->arrived;
  context_.RecordAnswer(call->record, answer);
  call->done(std::move(answer));
}

// Nothing was done and nothing is recorded.
void Admission::Refuse(WriteCallPtr call, absl::Status status) { call->done(std::move(status)); }

}  // namespace onetake
