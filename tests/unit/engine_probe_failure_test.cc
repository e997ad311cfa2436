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

}  // namespace
}  // namespace onetake::testing
