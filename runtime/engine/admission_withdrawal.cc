#include <utility>

#include "absl/algorithm/container.h"
#include "runtime/base/planted_bug.h"
#include "runtime/engine/admission.h"
#include "runtime/engine/answer.h"

// The part of admission that takes back what a discarded turn wanted, as long as nothing of it was
// sent (R20).
namespace onetake {
namespace {

// The most turns noted for one intent. An intent that more have wanted counts as wanted for good.
constexpr size_t kMostTurns = 64;

Turn TurnOf(const WriteCall& call) {
  return {
      .tenant = call.call.tenant, .session_id = call.call.session_id, .turn_id = call.call.turn_id};
}

}  // namespace

bool Admission::IsDiscarded(const WriteCall& call) {
  return context_.turns.Contains(TurnOf(call), context_.clock.Elapsed());
}

void Admission::WantedBy(LiveIntent& live, const WriteCall& call) {
  // An empty turn, which is never discarded, is the last one that is noted.
  if (live.wanted_by.size() > kMostTurns) return;
  if (absl::c_linear_search(live.wanted_by, TurnOf(call))) return;
  const bool full = live.wanted_by.size() == kMostTurns;
  live.wanted_by.push_back(full ? Turn() : TurnOf(call));
}

// If only discarded turns have wanted the intent that settles, its outcome is for the next turn.
void Admission::NoteDiscarded(const LiveIntent& live) {
  const absl::Duration now = context_.clock.Elapsed();
  const bool unwanted = absl::c_all_of(
      live.wanted_by, [&](const Turn& turn) { return context_.turns.Contains(turn, now); });
  if (live.wanted_by.empty() || !unwanted) return;
  context_.turns.NoteSettled(live.wanted_by.back(), live.record.intent_id, live.record.generation);
}

void Admission::AnswerWithdrawn(WriteCallPtr call) {
  call->record.role = CallRole::kWithdrawn;
  call->record.intent_row = 0;
  Answer answer = WithdrawnAnswer(*call->tool);
  Finish(std::move(call), std::move(answer));
}

// The tenant is compared first: it rules out most live intents at once.
std::vector<LiveIntentPtr> Admission::WantedIn(const Turn& turn) const {
  return AllLive([&turn](const LiveIntent& live) {
    if (live.record.tenant != turn.tenant) return false;
    return absl::c_linear_search(live.wanted_by, turn) ||
           absl::c_any_of(live.waiters, [&turn](const Waiter& waiter) {
             return waiter.call != nullptr && waiter.call->call.session_id == turn.session_id &&
                    waiter.call->call.turn_id == turn.turn_id;
           });
  });
}

int Admission::Withdraw(const Turn& turn) {
  int withdrawn = 0;
  for (const LiveIntentPtr& live : WantedIn(turn)) {
    // Calls that wait for another intent have claimed nothing of their own.
    for (size_t i = 0; i < live->waiters.size();) {
      const auto waiter = live->waiters.begin() + static_cast<std::ptrdiff_t>(i);
      if (waiter->then != Waiter::Then::kLookAgain || !IsDiscarded(*waiter->call)) {
        ++i;
        continue;
      }
      WriteCallPtr call = TakeWaiter(*live, waiter).call;
      if (LeavesInDoubt(*live, call)) continue;
      AnswerWithdrawn(std::move(call));
      ++withdrawn;
    }
    if (ONETAKE_PLANTED_BUG("withdrawn_and_sent") && settler_.Unwanted(*live)) {
      for (Waiter& waiter : TakeWaiters(*live)) AnswerWithdrawn(std::move(waiter.call));
      live->wanted_by.clear();
    }
    if (settler_.Unwanted(*live) && settler_.Withdraw(live)) ++withdrawn;
  }
  return withdrawn;
}

}  // namespace onetake
