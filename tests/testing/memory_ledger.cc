#include "tests/testing/memory_ledger.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

namespace onetake::testing {
namespace {

using S = IntentState;

size_t BodyBytes(const IntentRecord& intent) {
  return intent.identity_json.size() + intent.arguments_json.size() + intent.request.size();
}

bool Contradicts(S recorded, S said) {
  // A generation that was undone since had taken effect.
  if (recorded == S::kReversed) recorded = S::kSucceeded;
  return IsSettled(recorded) && recorded != said;
}

}  // namespace

void MemoryLedger::Claim(ClaimRequest request, Done<absl::StatusOr<ClaimResult>> done) {
  if (BodyBytes(request.intent) > kMaxBodyBytes) {
    return done(absl::InvalidArgumentError(
        absl::StrCat("identity, arguments and request: at most ", kMaxBodyBytes, " bytes fit")));
  }
  Later([this, request = std::move(request), done = std::move(done)]() mutable {
    if (fail_claims > 0) {
      --fail_claims;
      return done(failure);
    }
    done(RecordClaim(std::move(request)));
  });
}

void MemoryLedger::Apply(Transition transition, Done<absl::StatusOr<Applied>> done) {
  Later([this, transition = std::move(transition), done = std::move(done)]() mutable {
    if (pass_applies > 0) {
      --pass_applies;
    } else if (fail_applies > 0) {
      --fail_applies;
      return done(failure);
    }
    const absl::StatusOr<Applied> applied = RecordTransition(transition);
    if (applied.ok()) transitions.push_back(std::move(transition));
    done(applied);
  });
}

void MemoryLedger::RecordLate(LateOutcome outcome, Done<absl::StatusOr<IntentRecord>> done) {
  Later([this, outcome = std::move(outcome), done = std::move(done)]() mutable {
    if (fail_late > 0) {
      --fail_late;
      return done(failure);
    }
    done(RecordOutcome(std::move(outcome)));
  });
}

void MemoryLedger::Resolve(Resolution resolution, Done<absl::StatusOr<IntentRecord>> done) {
  Later([this, resolution = std::move(resolution), done = std::move(done)]() mutable {
    if (fail_resolves > 0) {
      --fail_resolves;
      return done(failure);
    }
    done(RecordVerdict(resolution));
  });
}

void MemoryLedger::RecordCall(CallRecord call) {
  Later([this, call = std::move(call)] {
    const auto [known, is_new] = calls.emplace(call.call_id, call);
    if (is_new) return deliveries_.push_back(call.call_id);
    known->second.role = call.role;
    known->second.disposition = call.disposition;
    known->second.detail = call.detail;
    known->second.answered_at = call.answered_at;
    if (known->second.intent_row == 0) known->second.intent_row = call.intent_row;
  });
}

void MemoryLedger::Lookup(LookupRequest request, Done<absl::StatusOr<LookupResult>> done) {
  if (fail_lookups > 0) {
    --fail_lookups;
    return done(failure);
  }
  LookupResult result = Find(request);
  if (!hold_lookups_) return done(std::move(result));
  lookups_.emplace_back(
      [result = std::move(result), done = std::move(done)]() mutable { done(std::move(result)); });
}

absl::StatusOr<int64_t> MemoryLedger::MarkCrashed(absl::Time now) {
  int64_t marked = 0;
  for (const IntentRecord& record : intents) {
    const bool open = LastOf(record.row) == LastAttempt::kOpen;
    if (record.state != S::kInFlight && (record.state != S::kUnknown || !open)) continue;
    Transition crash{.row = record.row,
                     .from = record.state,
                     .to = S::kUnknown,
                     .rule = CrashRule(record.reason),
                     .actor = "recovery",
                     .at = now,
                     .ambiguous = true,
                     .next_attempt_at = record.next_attempt_at};
    if (open) crash.attempt_end = AttemptEnd{.number = record.attempts, .failure = kCrashFailure};
    ONETAKE_RETURN_IF_ERROR(RecordTransition(crash).status());
    ++marked;
  }
  for (const int64_t row : std::set<int64_t>(under_way_)) {
    ONETAKE_RETURN_IF_ERROR(RecordOutcome({.row = row,
                                           .says = S::kUnknown,
                                           .rule = kLateUnknownRule,
                                           .actor = "recovery",
                                           .at = now,
                                           .evidence_json = R"({"says":"UNKNOWN"})"})
                                .status());
  }
  return marked;
}

absl::StatusOr<std::vector<IntentRecord>> MemoryLedger::Unsettled(int64_t after_row, int limit) {
  if (fail_unsettled > 0) {
    --fail_unsettled;
    return absl::ResourceExhaustedError("readers are behind");
  }
  std::vector<IntentRecord> page;
  for (const IntentRecord& record : intents) {
    if (record.row > after_row && record.state == S::kUnknown &&
        page.size() < static_cast<size_t>(limit)) {
      page.push_back(Told(record));
    }
  }
  return page;
}

void MemoryLedger::ReleaseLookups() {
  hold_lookups_ = false;
  for (auto& lookup : std::exchange(lookups_, {})) lookup();
}

void MemoryLedger::Release() {
  held_ = false;
  while (!waiting_.empty() && !held_) {
    auto work = std::move(waiting_.front());
    waiting_.pop_front();
    work();
    if (keeps_callbacks) kept_.push_back(std::move(work));
  }
}

void MemoryLedger::Later(absl::AnyInvocable<void()> work) {
  if (held_) {
    waiting_.push_back(std::move(work));
  } else {
    work();
    if (keeps_callbacks) kept_.push_back(std::move(work));
  }
}

bool MemoryLedger::HoldsKey(const std::string& key) const {
  return std::any_of(intents.begin(), intents.end(),
                     [&](const IntentRecord& record) { return record.key == key; });
}

void MemoryLedger::Clear() {
  intents.clear();
  attempts.clear();
  calls.clear();
  deliveries_.clear();
  refs.clear();
  events.clear();
  transitions.clear();
  late.clear();
  under_way_.clear();
}

absl::StatusOr<ClaimResult> MemoryLedger::RecordClaim(ClaimRequest request) {
  IntentRecord& intent = request.intent;
  CallRecord& call = request.call;
  const CallRecord* delivery = FindDelivery(call.tenant, call.session_id, call.tool_call_id);
  const bool delivered = delivery != nullptr && delivery->intent_row != 0;
  if (delivered || IsBeingUndone(intent) || IsBeingSet(intent) || !Opens(intent)) {
    return ClaimResult{};
  }
  if (calls.count(call.call_id) != 0) return absl::AlreadyExistsError("call_id is used");
  intent.row = static_cast<int64_t>(intents.size()) + 1;
  intent.state = S::kInFlight;
  intent.attempts = 1;
  if (intent.first_sent_at == absl::Time()) intent.first_sent_at = intent.created_at;
  call.intent_row = intent.row;
  refs.erase(intent.row);
  if (!intent.undoes_ref.empty()) refs[intent.row] = intent.undoes_ref;
  attempts[intent.row] = {{.number = 1, .started_at = intent.first_sent_at}};
  deliveries_.push_back(call.call_id);
  calls[call.call_id] = std::move(call);
  intents.push_back(std::move(intent));
  Append(intents.back(), {.at = intents.back().created_at,
                          .kind = "claimed",
                          .to = std::string(ToString(S::kInFlight)),
                          .rule = "R1.claim",
                          .actor = "engine"});
  return ClaimResult{.granted = true, .row = intents.back().row};
}

absl::StatusOr<Applied> MemoryLedger::RecordTransition(const Transition& transition) {
  ONETAKE_RETURN_IF_ERROR(CheckTransition(transition));
  if (transition.result_json.value_or("").size() > max_result_bytes) {
    return absl::InvalidArgumentError("result_json");
  }
  ONETAKE_ASSIGN_OR_RETURN(IntentRecord * record, AtRow(transition.row));
  if (record->state != transition.from) {
    return absl::FailedPreconditionError(absl::StrCat("row ", transition.row, " is ",
                                                      ToString(record->state), ", not ",
                                                      ToString(transition.from)));
  }
  ONETAKE_RETURN_IF_ERROR(CheckAttempts(transition, record->attempts, LastOf(transition.row)));
  if (transition.attempt_end.has_value()) {
    EndAttempt(*record, *transition.attempt_end, transition.at);
  }
  if (transition.attempt_begin.has_value()) {
    record->attempts = *transition.attempt_begin;
    attempts[record->row].push_back(
        {.number = *transition.attempt_begin, .started_at = transition.at});
  }
  if (transition.result_json.has_value()) record->result_json = transition.result_json;
  Update(*record, transition);
  const int64_t seq = Append(*record, {.at = transition.at,
                                       .kind = std::string(EventKind(transition)),
                                       .from = std::string(ToString(transition.from)),
                                       .to = std::string(ToString(transition.to)),
                                       .rule = transition.rule,
                                       .actor = transition.actor,
                                       .evidence_json = transition.evidence_json});
  CloseReversed(*record, transition);
  Overwrite(*record, transition);
  return Applied{.seq = seq, .state = record->state};
}

absl::StatusOr<IntentRecord> MemoryLedger::RecordOutcome(LateOutcome outcome) {
  ONETAKE_ASSIGN_OR_RETURN(IntentRecord * record, AtRow(outcome.row));
  under_way_.erase(outcome.row);
  const bool conflict = Contradicts(record->state, outcome.says);
  if (conflict) record->review_at = record->review_at.value_or(outcome.at);
  const std::string state(ToString(record->state));
  IntentRecord now = Told(*record);
  now.last_seq = Append(*record, {.at = outcome.at,
                                  .kind = conflict ? "conflict" : "late",
                                  .from = state,
                                  .to = state,
                                  .rule = outcome.rule,
                                  .actor = outcome.actor,
                                  .evidence_json = outcome.evidence_json});
  late.push_back(std::move(outcome));
  return now;
}

absl::StatusOr<IntentRecord*> MemoryLedger::AtRow(int64_t row) {
  if (row < 1 || row > static_cast<int64_t>(intents.size())) {
    return absl::FailedPreconditionError(absl::StrCat("the ledger has no row ", row));
  }
  return &intents[row - 1];
}

LastAttempt MemoryLedger::LastOf(int64_t row) const {
  const auto of = attempts.find(row);
  const bool open =
      of != attempts.end() && !of->second.empty() && !of->second.back().ended_at.has_value();
  return open ? LastAttempt::kOpen : LastAttempt::kEnded;
}

void MemoryLedger::EndAttempt(IntentRecord& record, const AttemptEnd& end, absl::Time at) {
  AttemptRecord& attempt = attempts.at(record.row).back();
  attempt.ended_at = at;
  attempt.end = end;
  record.happened = record.happened || end.failure == "BODY_UNREADABLE";
  record.waits += end.failure == "KEY_IN_USE" ? 1 : 0;
}

void MemoryLedger::Update(IntentRecord& record, const Transition& transition) {
  record.state = transition.to;
  record.reason = transition.rule;
  record.ambiguous = record.ambiguous || transition.ambiguous;
  record.next_attempt_at = transition.next_attempt_at;
  record.probes = transition.probes.value_or(record.probes);
  record.job = transition.job.value_or(record.job);
  // A reversal does not answer what a late outcome has asked.
  const bool reversal = (transition.from == S::kSucceeded && transition.to == S::kReversed) ||
                        transition.rule == kReinstatedRule;
  if (!reversal) record.review_at = std::nullopt;
  if (transition.to == S::kReview) record.review_at = transition.at;
  if (transition.result_ref.has_value()) refs[record.row] = *transition.result_ref;
  if (!IsSettled(record.state)) return;
  if (!record.settled_at.has_value()) record.settled_at = transition.at;
  if (record.hides) record.request.clear();
  record.hides = false;
}

int64_t MemoryLedger::Append(const IntentRecord& record, EventRecord event) {
  event.seq = last_seq() + 1;
  event.tenant = record.tenant;
  event.intent_row = record.row;
  event.intent_id = record.intent_id;
  event.generation = record.generation;
  event.tool = record.tool;
  event.session_id = record.session_id;
  events.push_back(std::move(event));
  return last_seq();
}

}  // namespace onetake::testing
