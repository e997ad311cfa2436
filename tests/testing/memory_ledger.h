#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "runtime/ledger/ledger.h"
#include "runtime/ledger/result_ref.h"

namespace onetake::testing {

// A ledger in memory with the contract of ledger.h, for engine tests. `Hold()` keeps claims and
// transitions on their way to the disk; `fail_claims`, `fail_applies`, `fail_late` and
// `fail_resolves` answer that many of them with an error. Single-threaded.
class MemoryLedger final : public Ledger {
 public:
  void Claim(ClaimRequest request, Done<absl::StatusOr<ClaimResult>> done) override {
    Later([this, request = std::move(request), done = std::move(done)]() mutable {
      if (fail_claims > 0) {
        --fail_claims;
        return done(absl::ResourceExhaustedError("full"));
      }
      const CallRecord& call = request.call;
      const CallRecord* delivery =
          call.tool_call_id.empty() || call.session_id.empty()
              ? nullptr
              : FindDelivery(call.tenant, call.session_id, call.tool_call_id);
      const bool delivered = delivery != nullptr && delivery->intent_row != 0;
      const IntentRecord& intent = request.intent;
      if (delivered || FindReversal(intent.reverses_row) != nullptr ||
          FindUndoing(intent.tenant, intent.undoes_ref) != nullptr ||
          FindUndoing(intent.tenant, Undoes(intent.intent_id)) != nullptr || !Opens(intent)) {
        return done(ClaimResult{});
      }
      request.intent.row = static_cast<int64_t>(intents.size()) + 1;
      request.intent.state = IntentState::kInFlight;
      request.intent.attempts = 1;
      request.call.intent_row = request.intent.row;
      intents.push_back(request.intent);
      if (!intents.back().undoes_ref.empty()) refs[request.intent.row] = intents.back().undoes_ref;
      calls[request.call.call_id] = request.call;
      done(ClaimResult{.granted = true, .row = request.intent.row});
    });
  }

  void Apply(Transition transition, Done<absl::StatusOr<Applied>> done) override {
    Later([this, transition = std::move(transition), done = std::move(done)]() mutable {
      if (pass_applies > 0) {
        --pass_applies;
      } else if (fail_applies > 0) {
        --fail_applies;
        return done(absl::ResourceExhaustedError("full"));
      }
      IntentRecord& record = intents.at(transition.row - 1);
      if (transition.result_json && transition.result_json->size() > max_result_bytes) {
        return done(absl::InvalidArgumentError("result_json"));
      }
      if (record.state != transition.from) return done(absl::FailedPreconditionError("state"));
      record.state = transition.to;
      record.reason = transition.rule;
      record.ambiguous = record.ambiguous || transition.ambiguous;
      record.happened |=
          transition.attempt_end && transition.attempt_end->failure == "BODY_UNREADABLE";
      record.waits += transition.attempt_end && transition.attempt_end->failure == "KEY_IN_USE";
      record.next_attempt_at = transition.next_attempt_at;
      record.probes = transition.probes.value_or(record.probes);
      record.job = transition.job.value_or(record.job);
      record.review_at = std::nullopt;
      if (record.state == IntentState::kReview) record.review_at = transition.at;
      if (transition.result_json.has_value()) record.result_json = transition.result_json;
      if (transition.attempt_begin.has_value()) record.attempts = *transition.attempt_begin;
      if (transition.result_ref.has_value()) refs[record.row] = *transition.result_ref;
      if (IsSettled(record.state) && record.hides) record.request.clear();
      if (IsSettled(record.state)) record.settled_at = transition.at;
      if (record.state == IntentState::kSucceeded && record.reverses_row != 0) {
        intents.at(record.reverses_row - 1).state = IntentState::kReversed;
      }
      CloseUndone();
      transitions.push_back(std::move(transition));
      done(Applied{.seq = static_cast<int64_t>(transitions.size() + late.size()),
                   .state = record.state});
    });
  }

  void RecordLate(LateOutcome outcome, Done<absl::StatusOr<IntentRecord>> done) override {
    Later([this, outcome = std::move(outcome), done = std::move(done)]() mutable {
      if (fail_late > 0) {
        --fail_late;
        return done(absl::ResourceExhaustedError("full"));
      }
      IntentRecord& record = intents.at(outcome.row - 1);
      const bool took_effect =
          record.state == IntentState::kSucceeded || record.state == IntentState::kReversed;
      if (IsSettled(record.state) && took_effect != (outcome.says == IntentState::kSucceeded)) {
        record.review_at = outcome.at;
      }
      late.push_back(std::move(outcome));
      IntentRecord now = record;
      now.last_seq = static_cast<int64_t>(transitions.size() + late.size());
      done(std::move(now));
    });
  }

  void Resolve(Resolution resolution, Done<absl::StatusOr<IntentRecord>> done) override {
    Later([this, resolution = std::move(resolution), done = std::move(done)]() mutable {
      if (fail_resolves > 0) {
        --fail_resolves;
        return done(absl::ResourceExhaustedError("full"));
      }
      const IntentRecord* meant = Current(resolution.tenant, resolution.intent_id);
      for (IntentRecord& record : intents) {
        const bool same =
            record.tenant == resolution.tenant && record.intent_id == resolution.intent_id;
        const bool is_meant = resolution.generation == 0
                                  ? &record == meant
                                  : same && record.generation == resolution.generation;
        if (!is_meant) continue;
        if (record.reverses_row != 0) {
          IntentRecord& target = intents.at(record.reverses_row - 1);
          if (resolution.verdict == IntentState::kSucceeded) {
            target.state = IntentState::kReversed;
          } else if (target.state == IntentState::kReversed) {
            target.review_at = resolution.at;
          }
        }
        const bool is_first = !IsSettled(record.state);
        // The rule of what a person may take back is the ledger's own, and tested there.
        if (record.state != IntentState::kReversed) record.state = resolution.verdict;
        record.reason = "review.test";
        record.review_at = std::nullopt;
        record.settled_at = resolution.at;
        if (resolution.result_ref.has_value()) refs[record.row] = *resolution.result_ref;
        CloseUndone();
        if (is_first && record.happened && record.state == IntentState::kRejected) {
          record.review_at = resolution.at;
          late.push_back({.row = record.row, .says = IntentState::kSucceeded});
        }
        return done(record);
      }
      done(absl::NotFoundError("intent_id"));
    });
  }

  void RecordCall(CallRecord call) override {
    Later([this, call = std::move(call)] { calls[call.call_id] = call; });
  }

  void Lookup(LookupRequest request, Done<absl::StatusOr<LookupResult>> done) override {
    LookupResult result;
    if (const CallRecord* call =
            request.tool_call_id.empty()
                ? nullptr
                : FindDelivery(request.tenant, request.session_id, request.tool_call_id)) {
      result.call = *call;
      if (call->intent_row != 0) result.call_intent = intents.at(call->intent_row - 1);
    }
    for (const IntentRecord& record : intents) {
      if (record.tenant != request.tenant || record.intent_id != request.intent_id) continue;
      if (record.generation == request.generation) result.latest = record;
      result.highest = std::max(result.highest, record.generation);
      result.unheard +=
          record.state == IntentState::kRejected &&
          std::count(std::begin(kUnheardRules), std::end(kUnheardRules), record.reason) != 0;
    }
    if (request.generation == 0) result.latest = Copy(Current(request.tenant, request.intent_id));
    for (const IntentRecord& record : intents) {
      if (record.tenant != request.tenant) continue;
      const auto ref = refs.find(record.row);
      const bool by_ref = !request.target_ref.empty() && record.tool == request.target_tool &&
                          ref != refs.end() && ref->second == request.target_ref;
      if (by_ref) result.target = record;
      const bool recent = !IsSettled(record.state) || (record.state == IntentState::kSucceeded &&
                                                       record.created_at >= request.near_since);
      if (!request.near_subject.empty() && record.subject == request.near_subject &&
          record.intent_id != request.intent_id && recent) {
        result.near = record;
      }
    }
    if (!request.target_intent_id.empty()) {
      result.target = Copy(Current(request.tenant, request.target_intent_id));
    }
    if (result.latest.has_value() && result.latest->undoes_ref.empty()) {
      result.latest->has_result_ref = refs.contains(result.latest->row);
    }
    const auto reversal_of = [&](const std::optional<IntentRecord>& undone) {
      return Copy(undone.has_value() ? FindReversal(undone->row) : nullptr);
    };
    result.reversal = reversal_of(result.latest);
    if (!result.reversal.has_value()) {
      result.reversal = Copy(FindUndoing(request.tenant, Undoes(request.intent_id)));
    }
    result.target_reversal = reversal_of(result.target);
    if (!result.target.has_value()) {
      const std::string& undone =
          request.target_ref.empty() ? request.target_intent_id : request.target_ref;
      result.target_reversal = Copy(FindUndoing(request.tenant, Undoes(undone)));
    }
    result.undone_by_intent = FindMaybeUndoing(request);
    result.may_be_undone = MayBeUndone(result.latest, request.undoing_tools);
    if (!hold_lookups_) return done(std::move(result));
    lookups_.emplace_back([result = std::move(result), done = std::move(done)]() mutable {
      done(std::move(result));
    });
  }

  absl::StatusOr<int64_t> MarkCrashed(absl::Time) override {
    int64_t marked = 0;
    for (IntentRecord& record : intents) {
      if (record.state != IntentState::kInFlight) continue;
      record.state = IntentState::kUnknown;
      record.ambiguous = true;
      ++marked;
    }
    return marked;
  }

  absl::StatusOr<std::vector<IntentRecord>> Unsettled(int64_t after_row, int limit) override {
    if (fail_unsettled > 0) {
      --fail_unsettled;
      return absl::ResourceExhaustedError("readers are behind");
    }
    std::vector<IntentRecord> page;
    for (const IntentRecord& record : intents) {
      if (record.row > after_row && record.state == IntentState::kUnknown &&
          page.size() < static_cast<size_t>(limit)) {
        page.push_back(record);
      }
    }
    return page;
  }

  // Look-ups see what is recorded now, and are answered at the release.
  void HoldLookups() { hold_lookups_ = true; }
  // Those that are held stay so.
  void HoldNoMoreLookups() { hold_lookups_ = false; }
  void ReleaseLookups() {
    hold_lookups_ = false;
    for (auto& lookup : std::exchange(lookups_, {})) lookup();
  }
  void Hold() { held_ = true; }
  void Release() {
    held_ = false;
    while (!waiting_.empty() && !held_) {
      auto work = std::move(waiting_.front());
      waiting_.pop_front();
      work();
      if (keeps_callbacks) kept_.push_back(std::move(work));
    }
  }

  bool HoldsKey(const std::string& key) const {
    for (const IntentRecord& record : intents) {
      if (record.key == key) return true;
    }
    return false;
  }

  std::vector<IntentRecord> intents;  // row n at index n - 1
  std::map<std::string, CallRecord> calls;
  std::map<int64_t, std::string> refs;  // result_ref by row
  std::vector<Transition> transitions;
  std::vector<LateOutcome> late;
  size_t max_result_bytes = 1'900'000;
  int fail_claims = 0;
  bool keeps_callbacks = false;  // as the ledger's thread does, for a while after it has called
  int fail_unsettled = 0;
  int fail_applies = 0;
  int fail_late = 0;
  int fail_resolves = 0;
  int pass_applies = 0;  // so many go well before the first that fails

 private:
  // What another write names as undone by it, whichever of them succeeded first.
  void CloseUndone() {
    for (const auto& [row, ref] : refs) {
      for (const auto& [later, undoes] : refs) {
        IntentRecord& record = intents.at(row - 1);
        if (later > row && undoes == std::string(kUndoes) + ref &&
            record.state == IntentState::kSucceeded &&
            intents.at(later - 1).state == IntentState::kSucceeded) {
          record.state = IntentState::kReversed;
        }
      }
    }
  }
  void Later(absl::AnyInvocable<void()> work) {
    if (held_) {
      waiting_.push_back(std::move(work));
    } else {
      work();
      if (keeps_callbacks) kept_.push_back(std::move(work));
    }
  }
  static std::optional<IntentRecord> Copy(const IntentRecord* record) {
    return record == nullptr ? std::nullopt : std::make_optional(*record);
  }
  static bool Stands(const IntentRecord& record) {
    return record.state == IntentState::kSucceeded && record.reverses_row == 0;
  }
  // The generation that answers for the intent.
  const IntentRecord* Current(const std::string& tenant, const std::string& intent_id) const {
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
  bool Opens(const IntentRecord& next) const {
    const IntentRecord* latest = nullptr;
    int64_t standing = 0;
    for (const IntentRecord& record : intents) {
      if (record.tenant != next.tenant || record.intent_id != next.intent_id) continue;
      if (IsContradicted(record)) return false;
      if (Stands(record)) standing = record.row;
      latest = &record;
    }
    if (latest == nullptr) return true;
    if (next.generation <= latest->generation) return false;
    if (OpensNextGeneration(latest->state)) return standing == 0 || next.reverses_row > standing;
    const bool undoes_another = latest->reverses_row == 0
                                    ? next.reverses_row > latest->row
                                    : next.reverses_row != latest->reverses_row;
    return latest->state == IntentState::kSucceeded && next.reverses_row != 0 && undoes_another;
  }
  static bool IsOpen(const IntentRecord& record) {
    return !IsSettled(record.state) || record.review_at.has_value();
  }
  // The newest that has no outcome, or one that is contradicted.
  const IntentRecord* FindReversal(int64_t row) const {
    if (row == 0) return nullptr;
    const IntentRecord& undone = intents.at(row - 1);
    const auto ref = refs.find(row);
    const IntentRecord* reversal = nullptr;
    for (const IntentRecord& record : intents) {
      const auto undoes = refs.find(record.row);
      const bool by_ref = ref != refs.end() && undoes != refs.end() && record.row > row &&
                          record.tenant == undone.tenant &&
                          undoes->second == std::string(kUndoes) + ref->second;
      if ((record.reverses_row == row || by_ref) && IsOpen(record)) reversal = &record;
    }
    return reversal;
  }
  bool MayBeUndone(const std::optional<IntentRecord>& of,
                   const std::vector<std::string>& undoing_tools) const {
    if (!of.has_value() || of->state != IntentState::kSucceeded) return false;
    const auto ref = refs.find(of->row);
    if (ref != refs.end() && ref->second.rfind(std::string(kUndoes), 0) != 0) return false;
    return std::any_of(intents.begin(), intents.end(), [&](const IntentRecord& other) {
      return MayUndo(other, *of, undoing_tools);
    });
  }
  // Whether it undid something that is not known here, and may be this one.
  bool MayUndo(const IntentRecord& undoing, const IntentRecord& undone,
               const std::vector<std::string>& undoing_tools) const {
    const auto undoes = refs.find(undoing.row);
    const bool is_known =
        undoes != refs.end() && std::any_of(refs.begin(), refs.end(), [&](const auto& ref) {
          return undoes->second == std::string(kUndoes) + ref.second;
        });
    return std::count(undoing_tools.begin(), undoing_tools.end(), undoing.tool) != 0 &&
           undoing.tenant == undone.tenant && undoing.row > undone.row &&
           undoing.reverses_row == 0 && undoing.state != IntentState::kRejected && !is_known;
  }
  static std::string Undoes(const std::string& undone) {
    return undone.empty() ? "" : std::string(kUndoes) + undone;
  }
  const IntentRecord* FindUndoing(const std::string& tenant, const std::string& undoes) const {
    const IntentRecord* undoing = nullptr;
    for (const IntentRecord& record : intents) {
      const auto ref = refs.find(record.row);
      const bool names_it = !undoes.empty() && ref != refs.end() && ref->second == undoes;
      if (names_it && record.tenant == tenant && IsOpen(record)) undoing = &record;
    }
    return undoing;
  }
  std::string FindMaybeUndoing(const LookupRequest& request) const {
    if (request.undone_row == 0) return "";
    const IntentRecord& undone = intents.at(request.undone_row - 1);
    for (const IntentRecord& record : intents) {
      const bool near = record.session_id == undone.session_id || record.scope == undone.scope;
      if (near && MayUndo(record, undone, request.undoing_tools)) return record.intent_id;
    }
    return "";
  }
  const CallRecord* FindDelivery(const std::string& tenant, const std::string& session,
                                 const std::string& tool_call_id) const {
    const CallRecord* delivery = nullptr;
    for (const auto& [id, call] : calls) {
      if (call.tenant != tenant || call.session_id != session ||
          call.tool_call_id != tool_call_id || call.role == CallRole::kRedelivered) {
        continue;
      }
      if (delivery == nullptr || delivery->intent_row == 0) delivery = &call;
    }
    return delivery;
  }

  bool held_ = false;
  bool hold_lookups_ = false;
  std::vector<absl::AnyInvocable<void()>> lookups_;
  std::deque<absl::AnyInvocable<void()>> waiting_;
  std::vector<absl::AnyInvocable<void()>> kept_;
};

}  // namespace onetake::testing
