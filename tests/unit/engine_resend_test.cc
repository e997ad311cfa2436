// Attempts that are not made, or made later, because something changed between the plan and the
// request.
#include "absl/strings/str_cat.h"
#include "tests/testing/engine_reversal_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class EngineResendTest : public EngineFixture {
 protected:
  const IntentRecord& Recorded() { return ledger.intents.at(0); }
  void SetTools(std::vector<std::shared_ptr<const Tool>> tools) {
    engine->SetTools(std::make_shared<ToolSet>(std::move(tools)));
  }
  int64_t Sent(const std::string& tool) const {
    return std::count_if(executor->sent.begin(), executor->sent.end(),
                         [&](const auto& sent) { return sent.tool == tool; });
  }
};

// Its manifest says no retention where the downstream never forgets a key.
TEST_F(EngineResendTest, AKeyWithoutARetentionIsNeverForgotten) {
  for (const absl::Duration retention : {absl::ZeroDuration(), absl::Duration(absl::Hours(24))}) {
    SCOPED_TRACE(retention);
    ledger.Clear();
    Restart();
    SetTools({BookingTool("keyed", {.keyed = true, .key_retention = retention})});
    ScriptedExecutor::Step lost = ScriptedExecutor::LostAfterEffect();
    lost.report.retry_after = absl::Seconds(5);
    executor->Add("keyed", lost);
    Start(Call("keyed"));
    sim->Advance(absl::Seconds(1));
    sim->Jump(absl::Hours(48));
    Settle();
    const bool is_sent = retention == absl::ZeroDuration();
    EXPECT_THAT(executor->sent, SizeIs(is_sent ? 2 : 1));
    EXPECT_EQ(Recorded().state, is_sent ? IntentState::kSucceeded : IntentState::kReview);
  }
}

// A record that leads elsewhere says nothing of the downstream, which others need.
TEST_F(EngineResendTest, WhatIsNotSentForItsRecordOpensNoBreaker) {
  for (int i = 0; i < 8; ++i) {
    ScriptedExecutor::Step refused = ScriptedExecutor::Failure(FailureKind::kNotSent);
    refused.report.refused_here = true;
    for (int attempt = 0; attempt < 5; ++attempt) executor->Add("none", refused);
    ToolCall call = Call("none");
    call.session_id = absl::StrCat("call-", i);
    Start(std::move(call));
    Settle();
  }
  EXPECT_EQ(engine->Breakers().at("scripted"), Breaker::State::kClosed);
}

// The claim became durable after its downstream was found to be away.
TEST_F(EngineResendTest, AClaimedWriteWaitsForABreakerThatOpenedMeanwhile) {
  ledger.Hold();
  ToolCall call = Call("none");
  call.patience = absl::Minutes(1);
  const auto reply = Start(std::move(call));
  for (int i = 0; i < 40; ++i) {
    executor->Add("find", ScriptedExecutor::Failure(FailureKind::kLost));
  }
  for (int i = 0; i < 8; ++i) Start(Call("find", absl::StrCat(R"({"day":)", i, "}")));
  for (int i = 0; i < 400 && engine->Breakers().at("scripted") != Breaker::State::kOpen; ++i) {
    sim->Advance(absl::Milliseconds(10));
  }
  ASSERT_EQ(engine->Breakers().at("scripted"), Breaker::State::kOpen);
  ledger.Release();
  sim->RunReady();
  EXPECT_EQ(Sent("none"), 0);
  Settle();
  ASSERT_TRUE(reply->has_value());
  EXPECT_EQ((**reply)->disposition, Disposition::kDone);
  EXPECT_EQ(Sent("none"), 1);
  EXPECT_EQ(ledger.attempts.at(1).at(0).end.error, "circuit breaker open");
}

TEST_F(EngineResendTest, AResendThatFindsNoRoomInItsTimeIsNotMade) {
  auto tool = BookingTool("keyed", {.keyed = true, .key_retention = absl::Hours(24)});
  tool->downstream_in_flight = 1;
  tool->retries.total = absl::Seconds(1);
  SetTools({tool, BookingTool("none", {})});
  executor->Add("keyed", ScriptedExecutor::LostAfterEffect());
  executor->Add("none", ScriptedExecutor::Success("{}", absl::Seconds(20)));
  Start(Call("keyed"));
  sim->Advance(absl::Milliseconds(100));
  Start(Call("none"));
  sim->Advance(absl::Seconds(10));
  EXPECT_EQ(Recorded().state, IntentState::kReview);
  EXPECT_EQ(ledger.attempts.at(1).at(1).end.error, "the downstream is busy");
  EXPECT_EQ(Sent("keyed"), 1);
}

// Only a probe must know it: the same request again makes the same state.
TEST_F(EngineResendTest, WhatStillRunsIsPlannedAsSuchOnlyWhereItIsProbed) {
  ScriptedExecutor::Step lost = ScriptedExecutor::LostAfterEffect();
  lost.report.still_runs = true;
  SetTools({BookingTool("natural", {.natural = true}),
            BookingTool("looked_up", {.natural = true, .probed = true})});
  for (const char* tool : {"natural", "looked_up"}) {
    executor->Add(tool, lost);
    Start(Call(tool));
  }
  sim->Advance(absl::Milliseconds(100));
  EXPECT_EQ(ledger.intents.at(0).reason, "R3.natural");
  EXPECT_EQ(ledger.intents.at(1).reason, "R3.still_runs_resend");
}

// What was planned is on its way to the disk when a drain begins.
class EngineDrainedPlanTest : public EngineResendTest {
 protected:
  // Runs until the first step of `call`'s settling is on that way, and drains.
  void DrainBehindThePlanOf(ToolCall call) {
    Start(std::move(call));
    ledger.Hold();
    sim->Advance(absl::Seconds(1));
    engine->Drain(absl::Seconds(5), [this] { drained_ = true; });
    sim->Advance(absl::Seconds(2));
    EXPECT_FALSE(drained_);
    ledger.Release();
    sim->Advance(absl::Seconds(1));
    EXPECT_TRUE(drained_);
  }

  bool drained_ = false;
};

TEST_F(EngineDrainedPlanTest, AClaimIsRecordedAsNotSent) {
  ledger.Hold();
  DrainBehindThePlanOf(Call("none"));
  EXPECT_EQ(Recorded().state, IntentState::kRejected);
  EXPECT_EQ(Recorded().reason, "drain.not_sent");
  EXPECT_EQ(ledger.attempts.at(1).at(0).end.error, "draining");
  EXPECT_THAT(executor->sent, IsEmpty());
}

TEST_F(EngineDrainedPlanTest, AnotherTryOfWhatWasNotSentIsNotMade) {
  ScriptedExecutor::Step unsent = ScriptedExecutor::Failure(FailureKind::kNotSent);
  unsent.report.retry_after = absl::Seconds(30);
  executor->Add("none", unsent);
  DrainBehindThePlanOf(Call("none"));
  EXPECT_EQ(Recorded().state, IntentState::kRejected);
  EXPECT_EQ(Recorded().reason, "drain.not_sent");
  EXPECT_THAT(executor->sent, SizeIs(1));
}

TEST_F(EngineDrainedPlanTest, AProbeIsLeftToTheNextStart) {
  executor->Add("probed", ScriptedExecutor::LostAfterEffect());
  DrainBehindThePlanOf(Call("probed"));
  EXPECT_EQ(Recorded().state, IntentState::kUnknown);
  EXPECT_TRUE(Recorded().next_attempt_at.has_value());
  EXPECT_THAT(executor->sent, SizeIs(1));
}

// Writes that could be sent again, but for what may have been undone meanwhile.
class EngineUndoneBeforeResendTest : public EngineReversalTest {
 protected:
  void Lose(RetrySafety safety, FailureKind failure) {
    auto book = BookingTool("book", safety);
    book->result_ref = JsonPath::Parse("$.id").value();
    const ReversesSpec reverses{.tool = "book",
                                .argument = JsonPath::Parse("$.appointment_id").value(),
                                .result = JsonPath::Parse("$.id").value()};
    engine->SetTools(std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{
        book, CancelTool("cancel", reverses), ReadTool("find")}));
    ScriptedExecutor::Step lost = ScriptedExecutor::Failure(failure);
    lost.report.retry_after = absl::Seconds(5);
    executor->Add("book", lost);
    executor->Add("book", ScriptedExecutor::Success(R"({"id":7})"));
    executor->Add("find", ScriptedExecutor::Success(R"({"found":[]})"));
    Start(Call("book"));
    sim->Advance(absl::Milliseconds(200));
    ASSERT_EQ(Recorded().state, IntentState::kUnknown);
  }
  const IntentRecord& Recorded() { return ledger.intents.at(0); }
  void SayItHappened() {
    engine->Resolve(
        {.tenant = "t",
         .intent_id = Recorded().intent_id,
         .verdict = IntentState::kSucceeded,
         .by = "dana",
         .evidence_json = "{}",
         .result_json = R"({"id":7})",
         .at = sim->Now()},
        [](const absl::StatusOr<IntentRecord>& record) { EXPECT_THAT(record, IsOk()); });
    sim->RunReady();
  }
};

// Its key is forgotten by then, so the request would make the booking once more.
TEST_F(EngineUndoneBeforeResendTest, AForgottenKeyMakesItAgain) {
  Lose({.keyed = true, .natural = true, .key_retention = absl::Seconds(3)}, FailureKind::kLost);
  ASSERT_EQ(Run(Call("cancel", kCancel)).disposition, Disposition::kDone);
  Settle();
  EXPECT_THAT(SentTools(), ElementsAre("book", "cancel"));
  EXPECT_EQ(Recorded().state, IntentState::kReview);
  EXPECT_EQ(Recorded().reason, "R7.undone_meanwhile");
}

TEST_F(EngineUndoneBeforeResendTest, NothingIsSentBeforeTheLedgerCanSayIt) {
  for (const RetrySafety& safety : {RetrySafety{.natural = true}, RetrySafety{.probed = true}}) {
    SCOPED_TRACE(ToString(safety));
    ledger.Clear();
    Restart();
    Lose(safety, FailureKind::kLost);
    ledger.fail_lookups = 5;
    for (int i = 0; i < 100'000 && ledger.fail_lookups > 0; ++i) {
      EXPECT_THAT(SentTools(), Not(ElementsAre("book", "book")));
      sim->Advance(absl::Milliseconds(10));
    }
    EXPECT_EQ(std::count_if(executor->sent.begin(), executor->sent.end(),
                            [](const auto& sent) { return sent.tool == "book"; }),
              1);
    Settle();
    EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
    EXPECT_EQ(Recorded().attempts, 2);
  }
}

TEST_F(EngineUndoneBeforeResendTest, NothingIsSentWhenAPersonSettlesItWhileTheLedgerIsAsked) {
  Lose({.natural = true}, FailureKind::kLost);
  ledger.HoldLookups();
  sim->Advance(absl::Seconds(12));
  ledger.HoldNoMoreLookups();
  SayItHappened();
  ledger.fail_applies = 1'000;
  ledger.ReleaseLookups();
  Settle();
  EXPECT_EQ(ledger.fail_applies, 1'000) << "no attempt is counted either";
  EXPECT_THAT(SentTools(), ElementsAre("book"));
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
  EXPECT_EQ(Recorded().attempts, 1);
}

// It is known to have happened, and the drain is just recording that.
TEST_F(EngineUndoneBeforeResendTest, NothingIsCountedBesideWhatADrainRecords) {
  Lose({.natural = true}, FailureKind::kBodyUnreadable);
  ledger.HoldLookups();
  sim->Advance(absl::Seconds(12));
  ledger.Hold();
  bool drained = false;
  engine->Drain(absl::Seconds(5), [&] { drained = true; });
  ledger.ReleaseLookups();
  sim->RunReady();
  ledger.pass_applies = 2;  // that it is settled so, unless it was undone; and that it is
  ledger.fail_applies = 1'000;
  ledger.Release();
  sim->Advance(absl::Seconds(1));
  EXPECT_TRUE(drained);
  EXPECT_EQ(ledger.fail_applies, 1'000);
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
  EXPECT_EQ(Recorded().reason, "drain.body_not_fetched");
  EXPECT_EQ(Recorded().attempts, 1);
  EXPECT_THAT(SentTools(), ElementsAre("book"));
  EXPECT_THAT(ledger.late, IsEmpty());
}

// A job of which a question cannot be made.
class EngineUnaskableJobTest : public EngineResendTest {
 protected:
  void SetJob() {
    auto tool = BookingTool("slow", {});
    tool->job =
        JobSpec{.id = JsonPath::Parse("$.job_id").value(),
                .tool = "job",
                .args = JsonTemplate::Parse(Json{{"id", "$.job"}, {"slot", "$.slot_iso"}}).value(),
                .done_if = JsonPath::Parse("$.done").value()};
    SetTools({tool, ReadTool("job")});
  }
  void Accept() {
    SetJob();
    executor->Add(
        "slow",
        {.report = {.reached = Reached::kBodyComplete, .job = "job-9", .http_status = 202}});
    executor->Add("job", ScriptedExecutor::Success(R"({"done":true})"));
    Start(Call("slow"));
    sim->Advance(absl::Seconds(1));
    ASSERT_EQ(Recorded().job, "job-9");
  }
};

TEST_F(EngineUnaskableJobTest, ItIsAskedAboutOnceItCanBe) {
  Accept();
  executor->render_error = absl::InvalidArgumentError("no");
  sim->Advance(absl::Seconds(10));
  EXPECT_EQ(Sent("job"), 0);
  executor->render_error = absl::OkStatus();
  sim->Advance(absl::Seconds(5));
  EXPECT_EQ(Sent("job"), 1);
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
}

// The trial of a downstream that was away is given back, or nobody would ever ask it again.
TEST_F(EngineUnaskableJobTest, AQuestionThatIsNotMadeIsNoTrialOfItsDownstream) {
  Accept();
  executor->Clear("job");
  for (int i = 0; i < 100; ++i) {
    executor->Add("job", ScriptedExecutor::Failure(FailureKind::kLost));
  }
  for (int i = 0; i < 20; ++i) Start(Call("job", absl::StrCat(R"({"n":)", i, "}")));
  executor->render_error = absl::InvalidArgumentError("no");
  sim->Advance(absl::Seconds(20));
  ASSERT_EQ(engine->Breakers().at("scripted"), Breaker::State::kHalfOpen);
  executor->render_error = absl::OkStatus();
  executor->Clear("job");
  executor->Add("job", ScriptedExecutor::Success(R"({"done":true})"));
  sim->Advance(absl::Seconds(5));
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
}

TEST_F(EngineUnaskableJobTest, AJobIsAskedAboutByItsNameWhereTheArgumentsCannotBeRead) {
  Accept();
  ledger.intents.at(0).arguments_json = "{";
  Restart();
  SetJob();
  ASSERT_THAT(ledger.MarkCrashed(sim->Now()), IsOk());
  executor->Add("job", ScriptedExecutor::Success(R"({"done":true})"));
  engine->Recover();
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
  ASSERT_THAT(executor->sent, SizeIs(1));
  EXPECT_THAT(executor->sent[0].rendered, HasSubstr(R"("id":"job-9")"));
}

}  // namespace
}  // namespace onetake::testing
