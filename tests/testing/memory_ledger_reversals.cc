// The part of MemoryLedger about writes that undo others, or set what others have set.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/ledger/result_ref.h"
#include "runtime/ledger/subject.h"
#include "tests/testing/memory_ledger.h"

namespace onetake::testing {
namespace {

using S = IntentState;

std::string ReversedBy(const Transition& cause) {
  return absl::StrCat("{\"reversed_by_row\":", cause.row, "}");
}

Transition Overwritten(int64_t by) {
  return {.from = S::kSucceeded,
          .to = S::kReversed,
          .rule = kOverwrittenRule,
          .evidence_json = absl::StrCat("{\"overwritten_by_row\":", by, "}")};
}

bool SetSame(const IntentRecord& one, const IntentRecord& other) {
  return SetsAThing(one.subject) && one.subject == other.subject && one.tenant == other.tenant;
}

bool TookEffect(const IntentRecord& record) {
  return record.state == S::kSucceeded || record.state == S::kReversed;
}

}  // namespace

// A success closes the write that it undoes; or it is closed itself, if another write undid it
// before it was known.
void MemoryLedger::CloseReversed(const IntentRecord& record, const Transition& transition) {
  if (transition.to != S::kSucceeded) return;
  if (record.reverses_row != 0) Reverse(record.reverses_row, transition);
  const std::string own = RefOf(record.row);
  if (own.empty()) return;
  absl::string_view ref = own;
  const bool undoes = absl::ConsumePrefix(&ref, kUndoes);
  const std::string counterpart = undoes ? std::string(ref) : absl::StrCat(kUndoes, ref);
  int64_t other = 0;
  for (const IntentRecord& known : intents) {
    if (RefOf(known.row) == counterpart && known.tenant == record.tenant &&
        known.state == S::kSucceeded && !known.review_at.has_value() &&
        (known.row > record.row) != undoes) {
      other = known.row;
    }
  }
  if (other == 0) return;
  if (undoes) return Reverse(other, transition);
  Transition reversal = transition;
  reversal.row = other;
  Reverse(record.row, reversal);
}

Transition MemoryLedger::Move(IntentRecord& target, Transition transition,
                              const Transition& cause) {
  transition.row = target.row;
  transition.actor = cause.actor;
  transition.at = cause.at;
  Update(target, transition);
  Append(target, {.at = transition.at,
                  .kind = std::string(EventKind(transition)),
                  .from = std::string(ToString(transition.from)),
                  .to = std::string(ToString(transition.to)),
                  .rule = transition.rule,
                  .actor = transition.actor,
                  .evidence_json = transition.evidence_json});
  return transition;
}

void MemoryLedger::Reverse(int64_t row, const Transition& reversal) {
  const absl::StatusOr<IntentRecord*> target = AtRow(row);
  if (!target.ok() || (*target)->state != S::kSucceeded) return;
  Move(**target,
       {.from = S::kSucceeded,
        .to = S::kReversed,
        .rule = "R7.reversed",
        .evidence_json = ReversedBy(reversal)},
       reversal);
  Transition cause = reversal;
  cause.row = row;
  ReinstateUndone(cause);
}

// What the write of cause.row had undone stands again, as that one is undone itself.
void MemoryLedger::ReinstateUndone(const Transition& cause) {
  IntentRecord* undone = FindUndone(intents.at(cause.row - 1));
  if (undone == nullptr) return;
  bool stands = true;
  for (const IntentRecord& later : intents) {
    const bool same = later.tenant == undone->tenant && later.intent_id == undone->intent_id;
    if (same && later.generation > undone->generation) stands = false;
    const bool refused = later.state == S::kRejected && !later.review_at.has_value();
    if (SetSame(later, *undone) && later.row > undone->row && !refused) stands = false;
  }
  for (const IntentRecord* by : ReversalsOf(undone->row)) {
    const bool open = !IsSettled(by->state) || by->review_at.has_value();
    if (by->row != cause.row && (open || by->state == S::kSucceeded)) stands = false;
  }
  if (!stands) return DoubtReversal(*undone, "R7.may_stand_again", ReversedBy(cause), cause);
  CloseReversed(*undone, Move(*undone,
                              {.from = S::kReversed,
                               .to = S::kSucceeded,
                               .rule = kReinstatedRule,
                               .evidence_json = ReversedBy(cause)},
                              cause));
}

// What this write has undone; null: nothing that is known.
IntentRecord* MemoryLedger::FindUndone(const IntentRecord& record) {
  IntentRecord* undone = nullptr;
  const std::string own = RefOf(record.row);
  absl::string_view ref = own;
  const bool by_ref = record.reverses_row == 0 && absl::ConsumePrefix(&ref, kUndoes);
  for (IntentRecord& known : intents) {
    const bool named = by_ref && known.row < record.row && known.tenant == record.tenant &&
                       RefOf(known.row) == ref;
    const bool is_it = record.reverses_row != 0 ? known.row == record.reverses_row : named;
    if (is_it && known.state == S::kReversed) undone = &known;
  }
  return undone;
}

// A reversal turned out not to have happened. What another one undid as well is undone.
void MemoryLedger::DoubtReversed(const IntentRecord& record, const Transition& correction) {
  IntentRecord* undone = FindUndone(record);
  if (undone == nullptr) return;
  for (const IntentRecord* by : ReversalsOf(undone->row)) {
    if (by->state == S::kSucceeded) return;
  }
  DoubtReversal(*undone, "R7.reversal_corrected", ReversedBy(correction), correction);
}

void MemoryLedger::DoubtReversal(IntentRecord& undone, const std::string& rule,
                                 std::string evidence, const Transition& cause) {
  undone.review_at = undone.review_at.value_or(cause.at);
  const std::string state(ToString(undone.state));
  Append(undone, {.at = cause.at,
                  .kind = "conflict",
                  .from = state,
                  .to = state,
                  .rule = rule,
                  .actor = cause.actor,
                  .evidence_json = std::move(evidence)});
}

IntentRecord* MemoryLedger::FindSetBefore(const IntentRecord& record) {
  IntentRecord* last = nullptr;
  for (IntentRecord& known : intents) {
    if (known.row < record.row && SetSame(known, record) && TookEffect(known)) last = &known;
  }
  return last;
}

const IntentRecord* MemoryLedger::FindSetAfter(const IntentRecord& record) const {
  const auto found = std::find_if(intents.begin(), intents.end(), [&](const IntentRecord& known) {
    return known.row > record.row && SetSame(known, record) && TookEffect(known);
  });
  return found == intents.end() ? nullptr : &*found;
}

// What the write before it did is replaced by what this one has done.
void MemoryLedger::Overwrite(const IntentRecord& record, const Transition& success) {
  if (success.to != S::kSucceeded) return;
  IntentRecord* earlier = FindSetBefore(record);
  if (earlier == nullptr || earlier->state != S::kSucceeded) return;
  Move(*earlier, Overwritten(record.row), success);
}

void MemoryLedger::CloseOverwritten(IntentRecord& record, const Transition& success) {
  const IntentRecord* later = FindSetAfter(record);
  if (later == nullptr || success.to != S::kSucceeded || record.state != S::kSucceeded) return;
  Move(record, Overwritten(later->row), success);
}

void MemoryLedger::DoubtOverwritten(const IntentRecord& record, const Transition& correction) {
  IntentRecord* earlier = FindSetBefore(record);
  const bool replaced = earlier != nullptr && earlier->state == S::kReversed &&
                        earlier->reason == kOverwrittenRule && FindSetAfter(*earlier) == nullptr;
  if (!replaced) return;
  DoubtReversal(*earlier, "R7.overwriting_corrected", Overwritten(record.row).evidence_json,
                correction);
}

}  // namespace onetake::testing
