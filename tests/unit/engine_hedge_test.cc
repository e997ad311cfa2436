#include "absl/strings/str_cat.h"
#include "tests/testing/engine_fixture.h"

// A second request beside a slow READ.
namespace onetake::testing {
namespace {

class EngineHedgeTest : public EngineFixture {
 protected:
  EngineHedgeTest() {
    Install([](Tool&) {});
  }

  // `find`, hedged at p95, with the changes of `change`.
  template <typename Change>
  void Install(Change change) {
    auto tool = ReadTool("find");
    tool->hedge_after = 0.95;
    tool->retries.attempts = 5;
    tool->timeouts.patience = absl::Seconds(20);
    change(*tool);
    engine->SetTools(std::make_shared<ToolSet>(
        std::vector<std::shared_ptr<const Tool>>{tool, BookingTool("none", {})}));
  }
  // p95 is 100 ms.
  void Measure(int samples) {
    LatencyHistogram histogram;
    for (int i = 0; i < samples; ++i) histogram.AddAnswered(absl::Milliseconds(100));
    engine->latency().Restore({{"find", "scripted", ""}, histogram});
  }
  LatencyHistogram Measured() { return *engine->latency().Find({"find", "scripted", ""}); }
  void Slow(absl::Duration after, std::string result = "{}") {
    executor->Add("find", ScriptedExecutor::Success(std::move(result), after));
  }
  std::shared_ptr<Reply> Ask() { return Start(Call("find", "{}")); }
  static Answer Of(const std::shared_ptr<Reply>& reply) {
    EXPECT_TRUE(reply->has_value()) << "no answer";
    return reply->has_value() ? ***reply : Answer{};
  }
};

TEST_F(EngineHedgeTest, TheSecondRequestWinsAndTheFirstIsCancelled) {
  Measure(100);
  Slow(absl::Seconds(15), R"({"n":1})");
  Slow(absl::Milliseconds(50), R"({"n":2})");
  const auto reply = Ask();
  sim->Advance(absl::Milliseconds(99));
  EXPECT_EQ(executor->sent.size(), 1);
  sim->Advance(absl::Milliseconds(60));
  EXPECT_EQ(executor->sent.size(), 2);
  EXPECT_EQ(executor->sent[1].rendered, executor->sent[0].rendered);
  EXPECT_EQ(Of(reply).result_json, R"({"n":2})");
  EXPECT_EQ(executor->cancelled, 1);
  EXPECT_EQ(Measured().count(), 102);
  EXPECT_EQ(Measured().censored(), 1) << "the first took at least as long as we waited for it";
}

TEST_F(EngineHedgeTest, TheFirstWinsAndTheSecondIsNoSample) {
  Measure(100);
  Slow(absl::Milliseconds(150), R"({"n":1})");
  Slow(absl::Seconds(15), R"({"n":2})");
  const auto reply = Ask();
  sim->Advance(absl::Milliseconds(150));
  EXPECT_EQ(executor->sent.size(), 2);
  EXPECT_EQ(Of(reply).result_json, R"({"n":1})");
  EXPECT_EQ(executor->cancelled, 1);
  Settle();
  EXPECT_EQ(Measured().count(), 101);
  EXPECT_EQ(Measured().censored(), 0);
}

TEST_F(EngineHedgeTest, AQuickAnswerIsNotHedged) {
  Measure(100);
  Slow(absl::Milliseconds(90));
  Ask();
  Settle();
  EXPECT_EQ(executor->sent.size(), 1);
}

TEST_F(EngineHedgeTest, NothingIsHedgedBeforeEnoughIsMeasured) {
  Measure(49);
  Slow(absl::Seconds(15));
  Ask();
  sim->Advance(absl::Seconds(5));
  EXPECT_EQ(executor->sent.size(), 1);
}

TEST_F(EngineHedgeTest, NothingIsHedgedUnlessItsManifestSaysSo) {
  Install([](Tool& tool) { tool.hedge_after.reset(); });
  Measure(100);
  Slow(absl::Seconds(15));
  Ask();
  sim->Advance(absl::Seconds(5));
  EXPECT_EQ(executor->sent.size(), 1);
}

TEST_F(EngineHedgeTest, AHedgeIsOneOfTheAttempts) {
  Install([](Tool& tool) { tool.retries.attempts = 1; });
  Measure(100);
  Slow(absl::Seconds(15));
  Ask();
  sim->Advance(absl::Seconds(5));
  EXPECT_EQ(executor->sent.size(), 1);
}

TEST_F(EngineHedgeTest, AFailureWaitsForTheOtherRequest) {
  Measure(100);
  ScriptedExecutor::Step failure = ScriptedExecutor::Failure(FailureKind::kServerError, 503);
  failure.after = absl::Milliseconds(120);
  executor->Add("find", failure);
  Slow(absl::Milliseconds(300));
  const auto reply = Ask();
  sim->Advance(absl::Milliseconds(399));
  EXPECT_FALSE(reply->has_value());
  sim->Advance(absl::Milliseconds(5));
  EXPECT_EQ(Of(reply).disposition, Disposition::kDone);
  EXPECT_EQ(executor->sent.size(), 2);
}

TEST_F(EngineHedgeTest, TwoFailuresAreOneToRetry) {
  Measure(100);
  for (const int after_ms : {120, 50}) {
    ScriptedExecutor::Step failure = ScriptedExecutor::Failure(FailureKind::kLost);
    failure.after = absl::Milliseconds(after_ms);
    executor->Add("find", failure);
  }
  const auto reply = Ask();
  sim->Advance(absl::Seconds(5));
  EXPECT_EQ(Of(reply).disposition, Disposition::kDone);
  EXPECT_EQ(executor->sent.size(), 3);
}

TEST_F(EngineHedgeTest, ARefusalIsAnAnswer) {
  Measure(100);
  ScriptedExecutor::Step refusal = ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 404);
  refusal.after = absl::Milliseconds(120);
  executor->Add("find", refusal);
  Slow(absl::Seconds(15));
  const auto reply = Ask();
  sim->Advance(absl::Milliseconds(120));
  EXPECT_EQ(Of(reply).disposition, Disposition::kFailed);
  EXPECT_EQ(executor->cancelled, 1);
}

TEST_F(EngineHedgeTest, ADownstreamThatIsSlowAsAWholeIsNotAskedTwiceForEverything) {
  Measure(3500);
  int asked = 0;
  for (; asked < 120; ++asked) {
    Slow(absl::Milliseconds(130));
    Slow(absl::Seconds(15));
    Ask();
    Settle();
    executor->Clear("find");
  }
  const int hedges = static_cast<int>(executor->sent.size()) - asked;
  EXPECT_GE(hedges, 40);
  EXPECT_LE(hedges, 70) << "half of the budget's 100 tokens, and a tenth back for each success";
}

TEST_F(EngineHedgeTest, ADownstreamWithoutRoomIsNotAskedTwice) {
  Install([](Tool& tool) { tool.downstream_in_flight = 1; });
  Measure(100);
  Slow(absl::Seconds(2));
  const auto reply = Ask();
  Settle();
  EXPECT_EQ(Of(reply).disposition, Disposition::kDone);
  EXPECT_EQ(executor->sent.size(), 1);
}

TEST_F(EngineHedgeTest, ADownstreamOnTrialIsNotAskedTwice) {
  for (int i = 0; i < 20; ++i) {
    executor->Add("none", ScriptedExecutor::Failure(FailureKind::kLost));
    ToolCall write = Call("none");
    write.session_id = absl::StrCat("s", i);
    Start(std::move(write));
  }
  sim->Advance(absl::Seconds(6));
  ASSERT_EQ(engine->Breakers().at("scripted"), Breaker::State::kHalfOpen);
  Measure(100);
  Slow(absl::Seconds(2));
  const auto reply = Ask();
  Settle();
  EXPECT_EQ(Of(reply).disposition, Disposition::kDone);
  EXPECT_EQ(executor->sent.size(), 21);
}

TEST_F(EngineHedgeTest, ADrainBeginsNoSecondRequest) {
  Measure(100);
  Slow(absl::Seconds(2));
  Ask();
  engine->Drain(absl::Seconds(10), [] {});
  sim->Advance(absl::Seconds(1));
  EXPECT_EQ(executor->sent.size(), 1);
}

TEST_F(EngineHedgeTest, WhoJoinsWaitsForBothRequests) {
  Measure(100);
  Slow(absl::Seconds(15), R"({"n":1})");
  Slow(absl::Milliseconds(50), R"({"n":2})");
  const auto first = Ask();
  sim->Advance(absl::Milliseconds(50));
  const auto joined = Ask();
  sim->Advance(absl::Milliseconds(110));
  EXPECT_EQ(Of(first).result_json, R"({"n":2})");
  EXPECT_EQ(Of(joined).result_json, R"({"n":2})");
  EXPECT_TRUE(Of(joined).joined);
  EXPECT_EQ(executor->sent.size(), 2);
}

}  // namespace
}  // namespace onetake::testing
