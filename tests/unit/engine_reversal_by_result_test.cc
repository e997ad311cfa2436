#include "tests/testing/engine_reversal_fixture.h"

// R7 where a cancellation names the result of a booking, and that is not known when it is needed.
namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A booking that was lost, and the id of which the caller learned otherwise.
class EngineLateOutcomeTest : public EngineReversalTest {
 protected:
  void SetUp() override {
    EngineReversalTest::SetUp();
    executor->Add("book", ScriptedExecutor::LostAfterEffect());
    executor->Add("book", ScriptedExecutor::Success(R"({"id":7})", absl::Seconds(20)));
    Start(Call("book"));
    sim->Advance(absl::Seconds(2));
    ASSERT_EQ(ledger.intents.at(0).state, IntentState::kUnknown);
  }
  void ExpectBookedAnew() {
    EXPECT_EQ(ledger.intents.at(0).state, IntentState::kReversed);
    const Answer again = Run(Call("book"));
    EXPECT_FALSE(again.replayed);
    EXPECT_EQ(again.intent->generation, 2);
  }
};

TEST_F(EngineLateOutcomeTest, WhatWasCancelledBeforeItsResultWasKnownIsUndone) {
  ASSERT_EQ(Run(Call("cancel", kCancel)).disposition, Disposition::kDone);
  ASSERT_EQ(ledger.intents.at(0).state, IntentState::kUnknown);
  Settle();
  ExpectBookedAnew();
}

// As they name the same intent, and most downstreams take them for the same id.
TEST_F(EngineReversalTest, AnIdWithBlanksAroundItUndoesTheSame) {
  executor->Add("book", ScriptedExecutor::Success(R"({"id":7})"));
  Run(Call("book"));
  EXPECT_EQ(Run(Call("cancel", R"({"appointment_id":" 7\t"})")).disposition, Disposition::kDone);
  EXPECT_EQ(ledger.intents.at(0).state, IntentState::kReversed);
  EXPECT_EQ(Run(Call("book")).intent->generation, 2);
}

// Nobody hears "it is booked" after "it is cancelled".
TEST_F(EngineLateOutcomeTest, WhatItsOwnSuccessFindsUndoneIsToldAsUndone) {
  std::vector<Answer> heard;
  engine->set_on_settled([&](const IntentRecord& record, const Answer& answer) {
    if (record.row == 1) heard.push_back(answer);
  });
  ToolCall call = Call("book");
  call.patience = absl::Minutes(1);
  const auto joined = Start(std::move(call));
  ASSERT_EQ(Run(Call("cancel", kCancel)).disposition, Disposition::kDone);
  Settle();
  ASSERT_TRUE(joined->has_value());
  heard.push_back(***joined);
  EXPECT_THAT(heard, SizeIs(2));
  for (const Answer& answer : heard) {
    EXPECT_EQ(answer.disposition, Disposition::kDone);
    EXPECT_EQ(answer.intent->state, IntentState::kReversed);
    EXPECT_EQ(answer.reason, "R7.reversed");
    EXPECT_THAT(answer.guidance.say, IsEmpty());
  }
}

TEST_F(EngineLateOutcomeTest, WhatIsBeingCancelledWhenItsResultIsKnownIsUndoneAfterwards) {
  executor->Add("cancel", ScriptedExecutor::Success("{}", absl::Seconds(25)));
  Start(Call("cancel", kCancel));
  sim->Advance(absl::Seconds(22));
  ASSERT_EQ(ledger.intents.at(0).state, IntentState::kSucceeded);
  Settle();
  ExpectBookedAnew();
}

TEST_F(EngineLateOutcomeTest, WhatIsBeingCancelledIsNeitherToldAsDoneNorCancelledTwice) {
  executor->Add("cancel", ScriptedExecutor::Success("{}", absl::Seconds(25)));
  Start(Call("cancel", kCancel));
  sim->Advance(absl::Seconds(21));
  ASSERT_EQ(ledger.intents.at(0).state, IntentState::kSucceeded);
  const auto again = Start(Call("book"));
  const auto other = Start(Call("cancel", kCancelInOtherWords));
  sim->Advance(absl::Seconds(1));
  EXPECT_FALSE(again->has_value());
  EXPECT_THAT(SentTools(), ElementsAre("book", "book", "cancel"));
  Settle();
  EXPECT_FALSE((**again)->replayed);
}

TEST_F(EngineLateOutcomeTest, ACancellationOfAnotherResultUndoesNothingHere) {
  ASSERT_EQ(Run(Call("cancel", R"({"appointment_id":"8"})")).disposition, Disposition::kDone);
  Settle();
  EXPECT_EQ(ledger.intents.at(0).state, IntentState::kSucceeded);
  EXPECT_TRUE(Run(Call("book")).replayed);
}

TEST_F(EngineLateOutcomeTest, ACancellationThatWasTakenUpAfterACrashUndoesItToo) {
  executor->Add("cancel", ScriptedExecutor::Success("{}", absl::Seconds(25)));
  Start(Call("cancel", kCancel));
  Restart();
  EngineReversalTest::SetUp();
  ASSERT_THAT(ledger.MarkCrashed(sim->Now()), IsOk());
  executor->Add("book", ScriptedExecutor::Success(R"({"id":7})"));
  EXPECT_EQ(Run(Call("cancel", kCancel)).disposition, Disposition::kDone);
  Run(Call("book"));
  ExpectBookedAnew();
}

TEST_F(EngineLateOutcomeTest, ACancellationThatAPersonFoundAppliedUndoesItToo) {
  executor->Add("cancel", ScriptedExecutor::Failure(FailureKind::kLost));
  executor->Add("cancel", ScriptedExecutor::Success("{}", absl::Minutes(10)));
  Start(Call("cancel", kCancel));
  sim->Advance(absl::Seconds(2));
  ASSERT_EQ(ledger.intents.at(1).state, IntentState::kUnknown);
  engine->Resolve({.tenant = "t",
                   .intent_id = ledger.intents.at(1).intent_id,
                   .verdict = IntentState::kSucceeded,
                   .by = "dana",
                   .evidence_json = "{}",
                   .at = sim->Now()},
                  [](const absl::StatusOr<IntentRecord>& record) { EXPECT_THAT(record, IsOk()); });
  sim->Advance(absl::Minutes(1));
  ExpectBookedAnew();
}

// The manifest of a booking in doubt is taken out, and a restart forgets what it said.
TEST_F(EngineLateOutcomeTest, AppliedWaitsForTheManifestThatSaysHowItIsUndone) {
  ASSERT_EQ(Run(Call("cancel", kCancel)).disposition, Disposition::kDone);
  Restart();
  ASSERT_THAT(ledger.MarkCrashed(sim->Now()), IsOk());
  const auto say = [this](IntentState verdict) {
    absl::Status status = absl::UnknownError("no answer");
    engine->Resolve({.tenant = "t",
                     .intent_id = ledger.intents.at(0).intent_id,
                     .verdict = verdict,
                     .by = "dana",
                     .evidence_json = "{}",
                     .result_json = verdict == IntentState::kSucceeded
                                        ? std::make_optional<std::string>(R"({"id":7})")
                                        : std::nullopt,
                     .at = sim->Now()},
                    [&](const absl::StatusOr<IntentRecord>& record) { status = record.status(); });
    sim->RunReady();
    return status;
  };
  const absl::Status refused = say(IntentState::kSucceeded);
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("book")));
  EXPECT_EQ(GetDetail(refused)->reason, "NEEDS_TOOL");
  EXPECT_NE(ledger.intents.at(0).state, IntentState::kSucceeded);
  EngineReversalTest::SetUp();
  EXPECT_THAT(say(IntentState::kSucceeded), IsOk());
  ExpectBookedAnew();
}

TEST_F(EngineLateOutcomeTest, NotAppliedNeedsNoManifest) {
  Restart();
  ASSERT_THAT(ledger.MarkCrashed(sim->Now()), IsOk());
  SayItDidNotHappen(ledger.intents.at(0).intent_id);
  EXPECT_EQ(ledger.intents.at(0).state, IntentState::kRejected);
}

// A booking that was lost after it had taken effect, cancelled by the id that the caller has read
// elsewhere, and that nothing but a look-up or another attempt can settle.
class EngineUndoneMeanwhileTest : public EngineReversalTest {
 protected:
  void Lose(RetrySafety safety) {
    auto book = BookingTool("book", safety);
    book->result_ref = JsonPath::Parse("$.id").value();
    const ReversesSpec reverses{.tool = "book",
                                .argument = JsonPath::Parse("$.appointment_id").value(),
                                .result = JsonPath::Parse("$.id").value()};
    engine->SetTools(std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{
        book, CancelTool("cancel", reverses), ReadTool("find")}));
    ScriptedExecutor::Step lost = ScriptedExecutor::LostAfterEffect();
    lost.report.retry_after = absl::Seconds(5);
    executor->Add("book", lost);
    executor->Add("find", ScriptedExecutor::Success(R"({"found":[]})"));
    Start(Call("book"));
    sim->Advance(absl::Milliseconds(200));
    ASSERT_EQ(ledger.intents.at(0).state, IntentState::kUnknown);
  }
  void ExpectReview() {
    EXPECT_EQ(ledger.intents.at(0).state, IntentState::kReview);
    EXPECT_EQ(ledger.intents.at(0).reason, "R7.undone_meanwhile");
    EXPECT_THAT(ledger.transitions[ledger.transitions.size() - 2].evidence_json,
                HasSubstr(ledger.intents.at(1).intent_id));
  }
};

TEST_F(EngineUndoneMeanwhileTest, ThatALookUpDoesNotFindItProvesNothing) {
  Lose({.probed = true});
  ASSERT_EQ(Run(Call("cancel", kCancel)).disposition, Disposition::kDone);
  Settle();
  EXPECT_THAT(SentTools(), ElementsAre("book", "cancel", "find"));
  ExpectReview();
}

TEST_F(EngineUndoneMeanwhileTest, TheSameStateIsNotMadeAgain) {
  Lose({.natural = true});
  ASSERT_EQ(Run(Call("cancel", kCancel)).disposition, Disposition::kDone);
  Settle();
  EXPECT_THAT(SentTools(), ElementsAre("book", "cancel"));
  ExpectReview();
}

TEST_F(EngineUndoneMeanwhileTest, ARefusedCancellationUndidNothing) {
  Lose({.probed = true});
  executor->Add("cancel", ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 404));
  ASSERT_EQ(Run(Call("cancel", kCancel)).disposition, Disposition::kRejected);
  Settle();
  EXPECT_THAT(SentTools(), ElementsAre("book", "cancel", "find", "book"));
}

TEST_F(EngineUndoneMeanwhileTest, ACancellationOfAnotherConversationIsOfAnotherBooking) {
  Lose({.natural = true});
  ToolCall cancel = Call("cancel", kCancel);
  cancel.session_id = "call-18";
  ASSERT_EQ(Run(cancel).disposition, Disposition::kDone);
  Settle();
  EXPECT_THAT(SentTools(), ElementsAre("book", "cancel", "book"));
}

// The booking that is being made again, as the next request makes the same state.
class EngineMadeAgainTest : public EngineUndoneMeanwhileTest {
 protected:
  void LoseAndResend(RetrySafety safety) {
    Lose(safety);
    executor->Add("book", ScriptedExecutor::Success(R"({"id":7})", absl::Seconds(20)));
    sim->Advance(absl::Seconds(12));
    ASSERT_THAT(SentTools(), ElementsAre("book", "book"));
  }
  static ToolCall PatientCancel() {
    ToolCall cancel = Call("cancel", kCancel);
    cancel.patience = absl::Minutes(1);
    return cancel;
  }
  void ExpectCancelledAfterwards(const Reply& cancel) {
    EXPECT_THAT(SentTools(), ElementsAre("book", "book", "cancel"));
    ASSERT_TRUE(cancel.has_value());
    EXPECT_EQ((*cancel)->disposition, Disposition::kDone);
    EXPECT_EQ(ledger.intents.at(1).reverses_row, 1);
    EXPECT_EQ(ledger.intents.at(0).state, IntentState::kReversed);
  }
};

TEST_F(EngineMadeAgainTest, ItIsCancelledWhenItIsKnown) {
  LoseAndResend({.natural = true});
  const auto cancel = Start(PatientCancel());
  sim->Advance(absl::Seconds(1));
  EXPECT_THAT(SentTools(), ElementsAre("book", "book"));
  Settle();
  ExpectCancelledAfterwards(*cancel);
}

TEST_F(EngineMadeAgainTest, ItIsNotCancelledEitherBetweenTheQuestionAndTheRequest) {
  Lose({.natural = true});
  executor->Add("book", ScriptedExecutor::Success(R"({"id":7})"));
  ledger.HoldLookups();
  sim->Advance(absl::Seconds(12));
  ledger.HoldNoMoreLookups();
  const auto cancel = Start(PatientCancel());
  sim->Advance(absl::Seconds(1));
  ASSERT_THAT(SentTools(), ElementsAre("book"));
  ledger.ReleaseLookups();
  Settle();
  ExpectCancelledAfterwards(*cancel);
}

TEST_F(EngineMadeAgainTest, ARememberedKeyMakesNothingAgain) {
  LoseAndResend({.keyed = true, .natural = true, .key_retention = absl::Hours(24)});
  EXPECT_EQ(Run(Call("cancel", kCancel)).disposition, Disposition::kDone);
  EXPECT_EQ(ledger.intents.at(0).state, IntentState::kUnknown);
}

TEST_F(EngineMadeAgainTest, ACancellationOfAnotherConversationDoesNotWait) {
  LoseAndResend({.natural = true});
  ToolCall cancel = Call("cancel", kCancel);
  cancel.session_id = "call-18";
  EXPECT_EQ(Run(cancel).disposition, Disposition::kDone);
  EXPECT_EQ(ledger.intents.at(0).state, IntentState::kUnknown);
}

// A booking the result of which nobody recorded.
class EngineUnnamedResultTest : public EngineReversalTest {
 protected:
  void SetUp() override {
    EngineReversalTest::SetUp();
    executor->Add("book", ScriptedExecutor::Failure(FailureKind::kBodyUnreadable, 201));
    SetBook({});
    ASSERT_EQ(Run(Call("book")).disposition, Disposition::kDone);
  }
  void SetBook(RetrySafety safety) {
    std::shared_ptr<Tool> book = BookingTool("book", safety);
    book->result_ref = JsonPath::Parse("$.id").value();
    engine->SetTools(std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{
        book, CancelTool("cancel", {.tool = "book",
                                    .argument = JsonPath::Parse("$.appointment_id").value(),
                                    .result = JsonPath::Parse("$.id").value()})}));
  }
  absl::Status ResolveFirst(std::optional<std::string> result_json) {
    absl::Status status = absl::UnknownError("no answer");
    engine->Resolve({.tenant = "t",
                     .intent_id = ledger.intents.at(0).intent_id,
                     .verdict = IntentState::kSucceeded,
                     .by = "dana",
                     .evidence_json = "{}",
                     .result_json = std::move(result_json),
                     .at = sim->Now()},
                    [&](const absl::StatusOr<IntentRecord>& record) { status = record.status(); });
    Settle();
    return status;
  }
};

TEST_F(EngineUnnamedResultTest, WhatMayHaveBeenCancelledIsNotDoneUntilAPersonSaysWhichOneItIs) {
  EXPECT_EQ(Run(Call("book")).disposition, Disposition::kDone);
  Run(Call("cancel", kCancel));
  const Answer held = Run(Call("book"));
  EXPECT_EQ(held.disposition, Disposition::kNeedsReview);
  EXPECT_EQ(held.reason, "R7.may_be_undone");
  EXPECT_TRUE(ledger.intents.at(0).review_at.has_value());
  EXPECT_EQ(Run(Call("book")).reason, "R16.conflict");
  for (const std::optional<std::string>& wrong :
       {std::optional<std::string>(), std::optional<std::string>(R"({"day":7})")}) {
    EXPECT_THAT(ResolveFirst(wrong),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("$.id")));
  }
  EXPECT_THAT(ResolveFirst(R"({"id":7})"), IsOk());
  EXPECT_EQ(ledger.intents.at(0).state, IntentState::kReversed);
  const Answer again = Run(Call("book"));
  EXPECT_FALSE(again.replayed);
  EXPECT_EQ(again.intent->generation, 2);
}

TEST_F(EngineUnnamedResultTest, WhatAPersonSaysIsAnotherOneThanTheCancelledStands) {
  Run(Call("cancel", kCancel));
  EXPECT_EQ(Run(Call("book")).reason, "R7.may_be_undone");
  EXPECT_THAT(ResolveFirst(R"({"id":8})"), IsOk());
  EXPECT_EQ(Run(Call("book")).disposition, Disposition::kDone);
}

TEST_F(EngineUnnamedResultTest, WhatAPersonSaysOfAnAgedOneNeedsItsResultToo) {
  ledger.intents.at(0).bodies = Bodies::kAged;
  Run(Call("cancel", kCancel));
  EXPECT_EQ(Run(Call("book")).reason, "R7.may_be_undone");
  EXPECT_THAT(ResolveFirst(std::nullopt),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("$.id")));
  EXPECT_THAT(ResolveFirst(R"({"id":8})"), IsOk());
  EXPECT_EQ(Run(Call("book")).disposition, Disposition::kDone) << "it is not doubted for ever";
}

TEST_F(EngineUnnamedResultTest, WhatAnAgedOneIsNamedByNeedNotBeSaidAgain) {
  ledger.intents.at(0).bodies = Bodies::kAged;
  ledger.refs[1] = "named";
  ledger.RecordLate(
      {.row = 1, .says = IntentState::kRejected, .at = sim->Now()},
      [](const absl::StatusOr<IntentRecord>& record) { EXPECT_THAT(record, IsOk()); });
  EXPECT_THAT(ResolveFirst(std::nullopt), IsOk());
  EXPECT_EQ(ledger.refs[1], "named");
}

TEST_F(EngineUnnamedResultTest, ADoubtWaitsForRoomOnTheDisk) {
  Run(Call("cancel", kCancel));
  ledger.fail_late = 2;
  EXPECT_EQ(Run(Call("book")).disposition, Disposition::kNeedsReview);
  const auto refused = Start(Call("book"));
  ASSERT_TRUE(refused->has_value());
  EXPECT_THAT((*refused)->status(),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("disk")));
  Settle();
  EXPECT_THAT(ledger.late, SizeIs(1));
  EXPECT_TRUE(ledger.intents.at(0).review_at.has_value()) << "somebody is to look at it";
}

TEST_F(EngineUnnamedResultTest, ARefusedCancellationMakesNobodyDoubt) {
  executor->Add("cancel", ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 404));
  Run(Call("cancel", kCancel));
  EXPECT_EQ(Run(Call("book")).disposition, Disposition::kDone);
}

}  // namespace
}  // namespace onetake::testing
