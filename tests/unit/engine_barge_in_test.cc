// What discarding a turn does to its calls, at every stage of their lives (R9, R20).
#include "absl/strings/str_cat.h"
#include "runtime/engine/guidance.h"
#include "runtime/engine/turns.h"
#include "tests/testing/engine_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class EngineBargeInTest : public EngineFixture {
 protected:
  static ToolCall InTurn(std::string tool, std::string turn) {
    ToolCall call = Call(std::move(tool));
    call.turn_id = std::move(turn);
    return call;
  }
  Engine::Discarded Discard(const std::string& turn) {
    const Engine::Discarded discarded = engine->DiscardTurn("t", "call-17", turn);
    sim->RunReady();
    return discarded;
  }
  static Disposition Of(const std::shared_ptr<Reply>& reply) {
    return reply->has_value() && (*reply)->ok() ? (**reply)->disposition : Disposition::kPending;
  }
};

TEST_F(EngineBargeInTest, AReadEnds) {
  executor->Add("find", ScriptedExecutor::Success("{}", absl::Seconds(3)));
  const auto reply = Start(InTurn("find", "t1"));
  EXPECT_EQ(Discard("t1").reads, 1);
  ASSERT_TRUE(reply->has_value());
  EXPECT_EQ((**reply)->disposition, Disposition::kFailed);
  EXPECT_EQ((**reply)->reason, "barge_in");
  EXPECT_EQ(executor->cancelled, 1);
}

// R9
TEST_F(EngineBargeInTest, AWriteThatWasSentRunsToItsRecordedEnd) {
  executor->Add("none", ScriptedExecutor::Success("{}", absl::Seconds(3)));
  const auto reply = Start(InTurn("none", "t1"));
  EXPECT_EQ(Discard("t1").withdrawn, 0);
  EXPECT_FALSE(reply->has_value());
  sim->Advance(absl::Seconds(4));
  EXPECT_EQ(Of(reply), Disposition::kDone);
  EXPECT_EQ(executor->cancelled, 0);
}

TEST_F(EngineBargeInTest, AClaimOnItsWayToTheDiskIsRecordedAsNotSent) {
  ledger.Hold();
  const auto reply = Start(InTurn("none", "t1"));
  Discard("t1");
  EXPECT_FALSE(reply->has_value()) << "the claim may be on disk already";
  ledger.Release();
  sim->RunReady();
  EXPECT_EQ(Of(reply), Disposition::kWithdrawn);
  EXPECT_THAT(executor->sent, IsEmpty());
  EXPECT_EQ(ledger.intents[0].state, IntentState::kRejected);
  EXPECT_EQ(ledger.intents[0].reason, "R20.withdrawn");
  ASSERT_TRUE(ledger.transitions[0].attempt_end.has_value());
  EXPECT_EQ(ledger.transitions[0].attempt_end->failure, "NOT_SENT");
  EXPECT_EQ(Run(InTurn("none", "t2")).intent->generation, 2) << "it may be wanted again";
}

TEST_F(EngineBargeInTest, WhatIsStillLookedUpIsNotClaimed) {
  ledger.HoldLookups();
  const auto reply = Start(InTurn("none", "t1"));
  Discard("t1");
  ledger.ReleaseLookups();
  sim->RunReady();
  EXPECT_EQ(Of(reply), Disposition::kWithdrawn);
  EXPECT_THAT(ledger.intents, IsEmpty());
  ASSERT_THAT(ledger.calls, SizeIs(1));
  EXPECT_EQ(ledger.calls.begin()->second.role, CallRole::kWithdrawn);
}

TEST_F(EngineBargeInTest, WhatOnlyWaitsForItsNextTryIsWithdrawn) {
  ScriptedExecutor::Step busy = ScriptedExecutor::Failure(FailureKind::kRefusedUnprocessed, 429);
  busy.report.retry_after = absl::Seconds(30);
  executor->Add("none", busy);
  const auto reply = Start(InTurn("none", "t1"));
  sim->Advance(absl::Seconds(1));
  EXPECT_EQ(Discard("t1").withdrawn, 1);
  EXPECT_EQ(Of(reply), Disposition::kWithdrawn);
  Settle();
  EXPECT_THAT(executor->sent, SizeIs(1));
}

TEST_F(EngineBargeInTest, WhatIsInDoubtIsNotTouched) {
  executor->Add("keyed", ScriptedExecutor::LostAfterEffect());
  ScriptedExecutor::Step busy = ScriptedExecutor::Failure(FailureKind::kRefusedUnprocessed, 429);
  busy.report.retry_after = absl::Seconds(30);
  executor->Add("keyed", busy);
  Start(InTurn("keyed", "t1"));
  sim->Advance(absl::Seconds(5));
  EXPECT_EQ(Discard("t1").withdrawn, 0);
  Settle();
  EXPECT_EQ(ledger.intents[0].state, IntentState::kSucceeded);
}

TEST_F(EngineBargeInTest, WhatAnotherTurnWantsTooGoesOn) {
  for (const char* other : {"t2", ""}) {
    ScriptedExecutor::Step busy = ScriptedExecutor::Failure(FailureKind::kRefusedUnprocessed, 429);
    busy.report.retry_after = absl::Seconds(2);
    executor->Add("none", busy);
    const auto first = Start(InTurn("none", "t1"));
    const auto second = Start(InTurn("none", other));
    sim->Advance(absl::Seconds(1));
    EXPECT_EQ(Discard("t1").withdrawn, 0) << other;
    sim->Advance(absl::Seconds(5));
    EXPECT_EQ(Of(second), Disposition::kDone);
    EXPECT_EQ(Of(first), Disposition::kDone);
    Restart();
    ledger.Clear();
  }
}

// R5, R6: what was done is never called undone.
TEST_F(EngineBargeInTest, WhatWasSentAnswersItsRepeatsAfterTheTurnWasDiscarded) {
  executor->Add("none", ScriptedExecutor::Success(R"({"id":7})", absl::Seconds(2)));
  ToolCall call = InTurn("none", "t1");
  call.tool_call_id = "toolu_1";
  Start(call);
  Discard("t1");
  const auto joined = Start(InTurn("none", "t1"));
  sim->Advance(absl::Seconds(3));
  EXPECT_EQ(Of(joined), Disposition::kDone);
  EXPECT_EQ(Run(InTurn("none", "t1")).result_json, R"({"id":7})") << "a repeat";
  EXPECT_EQ(Run(call).result_json, R"({"id":7})") << "a redelivery";
  EXPECT_THAT(executor->effects, SizeIs(1));
}

TEST_F(EngineBargeInTest, WhoJoinsDuringTheWithdrawalOpensTheNextGeneration) {
  ScriptedExecutor::Step busy = ScriptedExecutor::Failure(FailureKind::kRefusedUnprocessed, 429);
  busy.report.retry_after = absl::Seconds(30);
  executor->Add("none", busy);
  Start(InTurn("none", "t1"));
  sim->Advance(absl::Seconds(1));
  ledger.Hold();
  Discard("t1");
  const auto other = Start(InTurn("none", "t2"));
  ledger.Release();
  sim->Advance(absl::Seconds(2));
  ASSERT_EQ(Of(other), Disposition::kDone);
  EXPECT_EQ((**other)->intent->generation, 2);
}

TEST_F(EngineBargeInTest, ABargeInWhileTheNextTryIsRecordedCountsToo) {
  for (const int held : {1, 2}) {  // the schedule, or the beginning, of the second attempt
    ScriptedExecutor::Step busy = ScriptedExecutor::Failure(FailureKind::kRefusedUnprocessed, 429);
    busy.report.retry_after = absl::Seconds(1);
    executor->Add("none", busy);
    const auto reply = Start(InTurn("none", "t1"));
    if (held == 2) sim->Advance(absl::Milliseconds(200));
    ledger.Hold();
    sim->Advance(held == 1 ? absl::Milliseconds(200) : absl::Milliseconds(1500));
    Discard("t1");
    ledger.Release();
    sim->Advance(absl::Seconds(5));
    EXPECT_EQ(Of(reply), Disposition::kWithdrawn) << held;
    EXPECT_THAT(executor->sent, SizeIs(1)) << held;
    Restart();
    ledger.Clear();
  }
}

TEST_F(EngineBargeInTest, AnAwaitThatIsOverKeepsNothingAlive) {
  ScriptedExecutor::Step busy = ScriptedExecutor::Failure(FailureKind::kRefusedUnprocessed, 429);
  busy.report.retry_after = absl::Seconds(60);
  executor->Add("none", busy);
  Start(InTurn("none", "t1"));
  sim->Advance(absl::Seconds(1));
  engine->Await("t", ledger.intents[0].intent_id, 0, absl::Seconds(5),
                [](const absl::StatusOr<Answer>&) {});
  sim->RunReady();
  EXPECT_EQ(Discard("t1").withdrawn, 0) << "somebody waits for it";
  sim->Advance(absl::Seconds(6));
  EXPECT_EQ(Discard("t1").withdrawn, 1);
}

// pipecat-ai/pipecat#5779: the cancellation comes first.
TEST_F(EngineBargeInTest, ACallThatArrivesAfterItsTurnWasDiscardedDoesNothing) {
  Discard("t1");
  EXPECT_EQ(Run(InTurn("none", "t1")).disposition, Disposition::kWithdrawn);
  const Answer read = Run(InTurn("find", "t1"));
  EXPECT_EQ(read.disposition, Disposition::kFailed);
  EXPECT_THAT(executor->sent, IsEmpty());
  EXPECT_THAT(ledger.intents, IsEmpty());
  EXPECT_EQ(Run(InTurn("none", "t2")).disposition, Disposition::kDone);
}

// R6: who was told that it was not run is told so again, when the turn is forgotten too.
TEST_F(EngineBargeInTest, TheRedeliveryOfAWithdrawnCallIsWithdrawnAfterARestart) {
  Discard("t1");
  ToolCall call = InTurn("none", "t1");
  call.tool_call_id = "toolu_1";
  EXPECT_EQ(Run(call).disposition, Disposition::kWithdrawn);
  Restart();
  for (int delivery = 0; delivery < 2; ++delivery) {
    EXPECT_EQ(Run(call).disposition, Disposition::kWithdrawn);
  }
  EXPECT_THAT(executor->sent, IsEmpty());
  EXPECT_EQ(Run(InTurn("none", "t2")).disposition, Disposition::kDone);
  EXPECT_EQ(Run(call).disposition, Disposition::kDone) << "what was sent answers whoever asks";
  EXPECT_THAT(executor->effects, SizeIs(1));
}

TEST_F(EngineBargeInTest, AnotherSessionsTurnOfTheSameNameIsAnotherTurn) {
  Discard("t1");
  ToolCall call = InTurn("none", "t1");
  call.session_id = "call-18";
  EXPECT_EQ(Run(std::move(call)).disposition, Disposition::kDone);
}

TEST_F(EngineBargeInTest, ATextSaysThatNothingWasDone) {
  Discard("t1");
  const Answer answer = Run(InTurn("none", "t1"));
  EXPECT_THAT(answer.guidance.llm_text, HasSubstr("nothing was changed"));
  EXPECT_TRUE(answer.guidance.may_call_again);
}

TEST_F(EngineBargeInTest, WhoeverListensHearsOfEveryOutcomeOnce) {
  std::vector<std::string> heard;
  engine->set_on_settled([&](const IntentRecord& record, const Answer& answer) {
    heard.push_back(absl::StrCat(record.tool, " ", ToString(answer.disposition), " ", answer.seq));
  });
  executor->Add("none", ScriptedExecutor::LostAfterEffect());
  Run(Call("keyed"));
  Run(Call("none"));
  Run(Call("keyed"));
  EXPECT_THAT(heard, ::testing::ElementsAre("keyed DONE 2", "none NEEDS_REVIEW 5"));
}

TEST_F(EngineBargeInTest, WhatMoreTurnsWantThanAreKeptIsNotWithdrawn) {
  constexpr int kTurns = 70;
  ScriptedExecutor::Step busy = ScriptedExecutor::Failure(FailureKind::kRefusedUnprocessed, 429);
  busy.report.retry_after = absl::Seconds(30);
  executor->Add("none", busy);
  for (int i = 0; i < kTurns; ++i) {
    Start(InTurn("none", absl::StrCat("t", i)));
    if (i < 20) Start(InTurn("none", absl::StrCat("t", i)));
    sim->Advance(absl::Milliseconds(20));
  }
  for (int i = 0; i < kTurns; ++i) EXPECT_EQ(Discard(absl::StrCat("t", i)).withdrawn, 0) << i;
  Settle();
  EXPECT_EQ(ledger.intents.at(0).state, IntentState::kSucceeded);
}

TEST(DiscardedTurnsTest, OneTenantsNeverPushOutAnothers) {
  DiscardedTurns turns;
  const Turn first{.tenant = "t", .session_id = "s", .turn_id = "0"};
  turns.Add(first, absl::Seconds(1));
  for (size_t i = 0; i <= DiscardedTurns::kMost; ++i) {
    turns.Add({.tenant = "other", .session_id = "s", .turn_id = std::to_string(i)},
              absl::Seconds(1));
  }
  EXPECT_TRUE(turns.Contains(first, absl::Seconds(1)));
}

TEST(DiscardedTurnsTest, TheSameTurnTakesOnePlace) {
  DiscardedTurns turns;
  const Turn first{.tenant = "t", .session_id = "s", .turn_id = "0"};
  turns.Add(first, absl::Seconds(1));
  for (size_t i = 0; i < 2 * DiscardedTurns::kMost; ++i) {
    turns.Add({.tenant = "t", .session_id = "s", .turn_id = "again"}, absl::Seconds(1));
  }
  EXPECT_TRUE(turns.Contains(first, absl::Seconds(1)));
}

TEST(DiscardedTurnsTest, AreForgottenByAgeAndByNumber) {
  DiscardedTurns turns;
  const Turn first{.tenant = "t", .session_id = "s", .turn_id = "0"};
  turns.Add(first, absl::Seconds(1));
  EXPECT_TRUE(turns.Contains(first, absl::Minutes(10)));
  EXPECT_FALSE(turns.Contains(first, absl::Minutes(10) + absl::Seconds(1)));
  turns.Add(first, absl::Minutes(20));
  for (size_t i = 1; i <= DiscardedTurns::kMost; ++i) {
    turns.Add({.tenant = "t", .session_id = "s", .turn_id = std::to_string(i)}, absl::Minutes(20));
  }
  EXPECT_FALSE(turns.Contains(first, absl::Minutes(20)));
  turns.Add({.tenant = "t", .session_id = "s", .turn_id = "9"}, absl::Minutes(25));
  EXPECT_TRUE(turns.Contains({.tenant = "t", .session_id = "s", .turn_id = "9"}, absl::Minutes(31)))
      << "discarded again";
  EXPECT_FALSE(turns.Contains({.tenant = "t", .session_id = "s"}, absl::Minutes(20)));
}

TEST(DiscardedTurnsTest, AWriteIsTheirsForAsLongAsTheyAreRemembered) {
  const absl::Duration at = absl::Seconds(1);
  const Turn turn{.tenant = "t", .session_id = "s", .turn_id = "0"};
  const Turn stands{.tenant = "t", .session_id = "s", .turn_id = "1"};
  DiscardedTurns turns;
  turns.Add(turn, at);
  turns.NoteSettled(stands, "i", 2);
  turns.NoteSettled(turn, "i", 1);
  EXPECT_EQ(turns.TurnOf("t", "i", 1, at), "0");
  EXPECT_EQ(turns.TurnOf("t", "i", 2, at), "") << "of a turn that was not discarded";
  EXPECT_EQ(turns.TurnOf("u", "i", 1, at), "");
  EXPECT_EQ(turns.TurnOf("t", "j", 1, at), "");
  EXPECT_EQ(turns.TurnOf("t", "i", 1, at + DiscardedTurns::kRemembered), "");
  turns.Add({.tenant = "t", .session_id = "s", .turn_id = "2"}, at + DiscardedTurns::kRemembered);
  EXPECT_EQ(turns.TurnOf("t", "i", 1, at), "") << "forgotten";
}

// A write that settles twice, by a late outcome, is one; and no turn has more than it may have.
TEST(DiscardedTurnsTest, AWriteIsNotedOnceAndWritesAreBounded) {
  const absl::Duration at = absl::Seconds(1);
  const Turn turn{.tenant = "t", .session_id = "s", .turn_id = "0"};
  DiscardedTurns turns;
  turns.Add(turn, at);
  for (int i = 0; i < 100; ++i) turns.NoteSettled(turn, "first", 1);
  for (int i = 1; i <= 64; ++i) turns.NoteSettled(turn, std::to_string(i), 1);
  EXPECT_EQ(turns.TurnOf("t", "first", 1, at), "0");
  EXPECT_EQ(turns.TurnOf("t", "63", 1, at), "0");
  EXPECT_EQ(turns.TurnOf("t", "64", 1, at), "");
}

// A turn without a name is nobody's, and takes nobody's place.
TEST(DiscardedTurnsTest, ATurnThatIsNotKnownIsNotDiscarded) {
  DiscardedTurns turns;
  turns.Add({.tenant = "t", .session_id = "s"}, absl::Seconds(1));
  turns.NoteSettled({.tenant = "t", .session_id = "s"}, "i", 1);
  EXPECT_EQ(turns.TurnOf("t", "i", 1, absl::Seconds(1)), "");
}

TEST_F(EngineBargeInTest, AnOpenWriteOfADiscardedTurnIsNotSpokenOfInAnyLanguage) {
  executor->Add("none", ScriptedExecutor::Success("{}", absl::Seconds(20)));
  ToolCall call = Call("none");
  call.turn_id = "t1";
  const auto reply = Start(std::move(call));
  engine->DiscardTurn("t", "call-17", "t1");
  sim->Advance(absl::Seconds(10));
  ASSERT_TRUE(reply->has_value());
  Answer answer = ***reply;
  EXPECT_EQ(answer.disposition, Disposition::kPending);
  EXPECT_EQ(answer.guidance.say, "");
  SpeakIn("es", nullptr, answer);
  EXPECT_EQ(answer.guidance.say, "");
  call = Call("none");
  call.turn_id = "t2";
  EXPECT_NE(Run(std::move(call)).guidance.say, "") << "a turn that stands";
}

}  // namespace
}  // namespace onetake::testing
