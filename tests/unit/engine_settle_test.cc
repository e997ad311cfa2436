#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/testing/engine_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::Contains;
using ::testing::Field;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr FailureKind kLost = FailureKind::kLost;

class EngineSettleTest : public EngineFixture {
 protected:
  const IntentRecord& Recorded() { return ledger.intents.at(0); }
};

// R3
TEST_F(EngineSettleTest, ALostWriteThatNothingProtectsGoesToAPersonAndIsNeverSentAgain) {
  executor->Add("none", ScriptedExecutor::LostAfterEffect());
  const Answer answer = Run(Call("none"));
  EXPECT_EQ(answer.disposition, Disposition::kNeedsReview);
  EXPECT_FALSE(answer.guidance.may_call_again);
  EXPECT_EQ(answer.guidance.next_action, NextAction::kHandOff);
  Settle();
  EXPECT_EQ(Run(Call("none")).disposition, Disposition::kNeedsReview);
  EXPECT_THAT(executor->sent, SizeIs(1));
  EXPECT_EQ(Recorded().state, IntentState::kReview);
}

TEST_F(EngineSettleTest, WhoAsksIsToldWhenTheNextAttemptIs) {
  ScriptedExecutor::Step busy = ScriptedExecutor::Failure(FailureKind::kRefusedUnprocessed, 429);
  busy.report.retry_after = absl::Seconds(20);
  executor->Add("keyed", busy);
  ToolCall call = Call("keyed");
  call.patience = absl::Seconds(1);
  const auto reply = Start(std::move(call));
  sim->Advance(absl::Seconds(1));
  ASSERT_TRUE(reply->has_value());
  EXPECT_EQ((**reply)->disposition, Disposition::kPending);
  EXPECT_GE((**reply)->guidance.check_after, absl::Seconds(18));
}

// R3, R11
TEST_F(EngineSettleTest, ALostKeyedWriteIsSentAgainByteForByte) {
  executor->Add("keyed", ScriptedExecutor::LostAfterEffect());
  executor->Add("keyed", ScriptedExecutor::Success(R"({"id":7})"));
  const Answer answer = Run(Call("keyed"));
  EXPECT_EQ(answer.disposition, Disposition::kDone);
  ASSERT_THAT(executor->sent, SizeIs(2));
  EXPECT_EQ(executor->sent[0].rendered, executor->sent[1].rendered);
  EXPECT_EQ(Recorded().attempts, 2);
}

// A DELETE whose answer was lost is sent again and told 404: it is gone, as was asked.
TEST_F(EngineSettleTest, WhatIsAlreadyGoneAfterALostAnswerIsDoneAndAtFirstItIsRejected) {
  executor->Add("natural", ScriptedExecutor::LostAfterEffect());
  executor->Add("natural", ScriptedExecutor::Failure(FailureKind::kAlreadyGone, 404));
  EXPECT_EQ(Run(Call("natural")).disposition, Disposition::kDone);
  EXPECT_EQ(Recorded().reason, "table.already_gone");
  ToolCall other = Call("natural");
  other.session_id = "call-18";
  executor->Add("natural", ScriptedExecutor::Failure(FailureKind::kAlreadyGone, 404));
  EXPECT_EQ(Run(std::move(other)).disposition, Disposition::kRejected);
}

TEST_F(EngineSettleTest, WhileItIsUnknownTheAnswerIsUncertainAndForbidsARepeat) {
  for (int i = 0; i < 2; ++i)
    executor->Add("keyed", {.report = {.reached = Reached::kSomethingSent, .failure = kLost},
                            .after = absl::Seconds(3)});
  const Answer answer = Run(Call("keyed"));
  EXPECT_EQ(answer.disposition, Disposition::kUncertain);
  EXPECT_THAT(answer.guidance.llm_text, HasSubstr("Do not repeat it"));
  EXPECT_FALSE(answer.guidance.may_call_again);
  Settle();
  EXPECT_EQ(Run(Call("keyed")).disposition, Disposition::kDone);
}

// R13
TEST_F(EngineSettleTest, OnlyKeyedAndNaturalWritesMayBeResentBelowUs) {
  Run(Call("keyed"));
  Run(Call("natural"));
  Run(Call("probed"));
  Run(Call("none"));
  ASSERT_THAT(executor->sent, SizeIs(4));
  EXPECT_EQ(executor->sent[0].transport_resend, TransportResend::kAllowed);
  EXPECT_EQ(executor->sent[1].transport_resend, TransportResend::kAllowed);
  EXPECT_EQ(executor->sent[2].transport_resend, TransportResend::kForbidden);
  EXPECT_EQ(executor->sent[3].transport_resend, TransportResend::kForbidden);
}

// R14 and edge case 19
TEST_F(EngineSettleTest, ARefusalAfterALostAttemptIsNoProof) {
  executor->Add("keyed", ScriptedExecutor::LostAfterEffect());
  executor->Add("keyed", ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 409));
  EXPECT_EQ(Run(Call("keyed")).disposition, Disposition::kNeedsReview);
  EXPECT_EQ(Recorded().state, IntentState::kReview);
}

TEST_F(EngineSettleTest, WhatWasSurelyNotSentIsTriedAgainForEveryTool) {
  for (const char* tool : {"keyed", "natural", "probed", "none"}) {
    executor->Add(tool, ScriptedExecutor::Failure(FailureKind::kNotSent));
    EXPECT_EQ(Run(Call(tool)).disposition, Disposition::kDone) << tool;
  }
  EXPECT_THAT(executor->effects, SizeIs(4));
}

TEST_F(EngineSettleTest, AnUnreachableDownstreamEndsAsRejectedWithinTheAttemptLimit) {
  for (int i = 0; i < 9; ++i)
    executor->Add("none", ScriptedExecutor::Failure(FailureKind::kNotSent));
  Start(Call("none"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kRejected);
  EXPECT_THAT(executor->sent, SizeIs(5));
  EXPECT_EQ(Recorded().attempts, 5);
}

TEST_F(EngineSettleTest, RetryAfterIsObeyed) {
  ScriptedExecutor::Step busy = ScriptedExecutor::Failure(FailureKind::kRefusedUnprocessed, 429);
  busy.report.retry_after = absl::Seconds(30);
  executor->Add("none", busy);
  Start(Call("none"));
  sim->Advance(absl::Seconds(29));
  EXPECT_THAT(executor->sent, SizeIs(1));
  Settle();
  EXPECT_THAT(executor->sent, SizeIs(2));
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
}

// Edge case 43
TEST_F(EngineSettleTest, ARetryAfterBeyondTheLimitIsToldAndNotSleptOn) {
  ScriptedExecutor::Step busy = ScriptedExecutor::Failure(FailureKind::kRefusedUnprocessed, 429);
  busy.report.retry_after = absl::Hours(1);
  executor->Add("none", busy);
  EXPECT_EQ(Run(Call("none")).disposition, Disposition::kRejected);
}

// Edge case 21
TEST_F(EngineSettleTest, AnUnreadableSuccessIsASuccess) {
  executor->Add("none", ScriptedExecutor::Failure(FailureKind::kBodyUnreadable, 201));
  const Answer answer = Run(Call("none"));
  EXPECT_EQ(answer.disposition, Disposition::kDone);
  EXPECT_TRUE(answer.result_unavailable);
  EXPECT_THAT(answer.guidance.llm_text, HasSubstr("Do not call it again"));
  EXPECT_TRUE(Run(Call("none")).replayed);
  EXPECT_THAT(executor->sent, SizeIs(1));
}

TEST_F(EngineSettleTest, ARefusalAfterAnUnreadableSuccessIsStillASuccess) {
  executor->Add("keyed", ScriptedExecutor::Failure(FailureKind::kBodyUnreadable, 201));
  executor->Add("keyed", ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 409));
  const Answer answer = Run(Call("keyed"));
  EXPECT_EQ(answer.disposition, Disposition::kDone);
  EXPECT_THAT(answer.reason, Not(HasSubstr("R14")))
      << "the ledger's reason must not speak of doubt";
}

TEST_F(EngineSettleTest, ADrainDoesNotDoubtWhatIsKnownToHaveHappened) {
  executor->Add("keyed", ScriptedExecutor::Failure(FailureKind::kBodyUnreadable, 201));
  executor->Add("keyed", {.report = {.reached = Reached::kSomethingSent, .failure = kLost},
                          .after = absl::Seconds(3)});
  Start(Call("keyed"));
  sim->Advance(absl::Seconds(1));
  ASSERT_THAT(executor->sent, SizeIs(2)) << "the body is being fetched";
  engine->Drain(absl::Seconds(10), [] {});
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
}

TEST_F(EngineSettleTest, ADrainDuringTheBackoffDoesNotDoubtItEither) {
  ScriptedExecutor::Step cut = ScriptedExecutor::Failure(FailureKind::kBodyUnreadable, 201);
  cut.report.retry_after = absl::Seconds(30);
  executor->Add("keyed", cut);
  Start(Call("keyed"));
  sim->Advance(absl::Seconds(1));
  engine->Drain(absl::Seconds(10), [] {});
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
  EXPECT_THAT(executor->sent, SizeIs(1));
}

TEST_F(EngineSettleTest, ADrainThatGivesUpFetchingTheBodyDoesNotDoubtItEither) {
  executor->Add("keyed", ScriptedExecutor::Failure(FailureKind::kBodyUnreadable, 201));
  executor->Add("keyed", ScriptedExecutor::Success("{}", absl::Seconds(25)));
  Start(Call("keyed"));
  sim->Advance(absl::Seconds(1));
  ASSERT_THAT(executor->sent, SizeIs(2)) << "the body is being fetched";
  engine->Drain(absl::Seconds(1), [] {});
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
}

// R12: what was answered 2xx is no doubt after a crash either.
TEST_F(EngineSettleTest, ACrashForgetsNoUnreadableSuccess) {
  executor->Add("keyed", ScriptedExecutor::Failure(FailureKind::kBodyUnreadable, 201));
  executor->Add("keyed", ScriptedExecutor::Success("{}", absl::Seconds(25)));
  Start(Call("keyed"));
  sim->Advance(absl::Seconds(1));
  ASSERT_THAT(executor->sent, SizeIs(2)) << "the body is being fetched";
  Restart();
  EXPECT_EQ(*ledger.MarkCrashed(sim->Now()), 1) << "its second attempt was under way";
  executor->Add("keyed", ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 409));
  engine->Recover();
  Settle();
  EXPECT_EQ(ledger.transitions.back().actor, "recovery");
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded) << Recorded().reason;
}

TEST_F(EngineSettleTest, AProbeThatFindsTheEffectSettlesWithoutASecondSend) {
  executor->Add("probed", ScriptedExecutor::LostAfterEffect());
  executor->Add("find", ScriptedExecutor::Success(R"({"found":[{"id":7}]})"));
  Start(Call("probed"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
  EXPECT_EQ(Recorded().reason, "R3.probe_applied");
  EXPECT_THAT(executor->effects, SizeIs(1));
}

TEST_F(EngineSettleTest, AProbeThatFindsNothingAllowsTheResend) {
  executor->Add("probed", ScriptedExecutor::Failure(kLost));
  executor->Add("find", ScriptedExecutor::Success(R"({"found":[]})"));
  Start(Call("probed"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
  EXPECT_EQ(Recorded().attempts, 2);
  EXPECT_THAT(executor->effects, SizeIs(1));
}

// Edge case 23
TEST_F(EngineSettleTest, TheFirstProbeWaitsUntilTheAttemptCanNoLongerLand) {
  executor->Add("probed", ScriptedExecutor::Failure(kLost));
  Start(Call("probed"));
  sim->Advance(absl::Seconds(29));
  EXPECT_THAT(executor->sent, SizeIs(1));
  sim->Advance(absl::Seconds(2));
  ASSERT_THAT(executor->sent, SizeIs(Ge(2)));
  EXPECT_EQ(executor->sent[1].tool, "find");
}

// Edge case 24
TEST_F(EngineSettleTest, AProbeThatNeverAnswersEndsInReviewAndSpendsNoAttempts) {
  executor->Add("probed", ScriptedExecutor::Failure(kLost));
  for (int i = 0; i < 9; ++i) executor->Add("find", ScriptedExecutor::Failure(kLost));
  Start(Call("probed"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kReview);
  EXPECT_EQ(Recorded().attempts, 1);
  EXPECT_THAT(executor->sent, SizeIs(6));
}

// Edge case 31
TEST_F(EngineSettleTest, AKeyTheDownstreamHasForgottenIsNotSentAgain) {
  executor->Add("keyed", ScriptedExecutor::LostAfterEffect());
  Start(Call("keyed"));
  sim->RunReady();
  ledger.Clear();  // this life is over; the next starts from a record of two days ago
  Restart();
  executor->Add("keyed", ScriptedExecutor::Success("{}", absl::Seconds(1)));
  IntentRecord old;
  old.row = 1;
  old.tenant = "t";
  old.intent_id = "old";
  old.key = "k";
  old.tool = "keyed";
  old.safety = "KEYED";
  old.state = IntentState::kUnknown;
  old.attempts = 1;
  old.arguments_json = std::string(kBooking);
  old.request = R"({"key":"k"})";
  old.first_sent_at = sim->Now() - absl::Hours(48);
  ledger.intents.push_back(old);
  engine->Recover();
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kReview);
  EXPECT_THAT(executor->sent, SizeIs(0));
}

// Edge cases 31 and 45
TEST_F(EngineSettleTest, ASetBackClockDoesNotMakeAKeyLiveLonger) {
  auto tool = BookingTool("keyed", {.keyed = true, .key_retention = absl::Seconds(10)});
  tool->timeouts.attempt = absl::Seconds(8);
  engine->SetTools(
      std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{tool, ReadTool("find")}));
  ScriptedExecutor::Step lost = ScriptedExecutor::LostAfterEffect();
  lost.after = absl::Seconds(6);
  executor->Add("keyed", lost);
  Start(Call("keyed"));
  sim->Advance(absl::Seconds(1));
  sim->Jump(-absl::Hours(1));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kReview);
  EXPECT_THAT(executor->sent, SizeIs(1)) << "the downstream has forgotten the key";
}

// Edge cases 12 and 31: the disk is full before the resend is planned, or before it is counted.
TEST_F(EngineSettleTest, AFullDiskDoesNotMakeAKeyLiveLonger) {
  for (const int passed : {0, 1}) {
    ledger.Clear();
    Restart();
    auto tool = BookingTool("keyed", {.keyed = true, .key_retention = absl::Seconds(5)});
    tool->timeouts.attempt = absl::Seconds(1);
    tool->retries.base = absl::ZeroDuration();
    engine->SetTools(std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{tool}));
    executor->Add("keyed", ScriptedExecutor::LostAfterEffect());
    Start(Call("keyed"));
    ledger.pass_applies = passed;
    ledger.fail_applies = 40;
    Settle();
    EXPECT_EQ(Recorded().state, IntentState::kReview) << passed;
    EXPECT_THAT(executor->sent, SizeIs(1)) << "the downstream has forgotten the key";
  }
}

TEST_F(EngineSettleTest, WhatAnOpenBreakerWouldShedCostsNoAttempt) {
  auto tool = BookingTool("keyed", {.keyed = true, .key_retention = absl::Hours(24)});
  tool->retries.attempts = 2;
  engine->SetTools(std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{tool}));
  for (int i = 0; i < 20; ++i) {
    executor->Add("keyed", ScriptedExecutor::LostAfterEffect());
    Start(Call("keyed", absl::StrReplaceAll(kBooking, {{"dr-kim", absl::StrCat("dr-", i)}})));
  }
  Settle();
  for (const IntentRecord& record : ledger.intents) {
    EXPECT_EQ(record.state, IntentState::kSucceeded) << record.reason;
    EXPECT_EQ(record.attempts, 2);
  }
}

// The first attempt was cut while the downstream worked on: it holds the key until it is done.
TEST_F(EngineSettleTest, AKeyThatIsStillInUseIsWaitedForAndSpendsNoAttempts) {
  auto tool = BookingTool("keyed", {.keyed = true, .key_retention = absl::Hours(24)});
  tool->retries.attempts = 2;
  engine->SetTools(std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{tool}));
  executor->Add("keyed", ScriptedExecutor::LostAfterEffect());
  for (int i = 0; i < 6; ++i) {
    executor->Add("keyed", ScriptedExecutor::Failure(FailureKind::kKeyInUse, 409));
  }
  executor->Add("keyed", ScriptedExecutor::Success(R"({"id":7})"));
  Start(Call("keyed"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded) << Recorded().reason;
  EXPECT_EQ(Recorded().attempts, 8);
}

TEST_F(EngineSettleTest, AKeyThatStaysInUseEndsInReviewWhenTheTimeIsOver) {
  for (int i = 0; i < 1000; ++i) {
    executor->Add("keyed", ScriptedExecutor::Failure(FailureKind::kKeyInUse, 409));
  }
  Start(Call("keyed"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kReview);
  EXPECT_EQ(Recorded().reason, "limit.resend");
  EXPECT_LT(executor->sent.size(), 100u);
}

TEST_F(EngineSettleTest, ARestartRemembersWhatWasOnlyAWait) {
  executor->Add("keyed", ScriptedExecutor::LostAfterEffect());
  for (int i = 0; i < 6; ++i) {
    executor->Add("keyed", ScriptedExecutor::Failure(FailureKind::kKeyInUse, 409));
  }
  Start(Call("keyed"));
  while (executor->sent.size() < 6) sim->Advance(absl::Milliseconds(100));
  Restart();
  ASSERT_THAT(ledger.MarkCrashed(sim->Now()), IsOk());
  engine->Recover();
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded) << Recorded().reason;
}

// R12
TEST_F(EngineSettleTest, ACrashLeavesUnknownsThatTheirToolsSettle) {
  for (const char* tool : {"keyed", "natural", "probed", "none"}) {
    executor->Add(tool, ScriptedExecutor::Success("{}", absl::Seconds(2)));
    Start(Call(tool));
  }
  const std::string first_request = ledger.intents[0].request;
  Restart();
  EXPECT_EQ(*ledger.MarkCrashed(sim->Now()), 4);
  executor->Add("find", ScriptedExecutor::Success(R"({"found":[1]})"));
  engine->Recover();
  Settle();
  EXPECT_EQ(ledger.intents[0].state, IntentState::kSucceeded);
  EXPECT_EQ(ledger.intents[1].state, IntentState::kSucceeded);
  EXPECT_EQ(ledger.intents[2].state, IntentState::kSucceeded);
  EXPECT_EQ(ledger.intents[3].state, IntentState::kReview);
  ASSERT_THAT(executor->sent, SizeIs(3)) << "keyed, natural, and one probe";
  EXPECT_THAT(executor->sent, Contains(Field(&ScriptedExecutor::Sent::rendered, first_request)));
}

// Edge case 14: a page of the ledger that cannot be read now is read later.
TEST_F(EngineSettleTest, ARecoveryThatCannotReadTheLedgerComesBack) {
  executor->Add("keyed", ScriptedExecutor::Success("{}", absl::Seconds(2)));
  Start(Call("keyed"));
  Restart();
  ASSERT_THAT(ledger.MarkCrashed(sim->Now()), IsOk());
  ledger.fail_unsettled = 3;
  engine->Recover();
  EXPECT_THAT(executor->sent, SizeIs(0));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
}

// Edge case 14: few at a time, and yet all of them have waited since the crash, not since their
// turn came.
TEST_F(EngineSettleTest, RecoveredLookUpsDoNotWaitOneAfterTheOther) {
  for (int i = 0; i < 10; ++i) {
    executor->Add("probed", ScriptedExecutor::Success("{}", absl::Seconds(2)));
    Start(Call("probed", absl::StrReplaceAll(kBooking, {{"dr-kim", absl::StrCat("dr-", i)}})));
  }
  Restart();
  ASSERT_THAT(ledger.MarkCrashed(sim->Now()), IsOk());
  for (int i = 0; i < 10; ++i) {
    executor->Add("find", ScriptedExecutor::Success(R"({"found":[1]})"));
  }
  engine->Recover();
  sim->Advance(absl::Seconds(29));
  EXPECT_THAT(executor->sent, SizeIs(0)) << "what was in flight may land";
  sim->Advance(absl::Seconds(4));
  EXPECT_THAT(executor->sent, SizeIs(10));
  for (const IntentRecord& record : ledger.intents) {
    EXPECT_EQ(record.state, IntentState::kSucceeded);
  }
}

// Edge case 14
TEST_F(EngineSettleTest, ACallForAnIntentThatIsBeingRecoveredJoinsIt) {
  executor->Add("keyed", ScriptedExecutor::Success("{}", absl::Seconds(2)));
  Start(Call("keyed"));
  Restart();
  ASSERT_THAT(ledger.MarkCrashed(sim->Now()), IsOk());
  const Answer answer = Run(Call("keyed"));
  EXPECT_EQ(answer.disposition, Disposition::kDone);
  EXPECT_TRUE(answer.joined);
  EXPECT_THAT(executor->sent, SizeIs(1)) << "one send in this process, under the recorded key";
  engine->Recover();
  Settle();
  EXPECT_THAT(executor->sent, SizeIs(1));
}

// R17: a manifest that became laxer does not make an old claim safe.
TEST_F(EngineSettleTest, SafetyIsWhatHeldAtTheClaim) {
  executor->Add("keyed", ScriptedExecutor::Success("{}", absl::Seconds(2)));
  Start(Call("keyed"));
  ledger.intents[0].safety = "NONE";
  Restart();
  ASSERT_THAT(ledger.MarkCrashed(sim->Now()), IsOk());
  engine->Recover();
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kReview);
  EXPECT_THAT(executor->sent, SizeIs(0));
}

TEST_F(EngineSettleTest, WhoMayCallAgainIsToldWhenTheDownstreamWantsIt) {
  ScriptedExecutor::Step busy = ScriptedExecutor::Failure(FailureKind::kRefusedUnprocessed, 429);
  busy.report.retry_after = absl::Hours(1);
  executor->Add("none", busy);
  const Answer answer = Run(Call("none"));
  EXPECT_EQ(answer.disposition, Disposition::kRejected);
  EXPECT_TRUE(answer.guidance.may_call_again);
  EXPECT_EQ(answer.guidance.check_after, absl::Hours(1));
}

// What the ledger cannot take of it must not hold up what has become of the write.
TEST_F(EngineSettleTest, AnAnswerThatIsTooLongForTheLedgerIsDroppedAndNotItsOutcome) {
  ledger.max_result_bytes = 10;
  executor->Add("none", ScriptedExecutor::Success(R"({"id":"longer than that"})"));
  const Answer answer = Run(Call("none"));
  EXPECT_EQ(answer.disposition, Disposition::kDone);
  EXPECT_EQ(answer.result_json, "");
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
  EXPECT_TRUE(Run(Call("none")).replayed);
  EXPECT_THAT(executor->sent, SizeIs(1));
}

}  // namespace
}  // namespace onetake::testing
