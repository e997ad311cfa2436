#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/planted_bug.h"
#include "runtime/engine/admission.h"
#include "runtime/engine/answer.h"
#include "runtime/engine/call_identity.h"
#include "runtime/engine/rules.h"
#include "runtime/ledger/result_ref.h"
#include "runtime/ledger/subject.h"

// The part of admission that keeps writes apart that touch the same (R7): a write and the write
// that undoes it, and two that set the same thing.
namespace onetake {
namespace {

constexpr absl::string_view kMayBeUndone = "R7.may_be_undone";
constexpr absl::string_view kMayBeMeant = "R7.may_be_meant";

template <typename Map>
LiveIntentPtr FindIn(const Map& map, const typename Map::key_type& key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : found->second;
}

// Whether there may be something to undo.
bool MayStand(const std::optional<IntentRecord>& target) {
  if (!target.has_value()) return false;
  const bool is_gone =
      target->state == IntentState::kRejected || target->state == IntentState::kReversed;
  return !is_gone || IsContradicted(*target);
}

}  // namespace

void Admission::WaitFor(const LiveIntentPtr& other, WriteCallPtr call) {
  call->record.role = CallRole::kHeld;
  call->record.intent_row = 0;  // not known yet: it depends on what it waits for
  if (IsDiscarded(*call)) {
    if (LeavesInDoubt(*other, call)) return;
    return AnswerWithdrawn(std::move(call));
  }
  // What came of it waits for room, for nobody knows how long.
  if (context_.unrecorded_outcomes > 0 && other->ended) {
    return Refuse(std::move(call), OverloadedError("the ledger's disk is full"));
  }
  call->lookups = 0;
  const absl::Duration deadline = call->deadline;
  AddWaiter(other, {.then = Waiter::Then::kLookAgain, .call = std::move(call)}, deadline);
}

// Whether the look-up is older than what is live: a record that it found under way is live here, or
// has had its outcome since.
bool Admission::IsOlderThanLive(const IntentRecord& record) {
  return record.state == IntentState::kInFlight ||
         (record.state == IntentState::kUnknown &&
          FindLive(record.tenant, record.intent_id) != nullptr);
}

// The intent succeeded, but somebody is undoing it: what a further call means is known only
// afterwards. The same holds when it was undone, or was not, and a late outcome contradicts that;
// and when it is being undone once more, which must not hit what is done next.
bool Admission::WaitsForReversal(WriteCallPtr& call, const LookupResult& found) {
  const IntentRecord& latest = *found.latest;
  if (latest.state != IntentState::kSucceeded && latest.state != IntentState::kReversed) {
    return false;
  }
  if (const auto live = reversing_.find(latest.row); live != reversing_.end()) {
    WaitFor(live->second, std::move(call));
    return true;
  }
  if (!found.reversal.has_value()) return false;
  HoldFor(*found.reversal, kReversalUnsettled, std::move(call));
  return true;
}

bool Admission::AskAPerson(WriteCallPtr& call, const IntentRecord& record, absl::string_view rule) {
  // Otherwise every call would add one that waits for room.
  if (context_.unrecorded_outcomes > 0) {
    Refuse(std::move(call), OverloadedError("the ledger's disk is full"));
    return false;
  }
  call->record.role = CallRole::kHeld;
  settler_.RecordLate({.row = record.row,
                       .says = IntentState::kRejected,
                       .rule = std::string(rule),
                       .actor = "engine",
                       .at = context_.clock.Now()},
                      record.intent_id);
  return true;
}

// A person says by its result whether it is what was undone; until then nobody is told that it is
// done.
void Admission::Doubt(WriteCallPtr call, const IntentRecord& latest) {
  if (!AskAPerson(call, latest, kMayBeUndone)) return;
  Answer answer = ReviewAnswer(kMayBeUndone, latest, call->tool.get());
  Finish(std::move(call), std::move(answer));
}

// A stop settles nothing more, and nothing of the call was done.
void Admission::SettleFirst(const IntentRecord& other, const KnownTool& known, WriteCallPtr call) {
  if (context_.draining) return Refuse(std::move(call), DrainingError());
  const LiveIntentPtr live = Adopt(other, known);
  WaitFor(live, std::move(call));
  settler_.Resume(live);
}

void Admission::HoldFor(const IntentRecord& other, absl::string_view rule, WriteCallPtr call) {
  call->record.role = CallRole::kHeld;
  call->record.intent_row = 0;
  // A reversal that named a result is not known by the row that has it now.
  const LiveIntentPtr live = FindLive(other.tenant, other.intent_id);
  if (live != nullptr && live->record.row == other.row) return WaitFor(live, std::move(call));
  if (IsOlderThanLive(other)) return LookAgain(std::move(call));
  const KnownTool known = context_.ToolOf(other);
  if (other.state == IntentState::kUnknown && known.tool != nullptr) {
    return SettleFirst(other, known, std::move(call));
  }
  Answer answer = ReviewAnswer(rule, other, known.tool.get());
  Finish(std::move(call), std::move(answer));
}

// The resend that is on its way, and makes again what this call may undo: a caller may have learned
// the result of the first attempt otherwise. It is of the same session or scope, as for
// Settler::UnlessUndone(), which keeps the resend back where this call came first.
LiveIntentPtr Admission::FindMadeAgain(const WriteCall& call) const {
  const std::string scope = RecordedScope(*call.tool, call.call, context_.options.tenant_key);
  const std::vector<LiveIntentPtr> again = AllLive([&](const LiveIntent& live) {
    const IntentRecord& record = live.record;
    // Few hold a slot.
    if (live.slot == nullptr || record.tenant != call.call.tenant) return false;
    const bool is_near = record.session_id == call.call.session_id || record.scope == scope;
    return record.tool == call.tool->reverses->tool && is_near && settler_.MakesItAgain(live);
  });
  return again.empty() ? nullptr : again.front();
}

// Whether an intent may be given the result that the call names, as ids come back. That is so of
// what had the result before and is done again; while that is not known here, of whatever is done
// in the same session. Others would keep a retry from its answer without need.
bool Admission::MayComeBackAs(const WriteCall& call, const LookupResult& found,
                              const std::string& intent_id, const std::string& session_id) {
  if (found.target.has_value()) return intent_id == found.target->intent_id;
  return !session_id.empty() && session_id == call.call.session_id;
}

// What was begun after this call had been done, and has no result yet: it may be given the very one
// that the call names, and then the call is a new wish.
LiveIntentPtr Admission::FindDoneSince(const WriteCall& call, const LookupResult& found) const {
  if (call.target_ref.empty() || MayStand(found.target)) return nullptr;
  if (!found.latest.has_value() || found.latest->state != IntentState::kSucceeded) return nullptr;
  const std::string& tenant = call.call.tenant;
  const auto is_since = [&](const LiveIntentPtr& live) {
    return live != nullptr && live->record.tool == call.tool->reverses->tool &&
           (live->record.row == 0 || live->record.row > found.latest->row);
  };
  if (found.target.has_value()) {
    const LiveKey key(tenant, found.target->intent_id);
    for (const LiveIntentPtr& live : {FindIn(live_, key), FindIn(landing_, key)}) {
      if (is_since(live)) return live;
    }
    return nullptr;
  }
  const std::string& session = call.call.session_id;
  if (session.empty()) return nullptr;
  for (auto it = live_by_session_.lower_bound({tenant, session, 0}); it != live_by_session_.end();
       ++it) {
    const IntentRecord& record = it->second->record;
    if (record.tenant != tenant || record.session_id != session) break;
    if (is_since(it->second)) return it->second;
  }
  return nullptr;
}

// As ids come back, what was made again may be what the call names: then it is neither done already
// nor without anything to undo. If it were sent, and was given another id, what undoes nothing
// would be recorded as the end of the wrong one.
bool Admission::WaitsForName(WriteCallPtr& call, const LookupResult& found) {
  if (!found.may_be_meant.has_value() || MayStand(found.target)) return false;
  const IntentRecord& meant = *found.may_be_meant;
  // What is under way is waited for where that is needed (FindDoneSince).
  if (IsOlderThanLive(meant)) return false;
  const KnownTool known = context_.ToolOf(meant);
  if (meant.state == IntentState::kUnknown && known.tool != nullptr) {
    call->done_before = found.latest.has_value() && found.latest->state == IntentState::kSucceeded;
    SettleFirst(meant, known, std::move(call));
    return true;
  }
  const bool settled = IsSettled(meant.state) && !IsContradicted(meant);
  if (settled && !AskAPerson(call, meant, kMayBeMeant)) return true;
  call->record.role = CallRole::kHeld;
  call->record.intent_row = 0;
  Answer answer = HeldByTargetAnswer(meant, *call->tool);
  Finish(std::move(call), std::move(answer));
  return true;
}

// What is live, or landing, and touches the same intent: an earlier generation, what undoes it,
// what this call would undo, what undoes that already; and what stands again by it, or by which
// what is undone may stand again.
LiveIntentPtr Admission::FindInTheWay(const WriteCall& call,
                                      const std::optional<IntentRecord>& target) {
  const std::string& tenant = call.call.tenant;
  if (LiveIntentPtr live = FindIn(landing_, LiveKey(tenant, call.intent_id))) return live;
  if (!call.target_intent_id.empty()) {
    if (LiveIntentPtr live = FindLive(tenant, call.target_intent_id)) return live;
    if (LiveIntentPtr live = FindIn(landing_, LiveKey(tenant, call.target_intent_id))) return live;
  }
  if (LiveIntentPtr live = FindIn(restoring_, LiveKey(tenant, call.intent_id))) return live;
  if (!call.restores_intent.empty()) {
    const LiveKey key(tenant, call.restores_intent);
    for (const LiveIntentPtr& live : {FindIn(live_, key), FindIn(landing_, key)}) {
      if (live != nullptr) return live;
    }
  }
  for (const std::string& undone : {call.intent_id, UndoneBy(call)}) {
    const LiveKey key(tenant, absl::StrCat(kUndoes, undone));
    if (LiveIntentPtr live = FindIn(undoing_, key)) return live;
  }
  if (!call.target_ref.empty() && !MayStand(target)) {
    if (LiveIntentPtr live = FindMadeAgain(call)) return live;
  }
  if (!target.has_value()) return nullptr;
  if (LiveIntentPtr live = FindIn(reversing_, target->row)) return live;
  const LiveKey key(target->tenant, target->intent_id);
  if (target->state == IntentState::kReversed) {
    if (LiveIntentPtr live = FindIn(restoring_, key)) return live;
  }
  if (target->reverses_row != 0) {
    if (LiveIntentPtr live = FindIn(reversing_, target->reverses_row)) return live;
  }
  for (const LiveIntentPtr& live : {FindIn(live_, key), FindIn(landing_, key)}) {
    if (live != nullptr && live->record.generation == target->generation) return live;
  }
  return nullptr;
}

// What is live, or landing, and sets the same thing.
LiveIntentPtr Admission::FindSetsSame(const WriteCall& call) const {
  const auto range = live_by_subject_.equal_range(call.subject);
  for (auto it = range.first; it != range.second; ++it) {
    const IntentRecord& record = it->second->record;
    if (record.tenant == call.call.tenant && record.intent_id != call.intent_id) return it->second;
  }
  return nullptr;
}

// Two writes that set the same thing are never under way at once: what is sent again of the first
// one would replace what the second one did.
bool Admission::WaitsForSame(WriteCallPtr& call, const LookupResult& found) {
  if (!SetsAThing(call->subject)) return false;
  if (const LiveIntentPtr live = FindSetsSame(*call)) {
    WaitFor(live, std::move(call));
    return true;
  }
  if (!found.sets_same.has_value()) return false;
  HoldFor(*found.sets_same, kEarlierUnsettled, std::move(call));
  return true;
}

// What it would undo may be recorded as an earlier version of that tool names it. What is under way
// under this name, or in doubt, is waited for first.
bool Admission::TriesAnotherTarget(WriteCall& call, const LookupResult& found) {
  if (call.other_targets.empty() || MayStand(found.target)) return false;
  // A target that was refused would answer the call, whatever stands under another name.
  const bool is_refused = found.target.has_value() && found.target->state == IntentState::kRejected;
  if (found.target_reversal.has_value() && !is_refused) return false;
  if (FindInTheWay(call, found.target) != nullptr) return false;
  call.target_intent_id = std::move(call.other_targets.back());
  call.other_targets.pop_back();
  --call.lookups;
  return true;
}

// A reversing write that succeeded before, while its target has been made again since, or is just
// being made. One that knew no target has undone none that was claimed after it.
bool Admission::UndoesAnother(const WriteCall& call, const IntentRecord& latest,
                              const std::optional<IntentRecord>& target) {
  if (latest.state != IntentState::kSucceeded) return false;
  if (ONETAKE_PLANTED_BUG("cancellation_swallowed")) return false;
  const auto is_another = [&](int64_t row) {
    return latest.reverses_row == 0 ? row > latest.row : row != latest.reverses_row;
  };
  const LiveKey key(call.call.tenant, call.target_intent_id);
  LiveIntentPtr live = call.target_intent_id.empty() ? nullptr : FindIn(live_, key);
  if (live == nullptr) live = FindIn(landing_, key);
  if (live != nullptr) return live->record.row == 0 || is_another(live->record.row);
  return MayStand(target) && is_another(target->row);
}

// A reversing write waits until what it undoes is settled, and until every other write that undoes
// it is, too; what never happened needs no undoing.
bool Admission::WaitsForTarget(WriteCallPtr& call, const LookupResult& found) {
  if (const LiveIntentPtr live = FindInTheWay(*call, found.target)) {
    WaitFor(live, std::move(call));
    return true;
  }
  if (WaitsForName(call, found)) return true;
  if (!found.target.has_value()) {
    if (!found.target_reversal.has_value()) return false;
    HoldFor(*found.target_reversal, kReversalUnsettled, std::move(call));
    return true;
  }
  const IntentRecord& target = *found.target;
  if (IsOlderThanLive(target)) {
    LookAgain(std::move(call));
    return true;
  }
  const KnownTool known = context_.ToolOf(target);
  switch (target.state) {
    case IntentState::kReversed:
      if (IsContradicted(target)) break;
      [[fallthrough]];
    case IntentState::kSucceeded:
      if (!found.target_reversal.has_value()) return false;
      HoldFor(*found.target_reversal, kReversalUnsettled, std::move(call));
      return true;
    case IntentState::kUnknown:
      if (known.tool == nullptr) break;
      SettleFirst(target, known, std::move(call));
      return true;
    case IntentState::kInFlight:
    case IntentState::kRejected:
    case IntentState::kReview: break;
  }
  call->record.role = CallRole::kHeld;
  Answer answer = HeldByTargetAnswer(target, *call->tool);
  Finish(std::move(call), std::move(answer));
  return true;
}

}  // namespace onetake
