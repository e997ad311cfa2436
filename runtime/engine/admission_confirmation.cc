#include <algorithm>
#include <utility>
#include <vector>

#include "runtime/base/planted_bug.h"
#include "runtime/engine/admission.h"
#include "runtime/engine/answer.h"
#include "runtime/engine/confirm_token.h"
#include "runtime/engine/drift.h"
#include "runtime/engine/stored_form.h"
#include "runtime/intent/identity.h"

// The part of admission that lets the user decide: near duplicates (R15), and tools that are read
// back first.
namespace onetake {
namespace {

// Another wish for the very same thing has the user's turn as its evidence already.
bool IsDeclaredRepeat(const WriteCall& call) { return call.call.occurrence > 0; }

// When a yes that was given before was used up: what it made was undone since or, if it was a write
// that undoes others, stands beside the next one.
absl::Time DoneAt(const LookupResult& found) {
  const bool took_effect =
      found.latest.has_value() && (found.latest->state == IntentState::kReversed ||
                                   found.latest->state == IntentState::kSucceeded);
  if (!took_effect) return absl::InfinitePast();
  return found.latest->settled_at.value_or(absl::InfinitePast());
}

// Whether nothing is left of what was given but the null arguments, which are as absent ones, and
// the places of those that were taken out.
bool IsLeftEmpty(const Json& left, const Json& given) {
  if (left.is_null()) return true;
  if (!left.is_structured() || given.empty()) return false;
  for (auto member = left.begin(); member != left.end(); ++member) {
    const Json& was =
        left.is_array() ? given[static_cast<size_t>(member - left.begin())] : given[member.key()];
    if (!IsLeftEmpty(*member, was)) return false;
  }
  return true;
}

// Whether all calls of the intent make the same state, because its identity is all that they say.
bool MakesOneState(const WriteCall& call) {
  const Tool& tool = *call.tool;
  if (!tool.safety.natural || IsDeclaredRepeat(call) || !call.call.intent_id.empty()) return false;
  const std::vector<IdentityField>& identity = tool.intent.identity;
  const Json guarded = GuardedArguments(call.arguments, identity, tool.intent.ignored);
  return identity.empty() || guarded.empty() || IsLeftEmpty(guarded, call.arguments);
}

// A write that the ledger has forgotten may have happened. Only one that makes the same state is
// safe from a second one; for any other, only the user knows. A key does not protect: if a later
// generation of the intent is what was forgotten, it was written with another key than this one's,
// and perhaps with other guarded arguments.
bool MayBeForgotten(const EngineContext& context, const WriteCall& call) {
  if (ONETAKE_PLANTED_BUG("restored_copy_is_sure")) return false;
  if (ONETAKE_PLANTED_BUG("restored_cancellation_is_sure") && call.tool->reverses) return false;
  // A clock that is set right meanwhile makes the time no shorter.
  const bool unsure = context.clock.Now() < context.options.unsure_until ||
                      context.clock.Elapsed() < context.unsure_elapsed;
  return unsure && !MakesOneState(call);
}

std::vector<ArgumentDiff> IdentityDiff(const IntentRecord& record, const WriteCall& call,
                                       const Secret& tenant_key) {
  const absl::StatusOr<Json> recorded = ParseJson(record.identity_json, ResultLimits());
  if (!recorded.ok()) return {{.path = "$"}};
  std::vector<ArgumentDiff> diff = DiffGuarded(
      *recorded, StoredIdentity(*call.tool, call.identity.identity, NamedByOf(call), tenant_key));
  ShowAsGiven(*call.tool, record, call.stored, diff);
  return diff;
}

}  // namespace

// What is being claimed is not in the ledger yet, so the live intents are asked first.
const IntentRecord* Admission::FindNear(const WriteCall& call, const LookupResult& found) const {
  if (call.subject.empty() || !call.tool->intent.near.has_value() || IsDeclaredRepeat(call)) {
    return nullptr;
  }
  const auto range = live_by_subject_.equal_range(call.subject);
  for (auto it = range.first; it != range.second; ++it) {
    const IntentRecord& other = it->second->record;
    // What a person has settled is found by its verdict, even while it lands.
    const auto live = live_.find(LiveKey(other.tenant, other.intent_id));
    const bool is_live = live != live_.end() && live->second == it->second;
    if (is_live && other.intent_id != call.intent_id) return &other;
  }
  return found.near.has_value() ? &*found.near : nullptr;
}

void Admission::AnswerNearConflict(WriteCallPtr call, const IntentRecord& near) {
  Answer answer =
      NearConflictAnswer(near, IdentityDiff(near, *call, context_.options.tenant_key), *call->tool);
  call->record.role = CallRole::kConflict;
  call->record.intent_row = near.row;
  Finish(std::move(call), std::move(answer));
}

bool Admission::WaitsForConfirmation(WriteCallPtr& call, const LookupResult& found) {
  const Tool& tool = *call->tool;
  const IntentRecord* near = FindNear(*call, found);
  const bool forgotten = MayBeForgotten(context_, *call);
  if (near == nullptr && tool.confirm == ConfirmRule::kNever && !forgotten) return false;
  if (near != nullptr && tool.intent.near->action == NearSpec::Action::kReject) {
    AnswerNearConflict(std::move(call), *near);
    return true;
  }
  const Secret& key = context_.options.tenant_key;
  const ConfirmSubject subject{.intent_id = call->intent_id,
                               .guarded = call->guarded_digest,
                               .near_intent_id = near == nullptr ? "" : near->intent_id,
                               .done_at = std::max(DoneAt(found), context_.options.restored_at)};
  const ConfirmVerdict verdict = CheckConfirmToken(key, subject, call->call.turn_id,
                                                   context_.clock.Now(), call->call.confirm_token);
  if (verdict == ConfirmVerdict::kConfirmed) return false;
  // The call is tied to no intent's row: the same tool_call_id may come again, confirmed.
  call->record.role = CallRole::kUnconfirmed;
  call->record.intent_row = 0;
  call->record.detail = std::string(ToString(verdict));
  Answer answer = near == nullptr ? ReadBackAnswer(tool)
                                  : NearAnswer(*near, IdentityDiff(*near, *call, key), tool);
  answer.forgotten = forgotten;
  if (near == nullptr && forgotten) answer.reason = "restore.forgotten";
  if (verdict != ConfirmVerdict::kMissing) answer.reason = std::string(ToString(verdict));
  answer = Worded(std::move(answer), &tool);
  answer.confirm_token = MakeConfirmToken(key, subject, call->call.turn_id, context_.clock.Now());
  if (ONETAKE_PLANTED_BUG("confirmation_and_sent")) {
    std::exchange(call->done, [](const absl::StatusOr<Answer>&) {})(std::move(answer));
    return false;
  }
  Finish(std::move(call), std::move(answer));
  return true;
}

}  // namespace onetake
