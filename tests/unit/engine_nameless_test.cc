#include "tests/testing/engine_reversal_fixture.h"

// R7 where a result comes back, and that of the booking which may have it is not known.
namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class EngineNamelessTest : public EngineReversalTest {
 protected:
  void SetUp() override {
    EngineReversalTest::SetUp();
    executor->Add("book", ScriptedExecutor::Success(R"({"id":7})"));
    Run(Call("book"));
    Run(Call("cancel", kCancel));
    EXPECT_EQ(ledger.intents[0].state, IntentState::kReversed);
    executor->Clear("book");
  }
  void BookWithoutAResult() {
    EXPECT_EQ(Run(Call("book")).disposition, Disposition::kDone);
    EXPECT_EQ(ledger.intents.back().state, IntentState::kSucceeded);
    EXPECT_TRUE(ledger.refs.find(ledger.intents.back().row) == ledger.refs.end());
  }
  // Of the latest booking.
  void SayThatItWasApplied(const std::string& result) {
    engine->Resolve(
        {.tenant = "t",
         .intent_id = ledger.intents[0].intent_id,
         .verdict = IntentState::kSucceeded,
         .by = "dana",
         .evidence_json = "{}",
         .result_json = result,
         .at = sim->Now()},
        [](const absl::StatusOr<IntentRecord>& record) { EXPECT_THAT(record, IsOk()); });
    sim->RunReady();
  }
  void ExpectAPersonIsAsked(const Answer& answer, IntentState state) {
    EXPECT_EQ(answer.disposition, Disposition::kNeedsReview);
    EXPECT_EQ(answer.reason, "R7.original_unsettled");
    EXPECT_EQ(answer.intent->generation, 2);
    EXPECT_EQ(answer.intent->state, state);
    EXPECT_THAT(answer.guidance.llm_text, HasSubstr("was not run"));
    EXPECT_TRUE(ledger.intents.back().review_at.has_value());
    EXPECT_THAT(SentTools(), ElementsAre("book", "cancel", "book"));
  }
};

TEST_F(EngineNamelessTest, NobodyIsToldThatItIsCancelledWhileARebookingMayHaveItsId) {
  BookWithoutAResult();
  ExpectAPersonIsAsked(Run(Call("cancel", kCancel)), IntentState::kSucceeded);
  ExpectAPersonIsAsked(Run(Call("cancel", kCancel)), IntentState::kSucceeded);
  EXPECT_EQ(std::count_if(ledger.events.begin(), ledger.events.end(),
                          [](const EventRecord& event) { return event.rule == "R7.may_be_meant"; }),
            1);
}

TEST_F(EngineNamelessTest, ItIsCancelledOnceAPersonHasSaidThatItHasThatId) {
  BookWithoutAResult();
  Run(Call("cancel", kCancel));
  SayThatItWasApplied(R"({"id":7})");
  const Answer cancel = Run(Call("cancel", kCancel));
  EXPECT_EQ(cancel.disposition, Disposition::kDone);
  EXPECT_FALSE(cancel.replayed);
  EXPECT_EQ(ledger.intents.at(2).state, IntentState::kReversed);
}

TEST_F(EngineNamelessTest, ItIsDoneAlreadyOnceAPersonHasSaidThatItHasAnotherId) {
  BookWithoutAResult();
  Run(Call("cancel", kCancel));
  SayThatItWasApplied(R"({"id":8})");
  EXPECT_TRUE(Run(Call("cancel", kCancel)).replayed);
  EXPECT_EQ(ledger.intents.at(2).state, IntentState::kSucceeded);
}

TEST_F(EngineNamelessTest, ARebookingThatWaitsForAPersonMayHaveThatId) {
  std::shared_ptr<Tool> book = BookingTool("book", {});
  book->result_ref = JsonPath::Parse("$.id").value();
  engine->SetTools(std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{
      book, CancelTool("cancel", {.tool = "book",
                                  .argument = JsonPath::Parse("$.appointment_id").value(),
                                  .result = JsonPath::Parse("$.id").value()})}));
  executor->Add("book", ScriptedExecutor::LostAfterEffect());
  EXPECT_EQ(Run(Call("book")).disposition, Disposition::kNeedsReview);
  ExpectAPersonIsAsked(Run(Call("cancel", kCancel)), IntentState::kReview);
}

// It was cancelled by another tool, so this cancellation is not done already.
TEST_F(EngineNamelessTest, AFirstCancellationByThatIdIsNotSentEither) {
  Run(Call("book"));
  Run(Call("cancel_slot", kCancelSlot));
  executor->Clear("book");
  BookWithoutAResult();
  const Answer cancel = Run(Call("cancel", kCancelInOtherWords));
  EXPECT_EQ(cancel.disposition, Disposition::kNeedsReview);
  EXPECT_THAT(SentTools(), ElementsAre("book", "cancel", "book", "cancel_slot", "book"));
}

TEST_F(EngineNamelessTest, WhereTheBookingIsNotKnownWhatTheSessionBookedSinceMayHaveThatId) {
  constexpr char kOther[] = R"({"appointment_id":"9"})";
  Run(Call("cancel", kOther));
  EXPECT_TRUE(Run(Call("cancel", kOther)).replayed);
  BookWithoutAResult();
  EXPECT_EQ(Run(Call("cancel", kOther)).disposition, Disposition::kNeedsReview);
}

// Who books hears that the answer cannot be read, and somebody has cancelled by the id meanwhile.
class EngineUnreadTest : public EngineReversalTest {
 protected:
  static ScriptedExecutor::Step Unread(absl::Duration after) {
    ScriptedExecutor::Step step = ScriptedExecutor::Failure(FailureKind::kBodyUnreadable, 201);
    step.takes_effect = true;
    step.after = after;
    return step;
  }
  void SetUp() override {
    std::shared_ptr<Tool> book = BookingTool("book", {});
    book->result_ref = JsonPath::Parse("$.id").value();
    engine->SetTools(std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{
        book, CancelTool("cancel", {.tool = "book",
                                    .argument = JsonPath::Parse("$.appointment_id").value(),
                                    .result = JsonPath::Parse("$.id").value()})}));
    engine->set_on_settled([this](const IntentRecord& record, const Answer& answer) {
      heard.push_back(absl::StrCat(record.tool, " ", ToString(answer.disposition)));
    });
  }
  std::vector<std::string> heard;
};

TEST_F(EngineUnreadTest, NobodyIsToldThatItIsDoneOfWhatMayBeCancelledMeanwhile) {
  executor->Add("book", Unread(absl::Seconds(2)));
  const auto book = Start(Call("book"));
  sim->Advance(absl::Seconds(1));
  EXPECT_EQ(Run(Call("cancel", kCancel)).disposition, Disposition::kDone);
  Settle();
  EXPECT_EQ((**book)->disposition, Disposition::kNeedsReview);
  EXPECT_EQ((**book)->reason, "R7.undone_meanwhile");
  EXPECT_THAT(heard, ElementsAre("cancel DONE", "book NEEDS_REVIEW"));
  engine->Resolve({.tenant = "t",
                   .intent_id = ledger.intents[0].intent_id,
                   .verdict = IntentState::kSucceeded,
                   .by = "dana",
                   .evidence_json = "{}",
                   .result_json = R"({"id":7})",
                   .at = sim->Now()},
                  [](const absl::StatusOr<IntentRecord>& record) { EXPECT_THAT(record, IsOk()); });
  Settle();
  EXPECT_EQ(ledger.intents[0].state, IntentState::kReversed);
}

TEST_F(EngineUnreadTest, WhatNobodyMayHaveCancelledIsDone) {
  executor->Add("book", Unread(absl::Seconds(2)));
  const Answer book = Run(Call("book"));
  EXPECT_EQ(book.disposition, Disposition::kDone);
  EXPECT_EQ(book.reason, "table.body_unreadable");
  EXPECT_TRUE(book.result_unavailable);
  EXPECT_FALSE(book.replayed);
}

// Its body was to be fetched by another attempt when the process was asked to stop.
TEST_F(EngineUnreadTest, ADrainDoesNotTellEitherThatItIsDone) {
  auto book = BookingTool("book", {.keyed = true, .key_retention = absl::Hours(24)});
  book->result_ref = JsonPath::Parse("$.id").value();
  engine->SetTools(std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{
      book, CancelTool("cancel", {.tool = "book",
                                  .argument = JsonPath::Parse("$.appointment_id").value(),
                                  .result = JsonPath::Parse("$.id").value()})}));
  ScriptedExecutor::Step unread = Unread(absl::ZeroDuration());
  unread.report.retry_after = absl::Seconds(30);
  executor->Add("book", unread);
  ToolCall call = Call("book");
  call.patience = absl::Minutes(1);
  const auto reply = Start(std::move(call));
  sim->Advance(absl::Seconds(1));
  EXPECT_EQ(Run(Call("cancel", kCancel)).disposition, Disposition::kDone);
  bool drained = false;
  engine->Drain(absl::Seconds(5), [&drained] { drained = true; });
  Settle();
  EXPECT_TRUE(drained);
  ASSERT_TRUE(reply->has_value());
  EXPECT_EQ((**reply)->reason, "R7.undone_meanwhile");
  EXPECT_THAT(heard, ElementsAre("cancel DONE", "book NEEDS_REVIEW"));
}

TEST_F(EngineUnreadTest, TheSameDeliveryIsNotToldEitherThatItIsDone) {
  executor->Add("book", Unread(absl::Seconds(1)));
  EXPECT_EQ(Run(Call("book", std::string(kBooking), "a")).disposition, Disposition::kDone);
  Run(Call("cancel", kCancel));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Run(Call("book", std::string(kBooking), "a")).disposition, Disposition::kNeedsReview);
  }
}

}  // namespace
}  // namespace onetake::testing
