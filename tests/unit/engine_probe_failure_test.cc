// Probes that bring no answer, or one that may be about something else.
#include "absl/strings/str_cat.h"
#include "tests/testing/engine_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class EngineProbeFailureTest : public EngineFixture {
 protected:
  EngineProbeFailureTest() { SetTools({ReadTool("find")}); }

  void SetTools(std::vector<std::shared_ptr<const Tool>> tools) {
    auto tool = BookingTool("probed", {.probed = true});
    tool->result_ref = JsonPath::Parse("$.id").value();
    tool->probe->result = JsonPath::Parse("$.found[0]").value();
    tools.push_back(tool);
    engine->SetTools(std::make_shared<ToolSet>(std::move(tools)));
  }
  void Lose() { executor->Add("probed", ScriptedExecutor::LostAfterEffect()); }
  void Answers(const char* answer) { executor->Add("find", ScriptedExecutor::Success(answer)); }
  int64_t Sent(const std::string& tool) const {
    return std::count_if(executor->sent.begin(), executor->sent.end(),
                         [&](const auto& sent) { return sent.tool == tool; });
  }
  const IntentRecord& Recorded() { return ledger.intents.back(); }
  // What is on record of why the probes were asked again.
  std::string Evidence() const {
    std::string all;
    for (const Transition& transition : ledger.transitions) {
      absl::StrAppend(&all, transition.evidence_json, "\n");
    }
    return all;
  }
};

TEST_F(EngineProbeFailureTest, AnAnswerThatIsNoJsonProvesNothingAndIsAskedForAgain) {
  Lose();
  Answers("<html>busy</html>");
  Answers(R"({"found":[{"id":7}]})");
  Start(Call("probed"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
  EXPECT_EQ(Recorded().result_json, R"({"id":7})");
  EXPECT_EQ(Sent("probed"), 1);
  EXPECT_EQ(Sent("find"), 2);
  EXPECT_THAT(Evidence(), HasSubstr("its answer is unreadable"));
}

TEST_F(EngineProbeFailureTest, AProbeThatIsNotInTheCatalogLeavesTheWriteToAPerson) {
  auto write = ReadTool("find");
  write->effect = Effect::kWrite;  // a probe must change nothing
  for (const std::shared_ptr<Tool>& find : {std::shared_ptr<Tool>(), write}) {
    ledger.Clear();
    Restart();
    SetTools(find == nullptr ? std::vector<std::shared_ptr<const Tool>>{}
                             : std::vector<std::shared_ptr<const Tool>>{find});
    Lose();
    Start(Call("probed"));
    Settle();
    EXPECT_EQ(Recorded().state, IntentState::kReview);
    EXPECT_EQ(Recorded().reason, "probe.exhausted");
    EXPECT_THAT(Evidence(), HasSubstr("its tool is not in the catalog"));
    EXPECT_THAT(executor->sent, SizeIs(1));
  }
}

// Whose result it is can only be told by the ledger.
TEST_F(EngineProbeFailureTest, WhatWasFoundIsNotBelievedWhileTheLedgerCannotBeRead) {
  Lose();
  for (int i = 0; i < 2; ++i) Answers(R"({"found":[{"id":7}]})");
  Start(Call("probed"));
  ledger.fail_lookups = 1;
  Settle();
  EXPECT_EQ(ledger.fail_lookups, 0);
  EXPECT_EQ(Sent("find"), 2);
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
  EXPECT_THAT(Evidence(), HasSubstr("the ledger cannot be read now"));
}

// Ids come back: what was not done after all has no result that another one could be taken for.
TEST_F(EngineProbeFailureTest, OnlyWhatWasDoneOwnsTheResultThatIsFound) {
  for (const IntentState first : {IntentState::kSucceeded, IntentState::kRejected}) {
    SCOPED_TRACE(ToString(first));
    ledger.Clear();
    Restart();
    SetTools({ReadTool("find")});
    executor->Add("probed", ScriptedExecutor::Success(R"({"id":7})"));
    ToolCall other = Call("probed");
    other.session_id = "call-16";
    Run(std::move(other));
    ledger.intents.at(0).state = first;
    Lose();
    Answers(R"({"found":[{"id":7}]})");
    Start(Call("probed"));
    Settle();
    const bool is_taken = first == IntentState::kSucceeded;
    EXPECT_EQ(Recorded().state, is_taken ? IntentState::kReview : IntentState::kSucceeded);
    EXPECT_EQ(Recorded().reason, is_taken ? "probe.conflict" : "R3.probe_applied");
    EXPECT_EQ(Sent("probed"), 2);
  }
}

// What is known to be at work is so after a death, too: in the middle of a resend, and between the
// record that only a person can tell and the one that it is left to them.
class EngineStillRunsTest : public EngineFixture {
 protected:
  EngineStillRunsTest() { StartAnew(); }
  void StartAnew() {
    auto both =
        BookingTool("both", {.keyed = true, .probed = true, .key_retention = absl::Hours(1)});
    both->retries.attempts = 2;
    RestartWith({both, BookingTool("probed", {.probed = true}), ReadTool("find")});
    for (int i = 0; i < 9; ++i) executor->Add("find", ScriptedExecutor::Success(R"({"found":[]})"));
  }
  // Leaves one running.
  void Leave(const std::string& tool) {
    ScriptedExecutor::Step step = ScriptedExecutor::Failure(FailureKind::kLost);
    step.report.still_runs = true;
    executor->Add(tool, step);
    Start(Call(tool));
  }
  const IntentRecord& Recorded() { return ledger.intents.back(); }
};

TEST_F(EngineStillRunsTest, ItIsKnownAfterADeathInTheMiddleOfAResend) {
  Leave("both");
  executor->Add("both", ScriptedExecutor::Success("{}", absl::Seconds(20)));
  for (int i = 0; i < 1000 && executor->sent.size() < 2; ++i) sim->Advance(absl::Milliseconds(50));
  ASSERT_THAT(executor->sent, SizeIs(2));
  StartAnew();
  ASSERT_THAT(ledger.MarkCrashed(sim->Now()), IsOk());
  EXPECT_EQ(ledger.events.back().kind, "crashed");
  engine->Recover();
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kReview);
  EXPECT_EQ(Recorded().attempts, 2);
}

TEST_F(EngineStillRunsTest, ItIsKnownWhenTheDeathIsJustBeforeItIsLeftToAPerson) {
  Leave("probed");
  Settle();
  ASSERT_EQ(Recorded().reason, "probe.may_still_land");
  ASSERT_EQ(Recorded().state, IntentState::kReview);
  ledger.intents.back().state = IntentState::kUnknown;
  ledger.intents.back().review_at.reset();
  StartAnew();
  engine->Recover();
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kReview);
  EXPECT_EQ(Recorded().attempts, 1);
}

// What is lost may land for as long as the attempt might have taken that was made.
TEST_F(EngineStillRunsTest, ALookUpWaitsAsTheAttemptWasMadeAfterARestartWithShorterTimeouts) {
  const auto start = [this](absl::Duration attempt) {
    auto probed = BookingTool("probed", {.probed = true});
    probed->version = absl::StrCat("v", absl::FormatDuration(attempt));
    probed->timeouts.attempt = attempt;
    RestartWith({probed, ReadTool("find")});
    executor->Add("find", ScriptedExecutor::Success(R"({"found":[7]})"));
  };
  start(absl::Minutes(2));
  executor->Add("probed", ScriptedExecutor::Failure(FailureKind::kLost));
  Start(Call("probed"));
  sim->Advance(absl::Seconds(1));
  ASSERT_TRUE(Recorded().next_attempt_at.has_value());
  const absl::Time planned = *Recorded().next_attempt_at;
  start(absl::Seconds(6));
  engine->Recover();
  sim->Advance(planned - sim->Now() - absl::Seconds(1));
  EXPECT_THAT(executor->sent, SizeIs(0));
  sim->Advance(absl::Seconds(2));
  EXPECT_THAT(executor->sent, SizeIs(1));
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
}

}  // namespace
}  // namespace onetake::testing
