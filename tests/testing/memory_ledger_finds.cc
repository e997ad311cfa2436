// The part of MemoryLedger that only reads.
#include <algorithm>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/base/limits.h"
#include "runtime/ledger/result_ref.h"
#include "runtime/ledger/subject.h"
#include "tests/testing/memory_ledger.h"

namespace onetake::testing {
namespace {

using S = IntentState;

bool Stands(const IntentRecord& record) {
  return record.state == S::kSucceeded && record.reverses_row == 0;
}

bool IsOpen(const IntentRecord& record) {
  return !IsSettled(record.state) || record.review_at.has_value();
}

bool WasUnheard(const IntentRecord& record) {
  return record.state == S::kRejected &&
         std::count(std::begin(kUnheardRules), std::end(kUnheardRules), record.reason) != 0;
}

}  // namespace

std::string MemoryLedger::RefOf(int64_t row) const {
  const auto ref = refs.find(row);
  return ref == refs.end() ? "" : ref->second;
}

IntentRecord MemoryLedger::Told(const IntentRecord& record) const {
  IntentRecord told = record;
  const std::string ref = RefOf(record.row);
  const bool undoes = absl::StartsWith(ref, kUndoes);
  told.undoes_ref = undoes ? ref : "";
  told.has_result_ref = !ref.empty() && !undoes;
  return told;
}

std::optional<IntentRecord> MemoryLedger::Told(const IntentRecord* record) const {
  return record == nullptr ? std::nullopt : std::make_optional(Told(*record));
}

std::vector<const IntentRecord*> MemoryLedger::ReversalsOf(int64_t row) const {
  std::vector<const IntentRecord*> reversals;
  if (row < 1 || row > static_cast<int64_t>(intents.size())) return reversals;
  const std::string ref = RefOf(row);
  for (const IntentRecord& record : intents) {
    const bool by_ref = !ref.empty() && record.row > row &&
                        record.tenant == intents[row - 1].tenant &&
                        RefOf(record.row) == absl::StrCat(kUndoes, ref);
    if (record.reverses_row == row || by_ref) reversals.push_back(&record);
  }
  return reversals;
}

const IntentRecord* MemoryLedger::FindOpenReversal(int64_t row) const {
  const IntentRecord* newest = nullptr;
  for (const IntentRecord* reversal : ReversalsOf(row)) {
    if (IsOpen(*reversal)) newest = reversal;
  }
  if (newest != nullptr || row < 1 || row > static_cast<int64_t>(intents.size())) return newest;
  const IntentRecord& undone = intents[row - 1];
  if (undone.state != S::kReversed && undone.reason != kReinstatedRule) return nullptr;
  for (const IntentRecord* reversal : ReversalsOf(row)) {
    for (const IntentRecord* again : ReversalsOf(reversal->row)) {
      if (IsOpen(*again) && (newest == nullptr || again->row > newest->row)) newest = again;
    }
  }
  return newest;
}

const IntentRecord* MemoryLedger::FindNameless(const LookupRequest& request,
                                               const LookupResult& result) const {
  const bool was_done = result.latest.has_value() && result.latest->state == S::kSucceeded;
  const bool is_gone = result.target.has_value() && OpensNextGeneration(result.target->state);
  if (request.intent_id.empty() || request.target_ref.empty()) return nullptr;
  if (result.target.has_value() ? !is_gone : !was_done || request.session_id.empty()) {
    return nullptr;
  }
  const int64_t done = was_done ? result.latest->row : 0;
  const int64_t after = std::max(done, result.target.has_value() ? result.target->row : 0);
  const IntentRecord* newest = nullptr;
  for (const IntentRecord& record : intents) {
    const bool meant = result.target.has_value() ? record.intent_id == result.target->intent_id
                                                 : record.session_id == request.session_id &&
                                                       record.tool == request.target_tool;
    const bool may_stand = IsOpen(record) || record.state == S::kSucceeded;
    if (meant && record.tenant == request.tenant && record.row > after && may_stand &&
        RefOf(record.row).empty()) {
      newest = &record;
    }
  }
  return newest;
}

const IntentRecord* MemoryLedger::FindOpenUndoing(const std::string& tenant,
                                                  const std::string& undone) const {
  if (undone.empty()) return nullptr;
  const std::string undoes = absl::StrCat(kUndoes, undone);
  const IntentRecord* newest = nullptr;
  for (const IntentRecord& record : intents) {
    const bool names_it = RefOf(record.row) == undoes;
    if (names_it && record.tenant == tenant && IsOpen(record)) newest = &record;
  }
  return newest;
}

bool MemoryLedger::MayUndo(const IntentRecord& undoing, const IntentRecord& undone) const {
  const bool was_refused = undoing.state == S::kRejected && !undoing.review_at.has_value() &&
                           under_way_.count(undoing.row) == 0;
  if (undoing.tenant != undone.tenant || undoing.row <= undone.row || undoing.reverses_row != 0 ||
      was_refused) {
    return false;
  }
  const std::string undoes = RefOf(undoing.row);
  absl::string_view ref = undoes;
  if (!absl::ConsumePrefix(&ref, kUndoes)) return true;
  return std::none_of(intents.begin(), intents.end(), [&](const IntentRecord& known) {
    return known.tenant == undone.tenant && known.tool == undone.tool && RefOf(known.row) == ref;
  });
}

bool MemoryLedger::MayBeUndone(const IntentRecord& undone,
                               const std::vector<std::string>& tools) const {
  if (undone.state != S::kSucceeded || undone.has_result_ref) return false;
  return std::any_of(intents.begin(), intents.end(), [&](const IntentRecord& other) {
    return std::count(tools.begin(), tools.end(), other.tool) != 0 && MayUndo(other, undone);
  });
}

std::string MemoryLedger::FindMaybeUndoing(const LookupRequest& request) const {
  if (request.undone_row < 1 || request.undone_row > static_cast<int64_t>(intents.size())) {
    return "";
  }
  const IntentRecord& undone = intents.at(request.undone_row - 1);
  for (const std::string& tool : request.undoing_tools) {
    for (const IntentRecord& record : intents) {
      const bool near = record.session_id == undone.session_id || record.scope == undone.scope;
      if (near && record.tool == tool && MayUndo(record, undone)) return record.intent_id;
    }
  }
  return "";
}

const CallRecord* MemoryLedger::FindDelivery(const std::string& tenant, const std::string& session,
                                             const std::string& tool_call_id) const {
  if (session.empty() || tool_call_id.empty()) return nullptr;
  const CallRecord* first = nullptr;
  for (const std::string& id : deliveries_) {
    const auto found = calls.find(id);
    if (found == calls.end()) continue;
    const CallRecord& call = found->second;
    if (call.tenant != tenant || call.session_id != session || call.tool_call_id != tool_call_id) {
      continue;
    }
    if (call.intent_row != 0) return &call;
    if (first == nullptr) first = &call;
  }
  return first;
}

const IntentRecord* MemoryLedger::FindGeneration(const std::string& tenant,
                                                 const std::string& intent_id,
                                                 int generation) const {
  for (const IntentRecord& record : intents) {
    const bool same = record.tenant == tenant && record.intent_id == intent_id;
    if (same && record.generation == generation) return &record;
  }
  return nullptr;
}

const IntentRecord* MemoryLedger::Current(const std::string& tenant,
                                          const std::string& intent_id) const {
  const IntentRecord* highest = nullptr;
  const IntentRecord* standing = nullptr;
  const IntentRecord* contradicted = nullptr;
  for (const IntentRecord& record : intents) {
    if (record.tenant != tenant || record.intent_id != intent_id) continue;
    highest = &record;
    if (Stands(record)) standing = &record;
    if (IsContradicted(record)) contradicted = &record;
  }
  if (highest == nullptr || !OpensNextGeneration(highest->state)) return highest;
  if (contradicted != nullptr) return contradicted;
  return standing != nullptr ? standing : highest;
}

bool MemoryLedger::Opens(const IntentRecord& next) const {
  const IntentRecord* latest = nullptr;
  bool any_in_review = false;
  int64_t standing = 0;
  for (const IntentRecord& record : intents) {
    if (record.tenant != next.tenant || record.intent_id != next.intent_id) continue;
    any_in_review = any_in_review || record.review_at.has_value();
    if (Stands(record)) standing = record.row;
    latest = &record;
  }
  if (latest == nullptr) return true;
  if (latest->review_at.has_value() || next.generation <= latest->generation) return false;
  if (latest->state == S::kReversed && FindOpenReversal(latest->row) != nullptr) return false;
  const bool undoes_another = latest->reverses_row == 0 ? next.reverses_row > latest->row
                                                        : next.reverses_row != latest->reverses_row;
  if (latest->state == S::kSucceeded) return next.reverses_row != 0 && undoes_another;
  // What is undone now may have been made after what stands.
  const bool stands = standing != 0 && next.reverses_row <= standing;
  return OpensNextGeneration(latest->state) && !any_in_review && !stands;
}

bool MemoryLedger::IsBeingUndone(const IntentRecord& next) const {
  if (FindOpenUndoing(next.tenant, next.intent_id) != nullptr) return true;
  if (next.reverses_row != 0) return FindOpenReversal(next.reverses_row) != nullptr;
  absl::string_view undone = next.undoes_ref;
  absl::ConsumePrefix(&undone, kUndoes);
  return FindOpenUndoing(next.tenant, std::string(undone)) != nullptr;
}

void MemoryLedger::FindIntent(const LookupRequest& request, LookupResult& result) const {
  if (request.intent_id.empty()) return;
  if (request.generation != 0) {
    result.latest = Told(FindGeneration(request.tenant, request.intent_id, request.generation));
    return;
  }
  int uncounted = 0;
  for (const IntentRecord& record : intents) {
    if (record.tenant != request.tenant || record.intent_id != request.intent_id) continue;
    result.highest = std::max(result.highest, record.generation);
    const bool replaced = record.state == S::kReversed && record.reason == kOverwrittenRule;
    uncounted += WasUnheard(record) || replaced ? 1 : 0;
  }
  result.latest = Told(Current(request.tenant, request.intent_id));
  if (result.highest >= limits::kGenerations) result.uncounted = uncounted;
}

void MemoryLedger::FindTarget(const LookupRequest& request, LookupResult& result) const {
  if (!request.target_intent_id.empty()) {
    result.target = Told(Current(request.tenant, request.target_intent_id));
    return;
  }
  if (request.target_ref.empty()) return;
  for (const IntentRecord& record : intents) {
    if (record.tenant == request.tenant && record.tool == request.target_tool &&
        RefOf(record.row) == request.target_ref) {
      result.target = Told(record);
    }
  }
}

const IntentRecord* MemoryLedger::FindNear(const LookupRequest& request) const {
  const IntentRecord* newest = nullptr;
  for (const IntentRecord& record : intents) {
    const bool recent = !IsSettled(record.state) ||
                        (record.state == S::kSucceeded && record.created_at >= request.near_since);
    const bool same = !request.near_subject.empty() && record.subject == request.near_subject &&
                      record.tenant == request.tenant && record.intent_id != request.intent_id;
    if (same && recent) newest = &record;
  }
  return newest;
}

bool MemoryLedger::IsBeingSet(const IntentRecord& next) const {
  return SetsAThing(next.subject) &&
         std::any_of(intents.begin(), intents.end(), [&](const IntentRecord& record) {
           return record.subject == next.subject && record.tenant == next.tenant &&
                  record.intent_id != next.intent_id && !IsSettled(record.state);
         });
}

const IntentRecord* MemoryLedger::FindSetsSame(const LookupRequest& request,
                                               const LookupResult& result) const {
  const bool is_done = result.latest.has_value() && result.latest->state == S::kSucceeded;
  const IntentRecord* refused = nullptr;
  for (const IntentRecord& record : intents) {
    const bool same = !request.sets_subject.empty() && record.subject == request.sets_subject &&
                      record.tenant == request.tenant && record.intent_id != request.intent_id;
    if (!same) continue;
    if (!IsSettled(record.state)) return &record;
    const bool contradicted = record.state == S::kRejected && record.review_at.has_value();
    if (is_done && contradicted && record.row > result.latest->row) refused = &record;
  }
  return refused;
}

LookupResult MemoryLedger::Find(const LookupRequest& request) const {
  LookupResult result;
  if (const CallRecord* call =
          FindDelivery(request.tenant, request.session_id, request.tool_call_id)) {
    result.call = *call;
    if (call->intent_row != 0) result.call_intent = Told(intents.at(call->intent_row - 1));
  }
  FindIntent(request, result);
  if (result.latest.has_value()) result.reversal = Told(FindOpenReversal(result.latest->row));
  if (!result.reversal.has_value()) {
    result.reversal = Told(FindOpenUndoing(request.tenant, request.intent_id));
  }
  result.may_be_undone =
      result.latest.has_value() && MayBeUndone(*result.latest, request.undoing_tools);
  FindTarget(request, result);
  if (result.target.has_value()) {
    result.target_reversal = Told(FindOpenReversal(result.target->row));
  }
  const bool is_gone =
      result.target.has_value() && !request.target_ref.empty() &&
      (result.target->state == S::kReversed || result.target->state == S::kRejected);
  if (!result.target_reversal.has_value() && (!result.target.has_value() || is_gone)) {
    const std::string& undone =
        request.target_ref.empty() ? request.target_intent_id : request.target_ref;
    result.target_reversal = Told(FindOpenUndoing(request.tenant, undone));
  }
  if (result.target.has_value()) {
    const int64_t row = result.target->row;
    const auto undone = std::find_if(intents.begin(), intents.end(), [&](const IntentRecord& one) {
      const std::vector<const IntentRecord*> by = ReversalsOf(one.row);
      return one.state == S::kReversed &&
             std::any_of(by.begin(), by.end(), [&](const auto* each) { return each->row == row; });
    });
    if (undone != intents.end()) result.restores_intent = undone->intent_id;
  }
  result.may_be_meant = Told(FindNameless(request, result));
  result.near = Told(FindNear(request));
  result.sets_same = Told(FindSetsSame(request, result));
  result.undone_by_intent = FindMaybeUndoing(request);
  return result;
}

}  // namespace onetake::testing
