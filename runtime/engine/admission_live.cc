#include <algorithm>
#include <tuple>

#include "runtime/engine/admission.h"

// The part of admission that knows which intents are live, or were a moment ago, and by what they
// are found.
namespace onetake {

LiveIntentPtr Admission::FindLive(const std::string& tenant, const std::string& intent_id) {
  const auto found = live_.find(LiveKey(tenant, intent_id));
  return found == live_.end() ? nullptr : found->second;
}

std::vector<LiveIntentPtr> Admission::AllLive(
    absl::FunctionRef<bool(const LiveIntent&)> which) const {
  std::vector<LiveIntentPtr> all;
  for (const auto* map : {&live_, &landing_}) {
    for (const auto& [key, live] : *map) {
      if (which(*live)) all.push_back(live);
    }
  }
  std::sort(all.begin(), all.end(), [](const LiveIntentPtr& a, const LiveIntentPtr& b) {
    return std::tie(a->record.tenant, a->record.intent_id, a->record.generation) <
           std::tie(b->record.tenant, b->record.intent_id, b->record.generation);
  });
  return all;
}

void Admission::Enter(const LiveIntentPtr& live) {
  live_.emplace(LiveKey(live->record.tenant, live->record.intent_id), live);
  EnterTouched(live);
}

void Admission::EnterTouched(const LiveIntentPtr& live) {
  live->number = ++entered_;
  const IntentRecord& record = live->record;
  if (!record.subject.empty()) live_by_subject_.emplace(record.subject, live);
  live_by_session_.emplace(std::tuple(record.tenant, record.session_id, live->number), live);
  if (live->record.reverses_row != 0) reversing_.emplace(live->record.reverses_row, live);
  if (!live->restores_intent.empty()) {
    restoring_.emplace(LiveKey(record.tenant, live->restores_intent), live);
  }
  if (live->undoes_ref.empty()) return;
  undoing_.emplace(LiveKey(live->record.tenant, live->undoes_ref), live);
}

void Admission::Leave(const LiveIntent& live) {
  departed_.push_back({.number = ++departures_,
                       .tenant = live.record.tenant,
                       .intent_id = live.record.intent_id,
                       .tool = live.record.tool,
                       .session_id = live.record.session_id,
                       .subject = live.record.subject});
  if (departed_.size() > kDeparted) departed_.pop_front();
  // A late look-up may have entered a second LiveIntent of this intent: only our own is erased.
  const auto known = live_.find(LiveKey(live.record.tenant, live.record.intent_id));
  if (known != live_.end() && known->second.get() == &live) live_.erase(known);
  live_by_session_.erase(std::tuple(live.record.tenant, live.record.session_id, live.number));
  const auto reversing = reversing_.find(live.record.reverses_row);
  if (reversing != reversing_.end() && reversing->second.get() == &live) {
    reversing_.erase(reversing);
  }
  const auto restoring = restoring_.find(LiveKey(live.record.tenant, live.restores_intent));
  if (restoring != restoring_.end() && restoring->second.get() == &live) {
    restoring_.erase(restoring);
  }
  const auto undoing = undoing_.find(LiveKey(live.record.tenant, live.undoes_ref));
  if (undoing != undoing_.end() && undoing->second.get() == &live) undoing_.erase(undoing);
  const auto range = live_by_subject_.equal_range(live.record.subject);
  for (auto it = range.first; it != range.second; ++it) {
    if (it->second.get() == &live) return void(live_by_subject_.erase(it));
  }
}

// The ledger refuses a claim of a generation that exists already; it knows nothing of near
// duplicates and of what is to be undone, so those are checked here.
bool Admission::IsOutdated(const WriteCall& call, const LookupResult& found) const {
  const bool has_target = !call.target_intent_id.empty();
  // The ledger brings a write that names a result together with it, whichever is known first; but
  // what has that result by now also tells whether a call that was done before is a new wish.
  const bool may_be_new = !call.target_ref.empty() && found.latest.has_value() &&
                          found.latest->state == IntentState::kSucceeded;
  if (call.subject.empty() && !has_target && !may_be_new) return false;
  for (auto it = departed_.rbegin(); it != departed_.rend(); ++it) {
    if (it->number <= call.departures) return false;
    if (it->tenant != call.call.tenant) continue;
    const bool is_near = !call.subject.empty() && it->subject == call.subject;
    const bool is_target = has_target && it->intent_id == call.target_intent_id;
    const bool may_be_named = may_be_new && it->tool == call.tool->reverses->tool &&
                              MayComeBackAs(call, found, it->intent_id, it->session_id);
    if (is_near || is_target || may_be_named) return true;
  }
  return departures_ > call.departures;  // more have left than are remembered
}

}  // namespace onetake
