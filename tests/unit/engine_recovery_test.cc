// After a restart with much to settle: a downstream holds up nobody else, and is not attacked.
#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/testing/engine_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::SizeIs;

class EngineRecoveryTest : public EngineFixture {
 protected:
  static std::shared_ptr<Tool> At(std::string downstream, std::shared_ptr<Tool> tool) {
    tool->http.emplace().origin = std::move(downstream);
    return tool;
  }
  static std::shared_ptr<Tool> Keyed(const std::string& name) {
    return At(name, BookingTool(name, {.keyed = true, .key_retention = absl::Hours(24)}));
  }
  // What a process that crashed has left: so many intents of a tool that may have happened.
  void Leave(const Tool& tool, int count) {
    for (int i = 0; i < count; ++i) {
      const std::string id = absl::StrCat(tool.name, "-", i);
      ledger.intents.push_back({.row = static_cast<int64_t>(ledger.intents.size()) + 1,
                                .tenant = "t",
                                .intent_id = id,
                                .generation = 1,
                                .key = id,
                                .tool = tool.name,
                                .tool_version = tool.version,
                                .safety = ToString(tool.safety),
                                .state = IntentState::kUnknown,
                                .ambiguous = true,
                                .attempts = 1,
                                .reason = "R12.crash",
                                .arguments_json = std::string(kBooking),
                                .request = DumpJson(Json{{"key", id}}),
                                .created_at = sim->Now(),
                                .first_sent_at = sim->Now()});
    }
  }
  void RecoverWith(std::vector<std::shared_ptr<const Tool>> tools) {
    RestartWith(std::move(tools));
    engine->Recover();
  }
  void IsDown(const std::string& tool, int attempts) {
    for (int i = 0; i < attempts; ++i) {
      executor->Add(tool, ScriptedExecutor::Failure(FailureKind::kNotSent));
    }
  }
  int64_t NotSucceeded() const {
    return std::count_if(
        ledger.intents.begin(), ledger.intents.end(),
        [](const IntentRecord& record) { return record.state != IntentState::kSucceeded; });
  }
  std::shared_ptr<Tool> WithJob(const std::string& downstream, const std::string& name) {
    std::shared_ptr<Tool> tool = At(downstream, BookingTool(name, {}));
    tool->job = JobSpec{.id = JsonPath::Parse("$.job_id").value(),
                        .tool = "job",
                        .args = JsonTemplate::Parse(Json{{"id", "$.job"}}).value(),
                        .done_if = JsonPath::Parse("$.done").value()};
    return tool;
  }
};

TEST_F(EngineRecoveryTest, ADeadDownstreamHoldsUpNoOther) {
  const auto dead = Keyed("dead");
  const auto alive = Keyed("alive");
  Leave(*dead, 600);
  Leave(*alive, 1);
  RecoverWith({dead, alive});
  IsDown("dead", 100'000);
  sim->Advance(absl::Seconds(5));
  EXPECT_EQ(ledger.intents.back().state, IntentState::kSucceeded);
}

// Edge case 31: a machine that begins before its clock is set.
TEST_F(EngineRecoveryTest, AClockThatIsBehindTheRecordMakesNoKeyLiveLonger) {
  const auto tool = Keyed("alive");
  Leave(*tool, 1);
  ledger.intents.back().first_sent_at = sim->Now() + absl::Hours(1);
  RecoverWith({tool});
  Settle();
  EXPECT_EQ(ledger.intents.back().state, IntentState::kReview);
  EXPECT_THAT(executor->sent, SizeIs(0)) << "the downstream may have forgotten the key";
}

TEST_F(EngineRecoveryTest, WhatThereWasNoRoomForIsTakenUpLater) {
  const auto first = Keyed("first");
  const auto second = Keyed("second");
  for (int i = 0; i < 4; ++i) {
    Leave(*first, 300);
    Leave(*second, 10);
  }
  RecoverWith({first, second});
  Settle();
  EXPECT_EQ(NotSucceeded(), 0);
  EXPECT_THAT(executor->sent, SizeIs(1240)) << "each once";
}

TEST_F(EngineRecoveryTest, JobsThatDoNotEndHoldUpNothingElseOfTheirDownstream) {
  const auto stuck = WithJob("here", "stuck");
  const auto keyed = At("here", Keyed("keyed"));
  Leave(*stuck, 8);
  for (IntentRecord& record : ledger.intents) {
    record.job = "job-9";
    record.reason = "table.accepted_job";
  }
  Leave(*keyed, 1);
  RecoverWith({stuck, keyed, ReadTool("job")});
  sim->Advance(absl::Seconds(5));
  EXPECT_EQ(ledger.intents.back().state, IntentState::kSucceeded);
  EXPECT_EQ(ledger.intents.front().state, IntentState::kUnknown);
}

// More than are kept in memory; those that are left are asked about when the others have ended.
TEST_F(EngineRecoveryTest, HoweverManyJobsThereAreTheyHoldUpNothingElseOfTheirDownstream) {
  const auto stuck = WithJob("here", "stuck");
  const auto keyed = At("here", Keyed("keyed"));
  Leave(*stuck, 1500);
  for (IntentRecord& record : ledger.intents) {
    record.job = "job-9";
    record.reason = "table.accepted_job";
  }
  Leave(*keyed, 1);
  RecoverWith({stuck, keyed, ReadTool("job")});
  sim->Advance(absl::Minutes(10));
  EXPECT_EQ(ledger.intents.back().state, IntentState::kSucceeded);
  EXPECT_EQ(NotSucceeded(), 1500);
  executor->decide = [](const Json& rendered) -> std::optional<ScriptedExecutor::Step> {
    if (rendered.value("tool", "") != "job") return std::nullopt;
    return ScriptedExecutor::Success(R"({"done":true})");
  };
  Settle();
  EXPECT_EQ(NotSucceeded(), 0);
}

// What is sent again may become a job only then: so many are never live at a time all the same.
TEST_F(EngineRecoveryTest, JobsThatBeginWhenTheyAreSentAgainAreBounded) {
  const auto stuck = WithJob("here", "stuck");
  stuck->safety.natural = true;
  Leave(*stuck, 1500);
  RecoverWith({stuck, ReadTool("job")});
  executor->decide = [](const Json& rendered) -> std::optional<ScriptedExecutor::Step> {
    if (rendered.value("tool", "") == "job") return std::nullopt;
    return ScriptedExecutor::Step{
        .report = {.reached = Reached::kBodyComplete, .job = "job-9", .http_status = 202}};
  };
  sim->Advance(absl::Minutes(10));
  const auto jobs = absl::c_count_if(
      ledger.intents, [](const IntentRecord& record) { return !record.job.empty(); });
  EXPECT_GE(jobs, 1000);
  EXPECT_LT(jobs, 1100) << "those that were on their way came to them";
}

TEST_F(EngineRecoveryTest, WhatWaitsForALookUpHoldsUpNothingElseOfItsDownstream) {
  const auto probed = At("here", BookingTool("probed", {.probed = true}));
  const auto keyed = At("here", Keyed("keyed"));
  Leave(*probed, 8);
  Leave(*keyed, 1);
  RecoverWith({probed, keyed, ReadTool("find")});
  sim->Advance(absl::Seconds(5));
  EXPECT_EQ(ledger.intents.back().state, IntentState::kSucceeded);
  EXPECT_EQ(ledger.intents.front().state, IntentState::kUnknown);
}

TEST_F(EngineRecoveryTest, AllThatIsDueAtOnceIsAskedAboutAFewAtATime) {
  const auto probed = BookingTool("probed", {.probed = true});
  Leave(*probed, 20);
  RecoverWith({probed, ReadTool("find")});
  size_t most = 0;
  executor->on_start = [&](const std::string&) { most = std::max(most, executor->running() + 1); };
  for (int i = 0; i < 20; ++i) {
    executor->Add("find", ScriptedExecutor::Success(R"({"found":[1]})"));
  }
  Settle();
  EXPECT_EQ(NotSucceeded(), 0);
  EXPECT_EQ(most, 2) << "recovery_parallel";
}

TEST_F(EngineRecoveryTest, WhatAPersonSettledWhileItWaitedForItsTurnIsNotAskedAbout) {
  const auto probed = BookingTool("probed", {.probed = true});
  Leave(*probed, 4);
  RecoverWith({probed, ReadTool("find")});
  for (int i = 0; i < 4; ++i) {
    executor->Add("find", ScriptedExecutor::Success(R"({"found":[1]})", absl::Seconds(20)));
  }
  while (executor->running() < 2) sim->Advance(absl::Seconds(1));
  engine->Resolve({.tenant = "t",
                   .intent_id = "probed-2",
                   .generation = 1,
                   .verdict = IntentState::kRejected,
                   .by = "someone",
                   .at = sim->Now()},
                  [](const absl::StatusOr<IntentRecord>& record) { EXPECT_THAT(record, IsOk()); });
  Settle();
  EXPECT_THAT(executor->sent, SizeIs(3));
  EXPECT_EQ(ledger.intents[2].state, IntentState::kRejected);
  EXPECT_EQ(ledger.intents[3].state, IntentState::kSucceeded);
}

// Of a job, no transition would tell that it is settled: it is only asked about.
class EngineRecoveredJobTest : public EngineRecoveryTest {
 protected:
  void SetUp() override {
    const auto slow = At("here", Keyed("slow"));
    const auto with_job = WithJob("here", "with_job");
    Leave(*slow, 2);
    Leave(*with_job, 1);
    ledger.intents.back().job = "job-9";
    ledger.intents.back().reason = "table.accepted_job";
    RestartWith({slow, with_job, ReadTool("job")});
    for (int i = 0; i < 2; ++i) {
      executor->Add("slow", ScriptedExecutor::Success("{}", absl::Seconds(20)));
    }
    engine->Recover();
    sim->Advance(absl::Seconds(1));
    ASSERT_EQ(executor->running(), 2);
  }
  int64_t Asked() const {
    return std::count_if(executor->sent.begin(), executor->sent.end(),
                         [](const auto& sent) { return sent.tool == "job"; });
  }
};

TEST_F(EngineRecoveredJobTest, WhatAPersonSettledWhileItWaitedForItsTurnIsNotAskedAbout) {
  engine->Resolve({.tenant = "t",
                   .intent_id = "with_job-0",
                   .generation = 1,
                   .verdict = IntentState::kRejected,
                   .by = "someone",
                   .at = sim->Now()},
                  [](const absl::StatusOr<IntentRecord>& record) { EXPECT_THAT(record, IsOk()); });
  sim->Advance(absl::Minutes(5));
  EXPECT_EQ(NotSucceeded(), 1);
  EXPECT_EQ(Asked(), 0);
}

TEST_F(EngineRecoveredJobTest, NorIsWhatACallTookUpAndSettled) {
  executor->Add("job", ScriptedExecutor::Success(R"({"done":true})"));
  engine->Await("t", "with_job-0", 0, absl::Minutes(1), [](const absl::StatusOr<Answer>& answer) {
    ASSERT_THAT(answer, IsOk());
    EXPECT_EQ(answer->disposition, Disposition::kDone);
  });
  sim->Advance(absl::Minutes(5));
  EXPECT_EQ(NotSucceeded(), 0);
  EXPECT_EQ(Asked(), 1);
}

// Two tools are missing, and come back one by one, while the ledger cannot always be read.
TEST_F(EngineRecoveryTest, WhatIsMissingIsReadAgainForTheToolThatIsBack) {
  const auto first = Keyed("first");
  const auto second = Keyed("second");
  Leave(*first, 1);
  Leave(*second, 1);
  RecoverWith({});
  sim->Advance(absl::Seconds(1));
  executor->Add("first", ScriptedExecutor::Success("{}", absl::Milliseconds(500)));
  engine->SetTools(std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{first}));
  while (executor->sent.empty()) sim->Advance(absl::Milliseconds(10));
  ledger.fail_unsettled = 2;
  engine->SetTools(
      std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{first, second}));
  EXPECT_EQ(ledger.fail_unsettled, 1);
  sim->Advance(absl::Milliseconds(500));
  EXPECT_EQ(ledger.fail_unsettled, 0) << "the end of the first was a reason to read on";
  EXPECT_EQ(NotSucceeded(), 1);
  Settle();
  EXPECT_EQ(NotSucceeded(), 0);
  EXPECT_THAT(executor->sent, SizeIs(2));
}

TEST_F(EngineRecoveryTest, ADrainThatBeginsAtOnceSettlesNothing) {
  const auto tool = Keyed("keyed");
  Leave(*tool, 600);
  RecoverWith({tool});
  bool drained = false;
  engine->Drain(absl::Seconds(5), [&] { drained = true; });
  Settle();
  EXPECT_TRUE(drained);
  EXPECT_THAT(executor->sent, SizeIs(0));
}

// Each that waits is live and costs memory.
TEST_F(EngineRecoveryTest, WhatWaitsForItsLookUpIsBounded) {
  const auto probed = At("probed", BookingTool("probed", {.probed = true}));
  Leave(*probed, 1'200);
  RecoverWith({probed, At("find", ReadTool("find"))});
  for (int i = 0; i < 1'200; ++i) {
    executor->Add("find", ScriptedExecutor::Success(R"({"found":[1]})"));
  }
  sim->Advance(absl::Seconds(1));
  EXPECT_LE(sim->waiting(), 1'010);
  EXPECT_GE(sim->waiting(), 1'000);
  Settle();
  EXPECT_EQ(NotSucceeded(), 0);
}

TEST_F(EngineRecoveryTest, ADrainEndsWhatWaitsForItsTurn) {
  const auto probed = BookingTool("probed", {.probed = true});
  Leave(*probed, 4);
  RecoverWith({probed, ReadTool("find")});
  for (int i = 0; i < 4; ++i) {
    executor->Add("find", ScriptedExecutor::Success(R"({"found":[1]})", absl::Seconds(20)));
  }
  while (executor->running() < 2) sim->Advance(absl::Seconds(1));
  bool drained = false;
  engine->Drain(absl::Seconds(1), [&] { drained = true; });
  sim->Advance(absl::Seconds(30));
  EXPECT_TRUE(drained);
  EXPECT_THAT(executor->sent, SizeIs(2));
}

TEST_F(EngineRecoveryTest, WhatIsLeftAtADownstreamThatMovesIsTakenUpThere) {
  const auto tool = Keyed("tool");
  tool->version = "v2";  // of the claims' version nothing is known
  Leave(*Keyed("tool"), 600);
  RecoverWith({tool});
  for (int i = 0; i < 2; ++i) {
    executor->Add("tool", ScriptedExecutor::Success("{}", absl::Seconds(20)));
  }
  sim->Advance(absl::Seconds(1));
  auto moved = std::make_shared<Tool>(*tool);
  moved->version = "v3";
  moved->http->origin = "elsewhere";
  engine->SetTools(std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{moved}));
  Settle();
  EXPECT_EQ(NotSucceeded(), 0);
}

// The bytes are the claim's (R11): they hold the key where the manifest of then has put it.
TEST_F(EngineRecoveryTest, WhatHoldsItsKeyElsewhereThanTheManifestSaysIsNotSentAgain) {
  for (const bool holds_key : {false, true}) {
    SCOPED_TRACE(holds_key);
    ledger.Clear();
    const auto then = BookingTool("book", {.keyed = true, .key_retention = absl::Hours(24)});
    Leave(*then, 1);
    const auto now = std::make_shared<Tool>(*then);
    now->version = "v2";
    RestartWith({now});
    executor->holds_key = holds_key;
    engine->Recover();
    Settle();
    EXPECT_THAT(executor->sent, SizeIs(holds_key ? 1 : 0));
    EXPECT_EQ(ledger.intents.at(0).state,
              holds_key ? IntentState::kSucceeded : IntentState::kReview);
  }
}

// What was safe at the claim, and what the manifest says now: only both together make a resend
// safe.
TEST_F(EngineRecoveryTest, WhatIsDeclaredNaturalSinceItsClaimIsNotSentAgain) {
  for (const bool was_natural : {false, true}) {
    SCOPED_TRACE(was_natural);
    ledger.Clear();
    Leave(*BookingTool("book", {.natural = was_natural}), 1);
    RecoverWith({BookingTool("book", {.natural = true})});
    Settle();
    EXPECT_THAT(executor->sent, SizeIs(was_natural ? 1 : 0));
    EXPECT_EQ(ledger.intents.at(0).state,
              was_natural ? IntentState::kSucceeded : IntentState::kReview);
  }
}

TEST_F(EngineRecoveryTest, AWriteWhoseToolOnlyReadsNowGoesToAPerson) {
  std::shared_ptr<Tool> tool = Keyed("book");
  Leave(*tool, 1);
  tool->effect = Effect::kRead;
  RecoverWith({tool});
  Settle();
  EXPECT_THAT(executor->sent, SizeIs(0));
  EXPECT_EQ(ledger.intents.at(0).state, IntentState::kReview);
}

}  // namespace
}  // namespace onetake::testing
