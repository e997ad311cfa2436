#include <functional>

#include "absl/strings/str_cat.h"
#include "tests/testing/engine_reversal_fixture.h"

// A stop: what is under way may end, and nothing new begins.
namespace onetake::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class EngineDrainTest : public EngineFixture {
 protected:
  const IntentRecord& Recorded() { return ledger.intents.at(0); }
};

TEST_F(EngineDrainTest, ADrainLetsTheAttemptFinishAndRefusesNewCalls) {
  executor->Add("none", ScriptedExecutor::Success("{}", absl::Seconds(3)));
  const auto reply = Start(Call("none"));
  bool drained = false;
  engine->Drain(absl::Seconds(10), [&] { drained = true; });
  EXPECT_THAT(
      RunStatus(Call("keyed")),
      StatusIs(absl::StatusCode::kUnavailable,
               AllOf(HasSubstr("draining"), HasSubstr("once it is back, send the call here "
                                                      "again, with the same tool_call_id"))));
  sim->Advance(absl::Seconds(1));
  EXPECT_TRUE(drained);
  EXPECT_EQ((**reply)->disposition, Disposition::kDone);
}

TEST_F(EngineDrainTest, ADrainRecordsWhatItGivesUpAsUnknown) {
  executor->Add("none", ScriptedExecutor::Success("{}", absl::Seconds(25)));
  ToolCall call = Call("none");
  call.patience = absl::Seconds(60);
  const auto reply = Start(std::move(call));
  bool drained = false;
  engine->Drain(absl::Seconds(5), [&] { drained = true; });
  sim->Advance(absl::Seconds(6));
  EXPECT_TRUE(drained);
  EXPECT_EQ((**reply)->disposition, Disposition::kUncertain);
  EXPECT_EQ(Recorded().state, IntentState::kUnknown);
}

// Only the executor knows that a task or a program goes on without us.
TEST_F(EngineDrainTest, WhatRunsOnAfterADrainIsNotSentAgainByTheNextStart) {
  executor->cancel_report.still_runs = true;
  executor->Add("probed", ScriptedExecutor::Success("{}", absl::Seconds(25)));
  Start(Call("probed"));
  bool drained = false;
  engine->Drain(absl::Seconds(5), [&] { drained = true; });
  sim->Advance(absl::Seconds(6));
  EXPECT_TRUE(drained);
  EXPECT_EQ(Recorded().state, IntentState::kUnknown);
  EXPECT_EQ(Recorded().reason, "R3.still_runs");
  Restart();
  for (int i = 0; i < 9; ++i) executor->Add("find", ScriptedExecutor::Success(R"({"found":[]})"));
  engine->Recover();
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kReview);
  EXPECT_EQ(Recorded().attempts, 1);
}

TEST_F(EngineDrainTest, WhatWasSurelyNotSentIsNoUnknownAfterADrain) {
  executor->cancel_report = {.failure = FailureKind::kNotSent};
  executor->Add("none", ScriptedExecutor::Success("{}", absl::Seconds(25)));
  Start(Call("none"));
  bool drained = false;
  engine->Drain(absl::Seconds(5), [&] { drained = true; });
  sim->Advance(absl::Seconds(6));
  EXPECT_TRUE(drained);
  EXPECT_EQ(Recorded().state, IntentState::kRejected);
}

// R16: what it brings is nowhere else.
TEST_F(EngineDrainTest, ADrainWaitsForTheAttemptThatAVerdictHasOvertaken) {
  executor->Add("keyed", ScriptedExecutor::LostAfterEffect());
  executor->Add("keyed", ScriptedExecutor::Success(R"({"id":7})", absl::Seconds(5)));
  Start(Call("keyed"));
  sim->Advance(absl::Seconds(2));
  ASSERT_THAT(executor->sent, SizeIs(2));
  engine->Resolve({.tenant = "t",
                   .intent_id = Recorded().intent_id,
                   .verdict = IntentState::kRejected,
                   .at = sim->Now()},
                  [](const absl::StatusOr<IntentRecord>& record) { EXPECT_THAT(record, IsOk()); });
  sim->RunReady();
  bool drained = false;
  engine->Drain(absl::Seconds(10), [&] { drained = true; });
  sim->Advance(absl::Seconds(1));
  EXPECT_FALSE(drained);
  sim->Advance(absl::Seconds(4));
  EXPECT_TRUE(drained);
  EXPECT_THAT(ledger.late, SizeIs(1));
}

TEST_F(EngineDrainTest, AResendThatIsCountedDuringADrainIsNotSent) {
  executor->Add("keyed", ScriptedExecutor::LostAfterEffect());
  Start(Call("keyed"));
  sim->Advance(absl::Milliseconds(100));
  ledger.Hold();
  sim->Advance(absl::Seconds(5));  // the next attempt is on its way to the disk
  bool drained = false;
  engine->Drain(absl::Seconds(1), [&] { drained = true; });
  sim->Advance(absl::Seconds(2));
  EXPECT_FALSE(drained);
  ledger.Release();
  sim->RunReady();
  EXPECT_TRUE(drained);
  EXPECT_THAT(executor->sent, SizeIs(1));
  EXPECT_EQ(Recorded().state, IntentState::kUnknown);
}

TEST_F(EngineDrainTest, OneTimerLooksWhetherAllHasEndedHoweverMuchThereWas) {
  executor->Add("none", ScriptedExecutor::Success("{}", absl::Seconds(25)));
  Start(Call("none"));
  for (int minute = 10; minute < 40; ++minute) {
    executor->Add("keyed", ScriptedExecutor::LostAfterEffect());
    Start(Call("keyed", absl::StrCat(R"({"slot_iso":"2026-06-24T14:)", minute,
                                     R"(:00-05:00","provider_id":"dr-kim"})")));
  }
  sim->Advance(absl::Milliseconds(100));
  bool drained = false;
  engine->Drain(absl::Seconds(30), [&] { drained = true; });
  sim->Advance(absl::Seconds(1));
  EXPECT_LT(sim->waiting(), 10U) << "the attempt, the grace, and it";
  sim->Advance(absl::Seconds(25));
  EXPECT_TRUE(drained);
}

// Those who wait for what a drain leaves UNKNOWN ask again as soon as they are answered.
TEST_F(EngineDrainTest, WhoAwaitsAgainAndAgainKeepsNoDrainFromItsEnd) {
  executor->Add("none", ScriptedExecutor::Success("{}", absl::Seconds(25)));
  const auto reply = Start(Call("none"));
  sim->Advance(absl::Seconds(5));
  ASSERT_EQ((**reply)->disposition, Disposition::kPending);
  ledger.HoldLookups();  // one of them is always under way
  std::vector<absl::Status> told;
  std::function<void()> await = [&] {
    engine->Await("t", (**reply)->intent->id, 0, absl::Minutes(1),
                  [&](const absl::StatusOr<Answer>& answer) {
                    told.push_back(answer.status());
                    if (answer.ok()) await();
                  });
  };
  await();
  bool drained = false;
  engine->Drain(absl::Seconds(10), [&] { drained = true; });
  sim->Advance(absl::Seconds(11));
  EXPECT_TRUE(drained);
  EXPECT_THAT(told,
              ElementsAre(IsOk(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("draining"))));
}

TEST_F(EngineDrainTest, ADrainEndsBackoffsByWhatIsKnown) {
  ScriptedExecutor::Step busy = ScriptedExecutor::Failure(FailureKind::kRefusedUnprocessed, 429);
  busy.report.retry_after = absl::Seconds(60);
  executor->Add("none", busy);
  executor->Add("keyed", ScriptedExecutor::LostAfterEffect());
  Start(Call("none"));
  Start(Call("keyed"));
  sim->Advance(absl::Milliseconds(100));
  bool drained = false;
  engine->Drain(absl::Seconds(5), [&] { drained = true; });
  sim->Advance(absl::Seconds(6));
  EXPECT_TRUE(drained);
  EXPECT_EQ(ledger.intents[0].state, IntentState::kRejected) << "nothing was ever sent";
  EXPECT_EQ(ledger.intents[1].state, IntentState::kUnknown) << "recovery will settle it";
}

TEST_F(EngineDrainTest, ACallThatFindsAnUnknownDuringADrainLeavesItsRecordAsItIs) {
  executor->Add("keyed", ScriptedExecutor::LostAfterEffect());
  Start(Call("keyed"));
  sim->Advance(absl::Milliseconds(100));
  const std::optional<absl::Time> planned = Recorded().next_attempt_at;
  ASSERT_TRUE(planned.has_value());
  ledger.HoldLookups();
  const auto again = Start(Call("keyed"));
  engine->Drain(absl::Seconds(5), [] {});
  const size_t transitions = ledger.transitions.size();
  ledger.ReleaseLookups();
  sim->RunReady();
  EXPECT_EQ((**again)->disposition, Disposition::kUncertain);
  EXPECT_THAT(ledger.transitions, SizeIs(transitions));
  EXPECT_EQ(Recorded().next_attempt_at, planned);
}

// Who waits for another write that is left UNKNOWN, which nobody settles before the next start.
class EngineDrainWaiterTest : public EngineReversalTest {
 protected:
  void ExpectRefusedByADrain(ToolCall call) {
    call.patience = absl::Minutes(1);
    const auto waiting = Start(std::move(call));
    ASSERT_FALSE(waiting->has_value());
    const size_t transitions = ledger.transitions.size();
    bool drained = false;
    engine->Drain(absl::Seconds(10), [&] { drained = true; });
    sim->Advance(absl::Seconds(1));
    EXPECT_TRUE(drained);
    ASSERT_TRUE(waiting->has_value());
    EXPECT_THAT((*waiting)->status(),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("draining")));
    EXPECT_THAT(ledger.transitions, SizeIs(transitions));
  }
};

TEST_F(EngineDrainWaiterTest, ABookingDoesNotWaitForACancellationThatADrainLeaves) {
  executor->Add("book", ScriptedExecutor::Success(R"({"id":7})"));
  Run(Call("book"));
  executor->Add("cancel_slot", ScriptedExecutor::LostAfterEffect());
  Start(Call("cancel_slot", kCancelSlot));
  sim->Advance(absl::Milliseconds(100));
  ASSERT_EQ(ledger.intents.at(1).state, IntentState::kUnknown);
  ExpectRefusedByADrain(Call("book"));
}

TEST_F(EngineDrainWaiterTest, ACancellationDoesNotWaitForABookingThatADrainLeaves) {
  executor->Add("book", ScriptedExecutor::LostAfterEffect());
  Start(Call("book"));
  sim->Advance(absl::Milliseconds(100));
  ASSERT_EQ(ledger.intents.at(0).state, IntentState::kUnknown);
  ExpectRefusedByADrain(Call("cancel_slot", kCancelSlot));
}

}  // namespace
}  // namespace onetake::testing
