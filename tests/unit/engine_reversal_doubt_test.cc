#include "absl/strings/str_cat.h"
#include "tests/testing/engine_reversal_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

// A cancellation that a person has given a verdict of, and that its downstream contradicts later.
class EngineReversalVerdictTest : public EngineReversalTest {
 protected:
  void SetUp() override {
    EngineReversalTest::SetUp();
    executor->Add("book", ScriptedExecutor::Success(R"({"id":7})"));
    Run(Call("book"));
    executor->Add("cancel", ScriptedExecutor::Failure(FailureKind::kLost));
    executor->Add("cancel", ScriptedExecutor::Success("{}", absl::Seconds(20)));
    Start(Call("cancel", kCancel));
    sim->Advance(absl::Seconds(2));
    ASSERT_EQ(ledger.intents.at(1).state, IntentState::kUnknown);
  }
  void Verdict(size_t row, IntentState verdict) {
    engine->Resolve(
        {.tenant = "t",
         .intent_id = ledger.intents.at(row).intent_id,
         .verdict = verdict,
         .by = "dana",
         .evidence_json = "{}",
         .at = sim->Now()},
        [](const absl::StatusOr<IntentRecord>& record) { EXPECT_THAT(record, IsOk()); });
    sim->RunReady();
  }
  void Contradict(IntentState says) {
    ledger.RecordLate({.row = 2, .says = says, .rule = "R16.late_job", .at = sim->Now()},
                      [](const absl::StatusOr<IntentRecord>&) {});
  }
  void ExpectHeld(const std::string& reason) {
    const Answer answer = Run(Call("book"));
    EXPECT_EQ(answer.disposition, Disposition::kNeedsReview);
    EXPECT_EQ(answer.reason, reason);
    EXPECT_THAT(SentTools(), ElementsAre("book", "cancel", "cancel"));
  }
  void ExpectNoOtherCancellation() {
    const Answer answer = Run(Call("cancel", kCancelInOtherWords));
    EXPECT_EQ(answer.disposition, Disposition::kNeedsReview);
    EXPECT_EQ(answer.reason, "R7.reversal_unsettled");
    EXPECT_THAT(SentTools(), ElementsAre("book", "cancel", "cancel"));
  }
};

TEST_F(EngineReversalVerdictTest, AnAppliedOneThatFailedHoldsWhatItUndidUntilAPersonHasLooked) {
  Verdict(1, IntentState::kSucceeded);
  ASSERT_EQ(ledger.intents[0].state, IntentState::kReversed);
  Settle();  // its attempt is over
  Contradict(IntentState::kRejected);
  ExpectHeld("R7.reversal_unsettled");
  ExpectNoOtherCancellation();
  Verdict(1, IntentState::kRejected);
  ExpectHeld("R16.conflict");
  const Answer cancel = Run(Call("cancel", kCancel));
  EXPECT_EQ(cancel.reason, "R7.original_unsettled") << "it may be there or not";
  Verdict(0, IntentState::kRejected);
  EXPECT_EQ(Run(Call("book")).intent->generation, 2) << "a person found that it is gone";
}

TEST_F(EngineReversalVerdictTest, NothingIsDoneAgainThatAnAttemptUnderWayWouldUndo) {
  Verdict(1, IntentState::kSucceeded);
  ToolCall call = Call("book");
  call.patience = absl::Minutes(1);
  const auto reply = Start(std::move(call));
  sim->Advance(absl::Seconds(10));
  EXPECT_THAT(SentTools(), ElementsAre("book", "cancel", "cancel"));
  Settle();
  ASSERT_TRUE(reply->has_value());
  EXPECT_EQ((**reply)->disposition, Disposition::kDone);
  EXPECT_EQ((**reply)->intent->generation, 2);
}

TEST_F(EngineReversalVerdictTest, ARefusedOneThatSucceededHoldsWhatItUndoes) {
  Verdict(1, IntentState::kRejected);
  Settle();  // its attempt succeeds after all
  ASSERT_THAT(ledger.late, SizeIs(1));
  ExpectHeld("R7.reversal_unsettled");
  ExpectNoOtherCancellation();
  Verdict(1, IntentState::kSucceeded);
  EXPECT_EQ(ledger.intents[0].state, IntentState::kReversed);
  EXPECT_EQ(Run(Call("book")).intent->generation, 2);
}

// A cancellation that was lost for good, and another one, which is another intent, of the same.
class EngineSecondReversalTest : public EngineReversalTest {
 protected:
  void SetUp() override {
    SetTools();
    executor->Add("book", ScriptedExecutor::Success(R"({"id":7})"));
    Run(Call("book"));
    executor->Add("cancel", ScriptedExecutor::LostAfterEffect());
  }
  void SetTools() {
    std::shared_ptr<Tool> book =
        BookingTool("book", {.keyed = true, .key_retention = absl::Hours(24)});
    book->result_ref = JsonPath::Parse("$.id").value();
    std::shared_ptr<Tool> cancel =
        CancelTool("cancel", {.tool = "book",
                              .argument = JsonPath::Parse("$.appointment_id").value(),
                              .result = JsonPath::Parse("$.id").value()});
    cancel->safety = cancel_safety;
    engine->SetTools(
        std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{book, cancel}));
  }
  void ExpectHeldForTheFirst(const Answer& second) {
    EXPECT_EQ(second.disposition, Disposition::kNeedsReview);
    EXPECT_EQ(second.reason, "R7.reversal_unsettled");
    EXPECT_THAT(SentTools(), ElementsAre("book", "cancel"));
    EXPECT_THAT(ledger.intents, SizeIs(2));
  }

  RetrySafety cancel_safety;
};

TEST_F(EngineSecondReversalTest, ItIsHeldUntilAPersonHasLookedAtTheFirst) {
  const Answer first = Run(Call("cancel", kCancel));
  ASSERT_EQ(first.disposition, Disposition::kNeedsReview);
  ExpectHeldForTheFirst(Run(Call("cancel", kCancelInOtherWords)));
  SayItDidNotHappen(first.intent->id);
  EXPECT_EQ(Run(Call("cancel", kCancelInOtherWords)).disposition, Disposition::kDone);
  EXPECT_EQ(ledger.intents[0].state, IntentState::kReversed);
}

TEST_F(EngineSecondReversalTest, ItIsNotSentWhenTheFirstIsLostMeanwhile) {
  const auto first = Start(Call("cancel", kCancel));
  const auto second = Start(Call("cancel", kCancelInOtherWords));
  Settle();
  ASSERT_EQ((**first)->disposition, Disposition::kNeedsReview);
  ASSERT_TRUE(second->has_value());
  ExpectHeldForTheFirst(***second);
}

TEST_F(EngineSecondReversalTest, ALookUpThatIsOlderThanTheFirstSendsNothing) {
  ledger.HoldLookups();
  const auto second = Start(Call("cancel", kCancelInOtherWords));
  sim->RunReady();
  ledger.HoldNoMoreLookups();
  ASSERT_EQ(Run(Call("cancel", kCancel)).disposition, Disposition::kNeedsReview);
  ledger.ReleaseLookups();
  Settle();
  ASSERT_TRUE(second->has_value());
  ExpectHeldForTheFirst(***second);
}

// The same of what was booked elsewhere.
class EngineSecondReversalOfUnknownTest : public EngineSecondReversalTest {
 protected:
  void SetUp() override {
    SetTools();
    executor->Add("cancel", ScriptedExecutor::LostAfterEffect());
  }
  static ToolCall CallBack() {
    ToolCall call = Call("cancel", kCancel);
    call.session_id = "call-18";
    return call;
  }
  void ExpectOnlyTheFirst(const Answer& second) {
    EXPECT_EQ(second.disposition, Disposition::kNeedsReview);
    EXPECT_EQ(second.reason, "R7.reversal_unsettled");
    EXPECT_THAT(SentTools(), ElementsAre("cancel"));
  }
};

TEST_F(EngineSecondReversalOfUnknownTest, ItIsHeldUntilAPersonHasLookedAtTheFirst) {
  const Answer first = Run(Call("cancel", kCancel));
  ASSERT_EQ(first.disposition, Disposition::kNeedsReview);
  ExpectOnlyTheFirst(Run(CallBack()));
  SayItDidNotHappen(first.intent->id);
  EXPECT_EQ(Run(CallBack()).disposition, Disposition::kDone);
}

TEST_F(EngineSecondReversalOfUnknownTest, ItWaitsForTheFirst) {
  Start(Call("cancel", kCancel));
  const auto second = Start(CallBack());
  Settle();
  ASSERT_TRUE(second->has_value());
  ExpectOnlyTheFirst(***second);
}

TEST_F(EngineSecondReversalOfUnknownTest, ALookUpThatIsOlderThanTheFirstSendsNothing) {
  ledger.HoldLookups();
  const auto second = Start(CallBack());
  sim->RunReady();
  ledger.HoldNoMoreLookups();
  ASSERT_EQ(Run(Call("cancel", kCancel)).disposition, Disposition::kNeedsReview);
  ledger.ReleaseLookups();
  Settle();
  ASSERT_TRUE(second->has_value());
  ExpectOnlyTheFirst(***second);
}

// What is booked here under the same id, and cancelled, does not end the doubt of the first.
TEST_F(EngineSecondReversalOfUnknownTest, ItIsHeldAlsoWhenTheIdCameBackMeanwhile) {
  ASSERT_EQ(Run(Call("cancel", kCancel)).disposition, Disposition::kNeedsReview);
  executor->Add("book", ScriptedExecutor::Success(R"({"id":7})"));
  Run(Call("book"));
  ASSERT_EQ(Run(Call("cancel", kCancelInOtherWords)).disposition, Disposition::kDone);
  ASSERT_EQ(ledger.intents.at(1).state, IntentState::kReversed);
  const Answer third = Run(CallBack());
  EXPECT_EQ(third.disposition, Disposition::kNeedsReview);
  EXPECT_EQ(third.reason, "R7.reversal_unsettled");
}

// The first took effect and its answer was lost; sent again, it takes longer than anybody waits.
class EngineBeingUndoneTest : public EngineSecondReversalTest {
 protected:
  void SetUp() override {
    cancel_safety = {.natural = true};
    SetTools();
    engine->set_on_settled([this](const IntentRecord& record, const Answer& answer) {
      heard.push_back(absl::StrCat(record.intent_id, " ", ToString(answer.disposition)));
    });
  }
  void LoseTheFirst() {
    executor->Add("cancel", ScriptedExecutor::LostAfterEffect());
    executor->Add("cancel", ScriptedExecutor::Success("{}", absl::Seconds(20)));
    Start(Call("cancel", kCancel));
    sim->Advance(absl::Seconds(2));
    ASSERT_EQ(ledger.intents.back().state, IntentState::kUnknown);
  }
  static ToolCall CallBack() {
    ToolCall call = Call("cancel", kCancel);
    call.session_id = "call-18";
    return call;
  }
  void ExpectItMayBeUndone(const Answer& second) {
    EXPECT_EQ(second.disposition, Disposition::kUncertain);
    EXPECT_EQ(second.reason, "R7.being_undone");
    EXPECT_FALSE(second.guidance.may_call_again);
    EXPECT_EQ(second.guidance.next_action, NextAction::kWait);
    EXPECT_THAT(second.guidance.llm_text, Not(HasSubstr("nothing was changed")));
    ASSERT_TRUE(second.intent.has_value());
    EXPECT_EQ(second.intent->id, ledger.intents.back().intent_id) << "that of the first";
  }

  std::vector<std::string> heard;
};

TEST_F(EngineBeingUndoneTest, WhoDoesNotWaitIsNotToldThatNothingWasChanged) {
  executor->Add("book", ScriptedExecutor::Success(R"({"id":7})"));
  Run(Call("book"));
  LoseTheFirst();
  ExpectItMayBeUndone(Run(Call("cancel", kCancelInOtherWords)));
  ExpectItMayBeUndone(Run(CallBack()));
  Settle();
  EXPECT_EQ(heard.back(), absl::StrCat(ledger.intents.back().intent_id, " DONE"));
  EXPECT_THAT(SentTools(), ElementsAre("book", "cancel", "cancel"));
}

TEST_F(EngineBeingUndoneTest, NorIsThatToldOfWhatWasBookedElsewhere) {
  LoseTheFirst();
  ExpectItMayBeUndone(Run(CallBack()));
  Settle();
  EXPECT_EQ(Run(CallBack()).disposition, Disposition::kDone);
}

TEST_F(EngineBeingUndoneTest, NorWhenTheTurnOfTheSecondIsDiscarded) {
  LoseTheFirst();
  ToolCall call = CallBack();
  call.turn_id = "turn-2";
  const auto waiting = Start(call);
  EXPECT_EQ(engine->DiscardTurn("t", "call-18", "turn-2").withdrawn, 0);
  sim->RunReady();
  for (const auto& reply : {waiting, Start(call)}) {
    ASSERT_TRUE(reply->has_value());
    ExpectItMayBeUndone(***reply);
    EXPECT_TRUE((**reply)->guidance.say.empty());
  }
}

TEST_F(EngineBeingUndoneTest, WhoLeftBeforeTheFirstWasClaimedHearsThatItWasNot) {
  ledger.Hold();
  Start(Call("cancel", kCancel));
  const auto second = Start(CallBack());
  sim->Advance(absl::Seconds(4));
  ASSERT_TRUE(second->has_value());
  ASSERT_THAT(**second, IsOk());
  EXPECT_EQ((**second)->reason, "R7.being_undone");
  ASSERT_TRUE((**second)->intent.has_value());
  ledger.fail_claims = 1;
  ledger.Release();
  sim->RunReady();
  EXPECT_THAT(heard, ElementsAre(absl::StrCat((**second)->intent->id, " REJECTED")));
}

// A person's word is what is told of it, also while an attempt is under way still.
TEST_F(EngineBeingUndoneTest, OfOneThatAPersonSaysDidNotHappenNothingElseIsTold) {
  LoseTheFirst();
  SayItDidNotHappen(ledger.intents.back().intent_id);
  const Answer second = Run(CallBack());
  EXPECT_EQ(second.disposition, Disposition::kRejected);
  EXPECT_EQ(second.reason, "R7.waits_for_another");
}

// Its success was seen, so the person's word is in doubt itself.
TEST_F(EngineBeingUndoneTest, OfOneThatWasSeenToHappenIsNotToldThatNothingWasChanged) {
  executor->Add("cancel", ScriptedExecutor::Failure(FailureKind::kBodyUnreadable, 200));
  executor->Add("cancel", ScriptedExecutor::Success("{}", absl::Seconds(20)));
  Start(Call("cancel", kCancel));
  sim->Advance(absl::Seconds(2));
  ASSERT_EQ(ledger.intents.back().state, IntentState::kUnknown);
  SayItDidNotHappen(ledger.intents.back().intent_id);
  ExpectItMayBeUndone(Run(CallBack()));
}

// The first one waits for a person, so nobody is at it.
TEST_F(EngineBeingUndoneTest, ADiscardedTurnHearsOfAFirstThatOnlyAPersonCanTell) {
  executor->Add("book", ScriptedExecutor::Success(R"({"id":7})"));
  Run(Call("book"));
  cancel_safety = {};
  SetTools();
  executor->Add("cancel", ScriptedExecutor::LostAfterEffect());
  EXPECT_EQ(Run(Call("cancel", kCancel)).disposition, Disposition::kNeedsReview);
  ToolCall call = CallBack();
  call.turn_id = "turn-2";
  engine->DiscardTurn("t", "call-18", "turn-2");
  EXPECT_EQ(Run(std::move(call)).disposition, Disposition::kNeedsReview);
}

// A person has said that it did not happen while an attempt is under way, which may undo what a
// further one is to undo.
TEST_F(EngineReversalTest, WhatIsNotKnownHereIsNotUndoneBesideACancellationThatLands) {
  executor->Add("cancel", ScriptedExecutor::Failure(FailureKind::kLost));
  executor->Add("cancel", ScriptedExecutor::Success("{}", absl::Seconds(20)));
  Start(Call("cancel", kCancel));
  sim->Advance(absl::Seconds(2));
  ASSERT_EQ(ledger.intents.at(0).state, IntentState::kUnknown);
  SayItDidNotHappen(ledger.intents.at(0).intent_id);
  ToolCall other = Call("cancel", kCancel);
  other.session_id = "call-18";
  other.patience = absl::Minutes(1);
  const auto second = Start(std::move(other));
  sim->Advance(absl::Seconds(5));
  EXPECT_FALSE(second->has_value());
  Settle();
  EXPECT_THAT(SentTools(), ElementsAre("cancel", "cancel")) << "both are attempts of the first";
  ASSERT_TRUE(second->has_value());
  EXPECT_EQ((**second)->reason, "R7.reversal_unsettled") << "it has happened after all";
}

// The booking that a person says did not happen may be made yet: it is not what was undone before.
TEST_F(EngineReversalTest, ACancellationThatWasDoneBeforeWaitsForABookingThatLands) {
  Run(Call("book"));
  Run(Call("cancel_slot", kCancelSlot));
  executor->Add("book", ScriptedExecutor::Failure(FailureKind::kLost));
  executor->Add("book", ScriptedExecutor::Success("{}", absl::Seconds(20)));
  Start(Call("book"));
  sim->Advance(absl::Seconds(2));
  ASSERT_EQ(ledger.intents.at(2).state, IntentState::kUnknown);
  SayItDidNotHappen(ledger.intents.at(2).intent_id);
  ToolCall cancel = Call("cancel_slot", kCancelSlot);
  cancel.patience = absl::Minutes(1);
  const auto reply = Start(std::move(cancel));
  EXPECT_FALSE(reply->has_value());
  Settle();
  ASSERT_TRUE(reply->has_value());
  EXPECT_EQ((**reply)->reason, "R7.original_unsettled") << "it has happened after all";
}

TEST_F(EngineReversalTest, AfterACrashInACancellationAnotherOneWaitsForItsSettling) {
  executor->Add("book", ScriptedExecutor::Success(R"({"id":7})"));
  Run(Call("book"));
  executor->Add("cancel", ScriptedExecutor::Success("{}", absl::Seconds(2)));
  Start(Call("cancel", kCancel));
  Restart();
  SetUp();
  ASSERT_THAT(ledger.MarkCrashed(sim->Now()), IsOk());
  executor->Add("cancel", ScriptedExecutor::Success("{}", absl::Seconds(2)));
  const auto second = Start(Call("cancel", kCancelInOtherWords));
  sim->Advance(absl::Seconds(1));
  EXPECT_THAT(SentTools(), ElementsAre("cancel")) << "the first one, again";
  EXPECT_THAT(ledger.intents, SizeIs(2));
  Settle();
  EXPECT_EQ(ledger.intents.at(1).state, IntentState::kSucceeded);
  EXPECT_EQ((**second)->disposition, Disposition::kDone);
}

}  // namespace
}  // namespace onetake::testing
