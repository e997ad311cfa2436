// A downstream that has as many attempts under way as it may have.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/testing/engine_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class EngineBusyTest : public EngineFixture {
 protected:
  EngineBusyTest() {
    auto none = BookingTool("none", {});
    none->downstream_in_flight = 2;
    auto keyed = BookingTool("keyed", {.keyed = true, .key_retention = absl::Hours(24)});
    keyed->downstream_in_flight = 2;
    auto patient = BookingTool("patient", {});
    auto find = ReadTool("find");
    find->downstream_in_flight = 2;
    RestartWith({none, keyed, patient, find});
  }
  ToolCall CallOf(std::string tool, int session) {
    ToolCall call = Call(std::move(tool));
    call.session_id = absl::StrCat("s", session);
    return call;
  }
  // So many attempts that take a while.
  void Occupy(std::string tool, int attempts) {
    for (int i = 0; i < attempts; ++i) {
      executor->Add(tool, ScriptedExecutor::Success("{}", absl::Seconds(3)));
      Start(CallOf(tool, i));
    }
  }
};

TEST_F(EngineBusyTest, ACallForMoreIsRefusedAtOnceAndClaimsNothing) {
  Occupy("none", 2);
  const size_t claims = ledger.intents.size();
  const auto reply = Start(CallOf("none", 7));
  sim->RunReady();
  ASSERT_TRUE(reply->has_value());
  const Answer& answer = ***reply;
  EXPECT_EQ(answer.disposition, Disposition::kRejected);
  EXPECT_EQ(answer.reason, "downstream_busy");
  EXPECT_GT(answer.guidance.check_after, absl::ZeroDuration());
  EXPECT_THAT(ledger.intents, SizeIs(claims));
  EXPECT_THAT(executor->sent, SizeIs(2));
}

// All of them are admitted before any claim is durable.
TEST_F(EngineBusyTest, ABurstIsHeldBackBeforeItsClaims) {
  for (int i = 0; i < 5; ++i) {
    engine->Execute(CallOf("none", i), [](absl::StatusOr<Answer>) {});
  }
  sim->RunReady();
  EXPECT_THAT(ledger.intents, SizeIs(2));
  EXPECT_THAT(executor->sent, SizeIs(2));
}

TEST_F(EngineBusyTest, WhatHasEndedMakesRoom) {
  Occupy("none", 2);
  sim->Advance(absl::Seconds(4));
  EXPECT_EQ(Run(CallOf("none", 7)).disposition, Disposition::kDone);
}

TEST_F(EngineBusyTest, WhoJoinsNeedsNoRoom) {
  Occupy("none", 2);
  const auto reply = Start(CallOf("none", 0));
  sim->Advance(absl::Seconds(4));
  ASSERT_TRUE(reply->has_value());
  EXPECT_TRUE((***reply).joined);
}

TEST_F(EngineBusyTest, EveryToolOfTheDownstreamCountsAndEachHasItsOwnLimit) {
  Occupy("patient", 2);
  EXPECT_EQ(Run(CallOf("none", 7)).reason, "downstream_busy");
  EXPECT_EQ(Run(Call("find", "{}")).reason, "downstream_busy");
  EXPECT_EQ(Run(CallOf("patient", 7)).disposition, Disposition::kDone);
}

TEST_F(EngineBusyTest, AReadIsAnsweredAsFailed) {
  Occupy("patient", 2);
  const Answer answer = Run(Call("find", "{}"));
  EXPECT_EQ(answer.disposition, Disposition::kFailed);
  EXPECT_EQ(answer.reason, "downstream_busy");
  EXPECT_GT(answer.guidance.check_after, absl::ZeroDuration());
}

// A resend that would find no room is no attempt.
TEST_F(EngineBusyTest, AResendWaitsForRoomAndThatCostsNoAttempt) {
  executor->Add("keyed", ScriptedExecutor::Failure(FailureKind::kLost));
  const auto reply = Start(CallOf("keyed", 7));
  for (int i = 0; i < 8; ++i) {
    executor->Add("patient", ScriptedExecutor::Success("{}", absl::Seconds(20)));
    Start(CallOf("patient", i));
  }
  sim->Advance(absl::Seconds(19));
  EXPECT_EQ(std::count_if(executor->sent.begin(), executor->sent.end(),
                          [](const auto& sent) { return sent.tool == "keyed"; }),
            1);
  sim->Advance(absl::Seconds(10));
  const Answer answer = Run(CallOf("keyed", 7));
  EXPECT_EQ(answer.disposition, Disposition::kDone);
  EXPECT_EQ(answer.intent->attempts, 2);
}

// Whatever the attempts came to, no room is lost.
TEST_F(EngineBusyTest, NoRoomIsLost) {
  for (int round = 0; round < 20; ++round) {
    executor->Add("none", ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 404));
    executor->Add("find", ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 404));
    EXPECT_NE(Run(CallOf("none", 100 + round)).reason, "downstream_busy") << round;
    EXPECT_NE(Run(Call("find", "{}")).reason, "downstream_busy") << round;
  }
}

// What the loop owns is given back by the loop, not by the ledger's thread when that is done with a
// callback: the counts are the loop's.
TEST_F(EngineBusyTest, RoomIsGivenBackWhileTheLedgerStillHoldsItsCallbacks) {
  ledger.keeps_callbacks = true;
  ledger.fail_claims = 2;
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(RunStatus(CallOf("none", i)),
                StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("nothing was done")));
  }
  for (int i = 2; i < 5; ++i) EXPECT_EQ(Run(CallOf("none", i)).disposition, Disposition::kDone);
}

// The same of the room of a resend that a verdict overtakes on its way to the disk.
TEST_F(EngineBusyTest, RoomThatAVerdictOvertakesIsGivenBackByTheLoop) {
  ledger.keeps_callbacks = true;
  for (int i = 0; i < 2; ++i) {
    executor->Add("keyed", ScriptedExecutor::LostAfterEffect());
    Start(CallOf("keyed", i));
    sim->Advance(absl::Milliseconds(100));
    ASSERT_EQ(ledger.intents.back().state, IntentState::kUnknown);
    ledger.Hold();
    std::optional<absl::Status> status;
    engine->Resolve({.tenant = "t",
                     .intent_id = ledger.intents.back().intent_id,
                     .verdict = IntentState::kRejected,
                     .at = sim->Now()},
                    [&](const absl::StatusOr<IntentRecord>& record) { status = record.status(); });
    sim->Advance(absl::Seconds(5));
    ledger.Release();
    sim->RunReady();
    ASSERT_TRUE(status.has_value());
    EXPECT_THAT(*status, IsOk());
    EXPECT_EQ(ledger.intents.back().attempts, 1) << "the resend was to be counted afterwards";
  }
  EXPECT_EQ(Run(CallOf("keyed", 7)).disposition, Disposition::kDone);
}

// R18: what its downstream had no time to look at has not been tried.
TEST_F(EngineBusyTest, WhatWasOnlyTurnedAwayUsesUpNoGeneration) {
  executor->decide = [](const Json&) {
    return ScriptedExecutor::Failure(FailureKind::kRefusedUnprocessed, 429);
  };
  for (int i = 0; i < 7; ++i) {
    Run(Call("none"));
    Settle();
    ASSERT_EQ(ledger.intents.back().reason, "limit.no_effect");
  }
  executor->decide = [](const Json&) {
    return ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 409);
  };
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Run(Call("none")).reason, "table.definite_refusal");
  EXPECT_EQ(Run(Call("none")).reason, "limit.generations");
}

TEST_F(EngineBusyTest, EvenWhatIsOnlyTurnedAwayIsBounded) {
  executor->decide = [](const Json&) {
    return ScriptedExecutor::Failure(FailureKind::kRefusedUnprocessed, 429);
  };
  for (int i = 0; i < 50; ++i) {
    Run(Call("none"));
    Settle();
  }
  EXPECT_EQ(Run(Call("none")).reason, "limit.generations");
  EXPECT_EQ(ledger.intents.back().generation, 50);
}

}  // namespace
}  // namespace onetake::testing
