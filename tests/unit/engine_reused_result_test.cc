#include "absl/strings/str_cat.h"
#include "tests/testing/engine_reversal_fixture.h"

// R7 where a result comes back: ids of what was undone may be given once more.
namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Bookings of which a later one may be given the id of an earlier one.
class EngineReusedResultTest : public EngineReversalTest {
 protected:
  void SetUp() override {
    EngineReversalTest::SetUp();
    executor->Add("book", ScriptedExecutor::Success(R"({"id":7})"));
  }
  static ToolCall OtherSlot() {
    return Call("book", R"({"slot_iso":"2026-06-25T14:00:00-05:00","provider_id":"dr-kim"})");
  }
  void BookSlowly(std::string result, ToolCall call = Call("book")) {
    executor->Clear("book");
    executor->Add("book", ScriptedExecutor::Success(std::move(result), absl::Seconds(2)));
    Start(std::move(call));
  }
  // Cancels once more, while the booking that is under way is the newest of the ledger.
  void ExpectItIsCancelledWhenItIsKnown() {
    const size_t row = ledger.intents.size();
    const auto cancel = Start(Call("cancel", kCancel));
    sim->Advance(absl::Seconds(1));
    EXPECT_FALSE(cancel->has_value());
    Settle();
    ASSERT_TRUE(cancel->has_value());
    EXPECT_FALSE((**cancel)->replayed);
    EXPECT_EQ(ledger.intents.back().reverses_row, static_cast<int64_t>(row));
    EXPECT_EQ(ledger.intents.at(row - 1).state, IntentState::kReversed);
  }
};

TEST_F(EngineReusedResultTest, WhatIsBookedAgainUnderTheSameIdIsCancelledAgain) {
  Run(Call("book"));
  Run(Call("cancel", kCancel));
  BookSlowly(R"({"id":7})");
  ExpectItIsCancelledWhenItIsKnown();
}

TEST_F(EngineReusedResultTest, TheFirstCancellationMayHaveBeenOfWhatIsNotKnownHere) {
  Run(Call("cancel", kCancel));
  BookSlowly(R"({"id":7})");
  ExpectItIsCancelledWhenItIsKnown();
}

TEST_F(EngineReusedResultTest, WhatIsBookedMeanwhileIsFoundAlsoByAnOlderLookUp) {
  Run(Call("book"));
  Run(Call("cancel", kCancel));
  BookSlowly(R"({"id":7})");
  ledger.HoldLookups();
  const auto cancel = Start(Call("cancel", kCancel));
  sim->Advance(absl::Seconds(3));
  ASSERT_EQ(ledger.intents.at(2).state, IntentState::kSucceeded);
  ledger.ReleaseLookups();
  Settle();
  EXPECT_FALSE((**cancel)->replayed);
  EXPECT_EQ(ledger.intents.at(2).state, IntentState::kReversed);
}

TEST_F(EngineReusedResultTest, WhatIsBookedUnderAnotherIdStands) {
  Run(Call("book"));
  Run(Call("cancel", kCancel));
  BookSlowly(R"({"id":8})");
  EXPECT_TRUE(Run(Call("cancel", kCancel)).replayed);
  EXPECT_EQ(ledger.intents.at(2).state, IntentState::kSucceeded);
}

TEST_F(EngineReusedResultTest, ABookingOfAnotherConversationKeepsNobodyWaiting) {
  Run(Call("book"));
  Run(Call("cancel", kCancel));
  ToolCall other = Call("book");
  other.session_id = "call-18";
  BookSlowly(R"({"id":8})", other);
  const auto cancel = Start(Call("cancel", kCancel));
  ASSERT_TRUE(cancel->has_value());
  EXPECT_TRUE((**cancel)->replayed);
}

// A tenant with many conversations, in which bookings end all the time.
class EngineBusyTenantTest : public EngineReusedResultTest {
 protected:
  // Each time that the ledger is about to answer, a booking of another conversation ends.
  Answer RunBesideOthers(ToolCall call) {
    ledger.HoldLookups();
    const auto reply = Start(std::move(call));
    for (int minute = 10; minute < 20; ++minute) {
      ledger.HoldNoMoreLookups();
      ToolCall other = Call("book", absl::StrCat(R"({"slot_iso":"2026-06-26T14:)", minute,
                                                 R"(:00-05:00","provider_id":"dr-kim"})"));
      other.session_id = "call-18";
      EXPECT_EQ(Run(std::move(other)).disposition, Disposition::kDone);
      ledger.ReleaseLookups();
      ledger.HoldLookups();
      sim->RunReady();
    }
    ledger.ReleaseLookups();
    Settle();
    EXPECT_TRUE(reply->has_value());
    EXPECT_THAT(**reply, IsOk());
    return (*reply)->ok() ? ***reply : Answer{};
  }
};

TEST_F(EngineBusyTenantTest, ACancellationIsSent) {
  Run(Call("book"));
  const Answer cancel = RunBesideOthers(Call("cancel", kCancel));
  EXPECT_EQ(cancel.disposition, Disposition::kDone);
  EXPECT_EQ(ledger.intents.at(0).state, IntentState::kReversed);
}

TEST_F(EngineBusyTenantTest, ACancellationOfWhatIsNotKnownHereIsSent) {
  EXPECT_EQ(RunBesideOthers(Call("cancel", R"({"appointment_id":"9"})")).disposition,
            Disposition::kDone);
}

TEST_F(EngineBusyTenantTest, ACancellationThatWasDoneIsReplayed) {
  Run(Call("book"));
  Run(Call("cancel", kCancel));
  EXPECT_TRUE(RunBesideOthers(Call("cancel", kCancel)).replayed);
}

// The caller moves an appointment: the old one is cancelled, another slot is being booked.
TEST_F(EngineReusedResultTest, ARetryOfACancellationDoesNotWaitForAnotherSlot) {
  Run(Call("book"));
  Run(Call("cancel", kCancel));
  BookSlowly(R"({"id":8})", OtherSlot());
  const auto cancel = Start(Call("cancel", kCancel));
  ASSERT_TRUE(cancel->has_value());
  EXPECT_EQ((**cancel)->disposition, Disposition::kDone);
  EXPECT_TRUE((**cancel)->replayed);
}

// A cancellation that was done, while something is booked that may be given the id that it names.
class EngineDoneBeforeTest : public EngineReusedResultTest {
 protected:
  void SetUp() override {
    EngineReusedResultTest::SetUp();
    engine->set_on_settled([this](const IntentRecord& record, const Answer& answer) {
      heard.push_back(absl::StrCat(record.tool, " ", ToString(answer.disposition)));
    });
    Run(Call("cancel", kCancel));
    executor->Clear("book");
    executor->Add("book", ScriptedExecutor::Success(R"({"id":8})", absl::Seconds(20)));
    Start(Call("book"));
    heard.clear();
  }
  static void ExpectItMayBeDone(const Answer& answer) {
    EXPECT_EQ(answer.disposition, Disposition::kUncertain);
    EXPECT_EQ(answer.reason, "R7.waits_for_another");
    EXPECT_THAT(answer.guidance.llm_text, HasSubstr("took effect before"));
    EXPECT_TRUE(answer.guidance.may_call_again);
    EXPECT_GT(answer.guidance.check_after, absl::ZeroDuration());
    EXPECT_FALSE(answer.intent.has_value()) << "its outcome would answer another wish";
  }

  std::vector<std::string> heard;
};

TEST_F(EngineDoneBeforeTest, AnImpatientCallerIsNotToldThatNothingWasDone) {
  ExpectItMayBeDone(Run(Call("cancel", kCancel)));
  Settle();
  EXPECT_THAT(heard, ElementsAre("book DONE")) << "it is called again";
  EXPECT_TRUE(Run(Call("cancel", kCancel)).replayed);
}

TEST_F(EngineDoneBeforeTest, WhatIsBookedUnderTheSameIdIsNotToldToBeCancelled) {
  Settle();
  BookSlowly(R"({"id":7})", OtherSlot());
  ToolCall cancel = Call("cancel", kCancel);
  cancel.patience = absl::Seconds(1);
  ExpectItMayBeDone(Run(std::move(cancel)));
  heard.clear();
  Settle();
  EXPECT_THAT(heard, ElementsAre("book DONE"));
  EXPECT_FALSE(Run(Call("cancel", kCancel)).replayed);
  EXPECT_EQ(ledger.intents.at(2).state, IntentState::kReversed);
}

TEST_F(EngineDoneBeforeTest, ACallerWhoseLastMomentComesIsNotToldThatEither) {
  Settle();
  ledger.Hold();
  Start(OtherSlot());
  ToolCall cancel = Call("cancel", kCancel);
  cancel.patience = absl::Minutes(1);
  cancel.answer_within = absl::Seconds(2);
  const auto answer = Start(std::move(cancel));
  sim->Advance(absl::Seconds(2));
  ASSERT_TRUE(answer->has_value());
  ExpectItMayBeDone(***answer);
  ledger.Release();
}

TEST_F(EngineDoneBeforeTest, ABookingThatCannotBeClaimedLeavesItDone) {
  Settle();
  ledger.Hold();
  Start(OtherSlot());
  const auto cancel = Start(Call("cancel", kCancel));
  EXPECT_FALSE(cancel->has_value());
  ledger.fail_claims = 1;
  ledger.Release();
  sim->RunReady();
  ASSERT_TRUE(cancel->has_value());
  ASSERT_THAT(**cancel, IsOk());
  EXPECT_TRUE((**cancel)->replayed);
}

TEST_F(EngineDoneBeforeTest, ItIsNotToldToBeWithdrawnWhenItsTurnIsDiscarded) {
  ToolCall cancel = Call("cancel", kCancel);
  cancel.turn_id = "turn-2";
  const auto waiting = Start(cancel);
  EXPECT_EQ(engine->DiscardTurn("t", "call-17", "turn-2").withdrawn, 0);
  sim->RunReady();
  for (const auto& reply : {waiting, Start(cancel)}) {
    ASSERT_TRUE(reply->has_value());
    ExpectItMayBeDone(***reply);
    EXPECT_TRUE((**reply)->guidance.say.empty());
  }
}

TEST_F(EngineDoneBeforeTest, ItsRedeliveryIsAnsweredByWhatIsKnownThen) {
  ExpectItMayBeDone(Run(Call("cancel", kCancel, "x")));
  Settle();
  EXPECT_EQ(Run(Call("cancel", kCancel, "x")).disposition, Disposition::kDone);
  EXPECT_THAT(SentTools(), ElementsAre("cancel", "book"));
}

}  // namespace
}  // namespace onetake::testing
