// What comes to light after somebody else has settled the intent (R16), and what the ledger refuses
// to record.
#include "absl/strings/str_cat.h"
#include "runtime/base/limits.h"
#include "tests/testing/engine_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class EngineOvertakenTest : public EngineFixture {
 protected:
  EngineOvertakenTest() { SetProbed(ProbeSpec::Asks::kRead); }

  void SetProbed(ProbeSpec::Asks asks) {
    auto tool = BookingTool("probed", {.probed = true});
    tool->result_ref = JsonPath::Parse("$.id").value();
    tool->probe->asks = asks;
    tool->probe->applied_if = JsonPath::Parse("$.found[0].id").value();
    tool->probe->result = JsonPath::Parse("$.found[0]").value();
    tool->probe->ours = {{.found = JsonPath::Parse("$.patient").value(),
                          .argument = JsonPath::Parse("$.patient_id").value()}};
    engine->SetTools(std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{
        tool, ReadTool("find"), BookingTool("none", {}),
        BookingTool("keyed", {.keyed = true, .key_retention = absl::Hours(24)})}));
  }
  const IntentRecord& Recorded() { return ledger.intents.at(0); }
  void Resolve(IntentState verdict, std::optional<std::string> result = std::nullopt) {
    engine->Resolve(
        {.tenant = "t",
         .intent_id = Recorded().intent_id,
         .verdict = verdict,
         .by = "dana",
         .evidence_json = "{}",
         .result_json = std::move(result),
         .at = sim->Now()},
        [](const absl::StatusOr<IntentRecord>& record) { EXPECT_THAT(record, IsOk()); });
  }
  // A lost write that is being looked up for some seconds.
  void LoseAndProbe(ScriptedExecutor::Step answer) {
    executor->Add("probed", ScriptedExecutor::LostAfterEffect());
    answer.after = absl::Seconds(5);
    executor->Add("find", std::move(answer));
    Start(Call("probed"));
    sim->Advance(absl::Seconds(32));
    ASSERT_THAT(executor->sent, SizeIs(2));
  }
  // Nothing that comes now changes what is recorded, or sends anything.
  void ExpectNothingMoreHappens() {
    const size_t sent = executor->sent.size();
    const size_t events = ledger.events.size();
    const IntentState state = Recorded().state;
    ledger.fail_applies = 1'000;
    Settle();
    EXPECT_EQ(ledger.fail_applies, 1'000) << "the ledger is asked for nothing";
    ledger.fail_applies = 0;
    EXPECT_THAT(executor->sent, SizeIs(sent));
    EXPECT_THAT(ledger.events, SizeIs(events));
    EXPECT_THAT(ledger.late, IsEmpty());
    EXPECT_EQ(Recorded().state, state);
  }
};

TEST_F(EngineOvertakenTest, ALookUpThatProvesNothingSaysNothingAfterAVerdict) {
  for (const ScriptedExecutor::Step& answer :
       {ScriptedExecutor::Failure(FailureKind::kServerError, 503),
        ScriptedExecutor::Success("<html>busy</html>"), ScriptedExecutor::Success(R"("none")"),
        ScriptedExecutor::Success(R"({"found":[]})"),
        ScriptedExecutor::Success(R"({"found":[{"id":7,"patient":"p2"}]})"),
        ScriptedExecutor::Success(
            R"({"found":[{"id":7,"patient":"p1"},{"id":8,"patient":"p1"}]})")}) {
    for (const IntentState verdict : {IntentState::kSucceeded, IntentState::kRejected}) {
      SCOPED_TRACE(absl::StrCat(answer.report.result_json, " after ", ToString(verdict)));
      ledger.Clear();
      Restart();
      SetProbed(ProbeSpec::Asks::kRead);
      LoseAndProbe(answer);
      Resolve(verdict, R"({"id":7})");
      sim->RunReady();
      ExpectNothingMoreHappens();
    }
  }
}

TEST_F(EngineOvertakenTest, ADownstreamThatIsAskedItselfSaysNothingAfterAVerdictEither) {
  for (const ProbeReport::Finding finding :
       {ProbeReport::Finding::kNotApplied, ProbeReport::Finding::kInconclusive}) {
    ledger.Clear();
    Restart();
    SetProbed(ProbeSpec::Asks::kDownstream);
    executor->probe_takes = absl::Seconds(5);
    executor->probe_script = {{.finding = finding}};
    executor->Add("probed", ScriptedExecutor::LostAfterEffect());
    Start(Call("probed"));
    sim->Advance(absl::Seconds(32));
    ASSERT_THAT(executor->probed, SizeIs(1));
    Resolve(IntentState::kSucceeded, R"({"id":7})");
    sim->RunReady();
    ExpectNothingMoreHappens();
    EXPECT_THAT(executor->probed, SizeIs(1));
  }
}

// Nothing is left by which the row that was found could be known.
TEST_F(EngineOvertakenTest, ALookUpOfWhatIsErasedSinceSaysNothing) {
  LoseAndProbe(ScriptedExecutor::Success(R"({"found":[{"id":7,"patient":"p1"}]})"));
  ledger.intents.at(0).arguments_json = ledger.intents.at(0).identity_json = "";
  Resolve(IntentState::kRejected);
  sim->RunReady();
  ExpectNothingMoreHappens();
}

// Whose result it is cannot be told, and nobody waits for that any more.
TEST_F(EngineOvertakenTest, WhatIsFoundAfterAVerdictIsNotAskedForAgain) {
  LoseAndProbe(ScriptedExecutor::Success(R"({"found":[{"id":7,"patient":"p1"}]})"));
  Resolve(IntentState::kRejected);
  sim->RunReady();
  ledger.fail_lookups = 1;
  ExpectNothingMoreHappens();
  EXPECT_EQ(ledger.fail_lookups, 0);
}

// The result that a person has said is this write's own, and no other one's.
TEST_F(EngineOvertakenTest, WhatIsFoundAfterAppliedAgreesWithIt) {
  LoseAndProbe(ScriptedExecutor::Success(R"({"found":[{"id":7,"patient":"p1"}]})"));
  Resolve(IntentState::kSucceeded, R"({"id":7})");
  sim->RunReady();
  Settle();
  ASSERT_THAT(ledger.late, SizeIs(1));
  EXPECT_EQ(ledger.late[0].rule, "R16.late_probe");
  EXPECT_EQ(ledger.late[0].says, IntentState::kSucceeded);
  EXPECT_FALSE(Recorded().review_at.has_value());
}

// The look-up's outcome is on its way to the disk, behind the verdict.
TEST_F(EngineOvertakenTest, AnOutcomeThatComesBehindAVerdictIsAConflictIfItProvesAnything) {
  struct Case {
    const char* found;
    IntentState verdict;
    size_t conflicts;
  };
  for (const Case& test :
       {Case{R"({"found":[{"id":7,"patient":"p1"}]})", IntentState::kRejected, 1},
        Case{R"({"found":[]})", IntentState::kSucceeded, 0}}) {
    SCOPED_TRACE(test.found);
    ledger.Clear();
    Restart();
    auto tool = BookingTool("probed", {.probed = true});
    tool->retries.attempts = 1;  // so that "not applied" is the end
    tool->probe->applied_if = JsonPath::Parse("$.found[0].id").value();
    engine->SetTools(std::make_shared<ToolSet>(
        std::vector<std::shared_ptr<const Tool>>{tool, ReadTool("find")}));
    LoseAndProbe(ScriptedExecutor::Success(test.found));
    ledger.Hold();
    Resolve(test.verdict);
    sim->Advance(absl::Seconds(6));
    ledger.Release();
    Settle();
    EXPECT_EQ(Recorded().state, test.verdict) << "it overwrites nothing";
    ASSERT_THAT(ledger.late, SizeIs(test.conflicts));
    for (const LateOutcome& late : ledger.late) EXPECT_EQ(late.rule, "R16.overtaken");
    EXPECT_EQ(Recorded().review_at.has_value(), test.conflicts > 0);
  }
}

// A verdict that is recorded before the end of the attempt which was answered 2xx.
TEST_F(EngineOvertakenTest, NotAppliedIsContradictedByA2xxThatCameBesideIt) {
  executor->Add("keyed", ScriptedExecutor::LostAfterEffect());
  ScriptedExecutor::Step unreadable = ScriptedExecutor::Failure(FailureKind::kBodyUnreadable, 201);
  unreadable.after = absl::Seconds(5);
  executor->Add("keyed", unreadable);
  Start(Call("keyed"));
  sim->Advance(absl::Seconds(2));
  ASSERT_THAT(executor->sent, SizeIs(2));
  ledger.Hold();
  Resolve(IntentState::kRejected);
  sim->Advance(absl::Seconds(6));
  ledger.Release();
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kRejected);
  ASSERT_THAT(ledger.late, SizeIs(1));
  EXPECT_EQ(ledger.late[0].says, IntentState::kSucceeded);
  EXPECT_TRUE(Recorded().review_at.has_value());
  EXPECT_THAT(executor->sent, SizeIs(2));
}

// Somebody else has settled the row: that none of our attempts was sent is news.
TEST_F(EngineOvertakenTest, ThatNothingWasSentContradictsWhoSaysThatItWasDone) {
  for (int i = 0; i < 5; ++i) {
    executor->Add("none", ScriptedExecutor::Failure(FailureKind::kNotSent));
  }
  Start(Call("none"));
  for (int i = 0; i < 1000 && Recorded().attempts < 5; ++i) sim->Advance(absl::Milliseconds(50));
  ledger.intents.at(0).state = IntentState::kSucceeded;
  Settle();
  ASSERT_THAT(ledger.late, SizeIs(1));
  EXPECT_EQ(ledger.late[0].says, IntentState::kRejected);
}

// What the ledger refuses for good is not tried for ever; its callers are answered by the record.
TEST_F(EngineOvertakenTest, ATransitionThatTheLedgerRefusesIsNotTriedAgain) {
  executor->Add("probed", ScriptedExecutor::LostAfterEffect());
  Start(Call("probed"));
  ledger.failure = absl::InvalidArgumentError("an illegal move");
  ledger.fail_applies = 1;
  sim->Advance(absl::Seconds(1));
  EXPECT_EQ(ledger.fail_applies, 0);
  ExpectNothingMoreHappens();
  EXPECT_EQ(Recorded().state, IntentState::kInFlight) << "the next start finds it";
}

TEST_F(EngineOvertakenTest, ALateOutcomeThatCannotBeKeptIsDroppedUnlessThereWillBeRoom) {
  for (const absl::Status& failure :
       {absl::DataLossError("unreadable"), absl::UnavailableError("closed"),
        absl::ResourceExhaustedError("full")}) {
    SCOPED_TRACE(failure.message());
    ledger.Clear();
    Restart();
    executor->Add("keyed", ScriptedExecutor::LostAfterEffect());
    executor->Add("keyed", ScriptedExecutor::Success(R"({"id":7})", absl::Seconds(20)));
    Start(Call("keyed"));
    sim->Advance(absl::Seconds(2));
    Resolve(IntentState::kRejected);
    sim->RunReady();
    ledger.failure = failure;
    ledger.fail_late = 2;
    Settle();
    const bool comes_back = absl::IsResourceExhausted(failure);
    EXPECT_THAT(ledger.late, SizeIs(comes_back ? 1 : 0));
    EXPECT_EQ(ledger.fail_late, comes_back ? 0 : 1);
    ledger.fail_late = 0;
    EXPECT_THAT(executor->sent, SizeIs(2));
  }
}

// A probe that was asked in vain, of a write of an earlier process.
class EnginePlannedProbeTest : public EngineOvertakenTest {
 protected:
  // Leaves a write for which the process before has planned something after that time.
  void LeaveAndRecover(const std::string& reason, absl::Duration planned = absl::Seconds(3)) {
    executor->Add("probed", ScriptedExecutor::Success("{}", absl::Minutes(1)));
    Start(Call("probed"));
    Restart();
    SetProbed(ProbeSpec::Asks::kRead);
    ASSERT_THAT(ledger.MarkCrashed(sim->Now()), IsOk());
    ledger.intents.at(0).reason = reason;
    ledger.intents.at(0).next_attempt_at = sim->Now() + planned;
    engine->Recover();
  }
};

// But not a time before the attempt, by the clock that no one can set, can land no more.
TEST_F(EnginePlannedProbeTest, AProbeThatWasPlannedBeforeTheRestartKeepsItsTime) {
  for (const char* reason : {"R3.probe_not_applied", "probe.not_applied_yet", "probe.inconclusive",
                             "R3.still_runs", "R3.not_resendable", "resend"}) {
    SCOPED_TRACE(reason);
    ledger.Clear();
    LeaveAndRecover(reason, absl::Seconds(45));
    const bool is_probe = reason != std::string("resend");
    sim->Advance(absl::Seconds(44.9));
    EXPECT_EQ(executor->sent.empty(), is_probe) << "a resend is no plan to ask";
    sim->Advance(absl::Seconds(0.15));
    EXPECT_FALSE(executor->sent.empty());
    Settle();
    ledger.Clear();
    LeaveAndRecover(reason, absl::Seconds(3));
    sim->Advance(absl::Seconds(28));
    EXPECT_THAT(executor->sent, IsEmpty());
    Settle();
  }
}

TEST_F(EnginePlannedProbeTest, AWriteWhoseArgumentsCannotBeReadIsLeftToAPerson) {
  executor->Add("probed", ScriptedExecutor::LostAfterEffect());
  Start(Call("probed"));
  ledger.intents.at(0).arguments_json = "{";
  Restart();
  SetProbed(ProbeSpec::Asks::kRead);
  ASSERT_THAT(ledger.MarkCrashed(sim->Now()), IsOk());
  engine->Recover();
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kReview);
  EXPECT_EQ(Recorded().reason, "probe.exhausted");
  EXPECT_THAT(ledger.transitions,
              Contains(Field(&Transition::evidence_json, HasSubstr("arguments are unreadable"))));
  EXPECT_THAT(executor->sent, IsEmpty());
}

// Another version of the tool might ask about something else.
TEST_F(EnginePlannedProbeTest, NorIsItProbedByAnotherVersion) {
  executor->Add("probed", ScriptedExecutor::LostAfterEffect());
  Start(Call("probed"));
  ledger.intents.at(0).arguments_json = "";
  ledger.intents.at(0).tool_version = "v0";
  Restart();
  SetProbed(ProbeSpec::Asks::kRead);
  ASSERT_THAT(ledger.MarkCrashed(sim->Now()), IsOk());
  engine->Recover();
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kReview);
  EXPECT_EQ(Recorded().probes, 0);
  EXPECT_THAT(executor->sent, IsEmpty());
}

TEST_F(EnginePlannedProbeTest, AProbeThatCannotBeRenderedIsAskedLater) {
  executor->Add("probed", ScriptedExecutor::LostAfterEffect());
  executor->Add("find", ScriptedExecutor::Success(R"({"found":[{"id":7,"patient":"p1"}]})"));
  Start(Call("probed"));
  executor->render_error = absl::InvalidArgumentError("no day");
  sim->Advance(absl::Seconds(31));
  EXPECT_THAT(executor->sent, SizeIs(1));
  executor->render_error = absl::OkStatus();
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
  EXPECT_THAT(ledger.transitions,
              Contains(Field(&Transition::evidence_json, HasSubstr("request cannot be made"))));
}

// A person has to look; what was found is too much to be kept.
TEST_F(EnginePlannedProbeTest, MatchesThatAreTooLongAreLeftOutOfTheEvidence) {
  const std::string id(limits::kEvidenceBytes, 'x');
  executor->Add("probed", ScriptedExecutor::LostAfterEffect());
  executor->Add("find", ScriptedExecutor::Success(
                            absl::StrCat(R"({"found":[{"id":")", id, R"(","patient":"p2"}]})")));
  Start(Call("probed"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kReview);
  const std::string& evidence = ledger.transitions.at(ledger.transitions.size() - 2).evidence_json;
  EXPECT_THAT(evidence, HasSubstr("somebody else's"));
  EXPECT_THAT(evidence, Not(HasSubstr("matches")));
}

// It may say why it cannot tell, or not.
TEST_F(EnginePlannedProbeTest, AnInconclusiveDownstreamIsAskedAgain) {
  SetProbed(ProbeSpec::Asks::kDownstream);
  executor->probe_script = {{.finding = ProbeReport::Finding::kInconclusive},
                            {.finding = ProbeReport::Finding::kInconclusive, .error = "no index"},
                            {.finding = ProbeReport::Finding::kApplied, .result_json = "{}"}};
  executor->Add("probed", ScriptedExecutor::LostAfterEffect());
  Start(Call("probed"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
  EXPECT_THAT(executor->probed, SizeIs(3));
  for (const char* why : {R"("finding":"inconclusive")", "no index"}) {
    EXPECT_THAT(ledger.transitions, Contains(Field(&Transition::evidence_json, HasSubstr(why))));
  }
}

}  // namespace
}  // namespace onetake::testing
