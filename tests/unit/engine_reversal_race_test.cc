#include "absl/strings/str_cat.h"
#include "tests/testing/engine_reversal_fixture.h"

// R7 where several things happen at once: what a write that undoes another one waits for, and what
// it does not.
namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class EngineReversalRaceTest : public EngineReversalTest {
 protected:
  static ToolCall From(ToolCall call, std::string session) {
    call.session_id = std::move(session);
    return call;
  }
  static ToolCall Patient(ToolCall call) {
    call.patience = absl::Minutes(1);
    return call;
  }
  void AnswerSlowly(const std::string& tool, std::string result, absl::Duration after) {
    executor->Clear(tool);
    executor->Add(tool, ScriptedExecutor::Success(std::move(result), after));
  }
  // A booking that was lost, and is sent again for a long time; a person settles it meanwhile.
  void BookAndSettleByHand(IntentState verdict, std::optional<std::string> result = std::nullopt) {
    executor->Add("book", ScriptedExecutor::Failure(FailureKind::kLost));
    executor->Add("book", ScriptedExecutor::Success(R"({"id":7})", absl::Seconds(20)));
    Start(Call("book"));
    sim->Advance(absl::Seconds(2));
    ASSERT_EQ(ledger.intents.at(0).state, IntentState::kUnknown);
    engine->Resolve(
        {.tenant = "t",
         .intent_id = ledger.intents.at(0).intent_id,
         .verdict = verdict,
         .by = "dana",
         .evidence_json = "{}",
         .result_json = std::move(result),
         .at = sim->Now()},
        [](const absl::StatusOr<IntentRecord>& record) { EXPECT_THAT(record, IsOk()); });
    sim->RunReady();
    ASSERT_EQ(ledger.intents.at(0).state, verdict);
  }
  void ExpectItWaitsForTheBooking(ToolCall cancel, absl::string_view reason) {
    const auto reply = Start(Patient(std::move(cancel)));
    sim->Advance(absl::Seconds(10));
    EXPECT_FALSE(reply->has_value());
    EXPECT_THAT(SentTools(), ElementsAre("book", "book"));
    Settle();
    ASSERT_TRUE(reply->has_value());
    EXPECT_EQ((**reply)->reason, reason);
  }
};

TEST_F(EngineReversalRaceTest, ACancellationWaitsForABookingThatLandsAfterNotApplied) {
  BookAndSettleByHand(IntentState::kRejected);
  ExpectItWaitsForTheBooking(Call("cancel_slot", kCancelSlot), "R7.original_unsettled");
  EXPECT_THAT(SentTools(), ElementsAre("book", "book")) << "it has happened after all";
}

// By its result, which the person has said.
TEST_F(EngineReversalRaceTest, ACancellationWaitsForABookingThatLandsAfterApplied) {
  BookAndSettleByHand(IntentState::kSucceeded, R"({"id":7})");
  ExpectItWaitsForTheBooking(Call("cancel", kCancel), "table.success");
  EXPECT_EQ(ledger.intents.at(0).state, IntentState::kReversed);
}

// The next booking has nothing to do with what the first one's id names.
TEST_F(EngineReversalRaceTest, AnotherCancellationOfWhatIsUndoneDoesNotWaitForTheNextBooking) {
  executor->Add("book", ScriptedExecutor::Success(R"({"id":7})"));
  Run(Call("book"));
  Run(Call("cancel", kCancel));
  AnswerSlowly("book", R"({"id":8})", absl::Seconds(2));
  Start(Call("book"));
  const auto cancel = Start(Call("cancel", kCancelInOtherWords));
  sim->Advance(absl::Seconds(1));
  ASSERT_TRUE(cancel->has_value());
  EXPECT_EQ((**cancel)->disposition, Disposition::kDone);
  Settle();
  EXPECT_EQ(ledger.intents.at(2).state, IntentState::kSucceeded) << "the next booking stands";
}

TEST_F(EngineReversalRaceTest, ACancellationIsReplayedWhenTheNextBookingWasRefused) {
  Run(Call("cancel_slot", kCancelSlot));
  executor->Add("book", ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 409));
  ASSERT_EQ(Run(Call("book")).disposition, Disposition::kRejected);
  EXPECT_TRUE(Run(Call("cancel_slot", kCancelSlot)).replayed);
  EXPECT_THAT(SentTools(), ElementsAre("cancel_slot", "book"));
}

// Whether what it undid was there is in doubt since; but it has undone that one.
TEST_F(EngineReversalRaceTest, ACancellationIsReplayedWhenItsBookingIsContradicted) {
  Run(Call("book"));
  Run(Call("cancel_slot", kCancelSlot));
  ledger.RecordLate(
      {.row = 1, .says = IntentState::kRejected, .rule = "R16.late_job", .at = sim->Now()},
      [](const absl::StatusOr<IntentRecord>& record) { EXPECT_THAT(record, IsOk()); });
  ASSERT_TRUE(ledger.intents.at(0).review_at.has_value());
  EXPECT_TRUE(Run(Call("cancel_slot", kCancelSlot)).replayed);
  EXPECT_THAT(SentTools(), ElementsAre("book", "cancel_slot"));
}

// A record that stays in flight although nobody is at it: what it is cannot be undone, nor doubted.
TEST_F(EngineReversalRaceTest, WhatIsInFlightForNobodyIsNotCancelled) {
  Run(Call("book"));
  ledger.intents.at(0).state = IntentState::kInFlight;
  EXPECT_THAT(RunStatus(Call("cancel_slot", kCancelSlot)),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("too fast")));
  EXPECT_THAT(SentTools(), ElementsAre("book"));
}

TEST_F(EngineReversalRaceTest, ABookingWhoseLookUpIsOlderThanTheCancellationsEndIsBookedAnew) {
  executor->Add("book", ScriptedExecutor::Success(R"({"id":7})"));
  Run(Call("book"));
  AnswerSlowly("cancel", "{}", absl::Seconds(1));
  Start(Call("cancel", kCancel));
  ledger.HoldLookups();
  const auto again = Start(Patient(Call("book")));
  sim->Advance(absl::Seconds(2));
  ASSERT_EQ(ledger.intents.at(1).state, IntentState::kSucceeded);
  ledger.ReleaseLookups();
  Settle();
  ASSERT_TRUE(again->has_value());
  EXPECT_FALSE((**again)->replayed);
  EXPECT_EQ((**again)->intent->generation, 2);
}

// The look-up has seen the first cancellation, which was refused; the second one is under way.
TEST_F(EngineReversalRaceTest, ABookingWaitsForTheCancellationOfNow) {
  ScriptedExecutor::Step refused = ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 409);
  refused.after = absl::Seconds(1);
  executor->Add("cancel_slot", refused);
  executor->Add("cancel_slot", ScriptedExecutor::Success("{}", absl::Seconds(5)));
  Start(Call("cancel_slot", kCancelSlot));
  ledger.HoldLookups();
  const auto book = Start(Patient(Call("book")));
  ledger.HoldNoMoreLookups();
  sim->Advance(absl::Seconds(2));
  Start(Call("cancel_slot", kCancelSlot));
  ledger.ReleaseLookups();
  sim->Advance(absl::Seconds(3));
  EXPECT_FALSE(book->has_value());
  EXPECT_THAT(SentTools(), ElementsAre("cancel_slot", "cancel_slot"));
  Settle();
  ASSERT_TRUE(book->has_value());
  EXPECT_EQ((**book)->disposition, Disposition::kDone);
}

// Nobody here can settle it.
TEST_F(EngineReversalRaceTest, ABookingIsHeldForACancellationTheToolOfWhichIsGone) {
  executor->Add("book", ScriptedExecutor::Success(R"({"id":7})"));
  Run(Call("book"));
  AnswerSlowly("cancel", "{}", absl::Seconds(2));
  Start(Call("cancel", kCancel));
  auto book = BookingTool("book", {.keyed = true, .key_retention = absl::Hours(24)});
  RestartWith({book});
  ASSERT_THAT(ledger.MarkCrashed(sim->Now()), IsOk());
  const Answer held = Run(Call("book"));
  EXPECT_EQ(held.disposition, Disposition::kNeedsReview);
  EXPECT_EQ(held.reason, "R7.reversal_unsettled");
  EXPECT_THAT(SentTools(), IsEmpty());
}

// A cancellation of what is not known here was done before; it comes again while other things are
// under way, of which none can be given the id that it names.
class EngineDoneBesideTest : public EngineReversalRaceTest {
 protected:
  void SetUp() override {
    EngineReversalRaceTest::SetUp();
    Run(Call("cancel", kCancel));
  }
  void ExpectItIsReplayedAtOnce(ToolCall call = Call("cancel", kCancel)) {
    const auto again = Start(std::move(call));
    ASSERT_TRUE(again->has_value());
    ASSERT_THAT(**again, IsOk());
    EXPECT_TRUE((**again)->replayed);
  }
};

TEST_F(EngineDoneBesideTest, WhatIsDoneElsewhereKeepsItNotWaiting) {
  ToolCall of_another_tenant = Call("book");
  of_another_tenant.tenant = "u";
  AnswerSlowly("book", R"({"id":7})", absl::Seconds(20));
  Start(of_another_tenant);
  ExpectItIsReplayedAtOnce();
  executor->Add("book", ScriptedExecutor::Success(R"({"id":7})", absl::Seconds(20)));
  Start(From(Call("book"), "call-18"));
  ExpectItIsReplayedAtOnce();
  AnswerSlowly("cancel_slot", "{}", absl::Seconds(20));
  Start(Call("cancel_slot", R"({"slot_iso":"2026-07-24T14:00:00-05:00","provider_id":"dr-lee"})"));
  ExpectItIsReplayedAtOnce();
}

TEST_F(EngineDoneBesideTest, WhatWasBegunBeforeItKeepsItNotWaiting) {
  executor->Add("book", ScriptedExecutor::Failure(FailureKind::kLost));
  executor->Add("book", ScriptedExecutor::Success(R"({"id":8})", absl::Seconds(20)));
  Start(Call("book"));
  sim->Advance(absl::Seconds(2));
  ToolCall cancel = Call("cancel", R"({"appointment_id":"9"})");
  EXPECT_EQ(Run(cancel).disposition, Disposition::kDone);
  ExpectItIsReplayedAtOnce(std::move(cancel));
}

// What ends while the ledger is asked may have been given the id, if it is of the same
// conversation.
TEST_F(EngineDoneBesideTest, WhatIsBookedDuringItsLookUpIsCancelledIfItHasTheId) {
  for (const char* session : {"call-17", "call-18"}) {
    SCOPED_TRACE(session);
    ledger.Clear();
    Restart();
    EngineReversalRaceTest::SetUp();
    Run(Call("cancel", kCancel));
    ledger.HoldLookups();
    const auto again = Start(Call("cancel", kCancel));
    ledger.HoldNoMoreLookups();
    executor->Add("book", ScriptedExecutor::Success(R"({"id":7})"));
    Run(From(Call("book"), session));
    ledger.ReleaseLookups();
    Settle();
    ASSERT_TRUE(again->has_value());
    const bool is_new = session == std::string("call-17");
    EXPECT_EQ((**again)->replayed, !is_new);
    EXPECT_EQ(ledger.intents.at(1).state,
              is_new ? IntentState::kReversed : IntentState::kSucceeded);
  }
}

// Tools the intents of which are the tenant's.
class EngineTenantScopeTest : public EngineReversalRaceTest {
 protected:
  void SetUp() override { SetTools({.keyed = true, .key_retention = absl::Hours(24)}); }
  void SetTools(RetrySafety safety) {
    std::vector<std::shared_ptr<Tool>> tools = {
        BookingTool("book", safety), BookingTool("other", {.natural = true}),
        CancelTool("cancel", {.tool = "book",
                              .argument = JsonPath::Parse("$.appointment_id").value(),
                              .result = JsonPath::Parse("$.id").value()})};
    tools[0]->result_ref = JsonPath::Parse("$.id").value();
    for (const auto& tool : tools) tool->intent.scope = {{.kind = ScopeKind::kTenant}};
    engine->SetTools(std::make_shared<ToolSet>(
        std::vector<std::shared_ptr<const Tool>>(tools.begin(), tools.end())));
  }
  // It is lost, and sent again for a long time.
  void MakeAgain(ToolCall call) {
    executor->Add(call.tool, ScriptedExecutor::LostAfterEffect());
    executor->Add(call.tool, ScriptedExecutor::Success(R"({"id":7})", absl::Seconds(20)));
    Start(std::move(call));
    sim->Advance(absl::Seconds(2));
  }
};

// Outside of a conversation, nothing tells that a booking is of the same caller.
TEST_F(EngineTenantScopeTest, WithoutAConversationARetryOfACancellationWaitsForNobody) {
  Run(From(Call("cancel", kCancel), ""));
  AnswerSlowly("book", R"({"id":8})", absl::Seconds(1));
  Start(From(Call("book"), ""));
  const auto again = Start(From(Call("cancel", kCancel), ""));
  ASSERT_TRUE(again->has_value());
  EXPECT_TRUE((**again)->replayed);
  ledger.HoldLookups();
  const auto slow = Start(From(Call("cancel", kCancel), ""));
  sim->Advance(absl::Seconds(2));
  ASSERT_EQ(ledger.intents.at(1).state, IntentState::kSucceeded);
  ledger.ReleaseLookups();
  Settle();
  EXPECT_TRUE((**slow)->replayed);
  EXPECT_THAT(SentTools(), ElementsAre("cancel", "book"));
}

TEST_F(EngineTenantScopeTest, ACancellationWaitsForWhatIsMadeAgainInItsScope) {
  SetTools({.natural = true});
  MakeAgain(Call("book"));
  const auto cancel = Start(Patient(From(Call("cancel", kCancel), "call-18")));
  sim->Advance(absl::Seconds(5));
  EXPECT_FALSE(cancel->has_value());
  EXPECT_THAT(SentTools(), ElementsAre("book", "book"));
  Settle();
  EXPECT_EQ((**cancel)->disposition, Disposition::kDone);
  EXPECT_EQ(ledger.intents.at(0).state, IntentState::kReversed);
}

TEST_F(EngineTenantScopeTest, WhatIsMadeAgainByOthersOrByAnotherToolIsNoneOfItsBusiness) {
  SetTools({.natural = true});
  ToolCall of_another_tenant = Call("book");
  of_another_tenant.tenant = "u";
  MakeAgain(std::move(of_another_tenant));
  MakeAgain(Call("other"));
  ASSERT_THAT(SentTools(), ElementsAre("book", "book", "other", "other"));
  const auto cancel = Start(Call("cancel", kCancel));
  sim->Advance(absl::Milliseconds(200));
  ASSERT_TRUE(cancel->has_value());
  EXPECT_EQ((**cancel)->disposition, Disposition::kDone);
}

// A tenant in which writes end all the time: each makes a call look again only if it may matter.
class EngineBusyLookupTest : public EngineReversalRaceTest {
 protected:
  void SetUp() override {
    EngineReversalRaceTest::SetUp();
    auto book = BookingTool("book", {.keyed = true, .key_retention = absl::Hours(24)});
    book->result_ref = JsonPath::Parse("$.id").value();
    book->intent.near = NearSpec{.same = {{.path = "$.patient_id", .name = "patient_id"}},
                                 .window = absl::Minutes(10),
                                 .action = NearSpec::Action::kConfirm};
    engine->SetTools(std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{
        book, BookingTool("other", {}), CancelSlot(),
        CancelTool("cancel", {.tool = "book",
                              .argument = JsonPath::Parse("$.appointment_id").value(),
                              .result = JsonPath::Parse("$.id").value()})}));
  }
  // Each time that the ledger is about to answer, a write of `tool` ends.
  Answer RunBeside(ToolCall call, const std::string& tool, const std::string& tenant) {
    ledger.HoldLookups();
    const auto reply = Start(std::move(call));
    for (int minute = 10; minute < 20; ++minute) {
      ledger.HoldNoMoreLookups();
      ToolCall other = Call(tool, absl::StrCat(R"({"slot_iso":"2026-06-26T14:)", minute,
                                               R"(:00-05:00","provider_id":"dr-kim",)",
                                               R"("patient_id":"p)", minute, "\"}"));
      other.tenant = tenant;
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

TEST_F(EngineBusyLookupTest, OtherBookingsKeepNoBookingFromItsAnswer) {
  EXPECT_EQ(RunBeside(Call("book"), "book", "t").disposition, Disposition::kDone);
}

TEST_F(EngineBusyLookupTest, OtherBookingsKeepNoCancellationFromItsAnswer) {
  Run(Call("book"));
  EXPECT_EQ(RunBeside(Call("cancel_slot", kCancelSlot), "book", "t").disposition,
            Disposition::kDone);
  EXPECT_EQ(ledger.intents.at(0).state, IntentState::kReversed);
}

TEST_F(EngineBusyLookupTest, WritesOfOtherToolsAndTenantsKeepNoRetryOfACancellationFromItsAnswer) {
  Run(Call("cancel", kCancel));
  EXPECT_TRUE(RunBeside(Call("cancel", kCancel), "other", "t").replayed);
  EXPECT_TRUE(RunBeside(Call("cancel", kCancel), "book", "u").replayed);
}

}  // namespace
}  // namespace onetake::testing
