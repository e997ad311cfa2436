// A person's verdict, and what arrives after one (R16).
#include "runtime/base/limits.h"
#include "tests/testing/engine_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class EngineReviewTest : public EngineFixture {
 protected:
  const IntentRecord& Recorded() { return ledger.intents.at(0); }

  void Resolve(IntentState verdict) {
    std::optional<absl::Status> status;
    engine->Resolve({.tenant = "t",
                     .intent_id = Recorded().intent_id,
                     .verdict = verdict,
                     .by = "dana",
                     .evidence_json = R"({"note":"asked the front desk"})",
                     .at = sim->Now()},
                    [&](const absl::StatusOr<IntentRecord>& record) { status = record.status(); });
    sim->RunReady();
    ASSERT_TRUE(status.has_value());
    EXPECT_THAT(*status, IsOk());
  }
  // A verdict that becomes durable right after the resend of a lost write was counted.
  absl::Status ResolveBesideAResend() {
    executor->Add("keyed", ScriptedExecutor::LostAfterEffect());
    Start(Call("keyed"));
    sim->Advance(absl::Milliseconds(100));
    ledger.Hold();
    sim->Advance(absl::Seconds(5));
    absl::Status status = absl::UnknownError("no answer");
    engine->Resolve({.tenant = "t",
                     .intent_id = Recorded().intent_id,
                     .generation = 1,
                     .verdict = IntentState::kRejected,
                     .at = sim->Now()},
                    [&](const absl::StatusOr<IntentRecord>& record) { status = record.status(); });
    ledger.Release();
    sim->RunReady();
    EXPECT_EQ(Recorded().attempts, 2);
    EXPECT_THAT(executor->sent, SizeIs(1));
    return status;
  }
  // A keyed write whose second attempt hangs.
  std::shared_ptr<Reply> HangInDoubt(ScriptedExecutor::Step second) {
    executor->Add("keyed", ScriptedExecutor::LostAfterEffect());
    executor->Add("keyed", std::move(second));
    ToolCall call = Call("keyed");
    call.patience = absl::Minutes(1);
    const auto reply = Start(std::move(call));
    sim->Advance(absl::Seconds(2));
    EXPECT_THAT(executor->sent, SizeIs(2));
    EXPECT_EQ(Recorded().state, IntentState::kUnknown);
    return reply;
  }
};

// Edge case 48
TEST_F(EngineReviewTest, APersonsVerdictIsWhatTheNextCallGets) {
  executor->Add("none", ScriptedExecutor::LostAfterEffect());
  EXPECT_EQ(Run(Call("none")).disposition, Disposition::kNeedsReview);
  Resolve(IntentState::kSucceeded);
  const Answer answer = Run(Call("none"));
  EXPECT_EQ(answer.disposition, Disposition::kDone);
  EXPECT_TRUE(answer.result_unavailable);
  EXPECT_THAT(executor->effects, SizeIs(1));
}

TEST_F(EngineReviewTest, WhatAPersonFoundNotDoneMayBeDoneByTheNextCall) {
  executor->Add("none", ScriptedExecutor::Failure(FailureKind::kLost));
  Run(Call("none"));
  Resolve(IntentState::kRejected);
  const Answer answer = Run(Call("none"));
  EXPECT_EQ(answer.disposition, Disposition::kDone);
  EXPECT_EQ(answer.intent->generation, 2);
}

TEST_F(EngineReviewTest, WhoeverWaitsIsAnsweredByThePersonsVerdict) {
  const auto reply = HangInDoubt(ScriptedExecutor::Success("{}", absl::Seconds(20)));
  Resolve(IntentState::kSucceeded);
  ASSERT_TRUE(reply->has_value());
  EXPECT_EQ((**reply)->disposition, Disposition::kDone);
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
  ASSERT_THAT(ledger.late, SizeIs(1)) << "the downstream agrees; that is kept";
  EXPECT_FALSE(Recorded().review_at.has_value());
}

// Edge case 22, R16
TEST_F(EngineReviewTest, ALateSuccessAfterNotAppliedIsAConflictAndHoldsTheIntent) {
  HangInDoubt(ScriptedExecutor::Success(R"({"id":7})", absl::Seconds(20)));
  Resolve(IntentState::kRejected);
  EXPECT_EQ(Recorded().state, IntentState::kRejected);
  Settle();
  ASSERT_THAT(ledger.late, SizeIs(1));
  EXPECT_EQ(ledger.late[0].says, IntentState::kSucceeded);
  EXPECT_THAT(ledger.late[0].evidence_json, HasSubstr(R"("id":7)"));
  EXPECT_EQ(Recorded().state, IntentState::kRejected) << "it overwrites nothing";
  EXPECT_TRUE(Recorded().review_at.has_value());
  const Answer answer = Run(Call("keyed"));
  EXPECT_EQ(answer.disposition, Disposition::kNeedsReview);
  EXPECT_EQ(answer.reason, "R16.conflict");
  EXPECT_THAT(executor->sent, SizeIs(2)) << "no second generation while that is open";
}

TEST_F(EngineReviewTest, WhatAPersonCorrectsToAppliedIsNotDoneAgainAlthoughItsNextOneWasRefused) {
  executor->Add("none", ScriptedExecutor::LostAfterEffect());
  Run(Call("none"));
  Resolve(IntentState::kRejected);
  executor->Add("none", ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 409));
  EXPECT_EQ(Run(Call("none")).disposition, Disposition::kRejected) << "because of the first one";
  ledger.RecordLate(
      {.row = 1, .says = IntentState::kSucceeded, .at = sim->Now()},
      [](const absl::StatusOr<IntentRecord>& record) { EXPECT_THAT(record, IsOk()); });
  EXPECT_EQ(Run(Call("none")).reason, "R16.conflict");
  Resolve(IntentState::kSucceeded);
  const Answer answer = Run(Call("none"));
  EXPECT_EQ(answer.disposition, Disposition::kDone);
  EXPECT_TRUE(answer.replayed);
  EXPECT_EQ(answer.intent->generation, 1);
  EXPECT_THAT(executor->sent, SizeIs(2));
}

// R4: another generation has another key, so the downstream would do both.
TEST_F(EngineReviewTest, NothingIsSentBesideAnAttemptThatAVerdictHasOvertaken) {
  HangInDoubt(ScriptedExecutor::Success(R"({"id":7})", absl::Seconds(20)));
  Resolve(IntentState::kRejected);
  ToolCall call = Call("keyed");
  call.patience = absl::Minutes(1);
  const auto reply = Start(std::move(call));
  sim->Advance(absl::Seconds(10));
  EXPECT_FALSE(reply->has_value());
  Settle();
  ASSERT_TRUE(reply->has_value());
  EXPECT_EQ((**reply)->reason, "R16.conflict");
  EXPECT_THAT(executor->sent, SizeIs(2));
}

TEST_F(EngineReviewTest, WhatWaitsForAnOvertakenAttemptGoesOnWhenThatDidNothing) {
  ScriptedExecutor::Step unsent = ScriptedExecutor::Failure(FailureKind::kNotSent);
  unsent.after = absl::Seconds(20);
  HangInDoubt(unsent);
  Resolve(IntentState::kRejected);
  ToolCall call = Call("keyed");
  call.patience = absl::Minutes(1);
  const auto reply = Start(std::move(call));
  EXPECT_EQ(Run(Call("keyed")).reason, "R7.waits_for_another") << "its patience is shorter";
  Settle();
  ASSERT_TRUE(reply->has_value());
  EXPECT_EQ((**reply)->disposition, Disposition::kDone);
  EXPECT_EQ((**reply)->intent->generation, 2);
  EXPECT_THAT(executor->sent, SizeIs(3));
}

// The person cannot have seen what a request did that was still under way.
TEST_F(EngineReviewTest, AnOvertakenAttemptThatEndsWithoutAnOutcomeIsAPersonsAgain) {
  ScriptedExecutor::Step lost = ScriptedExecutor::LostAfterEffect();
  lost.after = absl::Seconds(20);
  HangInDoubt(lost);
  Resolve(IntentState::kRejected);
  ToolCall call = Call("keyed");
  call.patience = absl::Minutes(1);
  const auto reply = Start(std::move(call));
  Settle();
  ASSERT_TRUE(reply->has_value());
  EXPECT_EQ((**reply)->reason, "R16.conflict");
  EXPECT_THAT(executor->sent, SizeIs(2)) << "the next one would have another key";
  ASSERT_THAT(ledger.late, SizeIs(1));
  EXPECT_EQ(ledger.late[0].rule, "R16.late_unknown");
  Resolve(IntentState::kRejected);
  EXPECT_EQ(Run(Call("keyed")).disposition, Disposition::kDone) << "who looks again is believed";
}

// R16 and edge case 12: what was learned too late is no less an outcome when the disk is full.
TEST_F(EngineReviewTest, ALateSuccessWaitsForRoomOnTheDiskAndHoldsTheIntentMeanwhile) {
  HangInDoubt(ScriptedExecutor::Success(R"({"id":7})", absl::Seconds(20)));
  Resolve(IntentState::kRejected);
  ledger.fail_late = 4;
  for (int i = 0; i < 3000 && ledger.fail_late == 4; ++i) sim->Advance(absl::Milliseconds(10));
  ASSERT_EQ(ledger.fail_late, 3) << "the answer has come, and found no room";
  const auto refused = Start(Call("keyed"));
  ASSERT_TRUE(refused->has_value());
  EXPECT_THAT((*refused)->status(),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("disk")))
      << "a claim that found room first would write it again";
  bool drained = false;
  engine->Drain(absl::ZeroDuration(), [&drained] { drained = true; });
  sim->RunReady();
  EXPECT_FALSE(drained) << "nothing else knows what the downstream has said";
  Settle();
  EXPECT_TRUE(drained);
  ASSERT_THAT(ledger.late, SizeIs(1));
  EXPECT_EQ(ledger.late[0].says, IntentState::kSucceeded);
  EXPECT_TRUE(Recorded().review_at.has_value());
  EXPECT_THAT(executor->sent, SizeIs(2));
}

// A claim is smaller than a late result, and may find room where that did not.
TEST_F(EngineReviewTest, WhatIsClaimedBehindALateSuccessThatFoundNoRoomIsNotSent) {
  HangInDoubt(ScriptedExecutor::Success(R"({"id":7})", absl::Seconds(20)));
  Resolve(IntentState::kRejected);
  ToolCall call = Call("keyed");
  call.patience = absl::Minutes(1);
  const auto same = Start(std::move(call));
  ledger.Hold();
  sim->Advance(absl::Seconds(20));
  const auto other = Start(Call("none"));
  ledger.fail_late = 1;
  ledger.Release();
  Settle();
  ASSERT_TRUE(other->has_value());
  EXPECT_EQ((**other)->disposition, Disposition::kRejected);
  ASSERT_THAT(ledger.intents, SizeIs(2)) << "the claim did find room";
  ASSERT_TRUE(same->has_value());
  EXPECT_EQ((**same)->reason, "R16.conflict");
  EXPECT_THAT(executor->sent, SizeIs(2));
  EXPECT_TRUE(Recorded().review_at.has_value());
}

// Whoever has heard of a later event would not hear of it on coming back.
TEST_F(EngineReviewTest, AConflictIsToldInItsPlaceAmongWhatIsRecorded) {
  std::vector<int64_t> told;
  engine->set_on_settled([&told](const IntentRecord& record, const Answer& answer) {
    EXPECT_EQ(answer.seq, record.last_seq);
    told.push_back(record.last_seq);
  });
  HangInDoubt(ScriptedExecutor::Success(R"({"id":7})", absl::Seconds(20)));
  Resolve(IntentState::kRejected);
  ledger.HoldLookups();
  Settle();
  const int64_t conflict = ledger.last_seq();
  ASSERT_THAT(ledger.late, SizeIs(1));
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.back(), conflict) << "and no slow look-up is waited for";
}

// R16: a success without its body, and the acceptance of a job, contradict a "no" too.
TEST_F(EngineReviewTest, ALateSuccessThatCannotBeReadAndALateJobAreConflicts) {
  const ScriptedExecutor::Step cut = ScriptedExecutor::Failure(FailureKind::kBodyUnreadable, 201);
  const ScriptedExecutor::Step accepted = {
      .report = {.reached = Reached::kBodyComplete, .job = "job-9", .http_status = 202}};
  for (ScriptedExecutor::Step second : {cut, accepted}) {
    Restart();
    ledger.Clear();
    second.after = absl::Seconds(20);
    HangInDoubt(second);
    Resolve(IntentState::kRejected);
    Settle();
    ASSERT_THAT(ledger.late, SizeIs(1));
    EXPECT_EQ(ledger.late[0].says, IntentState::kSucceeded);
    EXPECT_TRUE(Recorded().review_at.has_value());
  }
}

TEST_F(EngineReviewTest, NothingIsSentAfterAPersonsVerdict) {
  executor->Add("keyed", ScriptedExecutor::LostAfterEffect());
  ScriptedExecutor::Step busy = ScriptedExecutor::Failure(FailureKind::kRefusedUnprocessed, 429);
  busy.report.retry_after = absl::Seconds(30);
  executor->Add("keyed", busy);
  Start(Call("keyed"));
  sim->Advance(absl::Seconds(5));
  ASSERT_EQ(Recorded().state, IntentState::kUnknown);
  Resolve(IntentState::kSucceeded);
  Settle();
  EXPECT_THAT(executor->sent, SizeIs(2));
}

TEST_F(EngineReviewTest, ALateRefusalOfADoubtfulWriteContradictsNobody) {
  HangInDoubt({.report = {.reached = Reached::kBodyComplete,
                          .failure = FailureKind::kDefiniteRefusal,
                          .http_status = 409},
               .after = absl::Seconds(20),
               .takes_effect = false});
  Resolve(IntentState::kSucceeded);
  Settle();
  EXPECT_THAT(ledger.late, SizeIs(0)) << "\"slot taken\" may be our own booking (R14)";
}

// The same when a look-up has cleared the doubt: it may have been asked too early.
TEST_F(EngineReviewTest, ALateRefusalAfterALookUpThatFoundNothingContradictsNobody) {
  executor->Add("probed", ScriptedExecutor::LostAfterEffect());
  executor->Add("find", ScriptedExecutor::Success(R"({"found":[]})"));
  executor->Add("probed", {.report = {.reached = Reached::kBodyComplete,
                                      .failure = FailureKind::kDefiniteRefusal,
                                      .http_status = 409},
                           .after = absl::Seconds(20),
                           .takes_effect = false});
  Start(Call("probed"));
  for (int i = 0; i < 1000 && executor->sent.size() < 3; ++i) sim->Advance(absl::Milliseconds(50));
  ASSERT_THAT(executor->sent, SizeIs(3));
  Resolve(IntentState::kSucceeded);
  Settle();
  EXPECT_THAT(ledger.late, SizeIs(0));
}

// A resend is on its way to the disk when a person settles it, and the person hears "settled".
TEST_F(EngineReviewTest, NothingThatWasCountedBeforeAPersonsVerdictIsSentAfterIt) {
  EXPECT_THAT(ResolveBesideAResend(), IsOk());
  Settle();
  EXPECT_THAT(executor->sent, SizeIs(1));
  EXPECT_EQ(Recorded().state, IntentState::kRejected);
}

// R14: that the last of its attempts was not sent says nothing of the one before.
TEST_F(EngineReviewTest, AResendThatAVerdictKeptBackContradictsNobody) {
  auto tool = BookingTool("probed", {.probed = true});
  tool->retries.attempts = 2;
  engine->SetTools(
      std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{tool, ReadTool("find")}));
  executor->Add("probed", ScriptedExecutor::LostAfterEffect());
  executor->Add("find", ScriptedExecutor::Success(R"({"found":[]})"));
  executor->not_ready_for = [this](const Tool& asked) {
    if (asked.name == "probed") ledger.Hold();
    return absl::ZeroDuration();
  };
  Start(Call("probed"));
  sim->Advance(absl::Minutes(1));
  engine->Resolve({.tenant = "t",
                   .intent_id = Recorded().intent_id,
                   .verdict = IntentState::kSucceeded,
                   .at = sim->Now()},
                  [](const absl::StatusOr<IntentRecord>& record) { EXPECT_THAT(record, IsOk()); });
  sim->RunReady();
  ledger.Release();
  Settle();
  EXPECT_EQ(Recorded().attempts, 2);
  EXPECT_THAT(executor->sent, SizeIs(2)) << "the first attempt and the look-up";
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
  EXPECT_THAT(ledger.late, SizeIs(0));
}

TEST_F(EngineReviewTest, AVerdictThatFoundNoRoomHoldsNothingUp) {
  ledger.fail_resolves = 1;
  EXPECT_THAT(ResolveBesideAResend(),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("full")));
  Settle();
  EXPECT_THAT(executor->sent, SizeIs(2));
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
}

// A 2xx was seen, and only its body is missing.
TEST_F(EngineReviewTest, NotAppliedContradictsASuccessThatCouldNotBeRead) {
  executor->Add("keyed", ScriptedExecutor::Failure(FailureKind::kBodyUnreadable, 201));
  Start(Call("keyed"));
  sim->Advance(absl::Milliseconds(100));
  ASSERT_EQ(Recorded().state, IntentState::kUnknown);
  Resolve(IntentState::kRejected);
  ASSERT_THAT(ledger.late, SizeIs(1));
  EXPECT_EQ(ledger.late[0].says, IntentState::kSucceeded);
  EXPECT_TRUE(Recorded().review_at.has_value());
  EXPECT_EQ(Run(Call("keyed")).disposition, Disposition::kNeedsReview);
  EXPECT_THAT(executor->sent, SizeIs(1));
}

TEST_F(EngineReviewTest, AppliedContradictsNoSuccessThatCouldNotBeRead) {
  executor->Add("keyed", ScriptedExecutor::Failure(FailureKind::kBodyUnreadable, 201));
  Start(Call("keyed"));
  sim->Advance(absl::Milliseconds(100));
  Resolve(IntentState::kSucceeded);
  EXPECT_THAT(ledger.late, SizeIs(0));
}

// An outcome that finds no room on the disk, while a verdict, which is smaller, does.
TEST_F(EngineReviewTest, AVerdictBesideAnOutcomeThatWaitsForRoomLosesNothingOfIt) {
  HangInDoubt(ScriptedExecutor::Success(R"({"id":7})", absl::Seconds(20)));
  ledger.fail_applies = 4;
  for (int i = 0; i < 3000 && ledger.fail_applies == 4; ++i) sim->Advance(absl::Milliseconds(10));
  ASSERT_EQ(ledger.fail_applies, 3);
  Resolve(IntentState::kRejected);
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kRejected);
  ASSERT_THAT(ledger.late, SizeIs(1));
  EXPECT_EQ(ledger.late[0].rule, "R16.overtaken");
  EXPECT_THAT(ledger.late[0].evidence_json, HasSubstr(R"("id":7)"));
  EXPECT_TRUE(Recorded().review_at.has_value());
}

// A probe that was under way knows better too.
TEST_F(EngineReviewTest, ALateProbeThatFindsItIsAConflict) {
  executor->Add("probed", ScriptedExecutor::LostAfterEffect());
  executor->Add("find", ScriptedExecutor::Success(R"({"found":[1]})", absl::Seconds(5)));
  Start(Call("probed"));
  sim->Advance(absl::Seconds(32));
  ASSERT_THAT(executor->sent, SizeIs(2));
  Resolve(IntentState::kRejected);
  Settle();
  ASSERT_THAT(ledger.late, SizeIs(1));
  EXPECT_EQ(ledger.late[0].rule, "R16.late_probe");
  EXPECT_TRUE(Recorded().review_at.has_value());
}

TEST_F(EngineReviewTest, ALateProbeThatFindsNothingSendsNothingAndContradictsNobody) {
  executor->Add("probed", ScriptedExecutor::LostAfterEffect());
  executor->Add("find", ScriptedExecutor::Success(R"({"found":[]})", absl::Seconds(5)));
  Start(Call("probed"));
  sim->Advance(absl::Seconds(32));
  ASSERT_THAT(executor->sent, SizeIs(2));
  Resolve(IntentState::kSucceeded);
  const size_t recorded = ledger.events.size();
  Settle();
  EXPECT_THAT(executor->sent, SizeIs(2));
  EXPECT_THAT(ledger.late, SizeIs(0));
  EXPECT_THAT(ledger.events, SizeIs(recorded));
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
}

// Evidence is bounded; that there is a conflict is known all the same.
TEST_F(EngineReviewTest, ALateResultThatIsTooLongIsLeftOutOfTheEvidence) {
  const std::string result = DumpJson(Json{{"id", std::string(limits::kEvidenceBytes, 'x')}});
  HangInDoubt(ScriptedExecutor::Success(result, absl::Seconds(5)));
  Resolve(IntentState::kRejected);
  Settle();
  ASSERT_THAT(ledger.late, SizeIs(1));
  EXPECT_EQ(ledger.late[0].evidence_json, R"({"http_status":201,"says":"SUCCEEDED"})");
  EXPECT_TRUE(Recorded().review_at.has_value());
}

}  // namespace
}  // namespace onetake::testing
