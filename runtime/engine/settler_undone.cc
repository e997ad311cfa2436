#include <utility>

#include "absl/algorithm/container.h"
#include "runtime/engine/answer.h"
#include "runtime/engine/settler.h"

// The part of the settler that does not do again what may have been undone meanwhile (R7). A caller
// may learn the result of a lost write otherwise and undo it before it is known here.
namespace onetake {
namespace {

// The tools that undo a write of this one by its result. By identity it is found, and waited for.
std::vector<std::string> UndoneBy(const Tool& tool, const ToolSet& tools) {
  std::vector<std::string> names;
  for (const std::shared_ptr<const Tool>& other : tools.tools()) {
    if (other->reverses.has_value() && other->reverses->argument.has_value() &&
        other->reverses->tool == tool.name) {
      names.push_back(other->name);
    }
  }
  return names;
}

}  // namespace

void Settler::UnlessUndone(const LiveIntentPtr& live, Step then) {
  LookupRequest request{.tenant = live->record.tenant,
                        .undone_row = live->record.row,
                        .undone_by = UndoneBy(*live->tool, *context_.tools)};
  if (request.undone_by.empty()) return (this->*then)(live);
  auto asked = [this, live = live, then](absl::StatusOr<LookupResult> found) mutable {
    // Moved on: the last of it must not be left to the ledger's thread.
    context_.scheduler.Post([this, live = std::move(live), then, found = std::move(found)] {
      OnUndoneAsked(live, then, found);
    });
  };
  context_.ledger.Lookup(std::move(request), std::move(asked));
}

void Settler::OnUndoneAsked(const LiveIntentPtr& live, Step then,
                            const absl::StatusOr<LookupResult>& found) {
  if (live->ended) return live->slot.reset();  // by a drain or a person, meanwhile
  if (!found.ok()) {
    live->timer = context_.scheduler.RunAfter(kBusyFor, [this, live, then] {
      live->timer = Scheduler::TimerId::kNone;
      UnlessUndone(live, then);
    });
    return;
  }
  if (found->undone_by_intent.empty()) return (this->*then)(live);
  live->slot.reset();
  Record(live,
         {.to = IntentState::kUnknown,
          .rule = "R7.may_be_undone",
          .ambiguous = true,
          .evidence_json = DumpJson(Json{{"intent", found->undone_by_intent}})},
         &Settler::ToReview);
}

}  // namespace onetake
