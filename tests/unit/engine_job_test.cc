// Downstreams that accept a write with 202 and do it later.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/testing/engine_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class EngineJobTest : public EngineFixture {
 protected:
  EngineJobTest() { SetJob({}); }

  void SetJob(RetrySafety safety) {
    auto tool = BookingTool("slow", safety);
    tool->job =
        JobSpec{.id = JsonPath::Parse("$.job_id").value(),
                .tool = asks_,
                .args = JsonTemplate::Parse(Json{{"id", "$.job"}, {"slot", "$.slot_iso"}}).value(),
                .done_if = JsonPath::Parse("$.appointment").value(),
                .failed_if = JsonPath::Parse("$.error").value(),
                .result = result_,
                .interval = absl::Seconds(2),
                .give_up_after = absl::Minutes(5)};
    if (tool->probe.has_value()) tool->probe->settle_after = settle_after_;
    engine->SetTools(std::make_shared<ToolSet>(
        std::vector<std::shared_ptr<const Tool>>{tool, ReadTool("job"), ReadTool("find")}));
  }
  void Accept(bool resent = false) {
    executor->Add("slow", {.report = {.reached = Reached::kBodyComplete,
                                      .job = "job-9",
                                      .http_status = 202,
                                      .resent = resent}});
  }
  void Poll(const char* answer) { executor->Add("job", ScriptedExecutor::Success(answer)); }
  const IntentRecord& Recorded() { return ledger.intents.at(0); }
  int Sent(const std::string& tool) const {
    return static_cast<int>(
        std::count_if(executor->sent.begin(), executor->sent.end(),
                      [&](const ScriptedExecutor::Sent& sent) { return sent.tool == tool; }));
  }
  // A job is accepted, and the process that comes next starts so long after it.
  void AcceptAndRestart(RetrySafety safety, absl::Duration away) {
    SetJob(safety);
    Accept();
    Start(Call("slow"));
    sim->Advance(absl::Seconds(1));
    ASSERT_EQ(Recorded().job, "job-9");
    Restart();
    SetJob(safety);
    sim->Jump(away);
  }

  std::string asks_ = "job";
  std::optional<JsonPath> result_ = JsonPath::Parse("$.appointment").value();
  std::optional<absl::Duration> settle_after_;
};

// Edge case 21
TEST_F(EngineJobTest, AnAcceptedWriteIsPendingUntilItsJobIsDone) {
  Accept();
  for (int i = 0; i < 3; ++i) Poll(R"({"state":"working"})");
  Poll(R"({"appointment":{"id":7}})");
  const Answer answer = Run(Call("slow"));
  EXPECT_EQ(answer.disposition, Disposition::kPending);
  EXPECT_EQ(Recorded().job, "job-9");
  EXPECT_EQ(answer.guidance.next_action, NextAction::kWait);
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
  EXPECT_EQ(Recorded().result_json, R"({"id":7})");
  EXPECT_THAT(executor->effects, SizeIs(1));
  EXPECT_THAT(executor->sent[1].rendered, HasSubstr(R"("id":"job-9")"));
}

TEST_F(EngineJobTest, ACallMeanwhileJoinsAndSendsNothing) {
  Accept();
  Poll(R"({"state":"working"})");
  Poll(R"({"appointment":{"id":7}})");
  Start(Call("slow"));
  sim->Advance(absl::Seconds(1));
  const Answer second = Run(Call("slow"));
  EXPECT_EQ(second.disposition, Disposition::kDone);
  EXPECT_TRUE(second.joined);
  EXPECT_THAT(executor->effects, SizeIs(1));
}

TEST_F(EngineJobTest, AJobThatFailedHadNoEffect) {
  Accept();
  Poll(R"({"error":"slot taken"})");
  EXPECT_EQ(Run(Call("slow")).disposition, Disposition::kRejected);
  EXPECT_EQ(Recorded().reason, "job.failed");
}

// R14: the first request may be a job, too, and have booked what the job of its copy finds taken.
TEST_F(EngineJobTest, AJobThatFailedIsNoProofWhenItIsThatOfACopy) {
  SetJob({.natural = true});
  Accept(true);
  Poll(R"({"error":"slot taken"})");
  Start(Call("slow"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kReview);
  EXPECT_EQ(Recorded().reason, "R14.job_failed_after_ambiguous");
}

// R14: the first attempt may have booked what the second one's job finds taken.
TEST_F(EngineJobTest, AJobThatFailedAfterALostAttemptIsNoProof) {
  SetJob({.keyed = true, .key_retention = absl::Hours(24)});
  executor->Add("slow", ScriptedExecutor::LostAfterEffect());
  Accept();
  Poll(R"({"error":"slot taken"})");
  Start(Call("slow"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kReview);
  EXPECT_EQ(Recorded().reason, "R14.job_failed_after_ambiguous");
}

TEST_F(EngineJobTest, ARestartGoesOnAskingAboutTheSameJob) {
  Accept();
  Start(Call("slow"));
  sim->Advance(absl::Seconds(1));
  Restart();
  SetJob({});
  EXPECT_EQ(*ledger.MarkCrashed(sim->Now()), 0) << "it is accepted, not lost";
  Poll(R"({"state":"working"})");
  Poll(R"({"appointment":{"id":7}})");
  engine->Recover();
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
  EXPECT_THAT(executor->effects, SizeIs(0)) << "nothing is sent in this life";
}

TEST_F(EngineJobTest, AQuestionThatFailsIsAskedAgain) {
  Accept();
  executor->Add("job", ScriptedExecutor::Failure(FailureKind::kServerError, 503));
  Poll(R"({"appointment":{"id":7}})");
  Start(Call("slow"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
}

TEST_F(EngineJobTest, AJobThatNeverEndsGoesToAPerson) {
  Accept();
  for (int i = 0; i < 200; ++i) Poll(R"({"state":"working"})");
  Start(Call("slow"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kReview);
  EXPECT_EQ(Recorded().reason, "job.given_up");
  EXPECT_THAT(executor->effects, SizeIs(1));
}

TEST_F(EngineJobTest, AJobThatNeverEndsIsProbedWhereThatIsPossible) {
  SetJob({.probed = true});
  Accept();
  for (int i = 0; i < 200; ++i) Poll(R"({"state":"working"})");
  executor->Add("find", ScriptedExecutor::Success(R"({"found":[{"id":7}]})"));
  Start(Call("slow"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
  EXPECT_EQ(Recorded().reason, "R3.probe_applied");
}

// Edge cases 21 and 25: the answer that was lost was the 202, and the job lands minutes later.
TEST_F(EngineJobTest, WhatMayBeAJobIsNotFoundMissingBeforeItsTimeIsOver) {
  SetJob({.probed = true});
  executor->Add("slow", ScriptedExecutor::LostAfterEffect());
  Start(Call("slow"));
  sim->Advance(absl::Minutes(4));
  EXPECT_THAT(executor->sent, SizeIs(1)) << "a look-up now would find nothing, and be believed";
  executor->Add("find", ScriptedExecutor::Success(R"({"found":[{"id":7}]})"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
  EXPECT_THAT(executor->effects, SizeIs(1));
}

TEST_F(EngineJobTest, AJobThatEndedWhileNobodyWasThereIsAskedAboutBeforeItIsGivenUp) {
  AcceptAndRestart({}, absl::Hours(1));
  Poll(R"({"appointment":{"id":7}})");
  engine->Recover();
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
}

TEST_F(EngineJobTest, AHostThatIsStillDownAfterARestartIsNoAnswerAboutItsJob) {
  AcceptAndRestart({}, absl::Hours(1));
  for (int i = 0; i < 10; ++i) {
    executor->Add("job", ScriptedExecutor::Failure(FailureKind::kNotSent));
  }
  Poll(R"({"appointment":{"id":7}})");
  engine->Recover();
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
}

TEST_F(EngineJobTest, AHostThatStaysDownAfterARestartLeavesItsJobToAPerson) {
  AcceptAndRestart({}, absl::Hours(1));
  for (int i = 0; i < 1000; ++i) {
    executor->Add("job", ScriptedExecutor::Failure(FailureKind::kNotSent));
  }
  engine->Recover();
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kReview);
  EXPECT_EQ(Recorded().reason, "job.given_up");
}

TEST_F(EngineJobTest, AJobWithoutItsQuestionInTheCatalogIsGivenUpInItsTime) {
  AcceptAndRestart({}, absl::ZeroDuration());
  asks_ = "gone";
  SetJob({});
  engine->Recover();
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kReview);
}

// "Not applied" is no news of a job that is queued: another one would book twice.
TEST_F(EngineJobTest, WhatWasAcceptedAsAJobIsNotSentAgainBecauseALookUpFindsNothing) {
  AcceptAndRestart({.probed = true}, absl::Hours(1));
  Poll(R"({"state":"working"})");
  executor->Add("find", ScriptedExecutor::Success(R"({"found":[]})"));
  engine->Recover();
  sim->Advance(absl::Seconds(20));
  EXPECT_EQ(Sent("job"), 1);
  EXPECT_EQ(Sent("find"), 0) << "the plan of before was to ask about the job";
  Settle();
  EXPECT_EQ(Sent("find"), 1);
  EXPECT_EQ(Sent("slow"), 0);
  EXPECT_EQ(Recorded().state, IntentState::kReview);
  EXPECT_EQ(Recorded().reason, "job.may_still_land");
}

TEST_F(EngineJobTest, AClockThatJumpsAheadGivesUpNoJobUnasked) {
  Accept();
  Start(Call("slow"));
  sim->Advance(absl::Seconds(1));
  sim->Jump(absl::Hours(1));
  Poll(R"({"appointment":{"id":7}})");
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
}

TEST_F(EngineJobTest, AJobThatWasGivenUpIsAskedAboutOnceMoreAfterARestart) {
  SetJob({.probed = true});
  Accept();
  for (int i = 0; i < 200; ++i) Poll(R"({"state":"working"})");
  Start(Call("slow"));
  while (Recorded().reason != "job.given_up") sim->Advance(absl::Seconds(1));
  Restart();
  SetJob({.probed = true});
  Poll(R"({"appointment":{"id":7}})");
  engine->Recover();
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
  EXPECT_EQ(Recorded().reason, "job.done");
}

// Edge case 45
TEST_F(EngineJobTest, AClockThatWasSetBackPostponesNoQuestionForLong) {
  AcceptAndRestart({}, -absl::Hours(24 * 365));
  Poll(R"({"appointment":{"id":7}})");
  engine->Recover();
  sim->Advance(absl::Minutes(1));
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
}

TEST_F(EngineJobTest, AClockThatWasSetBackWaitsForNoJobForEver) {
  AcceptAndRestart({}, -absl::Hours(24 * 365));
  for (int i = 0; i < 1000; ++i) Poll(R"({"state":"working"})");
  engine->Recover();
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kReview);
}

// R14: the look-up that found nothing was too early.
TEST_F(EngineJobTest, AJobThatFailedAfterALookUpThatWasTooEarlyIsNoProof) {
  settle_after_ = absl::Seconds(10);
  SetJob({.probed = true});
  executor->Add("slow", ScriptedExecutor::LostAfterEffect());
  executor->Add("find", ScriptedExecutor::Success(R"({"found":[]})"));
  Accept();
  Poll(R"({"error":"slot taken"})");
  executor->Add("find", ScriptedExecutor::Success(R"({"found":[{"id":7}]})"));
  Start(Call("slow"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded) << Recorded().reason;
  EXPECT_EQ(Sent("find"), 2);
}

TEST_F(EngineJobTest, AJobThatFailedAndALookUpThatFindsNothingEndIt) {
  SetJob({.keyed = true, .probed = true, .key_retention = absl::Hours(24)});
  executor->Add("slow", ScriptedExecutor::Failure(FailureKind::kLost));
  Accept();
  Poll(R"({"error":"slot taken"})");
  executor->Add("find", ScriptedExecutor::Success(R"({"found":[]})"));
  Start(Call("slow"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kRejected);
  EXPECT_EQ(Recorded().result_json, R"({"error":"slot taken"})");
  EXPECT_EQ(Sent("slow"), 2) << "what its job was refused is not sent once more";
}

// A 201 whose body was lost, and then, by the same key, a job that fails because of the first one.
TEST_F(EngineJobTest, AJobThatFailedAndALookUpThatFindsNothingDoNotUndoASuccessThatWasSeen) {
  SetJob({.keyed = true, .probed = true, .key_retention = absl::Hours(24)});
  ScriptedExecutor::Step cut = ScriptedExecutor::Failure(FailureKind::kBodyUnreadable, 201);
  cut.takes_effect = true;
  executor->Add("slow", cut);
  Accept();
  Poll(R"({"error":"the slot is taken"})");
  for (int i = 0; i < 10; ++i) executor->Add("find", ScriptedExecutor::Success(R"({"found":[]})"));
  Start(Call("slow"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kReview);
  EXPECT_EQ(Recorded().reason, "probe.conflict");
  EXPECT_EQ(Sent("slow"), 2);
}

TEST_F(EngineJobTest, ADownstreamThatIsAwayIsNotAskedByEveryJob) {
  constexpr int kJobs = 50;
  for (int i = 0; i < kJobs; ++i) {
    Accept();
    Start(Call("slow", absl::StrReplaceAll(kBooking, {{"dr-kim", absl::StrCat("dr-", i)}})));
  }
  sim->Advance(absl::Seconds(1));
  executor->decide = [&](const Json& rendered) -> std::optional<ScriptedExecutor::Step> {
    if (rendered["tool"] != "job") return std::nullopt;
    return ScriptedExecutor::Failure(FailureKind::kNotSent);
  };
  sim->Advance(absl::Minutes(1));
  EXPECT_LT(Sent("job"), 2 * kJobs) << "of some thousand that would only be lost";
  executor->decide = nullptr;
  for (int i = 0; i < kJobs; ++i) Poll(R"({"appointment":{"id":7}})");
  sim->Advance(absl::Minutes(1));
  for (const IntentRecord& record : ledger.intents) {
    EXPECT_EQ(record.state, IntentState::kSucceeded);
  }
}

TEST_F(EngineJobTest, TheWholeAnswerIsTheResultWhereTheManifestNamesNoPartOfIt) {
  result_.reset();
  SetJob({});
  Accept();
  Poll(R"({"appointment":{"id":7},"state":"done"})");
  EXPECT_EQ(Run(Call("slow")).result_json, R"({"appointment":{"id":7},"state":"done"})");
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
}

// The manifest has changed meanwhile: what was accepted is not sent again because of that.
TEST_F(EngineJobTest, AJobOfAToolThatHasNoneAnyMoreGoesToAPerson) {
  AcceptAndRestart({.keyed = true, .key_retention = absl::Hours(24)}, absl::ZeroDuration());
  engine->SetTools(std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{
      BookingTool("slow", {.keyed = true, .key_retention = absl::Hours(24)}), ReadTool("job")}));
  engine->Recover();
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kReview);
  EXPECT_EQ(Recorded().reason, "job.given_up");
  EXPECT_THAT(executor->sent, SizeIs(0));
}

// A refusal is an answer: the downstream knows the job no more.
TEST_F(EngineJobTest, AJobThatIsOverdueAndUnknownThereIsGivenUpAtOnce) {
  AcceptAndRestart({}, absl::Hours(1));
  executor->Add("job", ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 404));
  engine->Recover();
  Settle();
  EXPECT_EQ(Sent("job"), 1);
  EXPECT_EQ(Recorded().state, IntentState::kReview);
  EXPECT_EQ(Recorded().reason, "job.given_up");
}

TEST_F(EngineJobTest, AnAcceptanceThatIsRecordedDuringADrainIsAskedAboutByTheNextStart) {
  Accept();
  Start(Call("slow"));
  ledger.Hold();
  sim->Advance(absl::Seconds(1));
  bool drained = false;
  engine->Drain(absl::Seconds(10), [&] { drained = true; });
  ledger.Release();
  sim->Advance(absl::Seconds(9));
  EXPECT_TRUE(drained);
  EXPECT_EQ(Sent("job"), 0);
  EXPECT_EQ(Recorded().state, IntentState::kUnknown);
  EXPECT_EQ(Recorded().job, "job-9");
  Restart();
  SetJob({});
  Poll(R"({"appointment":{"id":7}})");
  engine->Recover();
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
  EXPECT_EQ(Sent("slow"), 0);
}

// R14: for a job that was given up before a restart, the number of attempts tells.
TEST_F(EngineJobTest, AGivenUpJobThatFailedIsAProofOnlyIfItIsOfTheFirstAttempt) {
  const RetrySafety safety{.keyed = true, .probed = true, .key_retention = absl::Hours(24)};
  for (const bool lost_before : {false, true}) {
    SCOPED_TRACE(lost_before);
    ledger.Clear();
    Restart();
    SetJob(safety);
    if (lost_before) executor->Add("slow", ScriptedExecutor::LostAfterEffect());
    Accept();
    for (int i = 0; i < 200; ++i) Poll(R"({"state":"working"})");
    Start(Call("slow"));
    for (int i = 0; i < 1000 && Recorded().reason != "job.given_up"; ++i) {
      sim->Advance(absl::Seconds(1));
    }
    ASSERT_EQ(Recorded().reason, "job.given_up");
    Restart();
    SetJob(safety);
    Poll(R"({"error":"slot taken"})");
    executor->Add("find", ScriptedExecutor::Success(R"({"found":[7]})"));
    engine->Recover();
    Settle();
    EXPECT_EQ(Recorded().state, lost_before ? IntentState::kSucceeded : IntentState::kRejected);
    EXPECT_EQ(Recorded().reason, lost_before ? "R3.probe_applied" : "job.failed");
    EXPECT_EQ(Sent("slow"), 0);
  }
}

// R16
class EngineLateJobTest : public EngineJobTest {
 protected:
  // A person's verdict comes between the question about the job and its answer.
  void SettleBefore(const char* answer, IntentState verdict) {
    Accept();
    executor->Add("job", ScriptedExecutor::Success(answer, absl::Seconds(4)));
    Start(Call("slow"));
    sim->Advance(absl::Seconds(3));
    ASSERT_EQ(Sent("job"), 1);
    engine->Resolve(
        {.tenant = "t", .intent_id = Recorded().intent_id, .verdict = verdict, .at = sim->Now()},
        [](const absl::StatusOr<IntentRecord>& record) { EXPECT_THAT(record, IsOk()); });
    Settle();
    EXPECT_EQ(Sent("job"), 1);
    EXPECT_EQ(Sent("slow"), 1);
  }
};

TEST_F(EngineLateJobTest, AJobThatIsDoneAfterNotAppliedIsAConflict) {
  SettleBefore(R"({"appointment":{"id":7}})", IntentState::kRejected);
  ASSERT_THAT(ledger.late, SizeIs(1));
  EXPECT_EQ(ledger.late[0].rule, "R16.late_job");
  EXPECT_EQ(ledger.late[0].says, IntentState::kSucceeded);
  EXPECT_THAT(ledger.late[0].evidence_json, HasSubstr(R"("id":7)"));
  EXPECT_EQ(Run(Call("slow")).disposition, Disposition::kNeedsReview);
}

TEST_F(EngineLateJobTest, AJobThatFailedAfterAppliedIsAConflict) {
  SettleBefore(R"({"error":"slot taken"})", IntentState::kSucceeded);
  ASSERT_THAT(ledger.late, SizeIs(1));
  EXPECT_EQ(ledger.late[0].says, IntentState::kRejected);
}

TEST_F(EngineLateJobTest, AJobThatIsStillAtWorkContradictsNobody) {
  SettleBefore(R"({"state":"working"})", IntentState::kRejected);
  EXPECT_THAT(ledger.late, SizeIs(0));
}

}  // namespace
}  // namespace onetake::testing
