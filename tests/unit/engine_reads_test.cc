#include "absl/strings/str_cat.h"
#include "tests/testing/engine_fixture.h"

// READs: one request for calls that ask the same, and a second one when the first is slow.
namespace onetake::testing {
namespace {

constexpr char kQuestion[] = R"({"date":"2026-06-24"})";

class EngineReadsTest : public EngineFixture {
 protected:
  static ToolCall Read(absl::Duration patience, std::string arguments = kQuestion) {
    ToolCall call = Call("find", std::move(arguments));
    call.patience = patience;
    return call;
  }
  static Answer Of(const std::shared_ptr<Reply>& reply) {
    EXPECT_TRUE(reply->has_value()) << "no answer";
    EXPECT_TRUE(reply->has_value() && (*reply)->ok());
    return reply->has_value() && (*reply)->ok() ? ***reply : Answer{};
  }
  LatencyHistogram Measured() {
    const LatencyHistogram* found = engine->latency().Find({"find", "scripted", ""});
    return found == nullptr ? LatencyHistogram() : *found;
  }
};

TEST_F(EngineReadsTest, CallsThatAskTheSameShareOneRequest) {
  executor->Add("find", ScriptedExecutor::Success(R"({"slots":[1]})"));
  const auto first = Start(Read(absl::Seconds(4)));
  sim->Advance(absl::Milliseconds(40));
  const auto second = Start(Read(absl::Seconds(4), R"({ "date" : "2026-06-24" })"));
  ToolCall elsewhere = Read(absl::Seconds(4));
  elsewhere.session_id = "call-18";
  const auto third = Start(elsewhere);
  sim->Advance(absl::Milliseconds(60));
  EXPECT_EQ(executor->sent.size(), 1);
  for (const auto& reply : {first, second, third}) {
    EXPECT_EQ(Of(reply).disposition, Disposition::kDone);
    EXPECT_EQ(Of(reply).result_json, R"({"slots":[1]})");
    EXPECT_FALSE(Of(reply).replayed);
  }
  EXPECT_FALSE(Of(first).joined);
  EXPECT_TRUE(Of(second).joined);
  EXPECT_TRUE(Of(third).joined);
  EXPECT_EQ(Of(first).downstream_latency, absl::Milliseconds(100));
  EXPECT_EQ(Of(second).downstream_latency, absl::Milliseconds(60));
  EXPECT_EQ(ledger.calls.size(), 3);
  for (const auto& [id, call] : ledger.calls) EXPECT_EQ(call.role, CallRole::kRead);
  EXPECT_EQ(Measured().count(), 1);
  Run(Read(absl::Seconds(4)));
  EXPECT_EQ(executor->sent.size(), 2) << "an answer is not kept";
}

TEST_F(EngineReadsTest, CallsThatAskSomethingElseDoNot) {
  Start(Read(absl::Seconds(4)));
  ToolCall other_tenant = Read(absl::Seconds(4));
  other_tenant.tenant = "u";
  Start(other_tenant);
  Start(Read(absl::Seconds(4), R"({"date":"2026-06-25"})"));
  EXPECT_EQ(executor->sent.size(), 3);
}

TEST_F(EngineReadsTest, OnesPatienceNeverEndsTheOthersRequest) {
  executor->Add("find", ScriptedExecutor::Success("{}", absl::Seconds(2)));
  const auto hasty = Start(Read(absl::Seconds(1)));
  const auto patient = Start(Read(absl::Seconds(3)));
  sim->Advance(absl::Seconds(1));
  EXPECT_EQ(Of(hasty).disposition, Disposition::kFailed);
  EXPECT_EQ(Of(hasty).reason, "patience");
  EXPECT_FALSE(patient->has_value());
  ASSERT_EQ(ledger.calls.size(), 1);
  EXPECT_EQ(ledger.calls.begin()->second.detail, "patience");
  sim->Advance(absl::Seconds(1));
  EXPECT_EQ(Of(patient).disposition, Disposition::kDone);
  EXPECT_EQ(executor->cancelled, 0);
}

TEST_F(EngineReadsTest, WhyItFailedIsOnRecord) {
  executor->Add("find", ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal));
  const auto refused = Start(Read(absl::Seconds(4)));
  sim->Advance(absl::Seconds(1));
  EXPECT_EQ(Of(refused).disposition, Disposition::kFailed);
  ASSERT_EQ(ledger.calls.size(), 1);
  EXPECT_EQ(ledger.calls.begin()->second.detail, "DEFINITE_REFUSAL");
}

TEST_F(EngineReadsTest, TheLastWhoLeavesCancelsTheRequest) {
  executor->Add("find", ScriptedExecutor::Success("{}", absl::Seconds(20)));
  Start(Read(absl::Seconds(1)));
  Start(Read(absl::Seconds(3)));
  sim->Advance(absl::Seconds(2.9));
  EXPECT_EQ(executor->cancelled, 0);
  sim->Advance(absl::Seconds(0.1));
  EXPECT_EQ(executor->cancelled, 1);
  EXPECT_EQ(Measured().censored(), 1) << "it takes at least three seconds";
  EXPECT_GE(Measured().Percentile(0.5)->value, absl::Seconds(2.95));
}

TEST_F(EngineReadsTest, ABargeInEndsOnlyTheReadsOfItsTurn) {
  executor->Add("find", ScriptedExecutor::Success("{}", absl::Seconds(2)));
  ToolCall discarded = Read(absl::Seconds(4));
  discarded.turn_id = "t1";
  const auto first = Start(discarded);
  const auto second = Start(Read(absl::Seconds(4)));
  engine->DiscardTurn("t", "call-17", "t1");
  sim->RunReady();
  EXPECT_EQ(Of(first).reason, "barge_in");
  EXPECT_EQ(Of(first).guidance.say, "") << "it is not spoken of";
  EXPECT_THAT(Of(first).guidance.llm_text, ::testing::HasSubstr("the caller interrupted"));
  sim->Advance(absl::Seconds(2));
  EXPECT_EQ(Of(second).disposition, Disposition::kDone);
}

TEST_F(EngineReadsTest, ABargeInSaysNothingAboutTheDownstream) {
  executor->Add("find", ScriptedExecutor::Success("{}", absl::Seconds(2)));
  ToolCall discarded = Read(absl::Seconds(4));
  discarded.turn_id = "t1";
  Start(discarded);
  engine->DiscardTurn("t", "call-17", "t1");
  Settle();
  EXPECT_EQ(executor->cancelled, 1);
  EXPECT_EQ(Measured().count(), 0);
}

// Otherwise who has just booked would be shown the day as it was before.
TEST_F(EngineReadsTest, ARequestThatBeganBeforeAWriteEndedIsNotShared) {
  executor->Add("find", ScriptedExecutor::Success(R"({"before":1})", absl::Seconds(3)));
  executor->Add("find", ScriptedExecutor::Success(R"({"after":1})"));
  const auto before = Start(Read(absl::Seconds(4)));
  Run(Call("none"));
  const Answer after = Run(Read(absl::Seconds(4)));
  EXPECT_EQ(after.result_json, R"({"after":1})");
  EXPECT_FALSE(after.joined);
  sim->Advance(absl::Seconds(3));
  EXPECT_EQ(Of(before).result_json, R"({"before":1})");
}

// The attempt was lost long before; that it took effect is known only now.
TEST_F(EngineReadsTest, ARequestThatBeganBeforeALookUpFoundAWriteIsNotShared) {
  executor->Add("probed", ScriptedExecutor::LostAfterEffect());
  executor->Add("find", ScriptedExecutor::Success(R"({"before":1})", absl::Seconds(3)));
  executor->Add("find", ScriptedExecutor::Success(R"({"found":[1]})"));
  executor->Add("find", ScriptedExecutor::Success(R"({"after":1})"));
  Start(Call("probed"));
  sim->Advance(absl::Seconds(29));
  const auto before = Start(Read(absl::Seconds(4)));
  sim->Advance(absl::Seconds(2));
  ASSERT_EQ(ledger.intents.at(0).state, IntentState::kSucceeded);
  ASSERT_FALSE(before->has_value());
  const Answer after = Run(Read(absl::Seconds(4)));
  EXPECT_EQ(after.result_json, R"({"after":1})");
  EXPECT_FALSE(after.joined);
}

TEST_F(EngineReadsTest, ARequestThatIsStuckTakesNoMoreCalls) {
  executor->Add("find", ScriptedExecutor::Success("{}", absl::Seconds(25)));
  const auto stuck = Start(Read(absl::Seconds(28)));
  sim->Advance(absl::Seconds(4.1));  // longer than the tool's patience
  EXPECT_EQ(Run(Read(absl::Seconds(4))).disposition, Disposition::kDone);
  EXPECT_EQ(executor->sent.size(), 2);
  sim->Advance(absl::Seconds(25));
  EXPECT_EQ(Of(stuck).disposition, Disposition::kDone);
}

TEST_F(EngineReadsTest, TheEndOfARequestThatWasStuckDoesNotEndTheOneThatTookItsPlace) {
  executor->Add("find", ScriptedExecutor::Success(R"({"n":1})", absl::Seconds(6)));
  executor->Add("find", ScriptedExecutor::Success(R"({"n":2})", absl::Seconds(4)));
  const auto stuck = Start(Read(absl::Seconds(28)));
  sim->Advance(absl::Seconds(5));
  const auto second = Start(Read(absl::Seconds(28)));
  sim->Advance(absl::Seconds(2));
  EXPECT_EQ(Of(stuck).result_json, R"({"n":1})");
  const auto third = Start(Read(absl::Seconds(28)));
  sim->Advance(absl::Seconds(2));
  for (const auto& reply : {second, third}) EXPECT_EQ(Of(reply).result_json, R"({"n":2})");
  EXPECT_TRUE(Of(third).joined);
  EXPECT_EQ(executor->sent.size(), 2);
}

TEST_F(EngineReadsTest, ProgressIsToldToEverybodyWhoListens) {
  executor->Add("find", ScriptedExecutor::Success("{}", absl::Seconds(2)));
  std::vector<std::string> heard;
  ToolCall first = Read(absl::Seconds(4));
  first.on_progress = [&](const AttemptProgress& progress) { heard.push_back(progress.text); };
  ToolCall joined = Read(absl::Seconds(4));
  joined.on_progress = [&](const AttemptProgress& progress) { heard.push_back(progress.text); };
  Start(std::move(first));
  Start(Read(absl::Seconds(4)));
  Start(std::move(joined));
  executor->Tell({.text = "half"});
  EXPECT_THAT(heard, ::testing::ElementsAre("half", "half"));
}

TEST_F(EngineReadsTest, ADownstreamThatIsAwayIsNotAsked) {
  for (int i = 0; i < 20; ++i) {
    executor->Add("none", ScriptedExecutor::Failure(FailureKind::kLost));
    ToolCall write = Call("none");
    write.session_id = absl::StrCat("s", i);
    Start(std::move(write));
  }
  sim->Advance(absl::Seconds(1));
  const auto reply = Start(Read(absl::Seconds(4)));
  EXPECT_EQ(Of(reply).disposition, Disposition::kFailed);
  EXPECT_EQ(Of(reply).reason, "breaker_open");
  EXPECT_GT(Of(reply).guidance.check_after, absl::ZeroDuration());
  EXPECT_EQ(executor->sent.size(), 20);
}

TEST_F(EngineReadsTest, WhatWasGivenUpBeforeItWasSentIsNoSample) {
  executor->cancel_report.reached = Reached::kNothingSent;
  executor->Add("find", ScriptedExecutor::Success("{}", absl::Seconds(20)));
  Start(Read(absl::Seconds(3)));
  Settle();
  EXPECT_EQ(executor->cancelled, 1);
  EXPECT_EQ(Measured().count(), 0);
  EXPECT_EQ(Measured().censored(), 0);
}

// Each is told at once, and not when its patience ends.
TEST_F(EngineReadsTest, AFailureThatMayNotBeRetriedIsTheAnswer) {
  ScriptedExecutor::Step failure = ScriptedExecutor::Failure(FailureKind::kRefusedUnprocessed, 429);
  failure.report.retry_after = absl::Milliseconds(10);
  const auto told = [&](size_t sent) {
    const size_t before = executor->sent.size();
    const auto reply = Start(Read(absl::Seconds(4)));
    sim->Advance(absl::Seconds(3.5));
    EXPECT_EQ(Of(reply).disposition, Disposition::kFailed);
    EXPECT_EQ(Of(reply).reason, "REFUSED_UNPROCESSED");
    EXPECT_EQ(executor->sent.size() - before, sent);
  };
  for (int i = 0; i < 5; ++i) executor->Add("find", failure);
  told(5);  // attempts
  failure.report.retry_after = absl::Seconds(10);
  executor->Add("find", failure);
  told(1);  // everybody's patience
  failure.report.retry_after = absl::Milliseconds(10);
  for (int i = 0; i < 60; ++i) {
    executor->Add("find", failure);
    if (i % 4 == 3) Run(Read(absl::Seconds(4)));
  }
  executor->Add("find", failure);
  told(1);  // half of the budget's 100 tokens
}

TEST_F(EngineReadsTest, AFailureDuringADrainIsTheAnswer) {
  executor->Add("find", ScriptedExecutor::Failure(FailureKind::kLost));
  const auto reply = Start(Read(absl::Seconds(4)));
  engine->Drain(absl::Seconds(10), [] {});
  sim->Advance(absl::Seconds(1));
  EXPECT_EQ(Of(reply).reason, "LOST");
  EXPECT_EQ(executor->sent.size(), 1);
}

TEST_F(EngineReadsTest, AReadThatCannotBeRenderedIsInvalid) {
  executor->render_error = absl::InvalidArgumentError("the day is missing");
  const Answer answer = Run(Read(absl::Seconds(4)));
  EXPECT_EQ(answer.disposition, Disposition::kInvalid);
  EXPECT_EQ(answer.invalid.at(0).reason, "the day is missing");
  EXPECT_EQ(executor->sent.size(), 0);
  ASSERT_EQ(ledger.calls.size(), 1);
  EXPECT_EQ(ledger.calls.begin()->second.role, CallRole::kInvalid);
}

// A READ may come under the id of an earlier call.
class EngineReadDeliveryTest : public EngineReadsTest {
 protected:
  static ToolCall Delivered(std::string arguments = kQuestion) {
    ToolCall call = Read(absl::Seconds(4), std::move(arguments));
    call.tool_call_id = "a";
    return call;
  }
};

TEST_F(EngineReadDeliveryTest, TheSameOneRunsAgainAndIsOnRecordAsDeliveredAgain) {
  Run(Delivered());
  EXPECT_EQ(Run(Delivered()).disposition, Disposition::kDone);
  EXPECT_EQ(executor->sent.size(), 2);
  std::vector<CallRole> roles;
  for (const auto& [id, call] : ledger.calls) roles.push_back(call.role);
  EXPECT_THAT(roles, ::testing::UnorderedElementsAre(CallRole::kRead, CallRole::kRedelivered));
}

TEST_F(EngineReadDeliveryTest, AnotherOneUnderItsIdIsTheCallersFault) {
  Run(Delivered());
  EXPECT_THAT(RunStatus(Delivered("{}")), StatusIs(absl::StatusCode::kAlreadyExists, ::testing::_));
  EXPECT_EQ(executor->sent.size(), 1);
}

TEST_F(EngineReadDeliveryTest, AnIdOutsideOfAConversationIsNoDelivery) {
  for (const char* arguments : {kQuestion, "{}"}) {
    ToolCall call = Delivered(arguments);
    call.session_id.clear();
    EXPECT_EQ(Run(std::move(call)).disposition, Disposition::kDone);
  }
}

TEST_F(EngineReadDeliveryTest, ItIsRefusedWhileTheLedgerCannotBeRead) {
  ledger.fail_lookups = 1;
  EXPECT_THAT(RunStatus(Delivered()), StatusIs(absl::StatusCode::kResourceExhausted, ::testing::_));
  EXPECT_EQ(executor->sent.size(), 0);
}

// Whatever the ledger says then, it was answered already.
TEST_F(EngineReadDeliveryTest, WhoseLookUpOutlivesItsPatienceIsAnsweredOnceAndNotSent) {
  ToolCall write = Call("none", "{}", "a");
  write.session_id = "written";
  write.arguments_json = std::string(kBooking);
  Run(std::move(write));
  RestartWith({ReadTool("find"), ReadTool("none")});
  Run(Delivered("{}"));
  for (const char* session : {"call-17", "call-18", "written"}) {
    SCOPED_TRACE(session);
    const size_t sent = executor->sent.size();
    ToolCall call = Delivered();
    call.session_id = session;
    if (call.session_id == "written") {
      call.tool = "none";
      call.arguments_json = std::string(kBooking);
    }
    ledger.HoldLookups();
    const auto reply = Start(std::move(call));
    sim->Advance(absl::Seconds(4));
    EXPECT_EQ(Of(reply).reason, "patience");
    ledger.ReleaseLookups();
    Settle();
    EXPECT_EQ(executor->sent.size(), sent);
  }
}

TEST_F(EngineReadsTest, AFailureIsRetriedForAllWhoCanWait) {
  ScriptedExecutor::Step failure = ScriptedExecutor::Failure(FailureKind::kServerError, 503);
  failure.report.retry_after = absl::Seconds(1);
  executor->Add("find", failure);
  const auto hasty = Start(Read(absl::Milliseconds(900)));
  const auto patient = Start(Read(absl::Seconds(4)));
  const auto other = Start(Read(absl::Seconds(5)));
  sim->Advance(absl::Milliseconds(100));
  EXPECT_EQ(Of(hasty).disposition, Disposition::kFailed);
  EXPECT_EQ(Of(hasty).reason, "SERVER_ERROR") << "told at once, not when its patience ends";
  EXPECT_EQ(Of(hasty).guidance.check_after, absl::Seconds(1)) << "as the downstream asks";
  EXPECT_FALSE(patient->has_value());
  sim->Advance(absl::Seconds(3));
  EXPECT_EQ(Of(patient).disposition, Disposition::kDone);
  EXPECT_EQ(Of(other).disposition, Disposition::kDone);
  EXPECT_EQ(executor->sent.size(), 2);
}

TEST_F(EngineReadsTest, AnswersMayAskAgainWhileTheyAreGiven) {
  executor->Add("find", ScriptedExecutor::Success(R"({"n":1})"));
  executor->Add("find", ScriptedExecutor::Success(R"({"n":2})"));
  std::vector<std::string> answers;
  engine->Execute(Read(absl::Seconds(4)), [&](const absl::StatusOr<Answer>& first) {
    answers.push_back(first->result_json);
    engine->Execute(Read(absl::Seconds(4)), [&](const absl::StatusOr<Answer>& second) {
      answers.push_back(second->result_json);
    });
  });
  const auto joined = Start(Read(absl::Seconds(4)));
  Settle();
  EXPECT_EQ(Of(joined).result_json, R"({"n":1})");
  EXPECT_THAT(answers, ::testing::ElementsAre(R"({"n":1})", R"({"n":2})"));
}

TEST_F(EngineReadsTest, ADrainAnswersEverybodyOnce) {
  executor->Add("find", ScriptedExecutor::Success("{}", absl::Minutes(1)));
  const auto first = Start(Read(absl::Minutes(2)));
  const auto second = Start(Read(absl::Minutes(2)));
  bool drained = false;
  engine->Drain(absl::Seconds(1), [&] { drained = true; });
  sim->Advance(absl::Seconds(2));
  EXPECT_EQ(Of(first).reason, "draining");
  EXPECT_EQ(Of(second).reason, "draining");
  EXPECT_TRUE(drained);
  EXPECT_EQ(executor->cancelled, 1);
}

}  // namespace
}  // namespace onetake::testing
