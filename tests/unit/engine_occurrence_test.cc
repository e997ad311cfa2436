// Further wishes for the very same thing, and what a look-up can say of them.
#include <algorithm>

#include "tests/testing/engine_reversal_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::SizeIs;

// "Two tickets": the look-up finds the first one, whichever of them it asks about.
class EngineOccurrenceTest : public EngineFixture {
 protected:
  static ToolCall Second(std::string tool) {
    ToolCall call = Call(std::move(tool));
    call.occurrence = 1;
    call.turn_id = "turn-2";
    return call;
  }
  void SetTool(RetrySafety safety) {
    auto tool = BookingTool("probed", safety);
    tool->result_ref = JsonPath::Parse("$.id").value();
    tool->probe = ProbeSpec{.tool = "find",
                            .args = JsonTemplate::Parse(Json::object()).value(),
                            .applied_if = JsonPath::Parse("$.found[0].id").value(),
                            .result = JsonPath::Parse("$.found[0]").value()};
    tools_ = {tool, ReadTool("find")};
    engine->SetTools(std::make_shared<ToolSet>(tools_));
  }
  void Book() { executor->Add("probed", ScriptedExecutor::Success(R"({"id":7})")); }
  void LoseItBeforeItsEffect() {
    executor->Add("probed", ScriptedExecutor::Failure(FailureKind::kLost));
  }

  void Answers(const char* answer) { executor->Add("find", ScriptedExecutor::Success(answer)); }
  int64_t Probes() const {
    return std::count_if(executor->sent.begin(), executor->sent.end(),
                         [](const auto& sent) { return sent.tool == "find"; });
  }

  std::vector<std::shared_ptr<const Tool>> tools_;
};

TEST_F(EngineOccurrenceTest, AnotherWishThatWasLostIsNotLookedUp) {
  SetTool({.probed = true});
  Book();
  EXPECT_EQ(Run(Call("probed")).disposition, Disposition::kDone);
  LoseItBeforeItsEffect();
  Answers(R"({"found":[{"id":7}]})");
  EXPECT_EQ(Run(Second("probed")).disposition, Disposition::kNeedsReview);
  Settle();
  EXPECT_EQ(ledger.intents.at(1).state, IntentState::kReview);
  EXPECT_EQ(Probes(), 0);
}

TEST_F(EngineOccurrenceTest, NorAfterARestart) {
  SetTool({.probed = true});
  Book();
  Run(Call("probed"));
  executor->Add("probed", ScriptedExecutor::Success("{}", absl::Seconds(5)));
  Start(Second("probed"));
  const std::vector<std::shared_ptr<const Tool>> tools = tools_;
  RestartWith(tools);
  ASSERT_THAT(ledger.MarkCrashed(sim->Now()), IsOk());
  Answers(R"({"found":[{"id":7}]})");
  engine->Recover();
  Settle();
  EXPECT_EQ(ledger.intents.at(1).state, IntentState::kReview);
  EXPECT_EQ(Probes(), 0);
}

TEST_F(EngineOccurrenceTest, AKeyTellsTheWishesApart) {
  SetTool({.keyed = true, .natural = true, .probed = true, .key_retention = absl::Hours(24)});
  Book();
  Run(Call("probed"));
  LoseItBeforeItsEffect();
  executor->Add("probed", ScriptedExecutor::Success(R"({"id":8})"));
  const Answer second = Run(Second("probed"));
  EXPECT_EQ(second.disposition, Disposition::kDone);
  EXPECT_EQ(second.result_json, R"({"id":8})");
  EXPECT_EQ(ledger.intents.at(1).safety, "KEYED");
}

TEST_F(EngineOccurrenceTest, ARowThatIsAnotherIntentsResultIsAConflictForAPerson) {
  SetTool({.probed = true});
  LoseItBeforeItsEffect();
  Start(Call("probed"));
  sim->Advance(absl::Milliseconds(200));
  executor->Add("probed", ScriptedExecutor::Success(R"({"id":7})"));
  EXPECT_EQ(Run(Second("probed")).disposition, Disposition::kDone);
  Answers(R"({"found":[{"id":7}]})");
  Settle();
  EXPECT_EQ(ledger.intents.at(0).state, IntentState::kReview);
  EXPECT_EQ(ledger.intents.at(0).reason, "probe.conflict");
}

// R7: many APIs keep what was cancelled, and a look-up may come from a replica that is behind.
TEST_F(EngineOccurrenceTest, ARowThatWasUndoneIsNotTakenForWhatIsBookedAgain) {
  SetTool({.probed = true});
  tools_.push_back(CancelTool("cancel", {.tool = "probed",
                                         .argument = JsonPath::Parse("$.appointment_id").value(),
                                         .result = JsonPath::Parse("$.id").value()}));
  engine->SetTools(std::make_shared<ToolSet>(tools_));
  Book();
  Run(Call("probed"));
  EXPECT_EQ(Run(Call("cancel", kCancel)).disposition, Disposition::kDone);
  ASSERT_EQ(ledger.intents.at(0).state, IntentState::kReversed);
  LoseItBeforeItsEffect();
  Answers(R"({"found":[{"id":7}]})");
  Start(Call("probed"));
  Settle();
  EXPECT_EQ(ledger.intents.back().generation, 2);
  EXPECT_EQ(ledger.intents.back().reason, "probe.conflict");
  EXPECT_EQ(Run(Call("probed")).disposition, Disposition::kNeedsReview);
}

TEST_F(EngineOccurrenceTest, ARowThatNobodyElseHasIsTheWritesOwn) {
  SetTool({.probed = true});
  Book();
  ToolCall other = Call("probed");
  other.session_id = "call-18";
  Run(other);
  executor->Add("probed", ScriptedExecutor::LostAfterEffect());
  Answers(R"({"found":[{"id":8}]})");
  Start(Call("probed"));
  Settle();
  EXPECT_EQ(ledger.intents.at(1).state, IntentState::kSucceeded);
  EXPECT_EQ(ledger.intents.at(1).result_json, R"({"id":8})");
}

// Somebody else may have changed the state that the first one has made.
TEST_F(EngineOccurrenceTest, OfAToolThatMakesTheSameStateAnotherWishMakesItOnceMore) {
  EXPECT_EQ(Run(Call("natural")).disposition, Disposition::kDone);
  executor->Add("natural", ScriptedExecutor::Failure(FailureKind::kLost));
  EXPECT_EQ(Run(Second("natural")).disposition, Disposition::kDone) << "it may be sent again";
  EXPECT_EQ(ledger.intents.at(1).safety, "NATURAL");
  EXPECT_THAT(executor->sent, SizeIs(3));
  EXPECT_TRUE(Run(Call("natural")).replayed);
  EXPECT_TRUE(Run(Second("natural")).replayed);
}

// It is asked about that one request, and not about whatever looks like it.
TEST_F(EngineOccurrenceTest, AnotherWishIsAskedAboutWhereTheDownstreamKnowsTheRequest) {
  auto tool = BookingTool("probed", {.probed = true});
  tool->probe = ProbeSpec{.asks = ProbeSpec::Asks::kDownstream};
  engine->SetTools(std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{tool}));
  Book();
  Run(Call("probed"));
  executor->Add("probed", ScriptedExecutor::LostAfterEffect());
  executor->probe_script = {
      {.finding = ProbeReport::Finding::kApplied, .result_json = R"({"id":8})"}};
  Start(Second("probed"));
  Settle();
  ASSERT_THAT(ledger.intents, SizeIs(2));
  EXPECT_EQ(ledger.intents[1].state, IntentState::kSucceeded) << ledger.intents[1].reason;
  EXPECT_EQ(ledger.intents[1].result_json, R"({"id":8})");
  EXPECT_THAT(executor->probed, ::testing::ElementsAre(ledger.intents[1].request));
  EXPECT_THAT(executor->sent, SizeIs(2));
}

}  // namespace
}  // namespace onetake::testing
