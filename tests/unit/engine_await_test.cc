// Who waits for an intent without a call of its own, and for a verdict on one generation of it.
#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "tests/testing/engine_reversal_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kNoResult[] = "{}";

class EngineAwaitTest : public EngineFixture {
 protected:
  std::shared_ptr<Reply> StartAwait(const std::string& intent_id, int generation = 0,
                                    std::string tenant = "t") {
    auto reply = std::make_shared<Reply>();
    engine->Await(tenant, intent_id, generation, absl::Seconds(20),
                  [reply](absl::StatusOr<Answer> answer) { *reply = std::move(answer); });
    sim->RunReady();
    return reply;
  }
  // The id that the call's intent will have.
  std::string IdOf(const ToolCall& call) {
    std::string id = Run(call).intent->id;
    ledger.Clear();
    Restart();
    return id;
  }
  // A process that crashed has left it in doubt.
  std::string LeaveKeyed() {
    executor->Add("keyed", ScriptedExecutor::LostAfterEffect());
    Start(Call("keyed"));
    Restart();
    EXPECT_THAT(ledger.MarkCrashed(sim->Now()), IsOk());
    return ledger.intents.at(0).intent_id;
  }
};

TEST_F(EngineAwaitTest, WhoAwaitsAClaimOnItsWayHearsOfTheOutcomeAndNoProgress) {
  ToolCall call = Call("none");
  const std::string id = IdOf(call);
  executor->Add("none", ScriptedExecutor::Success(R"({"id":7})", absl::Seconds(1)));
  std::vector<std::string> heard;
  call.on_progress = [&](const AttemptProgress& progress) { heard.push_back(progress.text); };
  ledger.Hold();
  const auto reply = Start(std::move(call));
  const auto joined = Start(Call("none"));
  const auto awaited = StartAwait(id);
  ledger.Release();
  sim->RunReady();
  executor->Tell({.text = "half"});
  EXPECT_THAT(heard, ElementsAre("half"));
  Settle();
  for (const auto& told : {reply, joined, awaited}) {
    ASSERT_TRUE(told->has_value());
    EXPECT_EQ((**told)->result_json, R"({"id":7})");
  }
  EXPECT_FALSE((**reply)->joined);
  EXPECT_TRUE((**awaited)->joined);
}

TEST_F(EngineAwaitTest, WhoAwaitsAClaimThatFailsHearsThatItDid) {
  const std::string id = IdOf(Call("none"));
  ledger.Hold();
  const auto reply = Start(Call("none"));
  const auto awaited = StartAwait(id);
  ledger.fail_claims = 1;
  ledger.Release();
  sim->RunReady();
  for (const auto& told : {reply, awaited}) {
    ASSERT_TRUE(told->has_value());
    EXPECT_THAT(**told, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("nothing was")));
  }
}

// What was told to be on its way is told to be undone, to those who ask for this very one.
TEST_F(EngineAwaitTest, WhatWasNotClaimedIsKnownByItsTenantIntentAndGeneration) {
  const std::string id = IdOf(Call("none"));
  std::vector<std::string> settled;
  engine->set_on_settled([&](const IntentRecord& record, const Answer& answer) {
    settled.push_back(absl::StrCat(record.intent_id, " ", ToString(answer.disposition)));
  });
  ledger.Hold();
  ToolCall call = Call("none");
  call.patience = absl::Minutes(2);
  Start(std::move(call));
  const auto impatient = StartAwait(id);
  sim->Advance(absl::Seconds(20));
  ASSERT_TRUE(impatient->has_value());
  EXPECT_EQ((**impatient)->reason, "R1.claim_on_its_way");
  ledger.fail_claims = 1;
  ledger.Release();
  sim->RunReady();
  EXPECT_THAT(settled, ElementsAre(absl::StrCat(id, " REJECTED")));
  for (const int generation : {0, 1}) {
    EXPECT_EQ((**StartAwait(id, generation))->reason, "R1.claim_failed") << generation;
  }
  for (const auto& stranger :
       {StartAwait(id, 2), StartAwait(id, 0, "u"), StartAwait("another", 0)}) {
    EXPECT_THAT(**stranger, StatusIs(absl::StatusCode::kNotFound, ::testing::_));
  }
}

// The caller's last moment comes although the claim is durable: then it is told what is known.
TEST_F(EngineAwaitTest, AClaimedWriteIsPendingAtTheLastMomentOfItsCaller) {
  executor->Add("none", ScriptedExecutor::Success("{}", absl::Seconds(10)));
  ToolCall call = Call("none");
  call.patience = absl::Minutes(1);
  call.answer_within = absl::Seconds(2);
  const auto reply = Start(std::move(call));
  sim->Advance(absl::Seconds(2));
  ASSERT_TRUE(reply->has_value());
  EXPECT_EQ((**reply)->disposition, Disposition::kPending);
  Settle();
  EXPECT_EQ(ledger.intents.at(0).state, IntentState::kSucceeded);
}

TEST_F(EngineAwaitTest, WhoAwaitsWhatIsJustBeingWithdrawnHearsThat) {
  ScriptedExecutor::Step busy = ScriptedExecutor::Failure(FailureKind::kRefusedUnprocessed, 429);
  busy.report.retry_after = absl::Seconds(30);
  executor->Add("none", busy);
  ToolCall call = Call("none");
  call.turn_id = "t1";
  Start(std::move(call));
  sim->Advance(absl::Milliseconds(200));
  ledger.Hold();
  EXPECT_EQ(engine->DiscardTurn("t", "call-17", "t1").withdrawn, 1);
  const auto awaited = StartAwait(ledger.intents.at(0).intent_id);
  EXPECT_FALSE(awaited->has_value());
  ledger.Release();
  sim->RunReady();
  ASSERT_TRUE(awaited->has_value());
  EXPECT_EQ((**awaited)->reason, "R20.withdrawn");
  EXPECT_THAT(executor->sent, SizeIs(1));
}

TEST_F(EngineAwaitTest, WhatNobodyHereCanSettleIsToldAsItIs) {
  const std::string id = LeaveKeyed();
  RestartWith({BookingTool("none", {})});
  const auto awaited = StartAwait(id);
  sim->Advance(absl::Seconds(20));
  ASSERT_TRUE(awaited->has_value());
  EXPECT_EQ((**awaited)->disposition, Disposition::kUncertain);
  EXPECT_THAT(executor->sent, IsEmpty());
}

TEST_F(EngineAwaitTest, ADrainTakesNothingUpForWhoAwaitsIt) {
  const std::string id = LeaveKeyed();
  ledger.HoldLookups();
  const auto awaited = StartAwait(id);
  engine->Drain(absl::Seconds(5), [] {});
  ledger.ReleaseLookups();
  Settle();
  ASSERT_TRUE(awaited->has_value());
  EXPECT_EQ((**awaited)->disposition, Disposition::kUncertain);
  EXPECT_THAT(executor->sent, IsEmpty());
}

TEST_F(EngineAwaitTest, WhatIsTakenUpDuringItsLookUpIsWaitedFor) {
  const std::string id = LeaveKeyed();
  executor->Add("keyed", ScriptedExecutor::Success(R"({"id":7})"));
  ledger.HoldLookups();
  const auto awaited = StartAwait(id);
  ledger.HoldNoMoreLookups();
  Start(Call("keyed"));
  ledger.ReleaseLookups();
  sim->RunReady();
  EXPECT_FALSE(awaited->has_value());
  Settle();
  EXPECT_EQ((**awaited)->result_json, R"({"id":7})");
  EXPECT_THAT(executor->sent, SizeIs(1));
}

class EngineGenerationVerdictTest : public EngineReversalTest {
 protected:
  absl::Status Resolve(IntentState verdict, int generation,
                       std::optional<std::string> result = std::nullopt, size_t row = 1) {
    absl::Status status = absl::UnknownError("no answer");
    engine->Resolve({.tenant = "t",
                     .intent_id = row == 0 ? "nobody's" : ledger.intents.at(row - 1).intent_id,
                     .generation = generation,
                     .verdict = verdict,
                     .by = "dana",
                     .evidence_json = "{}",
                     .result_json = std::move(result),
                     .at = sim->Now()},
                    [&](const absl::StatusOr<IntentRecord>& record) { status = record.status(); });
    sim->RunReady();
    return status;
  }
  // Its second generation is under way.
  std::shared_ptr<Reply> BookAgain() {
    executor->Add("book", ScriptedExecutor::Success(R"({"id":8})", absl::Seconds(2)));
    const auto reply = Start(Call("book"));
    EXPECT_THAT(ledger.intents, SizeIs(::testing::Ge(2)));
    return reply;
  }
  void ExpectItGoesOn(const std::shared_ptr<Reply>& second) {
    EXPECT_FALSE(second->has_value());
    Settle();
    ASSERT_TRUE(second->has_value());
    EXPECT_EQ((**second)->result_json, R"({"id":8})");
    EXPECT_EQ((**second)->intent->generation, 2);
  }
};

TEST_F(EngineGenerationVerdictTest, AVerdictThatIsRefusedTouchesNoOtherGeneration) {
  executor->Add("book", ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 409));
  Run(Call("book"));
  const auto second = BookAgain();
  EXPECT_THAT(Resolve(IntentState::kSucceeded, 1, R"({"id":7})"),
              StatusIs(absl::StatusCode::kFailedPrecondition, ::testing::_));
  ExpectItGoesOn(second);
}

TEST_F(EngineGenerationVerdictTest, AVerdictOnAnEarlierGenerationLeavesTheOneThatIsLive) {
  executor->Add("book", ScriptedExecutor::Success(R"({"id":7})"));
  Run(Call("book"));
  Run(Call("cancel", kCancel));
  const auto second = BookAgain();
  ledger.intents.at(0).review_at = sim->Now();
  std::vector<std::string> told;
  engine->set_on_settled(
      [&](const IntentRecord& record, const Answer&) { told.push_back(absl::StrCat(record.row)); });
  EXPECT_THAT(Resolve(IntentState::kRejected, 1), IsOk());
  EXPECT_THAT(told, ElementsAre("1"));
  ExpectItGoesOn(second);
}

TEST_F(EngineGenerationVerdictTest, AppliedNeedsTheLedgerToBeRead) {
  EXPECT_THAT(Resolve(IntentState::kSucceeded, 0, kNoResult, 0),
              StatusIs(absl::StatusCode::kNotFound, ::testing::_));
  executor->Add("book", ScriptedExecutor::Success("{}"));
  Run(Call("book"));
  ledger.fail_lookups = 1;
  const size_t events = ledger.events.size();
  EXPECT_THAT(Resolve(IntentState::kSucceeded, 0),
              StatusIs(absl::StatusCode::kResourceExhausted, ::testing::_));
  EXPECT_THAT(ledger.events, SizeIs(events));
}

// A result is asked for only of what a person may settle, and can be named by nobody else.
TEST_F(EngineGenerationVerdictTest, AResultIsNeededOnlyWhereOneIsMissing) {
  executor->Add("book", ScriptedExecutor::Success("{}"));
  Run(Call("book"));
  const absl::Status settled = Resolve(IntentState::kSucceeded, 0);
  EXPECT_THAT(settled, StatusIs(absl::StatusCode::kFailedPrecondition, ::testing::_));
  EXPECT_THAT(settled.message(), ::testing::Not(HasSubstr("needs")));
  Run(Call("cancel_slot", kCancelSlot));
  ASSERT_EQ(ledger.intents.at(0).state, IntentState::kReversed);
  ledger.intents.at(0).review_at = sim->Now();
  EXPECT_THAT(Resolve(IntentState::kSucceeded, 1), IsOk()) << "it is undone, and stays so";
}

TEST_F(EngineGenerationVerdictTest, AResultOfAToolThatIsGoneWaitsForIt) {
  executor->Add("book", ScriptedExecutor::Failure(FailureKind::kKeyReused, 422));
  ASSERT_EQ(Run(Call("book")).disposition, Disposition::kNeedsReview);
  RestartWith({});
  EXPECT_EQ(GetDetail(Resolve(IntentState::kSucceeded, 0, R"({"id":7})"))->reason, "NEEDS_TOOL");
  EXPECT_EQ(ledger.intents.at(0).state, IntentState::kReview);
  SetUp();
  EXPECT_THAT(Resolve(IntentState::kSucceeded, 0, R"({"id":7})"), IsOk());
  EXPECT_EQ(ledger.intents.at(0).state, IntentState::kSucceeded);
}

// The other turn's call, and what it waits for, are nobody's to take back.
TEST_F(EngineGenerationVerdictTest, ADiscardedTurnTakesBackOnlyItsOwnWaitingCalls) {
  executor->Add("book", ScriptedExecutor::Success(R"({"id":7})", absl::Seconds(2)));
  Start(Call("book"));
  std::vector<std::shared_ptr<Reply>> replies;
  for (const char* turn : {"t1", "t2"}) {
    ToolCall cancel = Call("cancel_slot", kCancelSlot);
    cancel.turn_id = turn;
    replies.push_back(Start(std::move(cancel)));
  }
  EXPECT_EQ(engine->DiscardTurn("t", "call-17", "t1").withdrawn, 1);
  sim->RunReady();
  ASSERT_TRUE(replies[0]->has_value());
  EXPECT_EQ((**replies[0])->disposition, Disposition::kWithdrawn);
  EXPECT_FALSE(replies[1]->has_value());
  Settle();
  EXPECT_EQ((**replies[1])->disposition, Disposition::kDone);
  EXPECT_EQ(ledger.intents.at(0).state, IntentState::kReversed);
}

}  // namespace
}  // namespace onetake::testing
