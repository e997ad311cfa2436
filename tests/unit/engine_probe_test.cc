// Probes: when one is asked, and what is remembered across a restart.
#include "tests/testing/engine_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

ProbeSpec Spec(const char* applied_if, bool with_ours) {
  ProbeSpec probe{.tool = "find",
                  .args = JsonTemplate::Parse(Json::object()).value(),
                  .applied_if = JsonPath::Parse(applied_if).value()};
  if (with_ours) {
    probe.ours = {{.found = JsonPath::Parse("$.patient").value(),
                   .argument = JsonPath::Parse("$.patient_id").value()}};
  }
  return probe;
}

class EngineProbeTest : public EngineFixture {
 protected:
  void SetProbe(ProbeSpec probe) {
    probe_ = std::move(probe);
    auto tool = BookingTool("probed", {.probed = true});
    tool->probe = probe_;
    engine->SetTools(std::make_shared<ToolSet>(
        std::vector<std::shared_ptr<const Tool>>{tool, ReadTool("find")}));
  }
  void LoseOne() { executor->Add("probed", ScriptedExecutor::LostAfterEffect()); }
  void Answers(const char* answer) { executor->Add("find", ScriptedExecutor::Success(answer)); }
  int Probes() const {
    return static_cast<int>(std::count_if(executor->sent.begin(), executor->sent.end(),
                                          [](const auto& sent) { return sent.tool == "find"; }));
  }
  const IntentRecord& Recorded() { return ledger.intents.at(0); }

  ProbeSpec probe_;
};

// Edge case 23
TEST_F(EngineProbeTest, TwoMatchesAreAConflictForAPerson) {
  SetProbe(Spec("$.found[0]", false));
  LoseOne();
  Answers(R"({"found":[1,2]})");
  Start(Call("probed"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kReview);
  EXPECT_EQ(Recorded().reason, "probe.conflict");
  EXPECT_THAT(ledger.transitions[ledger.transitions.size() - 2].evidence_json,
              AllOf(HasSubstr("more than one match"), HasSubstr(R"("matches":[1,2])")));
  EXPECT_EQ(Probes(), 1);
}

// Edge case 23
TEST_F(EngineProbeTest, SomebodyElsesRowIsAConflictForAPerson) {
  SetProbe(Spec("$.found[0].id", true));
  LoseOne();
  Answers(R"({"found":[{"id":7,"patient":"p2"}]})");
  Start(Call("probed"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kReview);
  EXPECT_EQ(Recorded().attempts, 1);
  EXPECT_THAT(executor->effects, SizeIs(1));
}

TEST_F(EngineProbeTest, TheResultIsOfTheRowThatIsOurs) {
  ProbeSpec probe = Spec("$.found[0].id", true);
  probe.result = JsonPath::Parse("$.found[0]").value();
  SetProbe(probe);
  LoseOne();
  Answers(R"({"found":[{"id":6,"patient":"p2"},{"id":7,"patient":"p1"}]})");
  EXPECT_EQ(Run(Call("probed")).disposition, Disposition::kUncertain);
  Settle();
  EXPECT_EQ(Recorded().result_json, R"({"id":7,"patient":"p1"})");
}

// R14, edge cases 19 and 25: the lost attempt landed after the look-up had found nothing.
TEST_F(EngineProbeTest, ARefusalAfterAProbeThatWasTooEarlyIsNoProof) {
  SetProbe(Spec("$.found[0]", false));
  LoseOne();
  Answers(R"({"found":[]})");
  executor->Add("probed", ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 409));
  Answers(R"({"found":[7]})");
  Start(Call("probed"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
  EXPECT_EQ(Probes(), 2);
}

TEST_F(EngineProbeTest, ARefusalAndAProbeThatFindsNothingEndItWithTheRefusal) {
  SetProbe(Spec("$.found[0]", false));
  LoseOne();
  Answers(R"({"found":[]})");
  ScriptedExecutor::Step taken = ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 409);
  taken.report.result_json = R"({"error":"slot_taken"})";
  executor->Add("probed", taken);
  Answers(R"({"found":[]})");
  Start(Call("probed"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kRejected);
  EXPECT_EQ(Recorded().result_json, R"({"error":"slot_taken"})");
  EXPECT_EQ(Recorded().attempts, 2) << "what was refused is not sent once more";
}

TEST_F(EngineProbeTest, AnEventualLookUpIsBelievedAtTheEndOfItsScheduleOnly) {
  ProbeSpec probe = Spec("$.found[0]", false);
  probe.consistency = ProbeSpec::Consistency::kEventual;
  probe.attempts = 3;
  SetProbe(probe);
  LoseOne();
  Answers(R"({"found":[]})");
  Answers(R"({"found":[]})");
  Answers(R"({"found":[7]})");  // it shows at last
  Start(Call("probed"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
  EXPECT_THAT(executor->effects, SizeIs(1)) << "believed too early, this would be two";
}

TEST_F(EngineProbeTest, AnEventualLookUpThatKeepsSayingNoIsBelieved) {
  ProbeSpec probe = Spec("$.found[0]", false);
  probe.consistency = ProbeSpec::Consistency::kEventual;
  probe.attempts = 3;
  SetProbe(probe);
  executor->Add("probed", ScriptedExecutor::Failure(FailureKind::kLost));
  for (int i = 0; i < 3; ++i) Answers(R"({"found":[]})");
  Start(Call("probed"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
  EXPECT_EQ(Recorded().attempts, 2);
  EXPECT_EQ(Probes(), 3);
}

// Edge case 23: an empty body of a cache or a gateway, a text of an MCP server that is busy.
TEST_F(EngineProbeTest, AnAnswerWithoutStructureProvesNothing) {
  SetProbe(Spec("$.found[0]", false));
  LoseOne();
  Answers("null");
  Answers(R"("Backend is busy, try later")");
  Answers("0");
  Answers(R"({"found":[7]})");
  Start(Call("probed"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
  EXPECT_EQ(Probes(), 4);
  EXPECT_THAT(executor->effects, SizeIs(1)) << "believed, it would be a second booking";
}

TEST_F(EngineProbeTest, ATextIsNoYesEither) {
  SetProbe(Spec("$", false));
  executor->Add("probed", ScriptedExecutor::Failure(FailureKind::kLost));
  Answers(R"("Backend is busy, try later")");
  Answers("[]");
  Start(Call("probed"));
  Settle();
  EXPECT_EQ(Recorded().attempts, 2) << "the list that is empty says that nothing happened";
}

TEST_F(EngineProbeTest, ABareYesOrNoIsAnAnswerToWhoeverAsksForIt) {
  SetProbe(Spec("$", false));
  LoseOne();
  Answers("true");
  Start(Call("probed"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
  EXPECT_EQ(Probes(), 1);
}

// Edge case 24: the count survives, so a crash loop does not ask for ever.
TEST_F(EngineProbeTest, ProbesAreCountedAcrossRestarts) {
  SetProbe(Spec("$.found[0]", false));
  LoseOne();
  executor->Add("find", ScriptedExecutor::Failure(FailureKind::kLost));
  executor->Add("find", ScriptedExecutor::Failure(FailureKind::kLost));
  Start(Call("probed"));
  while (Recorded().probes < 2) sim->Advance(absl::Milliseconds(50));
  ASSERT_EQ(Recorded().state, IntentState::kUnknown);
  Restart();
  SetProbe(probe_);
  for (int i = 0; i < 9; ++i) executor->Add("find", ScriptedExecutor::Failure(FailureKind::kLost));
  engine->Recover();
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kReview);
  EXPECT_EQ(Probes(), 3) << "five in all, two before the restart";
  EXPECT_EQ(Recorded().attempts, 1) << "a probe spends no attempt";
}

// R12: a crash before the probe's time does not push it back, however often it happens.
TEST_F(EngineProbeTest, TheTimeOfTheNextProbeSurvivesARestart) {
  SetProbe(Spec("$.found[0]", false));
  LoseOne();
  Start(Call("probed"));
  sim->Advance(absl::Seconds(1));
  ASSERT_TRUE(Recorded().next_attempt_at.has_value());
  const absl::Time due = *Recorded().next_attempt_at;
  for (int crash = 0; crash < 3; ++crash) {
    Restart();
    SetProbe(probe_);
    ASSERT_THAT(ledger.MarkCrashed(sim->Now()), IsOk());
    engine->Recover();
    sim->Advance(absl::Seconds(1));
    EXPECT_EQ(Recorded().next_attempt_at, due);
  }
  Answers(R"({"found":[7]})");
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
}

TEST_F(EngineProbeTest, TheWritesResultIsWhatTheProbeNamesAsIt) {
  ProbeSpec probe = Spec("$.found[0].id", false);
  probe.result = JsonPath::Parse("$.found[0]").value();
  SetProbe(probe);
  LoseOne();
  Answers(R"({"found":[{"id":7}]})");
  Start(Call("probed"));
  Settle();
  EXPECT_EQ(Recorded().result_json, R"({"id":7})");
}

// Edge case 25: the socket of the lost attempt is gone before anybody asks.
TEST_F(EngineProbeTest, NothingOfTheLostAttemptIsOpenWhenTheProbeIsAsked) {
  SetProbe(Spec("$.found[0]", false));
  executor->Add("probed",
                {.report = {.reached = Reached::kSomethingSent, .failure = FailureKind::kLost},
                 .after = absl::Seconds(40)});
  executor->on_start = [this](const std::string& tool) {
    if (tool != "find") return;
    EXPECT_EQ(executor->running(), 0U) << "a probe beside a live attempt";
  };
  Start(Call("probed"));
  Settle();
  EXPECT_GE(Probes(), 1);
}

// Edge case 45
TEST_F(EngineProbeTest, AClockThatWasSetBackPostponesNoProbeForLong) {
  SetProbe(Spec("$.found[0]", false));
  LoseOne();
  Start(Call("probed"));
  sim->Advance(absl::Seconds(1));
  Restart();
  SetProbe(probe_);
  sim->Jump(-absl::Hours(24));
  Answers(R"({"found":[7]})");
  engine->Recover();
  sim->Advance(absl::Minutes(11));  // an attempt takes 10 at the most
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
}

// A resend was planned, at once; the key is forgotten now, so the look-up takes its place.
TEST_F(EngineProbeTest, APlanToSendAgainIsNoPlanToAsk) {
  auto tool = BookingTool("both", {.keyed = true, .probed = true, .key_retention = absl::Hours(1)});
  tool->retries.base = absl::Seconds(10);
  tool->probe->settle_after = absl::Seconds(30);
  const std::vector<std::shared_ptr<const Tool>> tools{tool, ReadTool("find")};
  engine->SetTools(std::make_shared<ToolSet>(tools));
  executor->Add("both", ScriptedExecutor::LostAfterEffect());
  Start(Call("both"));
  sim->Advance(absl::Milliseconds(100));
  ASSERT_EQ(Recorded().reason, "R3.keyed");
  RestartWith(tools);
  sim->Jump(absl::Hours(1));
  Answers(R"({"found":[1]})");
  engine->Recover();
  sim->Advance(absl::Seconds(29));
  EXPECT_THAT(executor->sent, SizeIs(0)) << "what was in flight may land";
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
  EXPECT_EQ(Probes(), 1);
}

// Edge case 45: only a clock that nobody can set says how long something was waited for.
TEST_F(EngineProbeTest, AClockThatIsSetAheadMakesNoProbeEarlier) {
  ProbeSpec probe = Spec("$.found[0]", false);
  probe.settle_after = absl::Seconds(30);
  SetProbe(probe);
  LoseOne();
  Answers(R"({"found":[7]})");
  Start(Call("probed"));
  sim->Advance(absl::Milliseconds(50));
  ledger.Hold();
  sim->Advance(absl::Milliseconds(100));  // it is lost, and the plan is on its way to the disk
  sim->Jump(absl::Hours(1));
  ledger.Release();
  sim->Advance(absl::Seconds(29));
  EXPECT_EQ(Probes(), 0);
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
}

ScriptedExecutor::Step LeftRunning() {
  ScriptedExecutor::Step step = ScriptedExecutor::Failure(FailureKind::kLost);
  step.report.still_runs = true;
  return step;
}

// "Not applied" is no news of what is known to be at work: to send it again would do it twice.
TEST_F(EngineProbeTest, WhatStillRunsIsNotSentAgainBecauseALookUpFindsNothing) {
  SetProbe(Spec("$.found[0]", false));
  executor->Add("probed", LeftRunning());
  for (int i = 0; i < 9; ++i) Answers(R"({"found":[]})");
  Start(Call("probed"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kReview);
  EXPECT_EQ(Recorded().reason, "probe.may_still_land");
  EXPECT_EQ(Recorded().attempts, 1);
  EXPECT_EQ(Probes(), 5) << "it has all the time of the schedule to show";
}

TEST_F(EngineProbeTest, WhatStillRunsIsDoneOnceALookUpFindsIt) {
  SetProbe(Spec("$.found[0]", false));
  executor->Add("probed", LeftRunning());
  Answers(R"({"found":[]})");
  Answers(R"({"found":[7]})");
  Start(Call("probed"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
  EXPECT_EQ(Recorded().attempts, 1);
}

TEST_F(EngineProbeTest, ThatItStillRunsIsKnownAfterARestart) {
  SetProbe(Spec("$.found[0]", false));
  executor->Add("probed", LeftRunning());
  executor->Add("find", ScriptedExecutor::Failure(FailureKind::kLost));
  Start(Call("probed"));
  for (int i = 0; i < 1000 && Recorded().probes < 1; ++i) sim->Advance(absl::Milliseconds(50));
  ASSERT_EQ(Recorded().state, IntentState::kUnknown);
  for (int crash = 0; crash < 2; ++crash) {
    Restart();
    SetProbe(probe_);
    engine->Recover();
    sim->RunReady();
  }
  for (int i = 0; i < 9; ++i) Answers(R"({"found":[]})");
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kReview);
  EXPECT_EQ(Recorded().reason, "probe.may_still_land");
  EXPECT_EQ(Recorded().attempts, 1);
}

// The key kept the copy from being done, not the one that runs.
TEST_F(EngineProbeTest, ARefusedCopyOfWhatStillRunsAndALookUpThatFindsNothingAreNoRefusal) {
  auto tool = BookingTool("both", {.keyed = true, .probed = true, .key_retention = absl::Hours(1)});
  engine->SetTools(
      std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{tool, ReadTool("find")}));
  executor->Add("both", LeftRunning());
  executor->Add("both", ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 409));
  for (int i = 0; i < 9; ++i) Answers(R"({"found":[]})");
  Start(Call("both"));
  Settle();
  EXPECT_EQ(Recorded().attempts, 2);
  EXPECT_EQ(Recorded().state, IntentState::kReview);
}

// A restart while a resend is planned, and a look-up once the resends are used up.
TEST_F(EngineProbeTest, ThatItStillRunsIsKnownAfterARestartBeforeAResend) {
  auto tool = BookingTool("both", {.keyed = true, .probed = true, .key_retention = absl::Hours(1)});
  tool->retries.attempts = 2;
  const std::vector<std::shared_ptr<const Tool>> tools{tool, ReadTool("find")};
  engine->SetTools(std::make_shared<ToolSet>(tools));
  executor->Add("both", LeftRunning());
  Start(Call("both"));
  sim->Advance(absl::Milliseconds(100));
  ASSERT_EQ(Recorded().state, IntentState::kUnknown);
  ASSERT_TRUE(Recorded().next_attempt_at.has_value());
  RestartWith(tools);
  executor->Add("both", ScriptedExecutor::Failure(FailureKind::kLost));
  for (int i = 0; i < 9; ++i) Answers(R"({"found":[]})");
  engine->Recover();
  Settle();
  EXPECT_EQ(Recorded().attempts, 2);
  EXPECT_EQ(Recorded().state, IntentState::kReview);
  EXPECT_EQ(Recorded().reason, "probe.may_still_land");
}

// A tool whose downstream is asked itself, by the write's own request.
ProbeSpec OwnProbe() {
  ProbeSpec probe;
  probe.asks = ProbeSpec::Asks::kDownstream;
  return probe;
}

TEST_F(EngineProbeTest, ADownstreamThatIsAskedItselfIsAskedByTheWritesOwnRequest) {
  SetProbe(OwnProbe());
  LoseOne();
  executor->probe_script = {
      {.finding = ProbeReport::Finding::kApplied, .result_json = R"({"id":7})"}};
  Start(Call("probed"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
  EXPECT_EQ(Recorded().result_json, R"({"id":7})");
  EXPECT_THAT(executor->probed, ::testing::ElementsAre(executor->sent[0].rendered));
  EXPECT_THAT(executor->sent, SizeIs(1));
}

TEST_F(EngineProbeTest, AnAppliedWriteWhoseResultNobodyHasIsDoneWithoutOne) {
  SetProbe(OwnProbe());
  LoseOne();
  executor->probe_script = {{.finding = ProbeReport::Finding::kApplied}};
  Start(Call("probed"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
  EXPECT_FALSE(Recorded().result_json.has_value());
}

TEST_F(EngineProbeTest, AnOutageOfAProgramOfOursCostsNoProbes) {
  ProbeSpec probe = OwnProbe();
  probe.attempts = 1;
  SetProbe(probe);
  LoseOne();
  executor->probe_script = {{.finding = ProbeReport::Finding::kApplied}};
  const absl::Duration back = sim->Elapsed() + absl::Minutes(1);
  executor->not_ready_for = [this, back](const Tool&) {
    return sim->Elapsed() < back ? absl::Milliseconds(100) : absl::ZeroDuration();
  };
  Start(Call("probed"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded) << Recorded().reason;
  EXPECT_THAT(executor->probed, SizeIs(1));
  EXPECT_GE(sim->Elapsed(), back);
}

TEST_F(EngineProbeTest, AReadThatAProbeAsksIsWaitedForToo) {
  SetProbe(Spec("$.found[0]", false));
  LoseOne();
  Answers(R"({"found":[1]})");
  const absl::Duration back = sim->Elapsed() + absl::Minutes(1);
  executor->not_ready_for = [this, back](const Tool& asked) {
    const bool down = asked.name == "find" && sim->Elapsed() < back;
    return down ? absl::Milliseconds(100) : absl::ZeroDuration();
  };
  Start(Call("probed"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded) << Recorded().reason;
  EXPECT_EQ(Probes(), 1);
}

TEST_F(EngineProbeTest, WhatADownstreamSaysDidNotHappenIsSentAgain) {
  SetProbe(OwnProbe());
  executor->Add("probed", ScriptedExecutor::Failure(FailureKind::kLost));
  executor->probe_script = {{.finding = ProbeReport::Finding::kInconclusive, .error = "busy"},
                            {.finding = ProbeReport::Finding::kNotApplied}};
  Start(Call("probed"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
  EXPECT_THAT(executor->sent, SizeIs(2));
  EXPECT_EQ(executor->sent[0].rendered, executor->sent[1].rendered);
}

// Who asks for patience is at work on it, and spends no try.
TEST_F(EngineProbeTest, WhatOnlyWaitedForItsKeyHasItsTriesLeftWhenItDidNotHappen) {
  auto tool = BookingTool("keyed", {.keyed = true, .probed = true});
  tool->safety.key_retention = absl::Hours(24);
  tool->safety.replays_errors = true;
  tool->retries.attempts = 2;
  engine->SetTools(
      std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{tool, ReadTool("find")}));
  executor->Add("keyed", ScriptedExecutor::Failure(FailureKind::kKeyInUse, 409));
  executor->Add("keyed", ScriptedExecutor::Failure(FailureKind::kServerError, 500));
  Answers(R"({"found":[]})");
  Start(Call("keyed"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded) << Recorded().reason;
  EXPECT_EQ(Recorded().attempts, 3);
}

TEST_F(EngineProbeTest, ADownstreamThatCannotBeAskedLeavesTheWriteToAPerson) {
  SetProbe(OwnProbe());
  LoseOne();
  executor->can_probe = false;
  Start(Call("probed"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kReview);
  EXPECT_EQ(Recorded().reason, "probe.exhausted");
  EXPECT_THAT(executor->sent, SizeIs(1));
}

}  // namespace
}  // namespace onetake::testing
