// Writes that set the state of one thing: one after the other, and the last one stands (R7).
#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/testing/engine_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// The provider is the thing, the slot what it is set to.
class EngineSetsTest : public EngineFixture {
 protected:
  EngineSetsTest() { Restart(); }

  static std::shared_ptr<Tool> Setting(std::shared_ptr<Tool> tool) {
    tool->intent.sets = {{"$.provider_id", "provider_id", Normaliser::kVerbatim}};
    return tool;
  }
  static std::shared_ptr<Tool> Keyed() {
    return Setting(BookingTool("keyed", {.keyed = true, .key_retention = absl::Hours(24)}));
  }
  void Restart() {
    RestartWith({Keyed(), Setting(BookingTool("natural", {.natural = true})),
                 Setting(BookingTool("probed", {.probed = true})), Setting(BookingTool("none", {})),
                 ReadTool("find")});
  }
  void SetTools(std::vector<std::shared_ptr<const Tool>> tools) {
    engine->SetTools(std::make_shared<ToolSet>(std::move(tools)));
  }
  static ToolCall Set(std::string tool, int hour, std::string id = "",
                      absl::string_view thing = "dr-kim") {
    return Call(std::move(tool),
                absl::StrCat(R"({"slot_iso":"2026-06-24T)", hour,
                             R"(:00:00-05:00","provider_id":")", thing, R"("})"),
                std::move(id));
  }
  static ToolCall Patiently(ToolCall call) {
    call.patience = absl::Minutes(2);
    return call;
  }
  // The hours that were sent of writes, in their order.
  std::vector<int> Hours() const {
    std::vector<int> hours;
    for (const ScriptedExecutor::Sent& sent : executor->sent) {
      if (sent.tool == "find") continue;
      const Json arguments = Json::parse(sent.rendered)["arguments"];
      hours.push_back(std::stoi(arguments["slot_iso"].get<std::string>().substr(11, 2)));
    }
    return hours;
  }
  // The hour that the downstream has.
  int Standing() const {
    const std::string& key = executor->effects.back();
    const auto sent = absl::c_find_if(
        executor->sent, [&](const auto& one) { return absl::StrContains(one.rendered, key); });
    const Json arguments = Json::parse(sent->rendered)["arguments"];
    return std::stoi(arguments["slot_iso"].get<std::string>().substr(11, 2));
  }
  void Loses(const std::string& tool) {
    executor->Add(tool, ScriptedExecutor::Failure(FailureKind::kLost));
  }
  void LosesTheAnswer(const std::string& tool) {
    executor->Add(tool, ScriptedExecutor::LostAfterEffect());
  }
  void Resolve(const IntentRecord& record, IntentState verdict) {
    std::optional<absl::Status> status;
    engine->Resolve({.tenant = record.tenant,
                     .intent_id = record.intent_id,
                     .generation = record.generation,
                     .verdict = verdict,
                     .by = "dana",
                     .at = sim->Now()},
                    [&](const absl::StatusOr<IntentRecord>& now) { status = now.status(); });
    sim->RunReady();
    ASSERT_TRUE(status.has_value());
    EXPECT_THAT(*status, IsOk());
  }
  const IntentRecord& Row(int64_t row) { return ledger.intents.at(row - 1); }
};

class EngineSetBackTest : public EngineSetsTest,
                          public ::testing::WithParamInterface<const char*> {};

TEST_P(EngineSetBackTest, WhatIsSetToAnotherValueAndBackIsSentThreeTimes) {
  const std::string tool = GetParam();
  EXPECT_FALSE(Run(Set(tool, 14, "c1")).replayed);
  EXPECT_FALSE(Run(Set(tool, 16, "c2")).replayed);
  const Answer third = Run(Set(tool, 14, "c3"));
  EXPECT_EQ(third.disposition, Disposition::kDone);
  EXPECT_FALSE(third.replayed);
  EXPECT_EQ(third.intent->generation, 2);
  EXPECT_THAT(Hours(), ElementsAre(14, 16, 14));
  EXPECT_EQ(Row(1).reason, "R7.overwritten");
  EXPECT_EQ(Row(2).reason, "R7.overwritten");
  EXPECT_EQ(Row(3).state, IntentState::kSucceeded);
}

INSTANTIATE_TEST_SUITE_P(Safety, EngineSetBackTest,
                         ::testing::Values("keyed", "natural", "probed", "none"));

TEST_F(EngineSetsTest, ARetryOfTheLastOneIsReplayed) {
  Run(Set("keyed", 14, "c1"));
  Run(Set("keyed", 16, "c2"));
  EXPECT_TRUE(Run(Set("keyed", 16, "c3")).replayed);
  EXPECT_THAT(Hours(), ElementsAre(14, 16));
}

// R6
TEST_F(EngineSetsTest, TheFirstCallDeliveredAgainIsToldThatItWasReplaced) {
  executor->Add("keyed", ScriptedExecutor::Success(R"({"id":7})"));
  Run(Set("keyed", 14, "c1"));
  Run(Set("keyed", 16, "c2"));
  const Answer again = Run(Set("keyed", 14, "c1"));
  EXPECT_EQ(again.disposition, Disposition::kDone);
  EXPECT_TRUE(again.replayed);
  EXPECT_EQ(again.reason, "R7.overwritten");
  EXPECT_EQ(again.guidance.llm_text,
            "keyed took effect and has been replaced since by what a later call has set; this call "
            "is not run again. Its result was: {\"id\":7}");
  EXPECT_EQ(again.guidance.say, "");
  EXPECT_EQ(again.guidance.next_action, NextAction::kAskUser);
  EXPECT_FALSE(again.guidance.may_call_again);
  EXPECT_THAT(Hours(), ElementsAre(14, 16));
}

TEST_F(EngineSetsTest, WhatIsSentAgainIsSentBeforeTheNextOne) {
  ScriptedExecutor::Step busy = ScriptedExecutor::Failure(FailureKind::kRefusedUnprocessed, 429);
  busy.report.retry_after = absl::Seconds(5);
  executor->Add("none", busy);
  Start(Set("none", 14));
  sim->Advance(absl::Seconds(1));
  const auto second = Start(Patiently(Set("none", 16)));
  sim->Advance(absl::Seconds(2));
  EXPECT_THAT(Hours(), ElementsAre(14));
  Settle();
  ASSERT_TRUE(second->has_value());
  EXPECT_EQ((**second)->disposition, Disposition::kDone);
  EXPECT_FALSE((**second)->replayed);
  EXPECT_THAT(Hours(), ElementsAre(14, 14, 16));
  EXPECT_EQ(Standing(), 16);
}

TEST_F(EngineSetsTest, WhoDoesNotWaitForThatHearsThatNothingWasDone) {
  Loses("keyed");
  executor->Add("keyed", ScriptedExecutor::Success("{}", absl::Seconds(7)));
  Start(Set("keyed", 14));
  sim->Advance(absl::Seconds(1));
  const Answer second = Run(Set("keyed", 16));
  EXPECT_EQ(second.disposition, Disposition::kRejected);
  EXPECT_EQ(second.reason, "R7.waits_for_another");
  EXPECT_TRUE(second.guidance.may_call_again);
  Settle();
  EXPECT_THAT(Hours(), ElementsAre(14, 14));
  EXPECT_FALSE(Run(Set("keyed", 16)).replayed);
  EXPECT_EQ(Standing(), 16);
}

// The probe would find what the next one has set, and the first one would be sent once more.
TEST_F(EngineSetsTest, AProbeAsksWhileNothingElseIsSet) {
  executor->decide = [this](const Json& rendered) -> std::optional<ScriptedExecutor::Step> {
    if (rendered["tool"] != "find") return std::nullopt;
    const bool found = !executor->effects.empty() && Standing() == 14;
    return ScriptedExecutor::Success(found ? R"({"found":[{"id":7}]})" : R"({"found":[]})");
  };
  LosesTheAnswer("probed");
  Start(Set("probed", 14));
  sim->Advance(absl::Seconds(1));
  const auto second = Start(Patiently(Set("probed", 16)));
  Settle();
  ASSERT_TRUE(second->has_value());
  EXPECT_EQ((**second)->disposition, Disposition::kDone);
  EXPECT_THAT(Hours(), ElementsAre(14, 16));
  EXPECT_EQ(Standing(), 16);
}

TEST_F(EngineSetsTest, WhatWasDoneBeforeIsNotToldWhileTheNextOneIsInDoubt) {
  Run(Set("keyed", 14, "c1"));
  LosesTheAnswer("keyed");
  executor->Add("keyed", ScriptedExecutor::Success("{}", absl::Seconds(7)));
  Start(Set("keyed", 16, "c2"));
  sim->Advance(absl::Seconds(1));
  const Answer waits = Run(Set("keyed", 14, "c3"));
  EXPECT_EQ(waits.disposition, Disposition::kUncertain) << "it was changed to that before";
  EXPECT_EQ(waits.reason, "R7.waits_for_another");
  const auto back = Start(Patiently(Set("keyed", 14, "c4")));
  Settle();
  ASSERT_TRUE(back->has_value());
  EXPECT_FALSE((**back)->replayed);
  EXPECT_EQ((**back)->intent->generation, 2);
  EXPECT_THAT(Hours(), ElementsAre(14, 16, 16, 14));
}

TEST_F(EngineSetsTest, WhatWasDoneBeforeIsReplayedWhenTheNextOneWasRefused) {
  Run(Set("keyed", 14, "c1"));
  executor->Add("keyed", ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 409));
  EXPECT_EQ(Run(Set("keyed", 16, "c2")).disposition, Disposition::kRejected);
  EXPECT_TRUE(Run(Set("keyed", 14, "c3")).replayed);
}

class EngineSetVerdictTest : public EngineSetsTest {
 protected:
  // Set to 14, then to 16, of which only a person can tell.
  void LeaveToAPerson() {
    Run(Set("none", 14, "c1"));
    LosesTheAnswer("none");
    EXPECT_EQ(Run(Set("none", 16, "c2")).disposition, Disposition::kNeedsReview);
  }
  // A write that a person finds not done while an attempt is in flight, which ends so.
  void Overtake(ScriptedExecutor::Step end, int hour) {
    Loses("keyed");
    end.after = absl::Seconds(7);
    executor->Add("keyed", std::move(end));
    Start(Set("keyed", hour));
    sim->Advance(absl::Seconds(2));
    ASSERT_EQ(ledger.intents.back().state, IntentState::kUnknown);
    Resolve(ledger.intents.back(), IntentState::kRejected);
  }
};

TEST_F(EngineSetVerdictTest, NothingIsSetWhileAPersonHasToLookAtTheOneBefore) {
  LeaveToAPerson();
  for (const int hour : {14, 18}) {
    const Answer held = Run(Set("none", hour));
    EXPECT_EQ(held.disposition, Disposition::kNeedsReview);
    EXPECT_EQ(held.reason, "R7.earlier_unsettled");
    EXPECT_EQ(held.intent->id, Row(2).intent_id);
    EXPECT_THAT(held.guidance.llm_text,
                HasSubstr("none was not run: an earlier call for the same"));
    EXPECT_FALSE(held.guidance.may_call_again);
  }
  EXPECT_THAT(Hours(), ElementsAre(14, 16));
}

TEST_F(EngineSetVerdictTest, ThatItTookEffectReplacesTheOneBefore) {
  LeaveToAPerson();
  Resolve(Row(2), IntentState::kSucceeded);
  EXPECT_EQ(Row(1).reason, "R7.overwritten");
  EXPECT_TRUE(Run(Set("none", 16)).replayed);
  EXPECT_EQ(Run(Set("none", 14)).intent->generation, 2);
  EXPECT_THAT(Hours(), ElementsAre(14, 16, 14));
}

TEST_F(EngineSetVerdictTest, ThatItDidNotLeavesTheOneBefore) {
  LeaveToAPerson();
  Resolve(Row(2), IntentState::kRejected);
  EXPECT_TRUE(Run(Set("none", 14)).replayed);
  EXPECT_FALSE(Run(Set("none", 18)).replayed);
}

TEST_F(EngineSetVerdictTest, AnAttemptThatAVerdictHasOvertakenIsWaitedFor) {
  Overtake(ScriptedExecutor::Failure(FailureKind::kLost), 14);
  const auto next = Start(Patiently(Set("keyed", 16)));
  sim->Advance(absl::Seconds(1));
  EXPECT_THAT(Hours(), ElementsAre(14, 14));
  Settle();
  ASSERT_TRUE(next->has_value());
  EXPECT_EQ((**next)->disposition, Disposition::kDone);
  EXPECT_THAT(Hours(), ElementsAre(14, 14, 16));
}

TEST_F(EngineSetVerdictTest, WhatTookEffectAgainstAVerdictIsReplacedByWhatCameLater) {
  Overtake(ScriptedExecutor::Success("{}"), 14);
  EXPECT_EQ(Run(Patiently(Set("keyed", 16))).disposition, Disposition::kDone);
  ASSERT_TRUE(Row(1).review_at.has_value());
  Resolve(Row(1), IntentState::kSucceeded);
  EXPECT_EQ(Row(1).state, IntentState::kReversed);
  EXPECT_TRUE(Run(Set("keyed", 16)).replayed);
  EXPECT_FALSE(Run(Set("keyed", 14)).replayed);
}

TEST_F(EngineSetVerdictTest, WhatWasDoneBeforeIsNotToldWhileAVerdictOnTheNextOneIsContradicted) {
  Run(Set("keyed", 14));
  Overtake(ScriptedExecutor::Success("{}"), 16);
  Settle();
  ASSERT_TRUE(Row(2).review_at.has_value());
  const Answer held = Run(Set("keyed", 14));
  EXPECT_EQ(held.disposition, Disposition::kNeedsReview);
  EXPECT_EQ(held.reason, "R7.earlier_unsettled");
  EXPECT_EQ(Run(Set("keyed", 18)).disposition, Disposition::kDone) << "whatever stood before";
}

TEST_F(EngineSetsTest, WhatACrashLeftIsSettledFirst) {
  executor->Add("keyed", ScriptedExecutor::Success("{}", absl::Seconds(5)));
  Start(Set("keyed", 14));
  Restart();
  ASSERT_THAT(ledger.MarkCrashed(sim->Now()), IsOk());
  const Answer next = Run(Patiently(Set("keyed", 16)));
  EXPECT_EQ(next.disposition, Disposition::kDone);
  EXPECT_THAT(Hours(), ElementsAre(14, 16));
  EXPECT_EQ(Row(1).reason, "R7.overwritten");
}

TEST_F(EngineSetsTest, ARestartForgetsNothingOfWhatWasReplaced) {
  Run(Set("keyed", 14));
  Run(Set("keyed", 16));
  Restart();
  EXPECT_EQ(Run(Set("keyed", 14)).intent->generation, 2);
}

TEST_F(EngineSetsTest, OtherThingsAndOtherTenantsAreNotTouched) {
  Run(Set("keyed", 14));
  executor->Add("keyed", ScriptedExecutor::Success("{}", absl::Seconds(7)));
  Start(Set("keyed", 16));
  EXPECT_EQ(Run(Set("keyed", 16, "", "dr-lee")).disposition, Disposition::kDone);
  ToolCall call = Set("keyed", 16);
  call.tenant = "u";
  EXPECT_EQ(Run(std::move(call)).disposition, Disposition::kDone);
  EXPECT_EQ(Run(Set("none", 16)).disposition, Disposition::kDone) << "another tool";
  EXPECT_EQ(Row(1).state, IntentState::kSucceeded);
  Settle();
  EXPECT_EQ(Row(1).reason, "R7.overwritten");
  for (const int64_t row : {3, 4, 5}) EXPECT_EQ(Row(row).state, IntentState::kSucceeded) << row;
}

TEST_F(EngineSetsTest, AnotherConversationSetsTheSameThing) {
  executor->Add("keyed", ScriptedExecutor::Success("{}", absl::Seconds(2)));
  Start(Set("keyed", 14));
  ToolCall call = Set("keyed", 16);
  call.session_id = "call-18";
  EXPECT_EQ(Run(std::move(call)).disposition, Disposition::kDone);
  EXPECT_EQ(Row(1).reason, "R7.overwritten");
  EXPECT_THAT(Hours(), ElementsAre(14, 16));
}

TEST_F(EngineSetsTest, ManyWhoWaitAreDoneInTheirOrder) {
  executor->Add("keyed", ScriptedExecutor::Success("{}", absl::Seconds(2)));
  Start(Set("keyed", 10));
  std::vector<std::shared_ptr<Reply>> replies;
  for (const int hour : {11, 12, 13, 14}) replies.push_back(Start(Patiently(Set("keyed", hour))));
  Settle();
  for (const auto& reply : replies) {
    ASSERT_TRUE(reply->has_value());
    EXPECT_EQ((**reply)->disposition, Disposition::kDone);
  }
  EXPECT_THAT(Hours(), ElementsAre(10, 11, 12, 13, 14));
}

// R18: what was replaced was no failure.
TEST_F(EngineSetsTest, AThingMayBeSetBackAndForthManyTimes) {
  for (int i = 0; i < 60; ++i) {
    for (const int hour : {14, 16}) {
      const Answer answer = Run(Set("keyed", hour));
      EXPECT_EQ(answer.disposition, Disposition::kDone) << answer.reason;
      EXPECT_FALSE(answer.replayed);
      EXPECT_EQ(answer.intent->generation, i + 1);
    }
  }
}

TEST_F(EngineSetsTest, ADiscardedTurnsCallThatWaitsIsWithdrawn) {
  executor->Add("keyed", ScriptedExecutor::Success("{}", absl::Seconds(2)));
  Start(Set("keyed", 14));
  ToolCall call = Set("keyed", 16);
  call.turn_id = "turn-2";
  const auto reply = Start(std::move(call));
  engine->DiscardTurn("t", "call-17", "turn-2");
  Settle();
  ASSERT_TRUE(reply->has_value());
  EXPECT_EQ((**reply)->disposition, Disposition::kWithdrawn);
  EXPECT_THAT(Hours(), ElementsAre(14));
}

// The look-up of the second call is answered before the first one is claimed.
TEST_F(EngineSetsTest, ACallThatWasLookedUpTooEarlyLooksAgain) {
  executor->Add("keyed", ScriptedExecutor::Success("{}", absl::Seconds(1)));
  Run(Set("keyed", 14));
  ledger.HoldLookups();
  const auto back = Start(Patiently(Set("keyed", 14)));
  ledger.HoldNoMoreLookups();
  EXPECT_EQ(Run(Set("keyed", 16)).disposition, Disposition::kDone);
  ledger.ReleaseLookups();
  Settle();
  ASSERT_TRUE(back->has_value());
  EXPECT_FALSE((**back)->replayed);
  EXPECT_THAT(Hours(), ElementsAre(14, 16, 14));
}

class EngineSetsNearTest : public EngineSetsTest {
 protected:
  EngineSetsNearTest() { SetAction(NearSpec::Action::kConfirm); }
  void SetAction(NearSpec::Action action) {
    std::shared_ptr<Tool> tool = Keyed();
    tool->intent.near = NearSpec{.same = tool->intent.sets, .action = action};
    SetTools({tool});
  }
};

TEST_F(EngineSetsNearTest, TheUserIsAskedAtOnceAndTheYesWaits) {
  executor->Add("keyed", ScriptedExecutor::Success("{}", absl::Seconds(7)));
  Start(Set("keyed", 14));
  ToolCall call = Patiently(Set("keyed", 16));
  call.turn_id = "turn-1";
  const Answer asked = Run(call);
  EXPECT_EQ(asked.disposition, Disposition::kNeedsConfirmation);
  EXPECT_THAT(asked.guidance.llm_text, HasSubstr("whether they want this one instead"));
  call.turn_id = "turn-2";
  call.confirm_token = asked.confirm_token;
  const auto reply = Start(call);
  EXPECT_THAT(Hours(), ElementsAre(14));
  Settle();
  ASSERT_TRUE(reply->has_value());
  EXPECT_EQ((**reply)->disposition, Disposition::kDone);
  EXPECT_THAT(Hours(), ElementsAre(14, 16));
  EXPECT_EQ(Row(1).reason, "R7.overwritten");
}

TEST_F(EngineSetsNearTest, WhatIsRefusedIsNotToBeCancelledFirst) {
  SetAction(NearSpec::Action::kReject);
  Run(Set("keyed", 14));
  const Answer refused = Run(Set("keyed", 16));
  EXPECT_EQ(refused.disposition, Disposition::kConflict);
  EXPECT_THAT(refused.guidance.llm_text, HasSubstr("It is not done so soon after the other one."));
}

// A landing write has its verdict: it is waited for, and nobody is asked about it.
TEST_F(EngineSetsNearTest, WhatAPersonFoundNotDoneIsNotNear) {
  Loses("keyed");
  executor->Add("keyed", ScriptedExecutor::Success("{}", absl::Seconds(7)));
  Start(Set("keyed", 14));
  sim->Advance(absl::Seconds(2));
  Resolve(Row(1), IntentState::kRejected);
  EXPECT_EQ(Run(Patiently(Set("keyed", 16))).disposition, Disposition::kDone);
}

class EngineSetsVersionsTest : public EngineSetsTest {
 protected:
  // To which every call is another intent than before.
  static std::shared_ptr<Tool> Later() {
    std::shared_ptr<Tool> tool = Keyed();
    tool->version = "v2";
    tool->intent.identity.push_back({"$.patient_id", "patient_id", Normaliser::kVerbatim});
    tool->intent.scope = {{.kind = ScopeKind::kTenant}};
    return tool;
  }
};

TEST_F(EngineSetsVersionsTest, WhatAnEarlierVersionHasDoneIsNotToldWhileTheNextOneIsInDoubt) {
  Run(Set("keyed", 14));
  Loses("keyed");
  executor->Add("keyed", ScriptedExecutor::Success("{}", absl::Seconds(2)));
  Start(Set("keyed", 16));
  SetTools({Later()});
  const Answer back = Run(Patiently(Set("keyed", 14)));
  EXPECT_FALSE(back.replayed);
  EXPECT_THAT(Hours(), ElementsAre(14, 16, 16, 14));
}

TEST_F(EngineSetsVersionsTest, WhatIsBeingSetUnderAnotherNameOfTheThingIsWaitedFor) {
  executor->Add("keyed", ScriptedExecutor::Success("{}", absl::Seconds(2)));
  Start(Set("keyed", 16));
  std::shared_ptr<Tool> tool = Later();
  tool->intent.sets = {{"$.patient_id", "patient_id", Normaliser::kVerbatim}};
  SetTools({tool});
  const auto next = Start(Patiently(Set("keyed", 14)));
  sim->Advance(absl::Seconds(1));
  EXPECT_THAT(Hours(), ElementsAre(16));
  Settle();
  ASSERT_TRUE(next->has_value());
  EXPECT_THAT(Hours(), ElementsAre(16, 14));
}

TEST_F(EngineSetsVersionsTest, WhatAVersionWithoutItHasDoneIsNotKnownToBeReplaced) {
  SetTools({BookingTool("keyed", {.keyed = true, .key_retention = absl::Hours(24)})});
  Run(Set("keyed", 14));
  std::shared_ptr<Tool> tool = Keyed();
  tool->version = "v2";
  SetTools({tool});
  Run(Set("keyed", 16));
  EXPECT_TRUE(Run(Set("keyed", 14)).replayed);
  Run(Set("keyed", 18));
  EXPECT_FALSE(Run(Set("keyed", 16)).replayed);
}

}  // namespace
}  // namespace onetake::testing
