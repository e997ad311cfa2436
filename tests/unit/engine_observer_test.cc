// What is told to whoever observes the engine, what belongs to a caller's trace, and which tools
// there are for whom.
#include "runtime/engine/observer.h"
#include "tests/testing/engine_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::StartsWith;

class Recorder final : public EngineObserver {
 public:
  void OnAnswered(const Tool* tool, const absl::StatusOr<Answer>& answer,
                  absl::Duration took) override {
    answers.push_back((tool == nullptr ? "?" : tool->name) + " " +
                      (answer.ok() ? std::string(ToString(answer->disposition))
                                   : absl::StatusCodeToString(answer.status().code())));
    times.push_back(took);
  }
  void OnRole(const Tool* tool, CallRole role) override {
    roles.emplace_back(tool == nullptr ? "?" : tool->name, role);
  }
  void OnAttempt(const Tool& tool, const AttemptReport& report) override {
    attempts.push_back(
        tool.name + " " +
        (report.failure.has_value() ? std::string(ToString(*report.failure)) : "none"));
  }
  std::vector<std::string> answers, attempts;
  std::vector<std::pair<std::string, CallRole>> roles;
  std::vector<absl::Duration> times;
};

class EngineObserverTest : public EngineFixture {
 protected:
  EngineObserverTest() {
    observer = &recorder_;
    Restart();
  }
  Recorder recorder_;
};

TEST_F(EngineObserverTest, EveryCallAttemptAndRoleIsToldOnce) {
  executor->Add("keyed", ScriptedExecutor::LostAfterEffect());
  Run(Call("keyed"));
  Run(Call("keyed"));
  Run(Call("find", "{}"));
  Run(Call("nonsense", "{}"));
  Settle();
  EXPECT_THAT(recorder_.answers, ElementsAre("keyed DONE", "keyed DONE", "find DONE", "? INVALID"));
  EXPECT_THAT(recorder_.roles,
              ElementsAre(Pair("keyed", CallRole::kOpened), Pair("keyed", CallRole::kReplayed),
                          Pair("find", CallRole::kRead), Pair("?", CallRole::kInvalid)));
  EXPECT_THAT(recorder_.attempts, ElementsAre("keyed LOST", "keyed none", "find none"));
  EXPECT_GT(recorder_.times[0], recorder_.times[1]) << "a replay is quicker than an attempt";
}

TEST_F(EngineObserverTest, AStatusIsAnAnswerToo) {
  ToolCall call = Call("keyed");
  call.session_id = "";
  EXPECT_THAT(RunStatus(std::move(call)), Not(IsOk()));
  EXPECT_THAT(recorder_.answers, ElementsAre("keyed INVALID_ARGUMENT"));
}

TEST_F(EngineObserverTest, CallsUnderWayAreCounted) {
  EXPECT_EQ(engine->in_flight(), 0u);
  const auto reply = Start(Call("none"));
  EXPECT_EQ(engine->in_flight(), 1u);
  Settle();
  EXPECT_EQ(engine->in_flight(), 0u);
}

TEST_F(EngineObserverTest, ADownstreamThatWasAskedHasABreaker) {
  EXPECT_THAT(engine->Breakers(), IsEmpty());
  Run(Call("none"));
  ASSERT_THAT(engine->Breakers(), SizeIs(1));
  EXPECT_EQ(engine->Breakers().begin()->second, Breaker::State::kClosed);
}

using EngineTraceTest = EngineFixture;

constexpr char kTraceId[] = "0af7651916cd43dd8448eb211c80319c";

ToolCall Traced(ToolCall call) {
  call.trace = ParseTraceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  return call;
}

TEST_F(EngineTraceTest, EveryAttemptIsASpanOfTheCallersTrace) {
  executor->Add("keyed", ScriptedExecutor::LostAfterEffect());
  Run(Traced(Call("keyed")));
  Settle();
  ASSERT_THAT(executor->sent, SizeIs(2));
  for (const auto& sent : executor->sent) {
    EXPECT_THAT(sent.traceparent, StartsWith(std::string("00-") + kTraceId + "-"));
    EXPECT_THAT(sent.traceparent, Not(HasSubstr("b7ad6b7169203331")));
  }
  EXPECT_NE(executor->sent[0].traceparent, executor->sent[1].traceparent);
  EXPECT_EQ(executor->sent[0].rendered, executor->sent[1].rendered) << "R11: the same bytes";
}

TEST_F(EngineTraceTest, TheLookUpOfAWriteInDoubtCarriesItsTrace) {
  executor->Add("probed", ScriptedExecutor::LostAfterEffect());
  executor->Add("find", ScriptedExecutor::Success(R"({"found":[1]})"));
  Run(Traced(Call("probed")));
  Settle();
  ASSERT_THAT(executor->sent, SizeIs(2));
  EXPECT_EQ(executor->sent[1].tool, "find");
  EXPECT_THAT(executor->sent[1].traceparent, StartsWith(std::string("00-") + kTraceId + "-"));
  EXPECT_NE(executor->sent[0].traceparent, executor->sent[1].traceparent);
}

TEST_F(EngineTraceTest, TheTraceIsRecordedWithTheCallAndItsCredential) {
  ToolCall call = Traced(Call("none"));
  call.credential = "token:agent:1";
  Run(std::move(call));
  Settle();
  ASSERT_THAT(ledger.calls, SizeIs(1));
  EXPECT_EQ(ledger.calls.begin()->second.trace_id, kTraceId);
  EXPECT_EQ(ledger.calls.begin()->second.credential, "token:agent:1");
}

TEST_F(EngineTraceTest, WithoutATraceNoneIsMade) {
  Run(Call("none"));
  Run(Call("find", "{}"));
  for (const auto& sent : executor->sent) EXPECT_EQ(sent.traceparent, "");
}

using EngineAllowedToolsTest = EngineFixture;

TEST_F(EngineAllowedToolsTest, WhatIsNotAllowedDoesNotExist) {
  ToolCall call = Call("keyed");
  call.allowed_tools = std::make_shared<const std::set<std::string>>(std::set<std::string>{"none"});
  const Answer answer = Run(call);
  EXPECT_EQ(answer.disposition, Disposition::kInvalid);
  ASSERT_THAT(answer.invalid, SizeIs(1));
  EXPECT_EQ(answer.invalid[0].reason, "is not a known tool");
  EXPECT_THAT(executor->sent, IsEmpty());
  EXPECT_THAT(ledger.intents, IsEmpty());

  call.tool = "keyd";
  const std::string hint = Run(call).invalid.at(0).expected;
  EXPECT_THAT(hint, Not(HasSubstr("keyed"))) << "what others have is not hinted at";
  call.tool = "none";
  EXPECT_EQ(Run(call).disposition, Disposition::kDone);
}

// The tool was taken from the tenant between two deliveries of one call (R6).
TEST_F(EngineAllowedToolsTest, WhatWasDoneIsNotToldAsNotRunOnceItsToolIsNotAllowed) {
  const std::string other = R"({"slot_iso":"2026-06-25T14:00:00-05:00","provider_id":"dr-kim"})";
  executor->Add("none", ScriptedExecutor::Success(R"({"id":7})"));
  executor->Add("none", ScriptedExecutor::Success(R"({"id":8})", absl::Seconds(20)));
  Run(Call("none", std::string(kBooking), "done"));
  Start(Call("none", other, "running"));
  const auto without = std::make_shared<const std::set<std::string>>(std::set<std::string>{"find"});
  ToolCall done = Call("none", std::string(kBooking), "done");
  done.allowed_tools = without;
  const Answer answer = Run(done);
  EXPECT_EQ(answer.disposition, Disposition::kDone);
  EXPECT_TRUE(answer.replayed);
  ToolCall running = Call("none", other, "running");
  running.allowed_tools = without;
  EXPECT_EQ(Run(running).disposition, Disposition::kPending);
  ToolCall another = Call("none", std::string(kBooking), "another");
  another.allowed_tools = without;
  EXPECT_EQ(Run(another).disposition, Disposition::kInvalid);
  EXPECT_THAT(executor->sent, SizeIs(2));
}

}  // namespace
}  // namespace onetake::testing
