#include <utility>

#include "runtime/base/on_loop.h"
#include "runtime/base/planted_bug.h"
#include "runtime/engine/answer.h"
#include "runtime/engine/result_reference.h"
#include "runtime/engine/settler.h"

// The part of the settler that does not do again what may have been undone meanwhile (R7). A caller
// may learn the result of a lost write otherwise and undo it before it is known here.
namespace onetake {

void Settler::UnlessUndone(const LiveIntentPtr& live, Step then) {
  LookupRequest request{.tenant = live->record.tenant,
                        .undoing_tools = UndoingByResult(*context_.tools, live->tool->name),
                        .undone_row = live->record.row};
  if (request.undoing_tools.empty()) return (this->*then)(live);
  live->asking = true;
  auto asked = [this, live, then](const absl::StatusOr<LookupResult>& found) {
    OnUndoneAsked(live, then, found);
  };
  context_.ledger.Lookup(std::move(request), OnLoop(context_.scheduler, std::move(asked)));
}

void Settler::OnUndoneAsked(const LiveIntentPtr& live, Step then,
                            const absl::StatusOr<LookupResult>& found) {
  live->asking = false;
  if (live->ended) return live->slot.reset();  // by a drain or a person, meanwhile
  // It is UNKNOWN, and the next start asks again.
  if (!found.ok() && context_.draining) return Ended(live);
  if (!found.ok()) {
    live->timer = context_.scheduler.RunAfter(kBusyFor, [this, live, then] {
      live->timer = Scheduler::TimerId::kNone;
      UnlessUndone(live, then);
    });
    return;
  }
  if (found->undone_by_intent.empty() || ONETAKE_PLANTED_BUG("undone_is_made_again")) {
    return (this->*then)(live);
  }
  live->slot.reset();
  Record(live,
         {.to = IntentState::kUnknown,
          .rule = "R7.undone_meanwhile",
          .ambiguous = true,
          .evidence_json = DumpJson(Json{{"intent", found->undone_by_intent}})},
         &Settler::ToReview);
}

// Without the result nothing brings it together with the write that has undone it, and whoever
// waits for it would be told that it is done.
void Settler::SucceedUnread(const LiveIntentPtr& live, Transition transition) {
  const bool has_name = live->tool->result_ref.has_value() &&
                        !UndoingByResult(*context_.tools, live->tool->name).empty();
  transition.to = has_name ? IntentState::kUnknown : IntentState::kSucceeded;
  Record(live, std::move(transition), has_name ? &Settler::SucceedUnlessUndone : &Settler::Ended);
}

void Settler::SucceedUnlessUndone(const LiveIntentPtr& live) {
  UnlessUndone(live, &Settler::SucceedAsSeen);
}

void Settler::SucceedAsSeen(const LiveIntentPtr& live) {
  Record(live, {.to = IntentState::kSucceeded, .rule = live->record.reason}, &Settler::Ended);
}

}  // namespace onetake
