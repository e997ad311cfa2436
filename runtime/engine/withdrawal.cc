#include <algorithm>
#include <utility>

#include "runtime/engine/admission.h"
#include "runtime/engine/answer.h"

// The part of admission that takes back what a discarded turn wanted, as long as nothing of it was
// sent (R20).
namespace onetake {
namespace {

Turn TurnOf(const WriteCall& call) {
  return {
      .tenant = call.call.tenant, .session_id = call.call.session_id, .turn_id = call.call.turn_id};
}

}  // namespace

bool Admission::IsDiscarded(const WriteCall& call) {
  return context_.turns.Contains(TurnOf(call), context_.clock.Elapsed());
}

void Admission::WantedBy(LiveIntent& live, const WriteCall& call) {
  live.wanted_by.push_back(TurnOf(call));
}

void Admission::AnswerWithdrawn(WriteCallPtr call) {
  call->record.role = CallRole::kWithdrawn;
  call->record.intent_row = 0;
  Answer answer = WithdrawnAnswer(*call->tool);
  Finish(std::move(call), std::move(answer));
}

int Admission::Withdraw() {
  int withdrawn = 0;
  for (const LiveIntentPtr& live : AllLive()) {
    // Those that wait for another intent have claimed nothing of their own.
    for (size_t i = 0; i < live->waiters.size();) {
      Waiter& waiter = live->waiters[i];
      if (waiter.then != Waiter::Then::kLookAgain || !IsDiscarded(*waiter.call)) {
        ++i;
        continue;
      }
      Waiter taken = std::move(waiter);
      live->waiters.erase(live->waiters.begin() + static_cast<std::ptrdiff_t>(i));
      context_.scheduler.Cancel(taken.patience);
      AnswerWithdrawn(std::move(taken.call));
      ++withdrawn;
    }
    if (settler_.Unwanted(*live) && settler_.Withdraw(live)) ++withdrawn;
  }
  return withdrawn;
}

}  // namespace onetake
