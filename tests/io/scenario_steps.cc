// What happens in a scenario, and what the ledger must be like after each step.
#include <gmock/gmock.h>

#include <optional>

#include "absl/strings/str_cat.h"
#include "tests/io/scenario.h"
#include "tests/testing/ledger_fixture.h"

namespace onetake::io {
namespace {

using ::onetake::testing::At;
using ::onetake::testing::EndOf;
using ::onetake::testing::MakeClaim;
using ::onetake::testing::MakeTransition;
using S = IntentState;
using Done = WatchedLedger::Done;

std::string ResultOf(int n) { return absl::StrCat(R"({"ok":true,"of":)", n, "}"); }

// `status` of whatever the ledger answers with.
template <typename T>
auto Tell(const Done& done) {
  return [done](const absl::StatusOr<T>& answer) { done(answer.status()); };
}

// Damage that is met as the answer is read back is told of a change that is there.
auto TellReadBack(const WatchedLedger& ledger, const Done& done) {
  return [&ledger, done](const absl::StatusOr<IntentRecord>& answer) {
    const bool told = absl::IsDataLoss(answer.status()) && !ledger.has_stopped();
    done(told ? absl::OkStatus() : answer.status());
  };
}

Contents CallEntry(const CallRecord& call, const std::string& intent) {
  return {{absl::StrCat("call:", call.call_id), WatchedLedger::Text(call, intent)}};
}

void Forget(IntentRecord& record, Bodies bodies) {
  record.bodies = bodies;
  record.identity_json.clear();
  record.arguments_json.clear();
  record.request.clear();
  record.result_json.reset();
}

}  // namespace

bool Scenario::Is(int n, S state) const {
  const auto found = intents_.find(n);
  return MayGoOn() && found != intents_.end() && found->second.record.state == state;
}

bool Scenario::Change(const Intents& after, Contents others, const Start& start) {
  for (const auto& [n, intent] : after) {
    others[intent.record.intent_id] = WatchedLedger::Text(intent.record, intent.kinds);
  }
  const bool told = ledger_.Write(others, start);
  for (const auto& [n, intent] : after) {
    (told ? intents_ : doubtful_)[n] = intent;
    ledger_.Look(n);
  }
  ledger_.Look(1);
  return told;
}

void Scenario::TakeDoubtful() {
  for (const auto& [n, intent] : doubtful_) {
    const IntentRecord& record = intent.record;
    if (ledger_.book().Allows(record.intent_id, WatchedLedger::Text(record, intent.kinds))) {
      intents_[n] = intent;
    }
  }
  doubtful_.clear();
}

Scenario::Intent Scenario::Claimed(const ClaimRequest& request) const {
  Intent intent{request.intent, ",claimed", true};
  intent.record.attempts = 1;
  // Rows are given in order.
  intent.record.row = 1;
  for (const auto& [n, other] : intents_)
    intent.record.row = std::max(intent.record.row, other.record.row + 1);
  return intent;
}

void Scenario::Claim(int n) {
  if (!MayGoOn()) return;
  const ClaimRequest request = MakeClaim(n);
  std::optional<ClaimResult> granted;
  Change({{n, Claimed(request)}}, CallEntry(request.call, request.intent.intent_id),
         [&](const Done& done) {
           ledger_->Claim(request, [&granted, done](const absl::StatusOr<ClaimResult>& result) {
             if (result.ok()) granted = *result;
             done(result.status());
           });
         });
  if (!granted.has_value()) return;
  EXPECT_TRUE(granted->granted);
  EXPECT_EQ(granted->row, intents_[n].record.row);
}

void Scenario::ClaimToReverse(int n, int target) {
  if (!Is(target, S::kSucceeded)) return;
  ClaimRequest request = MakeClaim(n);
  request.intent.reverses_row = intents_[target].record.row;
  Change({{n, Claimed(request)}}, CallEntry(request.call, request.intent.intent_id),
         [&](const Done& done) { ledger_->Claim(request, Tell<ClaimResult>(done)); });
}

void Scenario::ClaimInOneBatchWithACall(int n) {
  if (!MayGoOn()) return;
  const ClaimRequest request = MakeClaim(n);
  CallRecord call = MakeClaim(90).call;
  call.role = CallRole::kInvalid;
  call.disposition = "INVALID";
  Contents calls = CallEntry(request.call, request.intent.intent_id);
  calls.merge(CallEntry(call, ""));
  Change({{n, Claimed(request)}}, calls, [&](const Done& done) {
    ledger_->RecordCall(call);
    ledger_->Claim(request, Tell<ClaimResult>(done));
  });
}

void Scenario::Move(int n, Transition transition, const std::string& kind) {
  if (!Is(n, transition.from)) return;
  Intent after = intents_[n];
  if (transition.attempt_end.has_value()) {
    if (!after.is_under_way) return;
    transition.attempt_end->number = after.record.attempts;
    after.is_under_way = false;
  }
  if (transition.attempt_begin.has_value()) {
    after.record.attempts = *transition.attempt_begin;
    after.is_under_way = true;
  }
  transition.row = after.record.row;
  after.record.state = transition.to;
  if (transition.result_json.has_value()) after.record.result_json = transition.result_json;
  absl::StrAppend(&after.kinds, ",", kind);
  Intents changes = {{n, after}};
  // R7
  if (transition.to == S::kSucceeded && after.record.reverses_row != 0) {
    for (auto& [target, intent] : intents_) {
      if (intent.record.row != after.record.reverses_row) continue;
      changes[target] = intent;
      changes[target].record.state = S::kReversed;
      changes[target].kinds += ",reversed";
    }
  }
  Change(changes, {}, [&](const Done& done) { ledger_->Apply(transition, Tell<Applied>(done)); });
}

void Scenario::Succeed(int n) { Move(n, testing::Success(0, ResultOf(n)), "settled"); }

void Scenario::Refuse(int n) {
  Transition refusal = MakeTransition(0, S::kInFlight, S::kRejected);
  refusal.attempt_end = EndOf(1, "REFUSED");
  refusal.result_json = R"({"error":"taken"})";
  Move(n, refusal, "settled");
}

void Scenario::LoseSight(int n) {
  const S from = Is(n, S::kUnknown) ? S::kUnknown : S::kInFlight;
  Transition loss = MakeTransition(0, from, S::kUnknown);
  loss.attempt_end = EndOf(1, "TIMEOUT");
  loss.attempt_end->error = "the connection was reset";
  loss.ambiguous = true;
  loss.evidence_json = R"({"why":"slow"})";
  Move(n, loss, from == S::kUnknown ? "unchanged" : "unknown");
}

void Scenario::SendAgain(int n) {
  Transition resend = MakeTransition(0, S::kUnknown, S::kUnknown);
  resend.attempt_begin = 2;
  Move(n, resend, "resend");
}

void Scenario::Review(int n) { Move(n, MakeTransition(0, S::kUnknown, S::kReview), "review"); }

void Scenario::Probe(int n) {
  Transition success = MakeTransition(0, S::kUnknown, S::kSucceeded);
  success.result_json = ResultOf(n);
  Move(n, success, "settled");
}

void Scenario::Resolve(int n) {
  if (!Is(n, S::kReview)) return;
  Intent after = intents_[n];
  after.record.state = S::kSucceeded;
  after.record.result_json = ResultOf(n);
  after.kinds += ",resolved";
  after.is_under_way = false;
  const Resolution resolution{.tenant = "clinic",
                              .intent_id = after.record.intent_id,
                              .verdict = S::kSucceeded,
                              .by = "dana",
                              .evidence_json = R"({"seen":"in the calendar"})",
                              .result_json = after.record.result_json,
                              .at = At(100)};
  Change({{n, after}}, {},
         [&](const Done& done) { ledger_->Resolve(resolution, TellReadBack(ledger_, done)); });
}

void Scenario::Contradict(int n) {
  if (!Is(n, S::kRejected)) return;
  Intent after = intents_[n];
  after.record.review_at = At(100);
  after.kinds += ",conflict";
  const LateOutcome late{.row = after.record.row,
                         .says = S::kSucceeded,
                         .rule = "R16.late",
                         .actor = "engine",
                         .at = At(100),
                         .evidence_json = R"({"status":201})"};
  Change({{n, after}}, {},
         [&](const Done& done) { ledger_->RecordLate(late, TellReadBack(ledger_, done)); });
}

void Scenario::MarkCrashed() {
  if (!MayGoOn()) return;
  Intents after;
  for (const auto& [n, intent] : intents_) {
    if (intent.record.state != S::kInFlight && !intent.is_under_way) continue;
    after[n] = intent;
    after[n].record.state = S::kUnknown;
    after[n].is_under_way = false;
    after[n].kinds += ",crashed";
  }
  Change(after, {}, [&](const Done& done) {
    const absl::StatusOr<int64_t> marked = ledger_->MarkCrashed(At(200));
    EXPECT_EQ(marked.value_or(static_cast<int64_t>(after.size())),
              static_cast<int64_t>(after.size()));
    done(marked.status());
  });
}

void Scenario::Unseal(int n) {
  if (!MayGoOn() || intents_.count(n) == 0) return;
  Intent after = intents_[n];
  after.kinds += ",unsealed";
  const Unsealing unsealing{"clinic", after.record.intent_id, "dana", At(150)};
  Change({{n, after}}, {},
         [&](const Done& done) { ledger_->RecordUnsealing(unsealing, Tell<int64_t>(done)); });
}

void Scenario::Erase(int n) {
  if (!Is(n, S::kSucceeded)) return;
  Intent after = intents_[n];
  Forget(after.record, Bodies::kErased);
  after.kinds += ",erased";
  const Erasure erasure{.tenant = "clinic",
                        .intent_id = after.record.intent_id,
                        .by = "dana",
                        .reason = "case 7",
                        .at = At(160)};
  Change({{n, after}}, {},
         [&](const Done& done) { ledger_->Erase(erasure, Tell<ErasureResult>(done)); });
}

// The oldest that was settled, and no other.
void Scenario::Age(int n) {
  if (!MayGoOn() || intents_.count(n) == 0 || !IsSettled(intents_[n].record.state)) return;
  Intent after = intents_[n];
  Forget(after.record, Bodies::kAged);
  after.kinds += ",aged";
  Change({{n, after}}, {}, [&](const Done& done) {
    ledger_->Age({}, At(100) + absl::Hours(24 * 40), 1, Tell<AgeResult>(done));
  });
}

// What is about it is removed from the beginning of the chain, up to the claim of the next one, as
// all others are on legal hold.
void Scenario::Prune(int n) {
  if (!MayGoOn() || intents_.count(n) == 0 || intents_[n].record.bodies != Bodies::kAged) return;
  if (intents_.count(n + 1) == 0) return;
  AgeRules rules;
  for (const auto& [other, intent] : intents_) {
    if (other != n) rules.held_intents.push_back(intent.record.intent_id);
  }
  const std::string name = intents_[n].record.intent_id;
  const Contents gone = {{name, ""}, {absl::StrCat("call:call", n), ""}};
  const bool told = Change({}, gone, [&](const Done& done) {
    ledger_->Age(rules, At(100) + absl::Hours(24 * 365 * 8), 100, Tell<AgeResult>(done));
  });
  if (told || ledger_.has_stopped()) intents_.erase(n);
}

void Scenario::AnswerCall(int n) {
  if (!MayGoOn() || intents_.count(n) == 0) return;
  CallRecord call = MakeClaim(n).call;
  call.intent_row = intents_[n].record.row;
  call.disposition = "DONE";
  call.answered_at = At(101);
  ledger_.Record(CallEntry(call, intents_[n].record.intent_id), call);
}

void Scenario::RecordRead() {
  if (!MayGoOn()) return;
  CallRecord call = MakeClaim(91).call;
  call.role = CallRole::kRead;
  call.disposition = "DONE";
  call.attributes = {{"phone", "+4930123456"}};
  ledger_.Record(CallEntry(call, ""), call);
}

void Scenario::SaveLatency(const std::string& histogram) {
  if (!MayGoOn()) return;
  LatencyRecord record;
  record.tool = "book_appointment";
  record.downstream = "https://practice.example";
  record.histogram = histogram;
  record.samples = 3;
  record.updated_at = At(100);
  Change({}, {{"latency:" + record.tool, histogram}},
         [&](const Done& done) { ledger_->SaveLatencies({record}, done); });
}

}  // namespace onetake::io
