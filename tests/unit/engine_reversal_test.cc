#include "tests/testing/engine_reversal_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

TEST_F(EngineReversalTest, BookCancelBookAgainIsTwoBookingsAndOneCancellation) {
  executor->Add("book", ScriptedExecutor::Success(R"({"id":7})"));
  executor->Add("book", ScriptedExecutor::Success(R"({"id":8})"));
  const Answer first = Run(Call("book", std::string(kBooking), "a"));
  EXPECT_TRUE(Run(Call("book")).replayed);
  EXPECT_EQ(Run(Call("cancel", kCancel)).disposition, Disposition::kDone);
  EXPECT_TRUE(Run(Call("cancel", kCancel)).replayed);
  EXPECT_EQ(ledger.intents[0].state, IntentState::kReversed);

  const Answer again = Run(Call("book", std::string(kBooking), "b"));
  EXPECT_FALSE(again.replayed);
  EXPECT_EQ(again.intent->generation, 2);
  EXPECT_NE(again.intent->key, first.intent->key);
  EXPECT_EQ(Run(Call("book")).result_json, R"({"id":8})");
  EXPECT_THAT(SentTools(), ElementsAre("book", "cancel", "book"));
}

// Edge case 39
TEST_F(EngineReversalTest, ALateRedeliveryOfWhatWasUndoneDoesNotRunAgain) {
  executor->Add("book", ScriptedExecutor::Success(R"({"id":7})"));
  Run(Call("book", std::string(kBooking), "a"));
  Run(Call("cancel", kCancel));
  const Answer late = Run(Call("book", std::string(kBooking), "a"));
  EXPECT_TRUE(late.replayed);
  EXPECT_EQ(late.intent->state, IntentState::kReversed);
  EXPECT_THAT(late.guidance.llm_text, HasSubstr("has been undone"));
  EXPECT_THAT(SentTools(), ElementsAre("book", "cancel"));
}

TEST_F(EngineReversalTest, CancellingByIdentityWorksForEveryGeneration) {
  Run(Call("book"));
  Run(Call("cancel_slot", kCancelSlot));
  EXPECT_EQ(Run(Call("book")).intent->generation, 2);
  const Answer second = Run(Call("cancel_slot", kCancelSlot));
  EXPECT_FALSE(second.replayed) << "it undoes another booking than the first one did";
  EXPECT_EQ(second.intent->generation, 2);
  EXPECT_EQ(Run(Call("book")).intent->generation, 3);
  EXPECT_THAT(executor->effects, SizeIs(5));
}

// The first one undoes what was booked elsewhere.
TEST_F(EngineReversalTest, CancellingByIdentityWorksAlsoAfterOneThatKnewNoBooking) {
  EXPECT_EQ(Run(Call("cancel_slot", kCancelSlot)).disposition, Disposition::kDone);
  EXPECT_TRUE(Run(Call("cancel_slot", kCancelSlot)).replayed);
  EXPECT_EQ(Run(Call("book")).intent->generation, 1);
  const Answer second = Run(Call("cancel_slot", kCancelSlot));
  EXPECT_FALSE(second.replayed);
  EXPECT_EQ(second.disposition, Disposition::kDone);
  EXPECT_EQ(second.intent->generation, 2);
  EXPECT_EQ(ledger.intents[1].state, IntentState::kReversed);
  EXPECT_TRUE(Run(Call("cancel_slot", kCancelSlot)).replayed);
  EXPECT_EQ(Run(Call("book")).intent->generation, 2);
  EXPECT_THAT(SentTools(), ElementsAre("cancel_slot", "book", "cancel_slot", "book"));
}

TEST_F(EngineReversalTest, ACancellationWaitsForTheBookingAfterTheOneThatItUndidBefore) {
  Run(Call("book"));
  Run(Call("cancel_slot", kCancelSlot));
  executor->Add("book", ScriptedExecutor::Success(R"({"id":8})", absl::Seconds(2)));
  const auto book = Start(Call("book"));
  const auto cancel = Start(Call("cancel_slot", kCancelSlot));
  sim->Advance(absl::Seconds(1));
  EXPECT_FALSE(cancel->has_value());
  sim->Advance(absl::Seconds(3));
  EXPECT_EQ((**cancel)->disposition, Disposition::kDone);
  EXPECT_FALSE((**cancel)->replayed);
  EXPECT_EQ(ledger.intents[2].state, IntentState::kReversed);
}

TEST_F(EngineReversalTest, ACancellationWaitsAlsoForABookingThatIsBeingClaimed) {
  Run(Call("book"));
  Run(Call("cancel_slot", kCancelSlot));
  ledger.Hold();
  Start(Call("book"));
  const auto cancel = Start(Call("cancel_slot", kCancelSlot));
  sim->Advance(absl::Milliseconds(10));
  EXPECT_FALSE(cancel->has_value());
  ledger.Release();
  Settle();
  EXPECT_FALSE((**cancel)->replayed);
  EXPECT_EQ(ledger.intents[2].state, IntentState::kReversed);
}

TEST_F(EngineReversalTest, WhatAPersonHasFoundCanBeCancelledByItsResult) {
  ScriptedExecutor::Step lost = ScriptedExecutor::LostAfterEffect();
  auto tool = BookingTool("book", {});
  tool->result_ref = JsonPath::Parse("$.id").value();
  engine->SetTools(std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{
      tool, CancelTool("cancel", {.tool = "book",
                                  .argument = JsonPath::Parse("$.appointment_id").value(),
                                  .result = JsonPath::Parse("$.id").value()})}));
  executor->Add("book", lost);
  const Answer booked = Run(Call("book"));
  ASSERT_EQ(booked.disposition, Disposition::kNeedsReview);
  engine->Resolve({.tenant = "t",
                   .intent_id = booked.intent->id,
                   .verdict = IntentState::kSucceeded,
                   .by = "dana",
                   .evidence_json = "{}",
                   .result_json = R"({"id":7})",
                   .at = sim->Now()},
                  [](const absl::StatusOr<IntentRecord>& record) { EXPECT_THAT(record, IsOk()); });
  Settle();
  Run(Call("cancel", R"({"appointment_id":7})"));
  EXPECT_EQ(ledger.intents[0].state, IntentState::kReversed);
}

TEST_F(EngineReversalTest, ACallThatArrivesDuringTheCancellationWaitsForItsEnd) {
  executor->Add("book", ScriptedExecutor::Success(R"({"id":7})"));
  Run(Call("book"));
  executor->Add("cancel", ScriptedExecutor::Success("{}", absl::Seconds(2)));
  const auto cancel = Start(Call("cancel", kCancel));
  const auto book = Start(Call("book"));
  sim->Advance(absl::Seconds(1));
  EXPECT_FALSE(book->has_value());
  sim->Advance(absl::Seconds(3));
  EXPECT_EQ((**book)->disposition, Disposition::kDone);
  EXPECT_EQ((**book)->intent->generation, 2);
}

TEST_F(EngineReversalTest, ARefusedCancellationLeavesTheBookingAsItWas) {
  executor->Add("book", ScriptedExecutor::Success(R"({"id":7})"));
  Run(Call("book"));
  executor->Add("cancel", ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 409));
  EXPECT_EQ(Run(Call("cancel", kCancel)).disposition, Disposition::kRejected);
  EXPECT_TRUE(Run(Call("book")).replayed);
}

// Edge case 38
TEST_F(EngineReversalTest, ACancellationWaitsForTheBookingItUndoes) {
  executor->Add("book", ScriptedExecutor::Success(R"({"id":7})", absl::Seconds(2)));
  const auto book = Start(Call("book"));
  const auto cancel = Start(Call("cancel_slot", kCancelSlot));
  sim->Advance(absl::Seconds(1));
  EXPECT_THAT(SentTools(), ElementsAre("book"));
  sim->Advance(absl::Seconds(3));
  EXPECT_EQ((**cancel)->disposition, Disposition::kDone);
  EXPECT_EQ(ledger.intents[0].state, IntentState::kReversed);
}

TEST_F(EngineReversalTest, WhatWasRefusedNeedsNoUndoing) {
  executor->Add("book", ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 409));
  Run(Call("book"));
  const Answer cancel = Run(Call("cancel_slot", kCancelSlot));
  EXPECT_EQ(cancel.disposition, Disposition::kRejected);
  EXPECT_EQ(cancel.reason, "R7.nothing_to_reverse");
  EXPECT_EQ(cancel.tool, "cancel_slot");
  EXPECT_THAT(cancel.guidance.llm_text, HasSubstr("nothing to undo"));
  EXPECT_THAT(cancel.guidance.llm_text, Not(HasSubstr("called again")));
  EXPECT_FALSE(cancel.guidance.may_call_again);
  EXPECT_THAT(SentTools(), ElementsAre("book"));
}

// What undoes it would not find it, and it would be told for ever that it is there.
TEST_F(EngineReversalTest, WhatIsCancelledByItsIdentityCannotBeNamedOtherwise) {
  ToolCall named = Call("book");
  named.intent_id = "the booking of turn 3";
  ToolCall second = Call("book");
  second.occurrence = 1;
  second.turn_id = "turn-2";
  for (const ToolCall& call : {named, second}) {
    const Answer answer = Run(call);
    EXPECT_EQ(answer.disposition, Disposition::kInvalid);
    ASSERT_THAT(answer.invalid, SizeIs(1));
    EXPECT_EQ(answer.invalid[0].path, call.occurrence > 0 ? "occurrence" : "intent_id");
    EXPECT_THAT(answer.invalid[0].reason, HasSubstr("cancel_slot"));
  }
  EXPECT_THAT(SentTools(), SizeIs(0));
  named.tool = "cancel_slot";
  named.arguments_json = kCancelSlot;
  EXPECT_EQ(Run(named).disposition, Disposition::kDone) << "nothing undoes a cancellation";
}

// Sent, it would undo a booking that onetake goes on telling of.
TEST_F(EngineReversalTest, ACancellationOfWhatCouldNotHaveBeenBookedIsInvalid) {
  const Json identity{{"slot_iso", "$.slot"}, {"provider_id", "$.provider_id"}};
  SetCancelSlot(CancelTool("cancel_slot",
                           {.tool = "book", .identity = JsonTemplate::Parse(identity).value()}));
  Run(Call("book"));
  const Answer cancel = Run(Call("cancel_slot", R"({"slot":"some day","provider_id":"dr-kim"})"));
  EXPECT_EQ(cancel.disposition, Disposition::kInvalid);
  ASSERT_THAT(cancel.invalid, SizeIs(1));
  EXPECT_EQ(cancel.invalid[0].path, "$.slot");
  EXPECT_THAT(cancel.invalid[0].expected, HasSubstr("book"));
  EXPECT_THAT(SentTools(), ElementsAre("book"));
}

TEST_F(EngineReversalTest, OfWhatIsInDoubtNobodySaysThatItDidNotTakeEffect) {
  executor->Add("book", ScriptedExecutor::LostAfterEffect());
  Start(Call("book"));
  sim->Advance(absl::Milliseconds(200));
  ASSERT_EQ(ledger.intents.at(0).state, IntentState::kUnknown);
  Restart();
  SetUp();
  ledger.intents.at(0).tool = "book_of_old";  // of a name that is gone
  const Answer cancel = Run(Call("cancel_slot", kCancelSlot));
  EXPECT_EQ(cancel.disposition, Disposition::kNeedsReview);
  EXPECT_EQ(cancel.reason, "R7.original_unsettled");
  EXPECT_EQ(cancel.tool, "cancel_slot");
  EXPECT_THAT(cancel.guidance.llm_text, HasSubstr("cancel_slot was not run"));
}

TEST_F(EngineReversalTest, WhatWasBookedElsewhereIsCancelledAsAsked) {
  EXPECT_EQ(Run(Call("cancel", kCancel)).disposition, Disposition::kDone);
}

// Edge case 13: the cancellation's own fate is unknown; the booking stays closed meanwhile.
TEST_F(EngineReversalTest, AfterACrashInTheCancellationTheBookingWaitsForItsSettling) {
  executor->Add("book", ScriptedExecutor::Success(R"({"id":7})"));
  Run(Call("book"));
  executor->Add("cancel", ScriptedExecutor::Success("{}", absl::Seconds(2)));
  Start(Call("cancel", kCancel));
  Restart();
  SetUp();
  ASSERT_THAT(ledger.MarkCrashed(sim->Now()), IsOk());
  const Answer book = Run(Call("book"));
  EXPECT_EQ(book.disposition, Disposition::kDone);
  EXPECT_EQ(book.intent->generation, 2);
  EXPECT_THAT(SentTools(), ElementsAre("cancel", "book"));
}

// What the cancellation undoes was booked elsewhere; sent again, it would undo what is booked here.
TEST_F(EngineReversalTest, ABookingWaitsForTheCancellationOfOneThatIsNotKnownHere) {
  executor->Add("cancel_slot", ScriptedExecutor::Failure(FailureKind::kLost));
  executor->Add("cancel_slot", ScriptedExecutor::Success("{}", absl::Seconds(20)));
  Start(Call("cancel_slot", kCancelSlot));
  sim->Advance(absl::Seconds(2));
  EXPECT_EQ(Run(Call("book")).reason, "R7.waits_for_another");
  EXPECT_THAT(SentTools(), ElementsAre("cancel_slot", "cancel_slot"));
  Settle();
  EXPECT_EQ(Run(Call("book")).disposition, Disposition::kDone);
  EXPECT_EQ(ledger.intents.back().state, IntentState::kSucceeded);
}

// Edge case 38, where the restart has only the ledger to know it by.
TEST_F(EngineReversalTest, AfterACrashABookingStillWaitsForTheCancellationOfOneThatIsNotKnownHere) {
  executor->Add("cancel_slot", ScriptedExecutor::Failure(FailureKind::kLost));
  Start(Call("cancel_slot", kCancelSlot));
  sim->Advance(absl::Milliseconds(200));
  ASSERT_EQ(ledger.intents.at(0).state, IntentState::kUnknown);
  Restart();
  SetUp();
  ASSERT_THAT(ledger.MarkCrashed(sim->Now()), IsOk());
  executor->Add("cancel_slot", ScriptedExecutor::Success("{}", absl::Seconds(20)));
  for (const char* which : {"taken up by this call", "live by now"}) {
    EXPECT_EQ(Run(Call("book")).reason, "R7.waits_for_another") << which;
  }
  EXPECT_THAT(SentTools(), ElementsAre("cancel_slot"));
  Settle();
  EXPECT_EQ(Run(Call("book")).disposition, Disposition::kDone);
  EXPECT_THAT(SentTools(), ElementsAre("cancel_slot", "book"));
}

TEST_F(EngineReversalTest, WhatMayBeCancelledYetIsNeitherBookedNorCancelledUntilAPersonHasLooked) {
  std::shared_ptr<Tool> cancel_slot = CancelSlot();
  cancel_slot->safety = {};
  SetCancelSlot(std::move(cancel_slot));
  executor->Add("cancel_slot", ScriptedExecutor::LostAfterEffect());
  ASSERT_EQ(Run(Call("cancel_slot", kCancelSlot)).disposition, Disposition::kNeedsReview);
  for (const ToolCall& call : {Call("book"), Call("cancel_slot", kCancelSlotInOtherWords)}) {
    const Answer held = Run(call);
    EXPECT_EQ(held.disposition, Disposition::kNeedsReview) << call.tool;
    EXPECT_EQ(held.reason, "R7.reversal_unsettled") << call.tool;
  }
  EXPECT_THAT(SentTools(), ElementsAre("cancel_slot"));
  engine->Resolve({.tenant = "t",
                   .intent_id = ledger.intents.at(0).intent_id,
                   .verdict = IntentState::kSucceeded,
                   .by = "dana",
                   .evidence_json = "{}",
                   .at = sim->Now()},
                  [](const absl::StatusOr<IntentRecord>& record) { EXPECT_THAT(record, IsOk()); });
  Settle();
  EXPECT_EQ(Run(Call("book")).disposition, Disposition::kDone);
  EXPECT_EQ(ledger.intents.back().state, IntentState::kSucceeded);
}

// The look-up before the claim may be older than the cancellation.
TEST_F(EngineReversalTest, ABookingThatOverlookedTheCancellationIsNotClaimed) {
  std::shared_ptr<Tool> cancel_slot = CancelSlot();
  cancel_slot->safety = {};
  SetCancelSlot(std::move(cancel_slot));
  executor->Add("cancel_slot", ScriptedExecutor::LostAfterEffect());
  ledger.HoldLookups();
  const auto book = Start(Call("book"));
  ledger.HoldNoMoreLookups();
  ASSERT_EQ(Run(Call("cancel_slot", kCancelSlot)).disposition, Disposition::kNeedsReview);
  ledger.ReleaseLookups();
  Settle();
  EXPECT_EQ((**book)->reason, "R7.reversal_unsettled");
  EXPECT_THAT(SentTools(), ElementsAre("cancel_slot"));
}

TEST_F(EngineReversalTest, ABookingWaitsForAnotherCancellationOfWhatIsUndoneAlready) {
  Run(Call("book"));
  Run(Call("cancel_slot", kCancelSlot));
  executor->Add("cancel_slot", ScriptedExecutor::Failure(FailureKind::kLost));
  executor->Add("cancel_slot", ScriptedExecutor::Success("{}", absl::Seconds(20)));
  Start(Call("cancel_slot", kCancelSlotInOtherWords));
  sim->Advance(absl::Seconds(2));
  EXPECT_EQ(Run(Call("book")).reason, "R7.waits_for_another");
  Settle();
  EXPECT_EQ(Run(Call("book")).intent->generation, 2);
  EXPECT_THAT(SentTools(),
              ElementsAre("book", "cancel_slot", "cancel_slot", "cancel_slot", "book"));
}

TEST_F(EngineReversalTest, ImpatientCallersAreToldThatNothingWasDone) {
  executor->Add("book", ScriptedExecutor::Success(R"({"id":7})"));
  Run(Call("book"));
  executor->Add("cancel", ScriptedExecutor::Success("{}", absl::Seconds(20)));
  Start(Call("cancel", kCancel));
  const Answer book = Run(Call("book"));
  EXPECT_EQ(book.disposition, Disposition::kRejected);
  EXPECT_EQ(book.reason, "R7.waits_for_another");
  EXPECT_TRUE(book.guidance.may_call_again);
  Settle();
  EXPECT_EQ(Run(Call("book")).intent->generation, 2);
}

// R6: what is recorded of the generation before is no answer to a call that never met it.
TEST_F(EngineReversalTest, TheRedeliveryOfACancellationThatFoundNoRoomCancels) {
  Run(Call("book"));
  Run(Call("cancel_slot", kCancelSlot));
  Run(Call("book"));
  std::shared_ptr<Tool> cancel_slot = CancelSlot();
  cancel_slot->downstream_in_flight = 1;
  SetCancelSlot(std::move(cancel_slot));
  executor->Add("cancel_slot", ScriptedExecutor::Success("{}", absl::Seconds(3)));
  Start(Call("cancel_slot", R"({"slot_iso":"2026-06-25T14:00:00-05:00","provider_id":"dr-kim"})"));
  EXPECT_EQ(Run(Call("cancel_slot", kCancelSlot, "x")).reason, "downstream_busy");
  Settle();
  EXPECT_EQ(ledger.intents[2].state, IntentState::kSucceeded);
  const Answer again = Run(Call("cancel_slot", kCancelSlot, "x"));
  EXPECT_EQ(again.disposition, Disposition::kDone);
  EXPECT_FALSE(again.replayed);
  EXPECT_EQ(ledger.intents[2].state, IntentState::kReversed);
}

TEST_F(EngineReversalTest, TheRedeliveryOfABookingThatWaitedInVainForACancellationBooks) {
  executor->Add("book", ScriptedExecutor::Success(R"({"id":7})"));
  Run(Call("book"));
  executor->Add("cancel", ScriptedExecutor::Success("{}", absl::Seconds(20)));
  Start(Call("cancel", kCancel));
  EXPECT_EQ(Run(Call("book", std::string(kBooking), "x")).reason, "R7.waits_for_another");
  EXPECT_EQ(Run(Call("book", std::string(kBooking), "x")).reason, "R7.waits_for_another")
      << "it is being undone still";
  Settle();
  const Answer again = Run(Call("book", std::string(kBooking), "x"));
  EXPECT_FALSE(again.replayed);
  EXPECT_EQ(again.intent->generation, 2);
}

TEST_F(EngineReversalTest, ProgressIsToldToThoseOnlyWhoWaitForThatWrite) {
  executor->Add("book", ScriptedExecutor::Success("{}", absl::Seconds(3)));
  std::vector<std::string> told;
  const auto listening = [&told](ToolCall call) {
    call.on_progress = [&told, tool = call.tool](const AttemptProgress&) { told.push_back(tool); };
    return call;
  };
  Start(listening(Call("book")));
  Start(listening(Call("cancel_slot", kCancelSlot)));
  executor->Tell({});
  EXPECT_THAT(told, ElementsAre("book"));
}

}  // namespace
}  // namespace onetake::testing
