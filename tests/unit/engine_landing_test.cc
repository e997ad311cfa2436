// What is under way when a person says that nothing was done (R16): however it ends, nobody may act
// on that word before the ledger has the end, and a process that dies takes no end with it.
#include "tests/testing/engine_reversal_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class EngineLandingTest : public EngineReversalTest {
 protected:
  void SetUp() override {}
  const IntentRecord& Recorded() { return ledger.intents.at(0); }

  // A keyed write whose second attempt ends like this after 20 seconds.
  void HangInDoubt(ScriptedExecutor::Step second) {
    second.after = absl::Seconds(20);
    executor->Add("keyed", ScriptedExecutor::LostAfterEffect());
    executor->Add("keyed", std::move(second));
    Start(Call("keyed"));
    sim->Advance(absl::Seconds(2));
    ASSERT_THAT(executor->sent, SizeIs(2));
    ASSERT_EQ(Recorded().state, IntentState::kUnknown);
  }
  static ScriptedExecutor::Step Accepted() {
    return {.report = {.reached = Reached::kBodyComplete, .job = "job-9", .http_status = 202}};
  }
  void RestartWithJobs() {
    auto keyed = BookingTool("keyed", {.keyed = true, .key_retention = absl::Hours(24)});
    keyed->job = JobSpec{.id = JsonPath::Parse("$.job_id").value(),
                         .tool = "find",
                         .args = JsonTemplate::Parse(Json{{"id", "$.job"}}).value(),
                         .done_if = JsonPath::Parse("$.done").value(),
                         .interval = absl::Seconds(2),
                         .give_up_after = absl::Minutes(5)};
    RestartWith({keyed, ReadTool("find")});
  }
  void ExpectAPersonLooksAgain() {
    const Answer answer = Run(Call("keyed"));
    EXPECT_EQ(answer.disposition, Disposition::kNeedsReview);
    EXPECT_EQ(answer.reason, "R16.conflict");
    EXPECT_THAT(executor->sent, SizeIs(2)) << "the next one would have another key";
  }
  // A new process after a death.
  void Die() {
    Restart();
    ASSERT_THAT(ledger.MarkCrashed(sim->Now()), IsOk());
    engine->Recover();
    Settle();
  }
};

TEST_F(EngineLandingTest, WhatEndsInDoubtWhileTheVerdictIsOnItsWayIsAPersonsAgain) {
  for (const ScriptedExecutor::Step& second :
       {ScriptedExecutor::LostAfterEffect(),
        ScriptedExecutor::Failure(FailureKind::kServerError, 503), Accepted()}) {
    RestartWithJobs();
    ledger.Clear();
    HangInDoubt(second);
    ledger.Hold();
    SayItDidNotHappenLater(Recorded().intent_id);
    sim->Advance(absl::Seconds(20));
    ledger.Release();
    Settle();
    EXPECT_EQ(Recorded().state, IntentState::kRejected);
    const bool is_job = second.report.job.has_value();
    ASSERT_THAT(ledger.late, SizeIs(1));
    EXPECT_EQ(ledger.late[0].rule, is_job ? "R16.late_accepted_job" : "R16.late_unknown");
    executor->sent.resize(2);
    ExpectAPersonLooksAgain();
  }
}

TEST_F(EngineLandingTest, WhatWasNotSentWhileTheVerdictWasOnItsWayIsDoneByTheNextCall) {
  HangInDoubt(ScriptedExecutor::Failure(FailureKind::kNotSent));
  ledger.Hold();
  SayItDidNotHappenLater(Recorded().intent_id);
  sim->Advance(absl::Seconds(20));
  ledger.Release();
  Settle();
  Die();
  EXPECT_EQ(Run(Call("keyed")).intent->generation, 2);
}

TEST_F(EngineLandingTest, WhatWasUnderWayWhenTheProcessDiedIsAPersonsAgain) {
  HangInDoubt(ScriptedExecutor::LostAfterEffect());
  SayItDidNotHappen(Recorded().intent_id);
  Die();
  EXPECT_EQ(Recorded().state, IntentState::kRejected);
  const Answer answer = Run(Call("keyed"));
  EXPECT_EQ(answer.reason, "R16.conflict");
  EXPECT_THAT(executor->sent, IsEmpty());
  SayItDidNotHappen(Recorded().intent_id);
  Die();
  EXPECT_EQ(Run(Call("keyed")).intent->generation, 2) << "who looks again is believed";
}

TEST_F(EngineLandingTest, WhatHadEndedWhenTheProcessDiedIsNobodysAgain) {
  for (const FailureKind end : {FailureKind::kNotSent, FailureKind::kRefusedUnprocessed}) {
    Restart();
    ledger.Clear();
    HangInDoubt(ScriptedExecutor::Failure(end));
    SayItDidNotHappen(Recorded().intent_id);
    Settle();
    ASSERT_THAT(ledger.late, SizeIs(1));
    EXPECT_EQ(ledger.late[0].rule, "R16.late_nothing");
    EXPECT_FALSE(Recorded().review_at.has_value());
    Die();
    EXPECT_EQ(Run(Call("keyed")).intent->generation, 2);
  }
}

// Who waits for it looks again, and would find the verdict alone.
TEST_F(EngineLandingTest, NobodyLooksAgainBeforeTheLateOutcomeIsRecorded) {
  HangInDoubt(ScriptedExecutor::Success(R"({"id":7})"));
  SayItDidNotHappen(Recorded().intent_id);
  ToolCall call = Call("keyed");
  call.patience = absl::Minutes(1);
  const auto reply = Start(std::move(call));
  ledger.Hold();
  sim->Advance(absl::Seconds(25));
  EXPECT_FALSE(reply->has_value());
  ledger.Release();
  Settle();
  ASSERT_TRUE(reply->has_value());
  EXPECT_EQ((**reply)->reason, "R16.conflict");
}

TEST_F(EngineLandingTest, ADrainWaitsUntilTheLateOutcomeIsRecorded) {
  HangInDoubt(ScriptedExecutor::Success(R"({"id":7})"));
  SayItDidNotHappen(Recorded().intent_id);
  ledger.Hold();
  sim->Advance(absl::Seconds(21));
  bool drained = false;
  engine->Drain(absl::ZeroDuration(), [&drained] { drained = true; });
  sim->Advance(absl::Milliseconds(100));
  EXPECT_FALSE(drained) << "nothing else knows what the downstream has said";
  ledger.Release();
  sim->Advance(absl::Milliseconds(100));
  EXPECT_TRUE(drained);
  EXPECT_TRUE(Recorded().review_at.has_value());
}

// A NATURAL write may be made again; what others conclude from it may not.
TEST_F(EngineLandingTest, ACancellationThatEndsInDoubtHoldsWhatItUndoes) {
  EngineReversalTest::SetUp();
  executor->Add("book", ScriptedExecutor::Success(R"({"id":7})"));
  Run(Call("book"));
  executor->Add("cancel", ScriptedExecutor::LostAfterEffect());
  ScriptedExecutor::Step lost = ScriptedExecutor::LostAfterEffect();
  lost.after = absl::Seconds(20);
  executor->Add("cancel", lost);
  Start(Call("cancel", kCancel));
  sim->Advance(absl::Seconds(2));
  SayItDidNotHappen(ledger.intents.at(1).intent_id);
  Settle();
  const Answer book = Run(Call("book"));
  EXPECT_EQ(book.disposition, Disposition::kNeedsReview);
  EXPECT_EQ(book.reason, "R7.reversal_unsettled");
}

// Found by the simulation: the look-up finds nothing, for the booking has just been cancelled.
TEST_F(EngineLandingTest, WhatACancellationUnderWayMayHaveUndoneIsNotBookedAgain) {
  for (const bool has_ended : {false, true}) {
    Restart();
    ledger.Clear();
    auto book = BookingTool("probed", {.probed = true});
    book->result_ref = JsonPath::Parse("$.id").value();
    const ReversesSpec by_id{.tool = "probed",
                             .argument = JsonPath::Parse("$.appointment_id").value(),
                             .result = JsonPath::Parse("$.id").value()};
    engine->SetTools(std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{
        book, CancelTool("cancel", by_id), ReadTool("find")}));
    executor->Add("probed", ScriptedExecutor::LostAfterEffect());
    executor->Add("find", ScriptedExecutor::Success(R"({"found":[]})"));
    Start(Call("probed"));
    sim->Advance(absl::Seconds(1));
    executor->Add("cancel", ScriptedExecutor::LostAfterEffect());
    executor->Add("cancel", ScriptedExecutor::Success("{}", absl::Seconds(has_ended ? 2 : 60)));
    Start(Call("cancel", kCancel));
    sim->Advance(absl::Seconds(2));
    ASSERT_EQ(SentTools().back(), "cancel");
    SayItDidNotHappen(ledger.intents.at(1).intent_id);
    Settle();
    EXPECT_EQ(Recorded().state, IntentState::kReview);
    EXPECT_EQ(Recorded().reason, "R7.undone_meanwhile");
    EXPECT_THAT(SentTools(), ElementsAre("probed", "cancel", "cancel", "find"));
  }
}

}  // namespace
}  // namespace onetake::testing
