#include "absl/strings/str_cat.h"
#include "tests/testing/engine_fixture.h"

// What the engine measures, and the timeouts that it takes from that.
namespace onetake::testing {
namespace {

class EngineLatencyTest : public EngineFixture {
 protected:
  // Another wish each time.
  static std::string Booking(int n) {
    return absl::StrCat(R"({"slot_iso":"2026-06-24T14:00:00Z","provider_id":"dr-)", n, R"("})");
  }
  // One write after the other, each answered after `latency`.
  void Book(const std::string& tool, int times, absl::Duration latency) {
    for (int i = 0; i < times; ++i) {
      executor->Add(tool, ScriptedExecutor::Success("{}", latency));
      Start(Call(tool, Booking(++wishes_)));
      Settle();
    }
  }
  LatencyHistogram Measured(const std::string& tool) {
    const LatencyHistogram* found = engine->latency().Find({tool, "scripted", ""});
    return found == nullptr ? LatencyHistogram() : *found;
  }
  absl::Duration LastTimeout() const { return executor->sent.back().timeout; }

  int wishes_ = 0;
};

TEST_F(EngineLatencyTest, AutoIsTheCeilingUntilEnoughIsMeasured) {
  Book("none", 50, absl::Seconds(7));
  EXPECT_EQ(LastTimeout(), absl::Seconds(30));
  Book("none", 1, absl::Seconds(7));
  EXPECT_GE(LastTimeout(), absl::Seconds(10.5));
  EXPECT_LE(LastTimeout(), absl::Seconds(10.8));
}

TEST_F(EngineLatencyTest, AutoDoesNotGoBelowTheFloor) {
  Book("none", 51, absl::Milliseconds(40));
  EXPECT_EQ(LastTimeout(), absl::Seconds(8));
}

// Edge case 44.
TEST_F(EngineLatencyTest, Case44ASlowTargetRaisesItsTimeoutInsteadOfBeingCutOffForEver) {
  Book("none", 50, absl::Milliseconds(40));
  Book("none", 20, absl::Seconds(25));
  EXPECT_EQ(LastTimeout(), absl::Seconds(30));
  EXPECT_EQ(Measured("none").censored(), 3) << "8, 12 and 18 seconds are too short, 27 are not";
  EXPECT_EQ(ledger.intents.back().state, IntentState::kSucceeded);
}

TEST_F(EngineLatencyTest, APatienceThatEndsIsNoSampleOfItsOwn) {
  executor->Add("none", ScriptedExecutor::Success("{}", absl::Seconds(9)));
  Start(Call("none"));
  Settle();
  EXPECT_EQ(Measured("none").count(), 1);
  EXPECT_EQ(Measured("none").censored(), 0);
  EXPECT_GE(Measured("none").Percentile(0.5)->value, absl::Seconds(9));
}

TEST_F(EngineLatencyTest, Case44ReplaysAndJoinsAreNotMeasured) {
  executor->Add("keyed", ScriptedExecutor::Success("{}", absl::Seconds(3)));
  Start(Call("keyed"));
  Start(Call("keyed"));  // joins
  Settle();
  Start(Call("keyed"));  // is replayed
  Settle();
  EXPECT_EQ(Measured("keyed").count(), 1);
}

struct Case {
  const char* name;
  ScriptedExecutor::Step step;
  int samples;
  int censored;
};

class AttemptAsSample : public EngineLatencyTest, public ::testing::WithParamInterface<Case> {};

TEST_P(AttemptAsSample, Counts) {
  executor->Add("none", GetParam().step);
  Start(Call("none"));
  sim->Advance(absl::Seconds(31));
  // A refusal that may be sent again is followed by an attempt that succeeds.
  const int resends = static_cast<int>(executor->sent.size()) - 1;
  EXPECT_EQ(Measured("none").count(), GetParam().samples + resends);
  EXPECT_EQ(Measured("none").censored(), GetParam().censored);
}

using Step = ScriptedExecutor;
INSTANTIATE_TEST_SUITE_P(
    Rules, AttemptAsSample,
    ::testing::Values(Case{"Success", Step::Success("{}"), 1, 0},
                      Case{"Unreadable", Step::Failure(FailureKind::kBodyUnreadable, 200), 1, 0},
                      Case{"TimedOut", Step::Success("{}", absl::Minutes(1)), 1, 1},
                      Case{"Reset", Step::Failure(FailureKind::kLost), 0, 0},
                      Case{"Refused", Step::Failure(FailureKind::kDefiniteRefusal, 422), 0, 0},
                      Case{"TooMany", Step::Failure(FailureKind::kRefusedUnprocessed, 429), 0, 0},
                      Case{"ServerError", Step::Failure(FailureKind::kServerError, 503), 0, 0},
                      Case{"NotSent", Step::Failure(FailureKind::kNotSent), 0, 0}),
    [](const auto& info) { return info.param.name; });

TEST_F(EngineLatencyTest, AnAnswerThatMayBeARepeatedOneIsNotMeasured) {
  executor->Add("keyed", ScriptedExecutor::LostAfterEffect());
  executor->Add("keyed", ScriptedExecutor::Success("{}", absl::Milliseconds(5)));
  Start(Call("keyed"));
  Settle();
  ASSERT_EQ(executor->sent.size(), 2);
  EXPECT_EQ(ledger.intents[0].state, IntentState::kSucceeded);
  EXPECT_EQ(Measured("keyed").count(), 0);
}

TEST_F(EngineLatencyTest, AProbeWaitsForTheMeasuredTail) {
  auto probed = BookingTool("probed", {.probed = true});
  probed->timeouts.attempt = absl::Seconds(2);
  engine->SetTools(std::make_shared<ToolSet>(
      std::vector<std::shared_ptr<const Tool>>{probed, ReadTool("find")}));
  LatencyHistogram measured;
  for (int i = 0; i < 60; ++i) measured.AddAnswered(absl::Seconds(20));
  engine->latency().Restore({{"probed", "scripted", ""}, measured});
  executor->Add("probed", ScriptedExecutor::LostAfterEffect());
  executor->Add("find", ScriptedExecutor::Success(R"({"found":[1]})"));
  Start(Call("probed"));
  sim->Advance(absl::Seconds(19));
  EXPECT_EQ(executor->sent.size(), 1) << "asked while the lost write may still land";
  sim->Advance(absl::Seconds(3));
  EXPECT_EQ(executor->sent.size(), 2);
  EXPECT_EQ(Measured("find").count(), 1) << "a probe is a READ like any other";
}

TEST_F(EngineLatencyTest, AnotherRequestIsMeasuredAnew) {
  Book("none", 60, absl::Seconds(7));
  auto changed = BookingTool("none", {});
  changed->request_version = "v2";
  engine->SetTools(std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{changed}));
  Book("none", 1, absl::Seconds(7));
  EXPECT_EQ(LastTimeout(), absl::Seconds(30));
  EXPECT_EQ(Measured("none").count(), 0);
  EXPECT_EQ(engine->latency().Find({"none", "scripted", "v2"})->count(), 1);
}

}  // namespace
}  // namespace onetake::testing
