// Claims that hang on their way to the disk, and what those are told who cannot wait for them.
#include "absl/strings/str_cat.h"
#include "tests/testing/engine_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class EngineSlowDiskTest : public EngineFixture {
 protected:
  void SetUp() override {
    engine->set_on_settled([this](const IntentRecord& record, const Answer& answer) {
      heard.push_back(absl::StrCat(record.tool, " ", ToString(answer.disposition)));
    });
    ledger.Hold();
  }
  // A call whose time is over while its claim hangs; the id of its intent.
  std::string CalledUncertain() {
    ToolCall call = Call("none");
    call.patience = absl::Seconds(1);
    call.answer_within = absl::Seconds(2);
    const auto reply = Start(std::move(call));
    sim->Advance(absl::Seconds(2));
    EXPECT_EQ((**reply)->disposition, Disposition::kUncertain);
    return (**reply)->intent->id;
  }
  std::shared_ptr<Reply> StartAwait(const std::string& intent_id) {
    auto reply = std::make_shared<Reply>();
    engine->Await("t", intent_id, 0, absl::Seconds(1),
                  [reply](absl::StatusOr<Answer> answer) { *reply = std::move(answer); });
    sim->RunReady();
    return reply;
  }
  void SetCancelOfNone() {
    const Json identity{{"slot_iso", "$.slot_iso"}, {"provider_id", "$.provider_id"}};
    auto cancel = BookingTool("cancel", {.natural = true});
    cancel->reverses =
        ReversesSpec{.tool = "none", .identity = JsonTemplate::Parse(identity).value()};
    engine->SetTools(std::make_shared<ToolSet>(
        std::vector<std::shared_ptr<const Tool>>{BookingTool("none", {}), cancel}));
  }

  std::vector<std::string> heard;
};

TEST_F(EngineSlowDiskTest, AnAwaitIsAnsweredAtItsPatience) {
  const auto awaited = StartAwait(CalledUncertain());
  EXPECT_FALSE(awaited->has_value());
  sim->Advance(absl::Seconds(1));
  ASSERT_TRUE(awaited->has_value());
  EXPECT_EQ((**awaited)->disposition, Disposition::kUncertain);
  EXPECT_EQ((**awaited)->reason, "R1.claim_on_its_way");
  ledger.Release();
  Settle();
  EXPECT_THAT(executor->effects, SizeIs(1));
}

// Most callers say only how long they wait.
TEST_F(EngineSlowDiskTest, ACallThatNamesNoLastMomentIsAnsweredSoonAfterItsPatience) {
  ToolCall call = Call("none");
  call.patience = absl::Seconds(1);
  const auto reply = Start(std::move(call));
  sim->Advance(absl::Seconds(2));
  ASSERT_TRUE(reply->has_value());
  EXPECT_EQ((**reply)->disposition, Disposition::kUncertain);
  EXPECT_EQ((**reply)->reason, "R1.claim_on_its_way");
  ledger.Release();
  Settle();
  EXPECT_THAT(heard, ElementsAre("none DONE"));
}

// An RPC's deadline of half a minute is no wish to hear nothing for that long.
TEST_F(EngineSlowDiskTest, ACallWithALateLastMomentIsAnsweredSoonAfterItsPatience) {
  ToolCall call = Call("none");
  call.patience = absl::Seconds(1);
  call.answer_within = absl::Seconds(30);
  const auto reply = Start(std::move(call));
  sim->Advance(absl::Seconds(2));
  ASSERT_TRUE(reply->has_value());
  EXPECT_EQ((**reply)->reason, "R1.claim_on_its_way");
}

TEST_F(EngineSlowDiskTest, ALookUpThatHangsIsWaitedForNoLonger) {
  ledger.HoldLookups();
  ToolCall call = Call("none");
  call.patience = absl::Seconds(1);
  const auto reply = Start(std::move(call));
  sim->Advance(absl::Seconds(2));
  ASSERT_TRUE(reply->has_value());
  EXPECT_THAT(**reply, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("in time")));
}

// The same of what is not looked up to be claimed: a call that is refused, and an Await.
TEST_F(EngineSlowDiskTest, WhoWaitsForALookUpThatHangsIsAnsweredAtTheirPatience) {
  ledger.Release();
  const std::string id = Run(Call("none")).intent->id;
  ledger.HoldLookups();
  ToolCall unknown = Call("nobody", "{}", "a");
  unknown.patience = absl::Seconds(1);
  const auto refused = Start(std::move(unknown));
  const auto awaited = StartAwait(id);
  const size_t recorded = ledger.calls.size();
  sim->Advance(absl::Seconds(2));
  for (const auto& reply : {refused, awaited}) {
    ASSERT_TRUE(reply->has_value());
    EXPECT_THAT(**reply, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("in time")));
  }
  EXPECT_EQ(engine->in_flight(), 0U);
  ledger.ReleaseLookups();
  sim->RunReady();
  EXPECT_THAT(ledger.calls, SizeIs(recorded)) << "who heard nothing of it may send it again";
}

TEST_F(EngineSlowDiskTest, WhatMightHaveBeenClaimedAndWasNotIsToldToBeUndone) {
  const std::string id = CalledUncertain();
  ledger.fail_claims = 1;
  ledger.Release();
  sim->RunReady();
  EXPECT_THAT(heard, ElementsAre("none REJECTED"));
  const auto awaited = StartAwait(id);
  ASSERT_TRUE(awaited->has_value());
  ASSERT_THAT(**awaited, IsOk());
  EXPECT_EQ((**awaited)->disposition, Disposition::kRejected);
  EXPECT_TRUE((**awaited)->guidance.may_call_again);
  EXPECT_THAT(executor->sent, IsEmpty());
  EXPECT_EQ(Run(Call("none")).disposition, Disposition::kDone);
  const auto done = StartAwait(id);
  EXPECT_EQ((**done)->disposition, Disposition::kDone);
}

TEST_F(EngineSlowDiskTest, AClaimThatNobodyWasToldOfFailsInSilence) {
  const auto reply = Start(Call("none"));
  ledger.fail_claims = 1;
  ledger.Release();
  sim->RunReady();
  EXPECT_THAT(**reply, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("recorded")));
  EXPECT_THAT(heard, IsEmpty());
}

// It is not told of the other intent, which it has nothing to do with but to wait for.
TEST_F(EngineSlowDiskTest, WhoWaitsForAnotherIntentIsToldThatAtItsLastMoment) {
  SetCancelOfNone();
  const auto booking = Start(Call("none"));
  ToolCall call = Call("cancel");
  call.patience = absl::Seconds(10);
  call.answer_within = absl::Seconds(2);
  const auto reply = Start(std::move(call));
  sim->Advance(absl::Seconds(2));
  ASSERT_TRUE(reply->has_value());
  EXPECT_EQ((**reply)->reason, "R7.waits_for_another");
  EXPECT_FALSE(booking->has_value());
}

TEST_F(EngineSlowDiskTest, WhoIsTakenBackWhileItWaitsLeavesNoTimerBehind) {
  SetCancelOfNone();
  Start(Call("none"));
  const size_t timers = sim->waiting();
  ToolCall call = Call("cancel");
  call.turn_id = "turn-2";
  call.answer_within = absl::Seconds(60);
  const auto reply = Start(std::move(call));
  engine->DiscardTurn("t", "call-17", "turn-2");
  sim->RunReady();
  ASSERT_TRUE(reply->has_value());
  EXPECT_EQ((**reply)->disposition, Disposition::kWithdrawn);
  EXPECT_EQ(sim->waiting(), timers);
}

class EngineRefusedClaimTest : public EngineFixture {
 protected:
  void SetUp() override {
    engine->set_on_settled([this](const IntentRecord& record, const Answer& answer) {
      heard.push_back(absl::StrCat(record.generation, " ", ToString(answer.disposition)));
    });
  }
  static ToolCall Impatient() {
    ToolCall call = Call("none");
    call.patience = absl::Seconds(1);
    call.answer_within = absl::Seconds(2);
    return call;
  }

  std::vector<std::string> heard;
};

// A late outcome of the generation before forbids the claim that hangs behind it. The ledger is so
// slow that it refuses a look-up, too.
TEST_F(EngineRefusedClaimTest, WhatMightHaveBeenClaimedAndWasRefusedIsToldToBeUndone) {
  executor->Add("none", ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 409));
  Run(Call("none"));
  heard.clear();
  ledger.Hold();
  ledger.RecordLate(
      {.row = 1, .says = IntentState::kSucceeded, .at = sim->Now()},
      [](const absl::StatusOr<IntentRecord>& record) { EXPECT_THAT(record, IsOk()); });
  const auto reply = Start(Impatient());
  sim->Advance(absl::Seconds(2));
  ASSERT_EQ((**reply)->disposition, Disposition::kUncertain);
  ASSERT_EQ((**reply)->intent->generation, 2);
  ledger.fail_lookups = 1;
  ledger.Release();
  sim->RunReady();
  EXPECT_EQ(ledger.fail_lookups, 0);
  sim->Advance(absl::Seconds(1));
  EXPECT_THAT(heard, ElementsAre("2 REJECTED"));
  std::optional<absl::StatusOr<Answer>> awaited;
  engine->Await("t", (**reply)->intent->id, 2, absl::Seconds(1),
                [&](absl::StatusOr<Answer> answer) { awaited = std::move(answer); });
  sim->RunReady();
  ASSERT_THAT(*awaited, IsOk());
  EXPECT_EQ((*awaited)->disposition, Disposition::kRejected);
  EXPECT_THAT(executor->sent, SizeIs(1));
}

// It is asked for as long as the ledger cannot be read, and nothing is sent meanwhile.
TEST_F(EngineRefusedClaimTest, WhatWasRefusedKeepsNoPlaceAtItsDownstream) {
  std::shared_ptr<Tool> none = BookingTool("none", {});
  none->downstream_in_flight = 1;
  engine->SetTools(std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{none}));
  executor->Add("none", ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 409));
  Run(Call("none"));
  ledger.Hold();
  ledger.RecordLate({.row = 1, .says = IntentState::kSucceeded, .at = sim->Now()},
                    [](const absl::StatusOr<IntentRecord>&) {});
  const auto reply = Start(Impatient());
  sim->Advance(absl::Seconds(2));
  ASSERT_EQ((**reply)->disposition, Disposition::kUncertain);
  ledger.fail_lookups = 1;
  ledger.Release();
  sim->RunReady();
  ASSERT_EQ(ledger.fail_lookups, 0);
  ToolCall other = Call("none");
  other.session_id = "call-18";
  EXPECT_EQ(Run(std::move(other)).disposition, Disposition::kDone);
}

// The look-up was older than the claim of another call, which took effect.
TEST_F(EngineRefusedClaimTest, WhatAnotherCallHasClaimedIsNotToldToBeUndone) {
  ledger.HoldLookups();
  const auto reply = Start(Impatient());
  ledger.HoldNoMoreLookups();
  Run(Call("none"));
  ASSERT_THAT(heard, ElementsAre("1 DONE"));
  ledger.Hold();
  ledger.ReleaseLookups();
  sim->Advance(absl::Seconds(2));
  ASSERT_EQ((**reply)->disposition, Disposition::kUncertain);
  ASSERT_EQ((**reply)->intent->generation, 1);
  ledger.Release();
  Settle();
  EXPECT_THAT(heard, ElementsAre("1 DONE"));
  EXPECT_THAT(executor->sent, SizeIs(1));
}

}  // namespace
}  // namespace onetake::testing
