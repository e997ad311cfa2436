// What the ledger says of an intent when a call asks: too late, too early, or not at all.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "runtime/base/status.h"
#include "tests/testing/engine_reversal_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class EngineLookupTest : public EngineFixture {
 protected:
  std::shared_ptr<Reply> StartAwait(const std::string& intent_id, int generation,
                                    absl::Duration patience = absl::Seconds(20)) {
    auto reply = std::make_shared<Reply>();
    engine->Await("t", intent_id, generation, patience,
                  [reply](absl::StatusOr<Answer> answer) { *reply = std::move(answer); });
    sim->RunReady();
    return reply;
  }
  static ToolCall From(std::string session, std::string tool_call_id) {
    ToolCall call = Call("keyed", std::string(kBooking), std::move(tool_call_id));
    call.session_id = std::move(session);
    call.patience = absl::Minutes(1);
    return call;
  }
};

TEST_F(EngineLookupTest, ACallIsRefusedWhileTheLedgerCannotBeReadAndNothingIsSent) {
  ledger.fail_lookups = 1;
  const absl::Status status = RunStatus(Call("none"));
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("cannot be read")));
  EXPECT_TRUE(GetDetail(status)->safe_to_resend);
  EXPECT_THAT(executor->sent, IsEmpty());
  EXPECT_THAT(ledger.intents, IsEmpty());
  EXPECT_EQ(Run(Call("none")).disposition, Disposition::kDone);
}

// The disk is at fault, and not the number of readers: the operator hears of it.
TEST_F(EngineLookupTest, ACallIsRefusedAlsoWhenTheLedgerIsBroken) {
  ledger.failure = absl::DataLossError("unreadable");
  ledger.fail_lookups = 1;
  EXPECT_THAT(RunStatus(Call("none")),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("cannot be read")));
  EXPECT_THAT(executor->sent, IsEmpty());
}

// R6: its own generation is what it was about.
TEST_F(EngineLookupTest, ARedeliveryIsAnsweredByItsGenerationWhileTheNextOneIsUnderWay) {
  executor->Add("none", ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 409));
  Run(Call("none", std::string(kBooking), "a"));
  executor->Add("none", ScriptedExecutor::Success("{}", absl::Seconds(3)));
  Start(Call("none", std::string(kBooking), "b"));
  const auto again = Start(Call("none", std::string(kBooking), "a"));
  ASSERT_TRUE(again->has_value());
  EXPECT_EQ((**again)->disposition, Disposition::kRejected);
  EXPECT_EQ((**again)->intent->generation, 1);
}

// What the look-up has seen in doubt is settled since, and the next generation is under way.
TEST_F(EngineLookupTest, ARedeliveryWhoseLookUpIsTooOldIsNotToldOfADoubtThatIsOver) {
  ScriptedExecutor::Step lost = ScriptedExecutor::Failure(FailureKind::kLost);
  lost.report.retry_after = absl::Seconds(5);
  executor->Add("keyed", lost);
  Start(From("call-17", "a"));
  sim->Advance(absl::Milliseconds(150));
  ASSERT_EQ(ledger.intents.at(0).state, IntentState::kUnknown);
  ledger.HoldLookups();
  const auto again = Start(From("call-17", "a"));
  ledger.HoldNoMoreLookups();
  engine->Resolve({.tenant = "t",
                   .intent_id = ledger.intents.at(0).intent_id,
                   .verdict = IntentState::kRejected,
                   .by = "dana",
                   .evidence_json = "{}",
                   .at = sim->Now()},
                  [](const absl::StatusOr<IntentRecord>& record) { EXPECT_THAT(record, IsOk()); });
  sim->RunReady();
  Start(From("call-17", "b"));
  ASSERT_THAT(ledger.intents, SizeIs(2));
  ledger.ReleaseLookups();
  sim->RunReady();
  ASSERT_TRUE(again->has_value());
  ASSERT_THAT(**again, IsOk());
  EXPECT_EQ((**again)->disposition, Disposition::kRejected);
  EXPECT_EQ((**again)->intent->generation, 1);
}

// R20 holds for the turn that was discarded; the next one may deliver the call again.
TEST_F(EngineLookupTest, AWithdrawnCallThatComesAgainInAnotherTurnIsRun) {
  engine->DiscardTurn("t", "call-17", "turn-1");
  ToolCall call = Call("none", std::string(kBooking), "a");
  call.turn_id = "turn-1";
  EXPECT_EQ(Run(call).disposition, Disposition::kWithdrawn);
  call.turn_id = "turn-2";
  EXPECT_EQ(Run(std::move(call)).disposition, Disposition::kDone);
}

// The provider's word on what may differ has changed since.
TEST_F(EngineLookupTest, ADriftThatIsNoneAnyMoreIsAnsweredByWhatIsRecorded) {
  const std::string other = absl::StrReplaceAll(kBooking, {{"p1", "p2"}});
  executor->Add("none", ScriptedExecutor::Success(R"({"id":7})"));
  Run(Call("none"));
  ASSERT_EQ(Run(Call("none", other, "a")).disposition, Disposition::kConflict);
  auto lax = BookingTool("none", {});
  lax->version = "v2";
  lax->intent.ignored.emplace_back("$.patient_id");
  engine->SetTools(std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{lax}));
  const Answer again = Run(Call("none", other, "a"));
  EXPECT_EQ(again.disposition, Disposition::kDone);
  EXPECT_EQ(again.result_json, R"({"id":7})");
  EXPECT_THAT(executor->sent, SizeIs(1));
}

TEST_F(EngineLookupTest, AnAwaitIsRefusedWhileTheLedgerCannotBeRead) {
  const std::string id = Run(Call("none")).intent->id;
  ledger.fail_lookups = 1;
  EXPECT_THAT(**StartAwait(id, 0),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("nothing was done")));
  EXPECT_EQ((**StartAwait(id, 0))->disposition, Disposition::kDone);
}

// A record that stays in flight although nobody is at it: it is neither waited for without end nor
// run beside.
TEST_F(EngineLookupTest, ARecordThatNeverAgreesWithWhatIsLiveIsRefusedAndNotRun) {
  Run(Call("none", std::string(kBooking), "a"));
  ledger.intents.at(0).state = IntentState::kInFlight;
  for (const char* tool_call_id : {"a", "b"}) {
    const absl::Status status = RunStatus(Call("none", std::string(kBooking), tool_call_id));
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("too fast")));
    EXPECT_TRUE(GetDetail(status)->safe_to_resend);
  }
  EXPECT_THAT(executor->sent, SizeIs(1));
  EXPECT_THAT(ledger.intents, SizeIs(1));
}

// The recovery settles two at a time; the third is taken up by whoever asks for it.
TEST_F(EngineLookupTest, TheRedeliveryOfWhatTheRecoveryHasNotReachedSettlesIt) {
  for (int i = 0; i < 3; ++i) {
    ScriptedExecutor::Step hangs = ScriptedExecutor::LostAfterEffect();
    hangs.after = absl::Minutes(2);
    executor->Add("keyed", hangs);
    Start(From(absl::StrCat("call-", i), "a"));
  }
  Restart();
  EXPECT_THAT(ledger.MarkCrashed(sim->Now()), IsOk());
  for (int i = 0; i < 2; ++i) {
    executor->Add("keyed", ScriptedExecutor::Success(R"({"id":7})", absl::Seconds(8)));
  }
  engine->Recover();
  sim->Advance(absl::Seconds(2));
  ASSERT_THAT(executor->sent, SizeIs(2));
  executor->Add("keyed", ScriptedExecutor::Success(R"({"id":9})"));
  const auto reply = Start(From("call-2", "a"));
  sim->Advance(absl::Seconds(2));
  ASSERT_TRUE(reply->has_value());
  EXPECT_EQ((**reply)->disposition, Disposition::kDone);
  EXPECT_EQ((**reply)->result_json, R"({"id":9})");
  EXPECT_THAT(executor->sent, SizeIs(3));
  EXPECT_EQ(executor->sent[2].rendered, ledger.intents.at(2).request);
  Settle();
  EXPECT_THAT(executor->sent, SizeIs(3)) << "the recovery finds it settled";
}

TEST_F(EngineLookupTest, AnAwaitTakesUpWhatTheRecoveryHasNotReached) {
  executor->Add("keyed", ScriptedExecutor::LostAfterEffect());
  Start(Call("keyed"));
  Restart();
  EXPECT_THAT(ledger.MarkCrashed(sim->Now()), IsOk());
  executor->Add("keyed", ScriptedExecutor::Success(R"({"id":7})"));
  const auto reply = StartAwait(ledger.intents.at(0).intent_id, 0);
  sim->Advance(absl::Seconds(10));
  ASSERT_TRUE(reply->has_value());
  EXPECT_EQ((**reply)->disposition, Disposition::kDone);
  EXPECT_THAT(executor->sent, SizeIs(1));
}

// What is under way now says nothing of the generation before it.
TEST_F(EngineLookupTest, AnAwaitOfAnEarlierGenerationDoesNotWaitForTheNextOne) {
  executor->Add("keyed", ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 409));
  executor->Add("keyed", ScriptedExecutor::Success(R"({"id":7})", absl::Seconds(3)));
  const std::string id = Run(Call("keyed")).intent->id;
  Start(Call("keyed"));
  const auto first = StartAwait(id, 1);
  const auto second = StartAwait(id, 2);
  ASSERT_TRUE(first->has_value());
  EXPECT_EQ((**first)->disposition, Disposition::kRejected);
  EXPECT_FALSE(second->has_value());
  Settle();
  EXPECT_EQ((**second)->disposition, Disposition::kDone);
}

TEST_F(EngineLookupTest, ACallThatIsStillLookedUpWhenADrainBeginsClaimsNothing) {
  ledger.HoldLookups();
  const auto reply = Start(Call("none"));
  engine->Drain(absl::Seconds(10), [] {});
  ledger.ReleaseLookups();
  Settle();
  ASSERT_TRUE(reply->has_value());
  EXPECT_THAT(**reply, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("draining")));
  EXPECT_THAT(executor->sent, IsEmpty());
  EXPECT_THAT(ledger.intents, IsEmpty());
}

// Somebody else has settled the row: what the attempt brought is kept beside that, and those who
// waited are told what is recorded.
TEST_F(EngineLookupTest,
       AnOutcomeThatTheLedgerRefusesIsKeptAsAConflictAndItsCallersAreAnsweredAnew) {
  executor->Add("none", ScriptedExecutor::Success(R"({"id":7})", absl::Seconds(1)));
  const auto reply = Start(Call("none"));
  const auto awaited = StartAwait(ledger.intents.at(0).intent_id, 0);
  IntentRecord& record = ledger.intents.at(0);
  record.state = IntentState::kRejected;
  record.reason = "table.definite_refusal";
  record.settled_at = sim->Now();
  Settle();
  ASSERT_THAT(ledger.late, SizeIs(1));
  EXPECT_EQ(ledger.late[0].rule, "R16.overtaken");
  EXPECT_EQ(ledger.late[0].says, IntentState::kSucceeded);
  EXPECT_THAT(ledger.late[0].evidence_json, HasSubstr(R"("result":{"id":7})"));
  for (const auto& told : {reply, awaited}) {
    ASSERT_TRUE(told->has_value());
    EXPECT_EQ((**told)->disposition, Disposition::kNeedsReview);
  }
  EXPECT_THAT(executor->sent, SizeIs(1)) << "nothing is sent beside a conflict";
}

class EngineOldLookupTest : public EngineReversalTest {};

TEST_F(EngineOldLookupTest, ACancellationThatOverlookedTheBookingUndoesIt) {
  ToolCall earlier = Call("book");
  earlier.session_id = "call-16";
  Run(std::move(earlier));
  ledger.HoldLookups();
  const auto cancelled = Start(Call("cancel_slot", kCancelSlot));
  ledger.HoldNoMoreLookups();
  executor->Add("book", ScriptedExecutor::Success(R"({"id":7})"));
  EXPECT_EQ(Run(Call("book")).disposition, Disposition::kDone);
  ledger.ReleaseLookups();
  Settle();
  ASSERT_TRUE(cancelled->has_value());
  EXPECT_EQ((**cancelled)->disposition, Disposition::kDone);
  EXPECT_EQ(ledger.intents.at(2).reverses_row, 2);
  EXPECT_EQ(ledger.intents.at(1).state, IntentState::kReversed);
  EXPECT_FALSE(Run(Call("book")).replayed) << "it is booked anew";
}

// It is told of its own claim, and its record is tied to that one only.
TEST_F(EngineOldLookupTest, WhoWaitsForAnotherIntentIsNotToldOfThatOnesClaim) {
  ledger.Hold();
  Start(Call("book"));
  std::vector<std::string> heard;
  ToolCall cancel = Call("cancel_slot", kCancelSlot, "c");
  cancel.patience = absl::Minutes(1);
  cancel.on_accepted = [&](const IntentView& view) { heard.push_back(view.id); };
  Start(std::move(cancel));
  ledger.Release();
  sim->RunReady();
  EXPECT_THAT(heard, IsEmpty());
  Settle();
  ASSERT_THAT(ledger.intents, SizeIs(2));
  EXPECT_THAT(heard, ElementsAre(ledger.intents[1].intent_id));
  for (const auto& [id, call] : ledger.calls) {
    EXPECT_TRUE(call.tool_call_id != "c" || call.intent_row == 2);
  }
}

TEST_F(EngineOldLookupTest, WhoWaitedInVainForAClaimIsNotAnsweredByItWhenItComesAgain) {
  ledger.Hold();
  executor->Add("book", ScriptedExecutor::Success(R"({"id":7})", absl::Seconds(5)));
  Start(Call("book"));
  ToolCall cancel = Call("cancel_slot", kCancelSlot, "c");
  cancel.patience = absl::Seconds(1);
  const auto impatient = Start(cancel);
  ledger.Release();
  sim->Advance(absl::Seconds(1));
  ASSERT_TRUE(impatient->has_value());
  EXPECT_EQ((**impatient)->reason, "R7.waits_for_another");
  Settle();
  const Answer again = Run(std::move(cancel));
  EXPECT_EQ(again.disposition, Disposition::kDone);
  EXPECT_EQ(ledger.intents.at(0).state, IntentState::kReversed);
  EXPECT_THAT(SentTools(), ElementsAre("book", "cancel_slot"));
}

// Whoever asks in a loop would otherwise ask without end, of what nobody is at work on.
TEST_F(EngineLookupTest, AnAwaitOfWhatNobodyCanSettleLastsAsLongAsItsPatience) {
  executor->Add("keyed", ScriptedExecutor::Success("{}", absl::Seconds(5)));
  Start(Call("keyed"));
  RestartWith({BookingTool("none", {})});
  ASSERT_THAT(ledger.MarkCrashed(sim->Now()), IsOk());
  const auto awaited = StartAwait(ledger.intents.at(0).intent_id, 0, absl::Seconds(5));
  sim->Advance(absl::Seconds(4));
  EXPECT_FALSE(awaited->has_value());
  sim->Advance(absl::Seconds(1));
  ASSERT_TRUE(awaited->has_value());
  EXPECT_EQ((**awaited)->disposition, Disposition::kUncertain);

  const auto second = StartAwait(ledger.intents.at(0).intent_id, 0, absl::Seconds(30));
  engine->SetTools(std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{
      BookingTool("keyed", {.keyed = true, .key_retention = absl::Hours(24)})}));
  Settle();
  ASSERT_TRUE(second->has_value());
  EXPECT_EQ((**second)->disposition, Disposition::kDone) << "its tool is back";
}

}  // namespace
}  // namespace onetake::testing
