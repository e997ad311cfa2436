#include <algorithm>

#include "absl/strings/str_replace.h"
#include "runtime/base/status.h"
#include "tests/testing/engine_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr char kOtherPatient[] =
    R"({"slot_iso":"2026-06-24T14:00:00-05:00","provider_id":"dr-kim","patient_id":"p2"})";
constexpr char kRespelled[] =
    R"({"slot_iso":"2026-06-24 2pm -05:00","provider_id":"dr-kim","patient_id":"p1","notes":"as I said"})";

class EngineWriteTest : public EngineFixture {};

TEST_F(EngineWriteTest, SendsOnceAndAnswersDone) {
  executor->Add("none", ScriptedExecutor::Success(R"({"id":7})"));
  const Answer answer = Run(Call("none"));
  EXPECT_EQ(answer.disposition, Disposition::kDone);
  EXPECT_EQ(answer.result_json, R"({"id":7})");
  EXPECT_FALSE(answer.replayed);
  EXPECT_FALSE(answer.joined);
  EXPECT_EQ(answer.intent->generation, 1);
  EXPECT_EQ(answer.intent->state, IntentState::kSucceeded);
  EXPECT_EQ(answer.guidance.llm_text, R"({"id":7})");
  EXPECT_THAT(executor->effects, ElementsAre(answer.intent->key));
}

// R1
TEST_F(EngineWriteTest, NothingIsSentBeforeTheClaimIsDurable) {
  ledger.Hold();
  const auto reply = Start(Call("none"));
  EXPECT_THAT(executor->sent, IsEmpty());
  ledger.Release();
  sim->RunReady();
  EXPECT_THAT(executor->sent, SizeIs(1));
}

TEST_F(EngineWriteTest, AClaimThatCannotBeRecordedIsNotSentAndSaysSo) {
  ledger.fail_claims = 1;
  const absl::Status status = RunStatus(Call("none"));
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("nothing was done")));
  EXPECT_TRUE(GetDetail(status)->safe_to_resend);
  EXPECT_THAT(executor->sent, IsEmpty());
  EXPECT_THAT(ledger.intents, IsEmpty());
  EXPECT_EQ(Run(Call("none")).disposition, Disposition::kDone) << "the next call is free to run";
}

// PENDING says that the write is under way: that is true only once its claim is durable.
TEST_F(EngineWriteTest, ImpatienceDuringAClaimThatFailsIsNotToldPending) {
  ledger.Hold();
  ledger.fail_claims = 1;
  ToolCall call = Call("none");
  call.patience = absl::ZeroDuration();
  const auto reply = Start(std::move(call));
  sim->Advance(absl::Milliseconds(900));
  EXPECT_FALSE(reply->has_value());
  ledger.Release();
  sim->RunReady();
  EXPECT_THAT(**reply,
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("nothing was done")));
  EXPECT_THAT(executor->sent, IsEmpty());
}

TEST_F(EngineWriteTest, ImpatienceDuringAClaimIsToldPendingOnceItIsDurable) {
  ledger.Hold();
  ToolCall call = Call("none");
  call.patience = absl::ZeroDuration();
  const auto reply = Start(std::move(call));
  sim->Advance(absl::Milliseconds(900));
  EXPECT_FALSE(reply->has_value());
  ledger.Release();
  sim->RunReady();
  ASSERT_TRUE(reply->has_value());
  EXPECT_EQ((**reply)->disposition, Disposition::kPending);
  EXPECT_THAT(executor->sent, SizeIs(1));
}

TEST_F(EngineWriteTest, SoManyWritesMayBeUnsettledWhoeverStillWaitsForThem) {
  max_unsettled = 1;
  Restart();
  executor->Add("none", ScriptedExecutor::Success("{}", absl::Seconds(3)));
  ToolCall impatient = Call("none");
  impatient.patience = absl::Milliseconds(500);
  EXPECT_EQ(Run(std::move(impatient)).disposition, Disposition::kPending);
  ToolCall other = Call("none");
  other.session_id = "call-18";
  EXPECT_THAT(RunStatus(other), StatusIs(absl::StatusCode::kResourceExhausted,
                                         HasSubstr("too many writes are not settled")));
  EXPECT_THAT(ledger.intents, SizeIs(1)) << "refused before anything is claimed";
  Settle();
  EXPECT_EQ(Run(std::move(other)).disposition, Disposition::kDone);
}

// R2 and edge case 12
TEST_F(EngineWriteTest, NoSuccessIsToldBeforeTheOutcomeIsDurable) {
  ledger.fail_applies = 3;
  const auto reply = Start(Call("none"));
  sim->Advance(absl::Milliseconds(200));
  EXPECT_FALSE(reply->has_value()) << "the disk is full: nobody is told";
  ToolCall other = Call("none");
  other.session_id = "call-18";
  EXPECT_THAT(RunStatus(std::move(other)),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("disk")))
      << "no new write is admitted meanwhile";
  Settle();
  ASSERT_TRUE(reply->has_value());
  EXPECT_EQ((**reply)->disposition, Disposition::kDone) << "there is room again";
  EXPECT_EQ(ledger.intents[0].state, IntentState::kSucceeded);
  EXPECT_THAT(executor->sent, SizeIs(1));
}

// R4
TEST_F(EngineWriteTest, ConcurrentCallsOfOneIntentJoin) {
  executor->Add("none", ScriptedExecutor::Success(R"({"id":7})", absl::Seconds(2)));
  const auto first = Start(Call("none", std::string(kBooking), "a"));
  const auto second = Start(Call("none", kRespelled, "b"));
  Settle();
  EXPECT_THAT(executor->sent, SizeIs(1));
  EXPECT_FALSE((**first)->joined);
  EXPECT_TRUE((**second)->joined);
  EXPECT_EQ((**first)->result_json, (**second)->result_json);
  EXPECT_EQ((**first)->intent->key, (**second)->intent->key);
}

TEST_F(EngineWriteTest, CallsThatArriveWhileTheClaimIsOnItsWayJoinToo) {
  ledger.Hold();
  const auto first = Start(Call("none", std::string(kBooking), "a"));
  const auto second = Start(Call("none", std::string(kBooking), "b"));
  ledger.Release();
  Settle();
  EXPECT_THAT(executor->sent, SizeIs(1));
  EXPECT_EQ((**second)->disposition, Disposition::kDone);
}

// R5
TEST_F(EngineWriteTest, ASucceededIntentReplaysItsBytesForEverySpelling) {
  executor->Add("none", ScriptedExecutor::Success("{ \"id\" : 7.0 }"));
  const Answer first = Run(Call("none"));
  const Answer again = Run(Call("none", kRespelled));
  EXPECT_TRUE(again.replayed);
  EXPECT_EQ(again.result_json, "{ \"id\" : 7.0 }");
  EXPECT_EQ(again.intent->key, first.intent->key);
  EXPECT_TRUE(again.first_done_at.has_value());
  EXPECT_THAT(executor->sent, SizeIs(1));
}

TEST_F(EngineWriteTest, AnotherInstantSessionOrOccurrenceIsAnotherIntent) {
  Run(Call("none"));
  Run(Call("none",
           R"({"slot_iso":"2026-06-24T14:30:00-05:00","provider_id":"dr-kim","patient_id":"p1"})"));
  ToolCall other = Call("none");
  other.session_id = "call-18";
  Run(std::move(other));
  ToolCall second_wish = Call("none");
  second_wish.occurrence = 1;
  second_wish.turn_id = "turn-9";
  Run(std::move(second_wish));
  EXPECT_THAT(executor->effects, SizeIs(4));
}

// R6
TEST_F(EngineWriteTest, ARefusedIntentOpensTheNextGenerationForANewCallOnly) {
  executor->Add("keyed", ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 409));
  const Answer refused = Run(Call("keyed", std::string(kBooking), "a"));
  EXPECT_EQ(refused.disposition, Disposition::kRejected);
  EXPECT_TRUE(refused.guidance.may_call_again);

  const Answer redelivered = Run(Call("keyed", std::string(kBooking), "a"));
  EXPECT_EQ(redelivered.disposition, Disposition::kRejected);
  EXPECT_TRUE(redelivered.replayed);
  EXPECT_THAT(executor->sent, SizeIs(1));

  const Answer fresh = Run(Call("keyed", std::string(kBooking), "b"));
  EXPECT_EQ(fresh.disposition, Disposition::kDone);
  EXPECT_EQ(fresh.intent->generation, 2);
  EXPECT_EQ(fresh.intent->id, refused.intent->id);
  EXPECT_NE(fresh.intent->key, refused.intent->key);
}

// R18
TEST_F(EngineWriteTest, GenerationsAreBounded) {
  for (int i = 0; i < 5; ++i) {
    executor->Add("none", ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 409));
    EXPECT_EQ(Run(Call("none")).disposition, Disposition::kRejected);
  }
  const Answer held = Run(Call("none"));
  EXPECT_EQ(held.disposition, Disposition::kRejected);
  EXPECT_EQ(held.reason, "limit.generations");
  EXPECT_EQ(held.guidance.next_action, NextAction::kAskUser);
  EXPECT_FALSE(held.guidance.may_call_again);
  EXPECT_THAT(executor->sent, SizeIs(5));
  EXPECT_EQ(Run(Call("none", std::string(kBooking), "x")).reason, "limit.generations");
  EXPECT_EQ(Run(Call("none", std::string(kBooking), "x")).reason, "limit.generations");
}

// R8
TEST_F(EngineWriteTest, DriftIsRefusedWithTheDifferenceAndTheRecordedResult) {
  executor->Add("none", ScriptedExecutor::Success(R"({"id":7})"));
  Run(Call("none"));
  const Answer drift = Run(Call("none", kOtherPatient));
  EXPECT_EQ(drift.disposition, Disposition::kConflict);
  ASSERT_THAT(drift.conflicts, SizeIs(1));
  EXPECT_EQ(drift.conflicts[0].path, "$.patient_id");
  EXPECT_EQ(drift.conflicts[0].recorded, R"("p1")");
  EXPECT_EQ(drift.conflicts[0].received, R"("p2")");
  EXPECT_EQ(drift.result_json, R"({"id":7})");
  EXPECT_FALSE(drift.guidance.may_call_again);
  EXPECT_THAT(executor->sent, SizeIs(1));
}

TEST_F(EngineWriteTest, DriftThatIsDeliveredAgainIsRefusedAgain) {
  executor->Add("none", ScriptedExecutor::Success(R"({"id":7})"));
  Run(Call("none"));
  for (int delivery = 0; delivery < 2; ++delivery) {
    EXPECT_EQ(Run(Call("none", kOtherPatient, "drift")).disposition, Disposition::kConflict);
  }
  EXPECT_THAT(executor->sent, SizeIs(1));
}

TEST_F(EngineWriteTest, DriftIsRefusedWhileTheFirstIsInFlight) {
  executor->Add("none", ScriptedExecutor::Success("{}", absl::Seconds(2)));
  Start(Call("none"));
  EXPECT_EQ(Run(Call("none", kOtherPatient)).disposition, Disposition::kConflict);
  Settle();
  EXPECT_THAT(executor->sent, SizeIs(1));
}

// R9
TEST_F(EngineWriteTest, PatienceEndsTheWaitAndNotTheAttempt) {
  executor->Add("none", ScriptedExecutor::Success(R"({"id":7})", absl::Seconds(9)));
  const Answer answer = Run(Call("none"));
  EXPECT_EQ(answer.disposition, Disposition::kPending);
  EXPECT_EQ(answer.guidance.next_action, NextAction::kWait);
  EXPECT_FALSE(answer.guidance.may_call_again);

  auto awaited = std::make_shared<Reply>();
  engine->Await("t", answer.intent->id, 0, absl::Seconds(20),
                [awaited](absl::StatusOr<Answer> outcome) { *awaited = std::move(outcome); });
  Settle();
  EXPECT_EQ((**awaited)->disposition, Disposition::kDone)
      << "the late 201 settled the intent by itself";
  EXPECT_EQ((**awaited)->result_json, R"({"id":7})");
  EXPECT_EQ(Run(Call("none")).result_json, R"({"id":7})");
  EXPECT_THAT(executor->sent, SizeIs(1));
  EXPECT_EQ(executor->cancelled, 0);
}

TEST_F(EngineWriteTest, AwaitKnowsGenerationsAndUnknownIntents) {
  executor->Add("none", ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 409));
  const std::string id = Run(Call("none")).intent->id;
  Run(Call("none"));
  const auto await = [&](const std::string& intent, int generation) {
    auto reply = std::make_shared<Reply>();
    engine->Await("t", intent, generation, absl::Seconds(1),
                  [reply](absl::StatusOr<Answer> outcome) { *reply = std::move(outcome); });
    sim->Advance(absl::Seconds(2));
    return **reply;
  };
  EXPECT_EQ(await(id, 1)->disposition, Disposition::kRejected);
  EXPECT_EQ(await(id, 2)->disposition, Disposition::kDone);
  EXPECT_EQ(await(id, 0)->intent->generation, 2);
  EXPECT_THAT(await(id, 3), StatusIs(absl::StatusCode::kNotFound, HasSubstr("intent")));
  EXPECT_THAT(await("no-such", 0), StatusIs(absl::StatusCode::kNotFound, HasSubstr("intent")));
}

TEST_F(EngineWriteTest, AReusedToolCallIdIsTheCallersFault) {
  Run(Call("none", std::string(kBooking), "a"));
  const absl::Status status = RunStatus(
      Call("none", R"({"slot_iso":"2026-06-25T14:00:00-05:00","provider_id":"dr-kim"})", "a"));
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("tool_call_id")));
  EXPECT_EQ(GetDetail(status)->reason, "TOOL_CALL_ID_REUSED");
  EXPECT_FALSE(GetDetail(status)->safe_to_resend);
  EXPECT_THAT(ledger.intents, SizeIs(1));
  EXPECT_THAT(executor->sent, SizeIs(1));
}

TEST_F(EngineWriteTest, TheOrchestratorsOwnIntentIdIsTheIdentity) {
  ToolCall first = Call("none");
  first.intent_id = "booking-1";
  ToolCall reworded = Call(
      "none", R"({"slot_iso":"2026-06-24T19:00:00Z","provider_id":"dr-kim","patient_id":"p1"})");
  reworded.intent_id = "booking-1";
  Run(std::move(first));
  EXPECT_TRUE(Run(std::move(reworded)).replayed);
  EXPECT_THAT(executor->sent, SizeIs(1));
}

TEST_F(EngineWriteTest, AnEmptyAnswerIsSaidToBeDone) {
  executor->Add("none", ScriptedExecutor::Success("null"));
  EXPECT_THAT(Run(Call("none")).guidance.llm_text, HasSubstr("none is done"));
}

// What the tool would tell intents apart by is then guarded like the rest: another slot is not what
// was booked.
TEST_F(EngineWriteTest, AnIntentOfTheOrchestratorIsAlsoOfTheSameThing) {
  ToolCall first = Call("none");
  first.intent_id = "booking-1";
  Run(first);
  ToolCall other =
      Call("none",
           R"({"slot_iso":"2026-06-24T15:00:00-05:00","provider_id":"dr-kim","patient_id":"p1"})");
  other.intent_id = "booking-1";
  const Answer answer = Run(std::move(other));
  EXPECT_EQ(answer.disposition, Disposition::kConflict);
  ASSERT_THAT(answer.conflicts, SizeIs(1));
  EXPECT_EQ(answer.conflicts[0].path, "$.slot_iso");
  EXPECT_EQ(answer.conflicts[0].recorded, R"("2026-06-24T14:00:00-05:00")");
  EXPECT_EQ(answer.conflicts[0].received, R"("2026-06-24T15:00:00-05:00")");
  Restart();
  EXPECT_TRUE(Run(first).replayed);
  EXPECT_THAT(executor->sent, SizeIs(0));
}

// Edge cases 3 and 41: the call is on record with its part and its answer.
TEST_F(EngineWriteTest, EveryCallIsOnRecordWithItsRole) {
  Run(Call("none", std::string(kBooking), "a"));
  Run(Call("none", std::string(kBooking), "b"));
  Run(Call("none", kOtherPatient, "c"));
  Run(Call("none", "{}", "d"));
  std::map<std::string, std::pair<CallRole, std::string>> calls;
  for (const auto& [id, call] : ledger.calls)
    calls[call.tool_call_id] = {call.role, call.disposition};
  EXPECT_THAT(calls, ElementsAre(Pair("a", Pair(CallRole::kOpened, "DONE")),
                                 Pair("b", Pair(CallRole::kReplayed, "DONE")),
                                 Pair("c", Pair(CallRole::kConflict, "CONFLICT")),
                                 Pair("d", Pair(CallRole::kInvalid, "INVALID"))));
}

TEST_F(EngineWriteTest, TooManyCallsAreShedBeforeAnythingIsClaimed) {
  for (int i = 0; i < 100; ++i) {
    ToolCall call = Call("none");
    call.session_id = absl::StrCat("s", i);
    executor->Add("none", ScriptedExecutor::Success("{}", absl::Seconds(3)));
    Start(std::move(call));
  }
  const auto reply = Start(Call("none"));
  EXPECT_THAT(**reply,
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("nothing was done")));
  EXPECT_THAT(ledger.intents, SizeIs(100));
}

TEST_F(EngineWriteTest, ACallThatCannotBeRenderedIsInvalidAndLeavesNothing) {
  executor->render_error = absl::InvalidArgumentError("provider_id: holds a line break");
  const Answer answer = Run(Call("none"));
  EXPECT_EQ(answer.disposition, Disposition::kInvalid);
  EXPECT_THAT(answer.invalid[0].reason, HasSubstr("provider_id"));
  EXPECT_THAT(ledger.intents, IsEmpty());
}

// Edge case 2
TEST_F(EngineWriteTest, AJoinersImpatienceLeavesTheOwnerAlone) {
  executor->Add("none", ScriptedExecutor::Success(R"({"id":7})", absl::Seconds(3)));
  const auto owner = Start(Call("none"));
  ToolCall hasty = Call("none");
  hasty.patience = absl::Milliseconds(200);
  const Answer joiner = Run(std::move(hasty));
  EXPECT_EQ(joiner.disposition, Disposition::kPending);
  EXPECT_TRUE(joiner.joined);
  EXPECT_FALSE(joiner.intent->id.empty()) << "by this it can wait";
  EXPECT_FALSE(owner->has_value());
  sim->Advance(absl::Seconds(5));
  EXPECT_EQ((**owner)->disposition, Disposition::kDone);
  EXPECT_EQ(executor->cancelled, 0);
}

// Edge case 4: the owner finishes between the joiner's look-up and its waiting.
TEST_F(EngineWriteTest, ALookUpThatIsOlderThanTheOutcomeLosesNoWakeUp) {
  executor->Add("none", ScriptedExecutor::Success(R"({"id":7})"));
  const auto owner = Start(Call("none"));
  ledger.HoldLookups();
  const auto joiner = Start(Call("none"));
  sim->Advance(absl::Seconds(1));
  ASSERT_TRUE(owner->has_value());
  ASSERT_FALSE(joiner->has_value());
  ledger.ReleaseLookups();
  sim->RunReady();
  ASSERT_TRUE(joiner->has_value());
  EXPECT_EQ((**joiner)->result_json, R"({"id":7})");
  EXPECT_THAT(executor->effects, SizeIs(1));
}

// Edge case 26
TEST_F(EngineWriteTest, WhatDiffersInIgnoredArgumentsIsReplayedAndOnRecord) {
  Run(Call("none"));
  ToolCall reworded = Call("none", absl::StrReplaceAll(kBooking, {{"}", R"(,"notes":"soon"})"}}));
  EXPECT_TRUE(Run(std::move(reworded)).replayed);
  const auto replayed =
      std::find_if(ledger.calls.begin(), ledger.calls.end(),
                   [](const auto& entry) { return entry.second.role == CallRole::kReplayed; });
  ASSERT_NE(replayed, ledger.calls.end());
  EXPECT_EQ(replayed->second.detail, "$.notes");
}

// Edge case 45
TEST_F(EngineWriteTest, ASetClockMovesNoPatience) {
  for (const absl::Duration step : {absl::Hours(2), -absl::Hours(2)}) {
    executor->Add("none", ScriptedExecutor::Success("{}", absl::Seconds(3)));
    ToolCall call = Call("none");
    call.session_id = absl::FormatDuration(step);
    const auto reply = Start(std::move(call));
    sim->Advance(absl::Seconds(1));
    sim->Jump(step);
    sim->Advance(absl::Seconds(1));
    EXPECT_FALSE(reply->has_value()) << "patience is 4 s";
    sim->Advance(absl::Seconds(2));
    EXPECT_EQ((**reply)->disposition, Disposition::kDone);
  }
}

// Edge case 28
TEST_F(EngineWriteTest, AWriteThatBecameAReadIsNotRunAgainForTheSameDelivery) {
  executor->Add("none", ScriptedExecutor::Success(R"({"id":7})"));
  Run(Call("none", std::string(kBooking), "toolu_1"));
  auto tool = BookingTool("none", {});
  tool->effect = Effect::kRead;
  engine->SetTools(std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{tool}));
  const Answer answer = Run(Call("none", std::string(kBooking), "toolu_1"));
  EXPECT_TRUE(answer.replayed);
  EXPECT_EQ(answer.result_json, R"({"id":7})");
  EXPECT_THAT(executor->sent, SizeIs(1));
}

// What the RPC's own deadline leaves is kept, however slow the disk is.
TEST_F(EngineWriteTest, ALookUpThatIsTooSlowIsRefusedInTimeAndDoesNothingAfterwards) {
  ledger.HoldLookups();
  ToolCall call = Call("none");
  call.patience = absl::Seconds(1);
  call.answer_within = absl::Seconds(2);
  const auto reply = Start(std::move(call));
  sim->Advance(absl::Milliseconds(1999));
  EXPECT_FALSE(reply->has_value());
  sim->Advance(absl::Milliseconds(1));
  ASSERT_TRUE(reply->has_value());
  EXPECT_THAT(**reply, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("in time")));
  ledger.ReleaseLookups();
  Settle();
  EXPECT_THAT(ledger.intents, IsEmpty());
  EXPECT_THAT(executor->sent, IsEmpty());
}

TEST_F(EngineWriteTest, AClaimThatIsTooSlowIsAnsweredUncertainInTimeAndGoesOn) {
  ledger.Hold();
  ToolCall call = Call("none");
  call.patience = absl::Seconds(1);
  call.answer_within = absl::Seconds(2);
  const auto opener = Start(call);
  const auto joiner = Start(call);
  sim->Advance(absl::Milliseconds(1999));
  EXPECT_FALSE(opener->has_value()) << "PENDING would be a promise";
  sim->Advance(absl::Milliseconds(1));
  for (const auto& reply : {opener, joiner}) {
    ASSERT_TRUE(reply->has_value());
    EXPECT_EQ((**reply)->disposition, Disposition::kUncertain);
    EXPECT_FALSE((**reply)->guidance.may_call_again);
    EXPECT_THAT((**reply)->guidance.llm_text, HasSubstr("Do not repeat it"));
    EXPECT_FALSE((**reply)->intent->id.empty());
  }
  ledger.Release();
  Settle();
  EXPECT_THAT(executor->effects, SizeIs(1));
  EXPECT_TRUE(Run(Call("none")).replayed);
}

}  // namespace
}  // namespace onetake::testing
