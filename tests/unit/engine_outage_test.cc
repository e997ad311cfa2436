// Programs of ours that are away for a while: plugins, MCP servers over stdio. What is sent again
// after a while, and may come too late.
#include "tests/testing/engine_fixture.h"

namespace onetake::testing {
namespace {

class EngineOutageTest : public EngineFixture {
 protected:
  const IntentRecord& Recorded() { return ledger.intents.at(0); }
};

// A plugin that is starting again, for longer than all attempts would take.
TEST_F(EngineOutageTest, AnOutageOfAProgramOfOursCostsNoAttempts) {
  auto tool = BookingTool("keyed", {.keyed = true, .key_retention = absl::Hours(24)});
  tool->retries.attempts = 2;
  engine->SetTools(std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{tool}));
  executor->Add("keyed", ScriptedExecutor::LostAfterEffect());
  const absl::Duration back = sim->Elapsed() + tool->retries.total / 2;
  executor->not_ready_for = [this, back](const Tool& asked) {
    EXPECT_EQ(asked.name, "keyed");
    return sim->Elapsed() < back ? absl::Milliseconds(100) : absl::ZeroDuration();
  };
  Start(Call("keyed"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded) << Recorded().reason;
  EXPECT_EQ(Recorded().attempts, 2);
  EXPECT_GE(sim->Elapsed(), back);
}

TEST_F(EngineOutageTest, AnOutageThatOutlivesTheRetriesEndsInReview) {
  executor->Add("keyed", ScriptedExecutor::LostAfterEffect());
  executor->not_ready_for = [](const Tool&) { return absl::Milliseconds(100); };
  for (int i = 0; i < 10; ++i) {
    executor->Add("keyed", ScriptedExecutor::Failure(FailureKind::kNotSent));
  }
  Start(Call("keyed"));
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kReview);
  EXPECT_EQ(Recorded().attempts, 2) << "the last one, when the time is over";
}

// Edge case 31: what is sent in time may still get there too late.
TEST_F(EngineOutageTest, AResendMustGetThereWhileTheKeyIsRemembered) {
  for (const int retention : {10, 12}) {
    ledger.Clear();
    Restart();
    auto tool = BookingTool("keyed", {.keyed = true, .key_retention = absl::Seconds(retention)});
    tool->timeouts.attempt = absl::Seconds(8);
    tool->retries.base = absl::ZeroDuration();
    engine->SetTools(std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{tool}));
    ScriptedExecutor::Step lost = ScriptedExecutor::LostAfterEffect();
    lost.after = absl::Seconds(3);
    executor->Add("keyed", lost);
    Start(Call("keyed"));
    Settle();
    EXPECT_EQ(executor->sent.size(), retention == 10 ? 1u : 2u) << retention;
  }
}

}  // namespace
}  // namespace onetake::testing
