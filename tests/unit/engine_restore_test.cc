#include "tests/testing/engine_reversal_fixture.h"

// R7 where what undoes a write is undone in turn: the write stands again.
namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// `restore` undoes `cancel`, which undoes a booking by its result; `restore_slot` undoes
// `cancel_slot`, which undoes it by its identity.
class EngineRestoreTest : public EngineReversalTest {
 protected:
  void SetUp() override {
    RestartWith(Tools());
    executor->Add("book", ScriptedExecutor::Success(R"({"id":7})"));
  }
  static std::vector<std::shared_ptr<const Tool>> Tools() {
    std::shared_ptr<Tool> book =
        BookingTool("book", {.keyed = true, .key_retention = absl::Hours(24)});
    book->result_ref = JsonPath::Parse("$.id").value();
    const Json by_result{{"appointment_id", "$.appointment_id"}};
    const Json by_slot{{"slot_iso", "$.slot_iso"}, {"provider_id", "$.provider_id"}};
    std::shared_ptr<Tool> careful =
        CancelTool("restore_carefully",
                   {.tool = "cancel_slot", .identity = JsonTemplate::Parse(by_slot).value()});
    careful->safety = {};
    return {book,
            CancelTool("cancel", {.tool = "book",
                                  .argument = JsonPath::Parse("$.appointment_id").value(),
                                  .result = JsonPath::Parse("$.id").value()}),
            CancelSlot(),
            CancelTool("restore",
                       {.tool = "cancel", .identity = JsonTemplate::Parse(by_result).value()}),
            CancelTool("restore_slot",
                       {.tool = "cancel_slot", .identity = JsonTemplate::Parse(by_slot).value()}),
            careful};
  }
  void BookAndCancel() {
    Run(Call("book", std::string(kBooking), "a"));
    Run(Call("cancel_slot", kCancelSlot));
    EXPECT_EQ(ledger.intents[0].state, IntentState::kReversed);
  }
  std::shared_ptr<Reply> RestoreSlowly() {
    executor->Add("restore_slot", ScriptedExecutor::Success("{}", absl::Seconds(2)));
    auto restore = Start(Call("restore_slot", kCancelSlot));
    EXPECT_FALSE(restore->has_value());
    return restore;
  }
  void ExpectTheFirstBooking(const Answer& answer) {
    EXPECT_EQ(answer.disposition, Disposition::kDone);
    EXPECT_TRUE(answer.replayed);
    EXPECT_EQ(answer.result_json, R"({"id":7})");
    EXPECT_EQ(answer.intent->generation, 1);
    EXPECT_EQ(answer.intent->state, IntentState::kSucceeded);
    EXPECT_THAT(answer.guidance.llm_text, Not(HasSubstr("undone")));
  }
};

TEST_F(EngineRestoreTest, WhatIsRestoredIsNotBookedAgain) {
  BookAndCancel();
  EXPECT_EQ(Run(Call("restore_slot", kCancelSlot)).disposition, Disposition::kDone);
  ExpectTheFirstBooking(Run(Call("book", std::string(kBooking), "b")));
  ExpectTheFirstBooking(Run(Call("book", std::string(kBooking), "a")));
  EXPECT_THAT(SentTools(), ElementsAre("book", "cancel_slot", "restore_slot"));
}

TEST_F(EngineRestoreTest, WhatWasCancelledByItsResultIsNotBookedAgainEither) {
  Run(Call("book"));
  Run(Call("cancel", kCancel));
  Run(Call("restore", kCancel));
  ExpectTheFirstBooking(Run(Call("book")));
  EXPECT_THAT(SentTools(), ElementsAre("book", "cancel", "restore"));
}

TEST_F(EngineRestoreTest, ItIsCancelledAndRestoredAsOftenAsIsWanted) {
  BookAndCancel();
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(Run(Call("restore_slot", kCancelSlot)).replayed);
    EXPECT_TRUE(Run(Call("restore_slot", kCancelSlot)).replayed);
    ExpectTheFirstBooking(Run(Call("book")));
    EXPECT_FALSE(Run(Call("cancel_slot", kCancelSlot)).replayed);
    EXPECT_TRUE(Run(Call("cancel_slot", kCancelSlot)).replayed);
    EXPECT_EQ(ledger.intents[0].state, IntentState::kReversed);
  }
  EXPECT_EQ(Run(Call("book")).intent->generation, 2);
}

TEST_F(EngineRestoreTest, ABookingWaitsForTheRestoration) {
  BookAndCancel();
  const auto restore = RestoreSlowly();
  const auto book = Start(Call("book"));
  sim->Advance(absl::Seconds(1));
  EXPECT_FALSE(book->has_value());
  Settle();
  EXPECT_EQ((**restore)->disposition, Disposition::kDone);
  ExpectTheFirstBooking(***book);
}

TEST_F(EngineRestoreTest, ABookingWaitsAlsoForARestorationThatIsBeingClaimed) {
  BookAndCancel();
  ledger.Hold();
  Start(Call("restore_slot", kCancelSlot));
  const auto book = Start(Call("book"));
  sim->RunReady();
  EXPECT_FALSE(book->has_value());
  ledger.Release();
  Settle();
  ExpectTheFirstBooking(***book);
}

TEST_F(EngineRestoreTest, AnOlderLookUpOverlooksNoRestoration) {
  BookAndCancel();
  ledger.HoldLookups();
  const auto book = Start(Call("book"));
  ledger.HoldNoMoreLookups();
  RestoreSlowly();
  ledger.ReleaseLookups();
  sim->Advance(absl::Seconds(1));
  EXPECT_FALSE(book->has_value());
  Settle();
  ExpectTheFirstBooking(***book);
}

TEST_F(EngineRestoreTest, AnotherCancellationWaitsForTheRestoration) {
  BookAndCancel();
  RestoreSlowly();
  const auto cancel = Start(Call("cancel", kCancel));
  sim->Advance(absl::Seconds(1));
  EXPECT_FALSE(cancel->has_value());
  Settle();
  EXPECT_EQ((**cancel)->disposition, Disposition::kDone);
  EXPECT_EQ(ledger.intents[0].state, IntentState::kReversed);
  EXPECT_EQ(ledger.intents.back().reverses_row, 1);
}

TEST_F(EngineRestoreTest, ARestorationWaitsForWhatIsBookedAgain) {
  BookAndCancel();
  executor->Clear("book");
  executor->Add("book", ScriptedExecutor::Success(R"({"id":8})", absl::Seconds(2)));
  Start(Call("book"));
  const auto restore = Start(Call("restore_slot", kCancelSlot));
  sim->Advance(absl::Seconds(1));
  EXPECT_FALSE(restore->has_value());
  EXPECT_THAT(SentTools(), ElementsAre("book", "cancel_slot", "book"));
  Settle();
  EXPECT_EQ((**restore)->disposition, Disposition::kDone);
  EXPECT_TRUE(ledger.intents[0].review_at.has_value()) << "both may stand";
  EXPECT_EQ(Run(Call("book")).result_json, R"({"id":8})");
}

TEST_F(EngineRestoreTest, ARefusedRestorationLeavesItCancelled) {
  BookAndCancel();
  executor->Add("restore_slot", ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 409));
  EXPECT_EQ(Run(Call("restore_slot", kCancelSlot)).disposition, Disposition::kRejected);
  EXPECT_EQ(Run(Call("book")).intent->generation, 2);
}

TEST_F(EngineRestoreTest, NobodyBooksAgainWhatAPersonHasToSayOf) {
  BookAndCancel();
  executor->Add("restore_carefully", ScriptedExecutor::LostAfterEffect());
  const Answer restore = Run(Call("restore_carefully", kCancelSlot));
  EXPECT_EQ(restore.disposition, Disposition::kNeedsReview);
  const Answer held = Run(Call("book"));
  EXPECT_EQ(held.disposition, Disposition::kNeedsReview);
  EXPECT_EQ(held.reason, "R7.reversal_unsettled");
  EXPECT_EQ(Run(Call("cancel", kCancel)).disposition, Disposition::kNeedsReview);
  EXPECT_THAT(SentTools(), ElementsAre("book", "cancel_slot", "restore_carefully"));
  SayItDidNotHappen(restore.intent->id);
  EXPECT_EQ(Run(Call("book")).intent->generation, 2);
}

TEST_F(EngineRestoreTest, ARestorationThatACrashHasLeftIsSettledFirst) {
  BookAndCancel();
  RestoreSlowly();
  RestartWith(Tools());
  ASSERT_THAT(ledger.MarkCrashed(sim->Now()), IsOk());
  ASSERT_EQ(ledger.intents.back().state, IntentState::kUnknown);
  ExpectTheFirstBooking(Run(Call("book")));
  EXPECT_THAT(SentTools(), ElementsAre("restore_slot"));
}

}  // namespace
}  // namespace onetake::testing
