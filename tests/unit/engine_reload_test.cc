#include "absl/strings/str_replace.h"
#include "runtime/catalog/latency_rules.h"
#include "tests/testing/engine_fixture.h"

// Manifests that change while intents are under way (edge case 28): what was claimed under one
// version goes on under it.
namespace onetake::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class EngineReloadTest : public EngineFixture {
 protected:
  void SetTools(std::vector<std::shared_ptr<const Tool>> tools) {
    engine->SetTools(std::make_shared<ToolSet>(std::move(tools)));
  }
  // Another version, to which the provider is no part of what makes two calls the same.
  static std::shared_ptr<Tool> BySlotOnly(const std::string& name, RetrySafety safety) {
    std::shared_ptr<Tool> tool = BookingTool(name, safety);
    tool->version = "v2";
    tool->intent.identity.resize(1);
    return tool;
  }
  const IntentRecord& Recorded(size_t row = 1) { return ledger.intents.at(row - 1); }
  // A person's verdict on the first intent.
  void ResolveNotApplied() {
    engine->Resolve(
        {.tenant = Recorded().tenant,
         .intent_id = Recorded().intent_id,
         .verdict = IntentState::kRejected,
         .by = "dana",
         .at = sim->Now()},
        [](const absl::StatusOr<IntentRecord>& record) { EXPECT_THAT(record, IsOk()); });
    sim->RunReady();
  }
};

TEST_F(EngineReloadTest, AProbeIsAskedAsItWasWhenTheWriteWasClaimed) {
  executor->Add("probed", ScriptedExecutor::LostAfterEffect());
  executor->Add("find", ScriptedExecutor::Success(R"({"found":[{"id":7}]})"));
  Start(Call("probed"));
  SetTools({BookingTool("none", {})});
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
  EXPECT_EQ(Recorded().tool_version, "v1");
  EXPECT_THAT(executor->effects, SizeIs(1));
}

TEST_F(EngineReloadTest, TheWriteOfARemovedToolIsSentAgainAndSettles) {
  executor->Add("keyed", ScriptedExecutor::LostAfterEffect());
  const auto reply = Start(Call("keyed"));
  SetTools({});
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
  EXPECT_THAT(executor->sent, SizeIs(2));
  EXPECT_EQ((**reply)->disposition, Disposition::kDone);
}

TEST_F(EngineReloadTest, ARetryJoinsTheWriteInFlightAlthoughItsIdentityIsMadeOtherwiseNow) {
  executor->Add("none", ScriptedExecutor::Success(R"({"id":7})", absl::Seconds(3)));
  const auto first = Start(Call("none"));
  SetTools({BySlotOnly("none", {})});
  const Answer answer = Run(Call("none"));
  EXPECT_TRUE(answer.joined);
  EXPECT_EQ(answer.result_json, R"({"id":7})");
  EXPECT_THAT(executor->sent, SizeIs(1));
  EXPECT_THAT(ledger.intents, SizeIs(1));
}

TEST_F(EngineReloadTest, ARetryIsAnsweredFromTheRecordAlthoughItsIdentityIsMadeOtherwiseNow) {
  executor->Add("none", ScriptedExecutor::Success(R"({"id":7})"));
  Run(Call("none"));
  SetTools({BySlotOnly("none", {})});
  const Answer answer = Run(Call("none"));
  EXPECT_TRUE(answer.replayed);
  EXPECT_EQ(answer.result_json, R"({"id":7})");
  EXPECT_THAT(executor->sent, SizeIs(1));
}

// A tool that undoes "none" by its identity.
std::shared_ptr<Tool> CancelSlot() {
  std::shared_ptr<Tool> tool = BookingTool("cancel_slot", {.natural = true});
  const Json identity{{"slot_iso", "$.slot_iso"}, {"provider_id", "$.provider_id"}};
  tool->reverses = {.tool = "none", .identity = JsonTemplate::Parse(identity).value()};
  return tool;
}

TEST_F(EngineReloadTest, ACancellationFindsWhatWasBookedBeforeItsIdentityWasMadeOtherwise) {
  SetTools({BookingTool("none", {}), CancelSlot()});
  Run(Call("none"));
  SetTools({BySlotOnly("none", {}), CancelSlot()});
  EXPECT_EQ(Run(Call("cancel_slot")).disposition, Disposition::kDone);
  EXPECT_EQ(Recorded().state, IntentState::kReversed);
  const Answer again = Run(Call("none"));
  EXPECT_FALSE(again.replayed);
  EXPECT_EQ(Recorded(3).tool_version, "v2");
  EXPECT_FALSE(Run(Call("cancel_slot")).replayed);
  EXPECT_EQ(Recorded(3).state, IntentState::kReversed);
  EXPECT_TRUE(Run(Call("cancel_slot")).replayed);
  EXPECT_THAT(executor->sent, SizeIs(4));
}

TEST_F(EngineReloadTest, ACancellationWaitsForWhatIsBookedUnderAnotherIdentity) {
  SetTools({BookingTool("none", {}), CancelSlot()});
  executor->Add("none", ScriptedExecutor::Success("{}", absl::Seconds(2)));
  Start(Call("none"));
  SetTools({BySlotOnly("none", {}), CancelSlot()});
  const auto cancel = Start(Call("cancel_slot"));
  sim->Advance(absl::Seconds(1));
  EXPECT_THAT(executor->sent, SizeIs(1));
  Settle();
  EXPECT_EQ((**cancel)->disposition, Disposition::kDone);
  EXPECT_EQ(Recorded().state, IntentState::kReversed);
}

TEST_F(EngineReloadTest, ABookingWaitsForACancellationThatNamesItAsItWasMadeOnce) {
  SetTools({BookingTool("none", {}), CancelSlot()});
  executor->Add("cancel_slot", ScriptedExecutor::Failure(FailureKind::kLost));
  executor->Add("cancel_slot", ScriptedExecutor::Success("{}", absl::Seconds(20)));
  Start(Call("cancel_slot"));
  sim->Advance(absl::Seconds(2));
  SetTools({BySlotOnly("none", {}), CancelSlot()});
  EXPECT_EQ(Run(Call("none")).reason, "R7.waits_for_another");
  EXPECT_THAT(executor->sent, SizeIs(2));
  Settle();
  EXPECT_EQ(Run(Call("none")).disposition, Disposition::kDone);
}

// Two cancellations, in other words, of what is not known here and is named otherwise meanwhile.
class EngineReloadBetweenReversalsTest : public EngineReloadTest {
 protected:
  void SetUp() override {
    cancel->intent.identity = {};
    SetTools({BookingTool("none", {}), cancel});
  }
  void Reload() { SetTools({BySlotOnly("none", {}), cancel}); }
  static ToolCall InOtherWords() {
    return Call("cancel_slot", absl::StrReplaceAll(kBooking, {{"p1", "p2"}}));
  }

  const std::shared_ptr<Tool> cancel = CancelSlot();
};

TEST_F(EngineReloadBetweenReversalsTest, TheSecondWaitsForTheFirst) {
  executor->Add("cancel_slot", ScriptedExecutor::Success("{}", absl::Seconds(20)));
  Start(Call("cancel_slot"));
  Reload();
  EXPECT_EQ(Run(InOtherWords()).reason, "R7.being_undone");
  EXPECT_THAT(executor->sent, SizeIs(1));
  Settle();
  EXPECT_EQ(Run(InOtherWords()).disposition, Disposition::kDone);
  EXPECT_THAT(executor->sent, SizeIs(2));
}

TEST_F(EngineReloadBetweenReversalsTest, TheSecondIsHeldUntilAPersonHasLookedAtTheFirst) {
  cancel->safety = {};
  executor->Add("cancel_slot", ScriptedExecutor::LostAfterEffect());
  ASSERT_EQ(Run(Call("cancel_slot")).disposition, Disposition::kNeedsReview);
  Reload();
  const Answer second = Run(InOtherWords());
  EXPECT_EQ(second.disposition, Disposition::kNeedsReview);
  EXPECT_EQ(second.reason, "R7.reversal_unsettled");
  EXPECT_THAT(executor->sent, SizeIs(1));
}

TEST_F(EngineReloadTest, NothingIsSentBesideAnOvertakenAttemptUnderTheIdentityOfOnce) {
  executor->Add("keyed", ScriptedExecutor::Failure(FailureKind::kLost));
  executor->Add("keyed", ScriptedExecutor::Success("{}", absl::Seconds(20)));
  Start(Call("keyed"));
  sim->Advance(absl::Seconds(2));
  ASSERT_THAT(executor->sent, SizeIs(2));
  ResolveNotApplied();
  SetTools({BySlotOnly("keyed", {.keyed = true})});
  EXPECT_EQ(Run(Call("keyed")).reason, "R7.waits_for_another");
  EXPECT_THAT(executor->sent, SizeIs(2));
}

// A call that waits under the name of the first version, while the second is followed by a third.
TEST_F(EngineReloadTest, WhatWasClaimedUnderTheVersionBetweenIsFoundAfterAWaitToo) {
  executor->Add("keyed", ScriptedExecutor::Failure(FailureKind::kLost));
  ScriptedExecutor::Step unsent = ScriptedExecutor::Failure(FailureKind::kNotSent);
  unsent.after = absl::Seconds(20);
  executor->Add("keyed", std::move(unsent));
  Start(Call("keyed"));
  sim->Advance(absl::Seconds(2));
  ASSERT_THAT(executor->sent, SizeIs(2));
  ResolveNotApplied();
  std::shared_ptr<Tool> between = BySlotOnly("keyed", {.keyed = true});
  between->intent.ignored.push_back("$.provider_id");
  SetTools({between});
  ToolCall call = Call("keyed");
  call.patience = absl::Minutes(1);
  const auto waiting = Start(std::move(call));
  ASSERT_FALSE(waiting->has_value());
  const std::string other = absl::StrReplaceAll(kBooking, {{"dr-kim", "dr-lee"}});
  ASSERT_EQ(Run(Call("keyed", other)).disposition, Disposition::kDone);
  std::shared_ptr<Tool> third = BookingTool("keyed", {.keyed = true});
  third->version = "v3";
  third->intent.identity.push_back({"$.patient_id", "patient_id", Normaliser::kVerbatim});
  SetTools({third});
  Settle();
  ASSERT_TRUE(waiting->has_value());
  ASSERT_THAT(**waiting, IsOk());
  EXPECT_TRUE((**waiting)->replayed);
  EXPECT_THAT(executor->sent, SizeIs(3)) << "the two of the first, and the other one";
}

TEST_F(EngineReloadTest, ACancellationOfOtherIdentityOnceIsNotTheOneOfWhatWasBookedSince) {
  SetTools({BookingTool("none", {}), CancelSlot()});
  Run(Call("none"));
  Run(Call("cancel_slot"));
  std::shared_ptr<Tool> cancel_slot = CancelSlot();
  cancel_slot->version = "v2";
  cancel_slot->intent.identity.resize(1);
  SetTools({BookingTool("none", {}), cancel_slot});
  EXPECT_TRUE(Run(Call("cancel_slot")).replayed);
  Run(Call("none"));
  EXPECT_FALSE(Run(Call("cancel_slot")).replayed);
  EXPECT_EQ(Recorded(3).state, IntentState::kReversed);
}

TEST_F(EngineReloadTest, WhatNobodyBookedUnderAnyIdentityIsCancelledAsAsked) {
  SetTools({BookingTool("none", {}), CancelSlot()});
  SetTools({BySlotOnly("none", {}), CancelSlot()});
  EXPECT_EQ(Run(Call("cancel_slot")).disposition, Disposition::kDone);
  EXPECT_EQ(Recorded().reverses_row, 0);
}

TEST_F(EngineReloadTest, ARetryThatIsInvalidNowIsStillAnsweredFromTheRecord) {
  executor->Add("none", ScriptedExecutor::Success(R"({"id":7})"));
  Run(Call("none"));
  std::shared_ptr<Tool> tool = BookingTool("none", {});
  tool->version = "v2";
  tool->parameters =
      JsonSchema::Compile(Json::parse(R"({"type":"object","required":["when"]})")).value();
  SetTools({tool});
  EXPECT_EQ(Run(Call("none")).result_json, R"({"id":7})");
  EXPECT_THAT(executor->sent, SizeIs(1));
}

TEST_F(EngineReloadTest, WhatIsNewOrWasRefusedRunsUnderTheVersionOfNow) {
  executor->Add("none", ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 422));
  Run(Call("none"));
  SetTools({BySlotOnly("none", {})});
  EXPECT_EQ(Run(Call("none")).disposition, Disposition::kDone);
  ASSERT_THAT(ledger.intents, SizeIs(2));
  EXPECT_EQ(Recorded(2).tool_version, "v2");
  EXPECT_NE(Recorded(2).key, Recorded(1).key);
}

TEST_F(EngineReloadTest, AJoinerMayDifferAsTheClaimsVersionAllows) {
  executor->Add("none", ScriptedExecutor::Success(R"({"id":7})", absl::Seconds(3)));
  Start(Call("none"));
  std::shared_ptr<Tool> tool = BookingTool("none", {});
  tool->version = "v2";
  tool->intent.ignored = {};
  SetTools({tool});
  const Answer answer = Run(Call("none", R"({"slot_iso":"2026-06-24T14:00:00-05:00",)"
                                         R"("provider_id":"dr-kim","patient_id":"p1",)"
                                         R"("notes":"please"})"));
  EXPECT_EQ(answer.disposition, Disposition::kDone);
  EXPECT_EQ(answer.result_json, R"({"id":7})");
  EXPECT_THAT(executor->sent, SizeIs(1));
}

TEST_F(EngineReloadTest, AWriteInFlightThatIsAReadNowIsJoinedAndNotReadBeside) {
  executor->Add("none", ScriptedExecutor::Success(R"({"id":7})", absl::Seconds(3)));
  Start(Call("none"));
  std::shared_ptr<Tool> read = ReadTool("none");
  read->version = "v2";
  SetTools({read});
  EXPECT_EQ(Run(Call("none")).result_json, R"({"id":7})");
  EXPECT_THAT(executor->sent, SizeIs(1));
  const Answer other = Run(Call("none", R"({"slot_iso":"2026-06-25T14:00:00Z",)"
                                        R"("provider_id":"dr-kim"})"));
  EXPECT_EQ(other.disposition, Disposition::kDone);
  EXPECT_THAT(ledger.intents, SizeIs(1)) << "it is a READ";
}

TEST_F(EngineReloadTest, ACallOfARemovedToolIsToldWhatItsWriteHasDone) {
  executor->Add("none", ScriptedExecutor::Success(R"({"id":7})"));
  Run(Call("none"));
  SetTools({});
  EXPECT_EQ(Run(Call("none")).result_json, R"({"id":7})");
  const Answer other = Run(Call("none", R"({"slot_iso":"2026-06-25T14:00:00Z",)"
                                        R"("provider_id":"dr-kim"})"));
  EXPECT_EQ(other.disposition, Disposition::kInvalid);
  EXPECT_THAT(executor->sent, SizeIs(1));
}

TEST_F(EngineReloadTest, ADeliveryIsAnsweredByItsRecordAlthoughItsToolIsGoneSinceARestart) {
  executor->Add("none", ScriptedExecutor::Success(R"({"id":7})"));
  Run(Call("none", std::string(kBooking), "a"));
  RestartWith({BookingTool("keyed", {})});
  const Answer again = Run(Call("none", std::string(kBooking), "a"));
  EXPECT_EQ(again.disposition, Disposition::kDone);
  EXPECT_TRUE(again.replayed);
  EXPECT_EQ(again.result_json, R"({"id":7})");
  EXPECT_EQ(Run(Call("none", std::string(kBooking), "b")).disposition, Disposition::kInvalid);
  EXPECT_EQ(Run(Call("keyed", std::string(kBooking), "c")).disposition, Disposition::kDone);
  EXPECT_EQ(Run(Call("gone", std::string(kBooking), "c")).disposition, Disposition::kInvalid);
}

TEST_F(EngineReloadTest, ADeliveryIsAnsweredByItsRecordAlthoughItIsInvalidSinceARestart) {
  executor->Add("none", ScriptedExecutor::Success(R"({"id":7})"));
  Run(Call("none", std::string(kBooking), "a"));
  std::shared_ptr<Tool> stricter = BookingTool("none", {});
  stricter->version = "v2";
  stricter->parameters =
      JsonSchema::Compile(Json::parse(R"({"type":"object","required":["when"]})")).value();
  std::shared_ptr<Tool> of_caller = BookingTool("none", {});
  of_caller->intent.scope = {{.kind = ScopeKind::kAttribute, .attribute = "caller"}};
  std::shared_ptr<Tool> of_date = BookingTool("none", {});
  of_date->intent.identity.push_back({"$.provider_id", "provider_day", Normaliser::kDate});
  for (const auto& tool : {stricter, of_caller, of_date}) {
    RestartWith({tool});
    const Answer again = Run(Call("none", std::string(kBooking), "a"));
    EXPECT_EQ(again.disposition, Disposition::kDone);
    EXPECT_TRUE(again.replayed);
    EXPECT_EQ(again.result_json, R"({"id":7})");
  }
  EXPECT_EQ(Run(Call("none", std::string(kBooking), "b")).disposition, Disposition::kInvalid);
  EXPECT_EQ(Run(Call("none", std::string(kBooking), "b")).disposition, Disposition::kInvalid);
  RestartWith({of_caller});
  EXPECT_EQ(RunStatus(Call("none", std::string(kBooking), "b")).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(executor->sent, SizeIs(0));
}

// What is recorded is of the wish that it was refused for.
TEST_F(EngineReloadTest, ARefusedDeliveryIsNotDoneBecauseItsToolIsGoneOrReadsSinceARestart) {
  constexpr absl::string_view kOther =
      R"({"slot_iso":"2026-06-24T14:00:00-05:00","provider_id":"dr-kim","patient_id":"p2"})";
  executor->Add("none", ScriptedExecutor::Success(R"({"id":7})"));
  Run(Call("none", std::string(kBooking), "a"));
  ASSERT_EQ(Run(Call("none", std::string(kOther), "b")).disposition, Disposition::kConflict);
  RestartWith({BookingTool("keyed", {})});
  const Answer gone = Run(Call("none", std::string(kOther), "b"));
  EXPECT_EQ(gone.disposition, Disposition::kConflict);
  EXPECT_EQ(gone.result_json, R"({"id":7})");
  EXPECT_EQ(Run(Call("none", std::string(kOther), "b")).disposition, Disposition::kConflict);
  RestartWith({ReadTool("none")});
  EXPECT_EQ(Run(Call("none", std::string(kOther), "b")).disposition, Disposition::kConflict);
  EXPECT_EQ(Run(Call("none", std::string(kBooking), "a")).disposition, Disposition::kDone);
  EXPECT_THAT(executor->sent, SizeIs(0));
}

TEST_F(EngineReloadTest, AnotherCallUnderTheIdOfARemovedToolsCallIsNotAnsweredByItsRecord) {
  Run(Call("none", std::string(kBooking), "a"));
  RestartWith({BookingTool("keyed", {})});
  EXPECT_EQ(RunStatus(Call("none", R"({"slot_iso":"2026-06-25T14:00:00Z"})", "a")).code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(RunStatus(Call("none", "no JSON", "a")).code(), absl::StatusCode::kAlreadyExists);
  const std::string spaced = absl::StrReplaceAll(kBooking, {{",", ", "}});
  EXPECT_EQ(Run(Call("none", spaced, "a")).disposition, Disposition::kDone) << "it is the same";
}

TEST_F(EngineReloadTest, WhatTheRecoveryLeftForItsToolIsTakenUpWhenTheToolIsBack) {
  executor->Add("keyed", ScriptedExecutor::Success("{}", absl::Seconds(5)));
  Start(Call("keyed"));
  // A process that starts without the manifest has never seen the tool.
  RestartWith({BookingTool("none", {})});
  ASSERT_THAT(ledger.MarkCrashed(sim->Now()), IsOk());
  engine->Recover();
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kUnknown);
  SetTools({BookingTool("keyed", {.keyed = true, .key_retention = absl::Hours(24)})});
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kSucceeded);
}

TEST_F(EngineReloadTest, AProbeOfOtherArgumentsIsNotAskedAboutAnOldClaim) {
  executor->Add("probed", ScriptedExecutor::Success("{}", absl::Seconds(5)));
  Start(Call("probed"));
  std::shared_ptr<Tool> tool = BookingTool("probed", {.probed = true});
  tool->version = "v2";
  tool->parameters =
      JsonSchema::Compile(Json::parse(R"({"type":"object","required":["when"]})")).value();
  RestartWith({tool, ReadTool("find")});
  ASSERT_THAT(ledger.MarkCrashed(sim->Now()), IsOk());
  engine->Recover();
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kReview);
  EXPECT_THAT(executor->sent, SizeIs(0));
}

TEST_F(EngineReloadTest, AProbeIsNotAskedByWhatStandsInAnArgumentsPlace) {
  std::shared_ptr<Tool> hashed = BookingTool("probed", {.probed = true});
  hashed->storage.names_members = true;
  for (const char* name : {"slot_iso", "provider_id"}) hashed->storage.members[name];
  hashed->storage.members["patient_id"].rule = StoreRule::kHash;
  RestartWith({hashed, ReadTool("find")});
  executor->Add("probed", ScriptedExecutor::Success("{}", absl::Seconds(5)));
  Start(Call("probed"));
  ASSERT_TRUE(Recorded().hides);
  std::shared_ptr<Tool> tool = BookingTool("probed", {.probed = true});
  tool->version = "v2";
  tool->probe->args = JsonTemplate::Parse(Json{{"patient", "$.patient_id"}}).value();
  RestartWith({tool, ReadTool("find")});
  ASSERT_THAT(ledger.MarkCrashed(sim->Now()), IsOk());
  engine->Recover();
  Settle();
  EXPECT_EQ(Recorded().state, IntentState::kReview);
  EXPECT_THAT(executor->sent, SizeIs(0));
}

TEST_F(EngineReloadTest, ALookUpByAnEarlierVersionThatIsTooSlowIsRefusedInTime) {
  SetTools({BySlotOnly("none", {})});
  ledger.HoldLookups();
  ToolCall call = Call("none");
  call.answer_within = absl::Seconds(2);
  const auto reply = Start(std::move(call));
  sim->Advance(absl::Seconds(2));
  ASSERT_TRUE(reply->has_value());
  EXPECT_THAT(**reply, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("in time")));
  ledger.ReleaseLookups();
  Settle();
  EXPECT_THAT(executor->sent, SizeIs(0));
}

TEST_F(EngineReloadTest, AllVersionsTogetherHaveTheTimeThatOneHas) {
  SetTools({BySlotOnly("none", {})});
  ledger.HoldLookups();
  ToolCall call = Call("none");
  call.answer_within = absl::Seconds(3);
  const auto reply = Start(std::move(call));
  sim->Advance(absl::Seconds(2));
  ledger.ReleaseLookups();
  ledger.HoldLookups();
  sim->Advance(absl::Seconds(1));
  ASSERT_TRUE(reply->has_value());
  EXPECT_THAT(**reply, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("in time")));
}

TEST_F(EngineReloadTest, WhoJoinsAWriteOfAnEarlierVersionHasThePatienceOfTheToolAsItIsNow) {
  std::shared_ptr<Tool> patient = BookingTool("none", {});
  patient->timeouts.patience = absl::Seconds(10);
  SetTools({patient});
  executor->Add("none", ScriptedExecutor::Success("{}", absl::Seconds(8)));
  Start(Call("none"));
  std::shared_ptr<Tool> tool = BySlotOnly("none", {});
  tool->timeouts.patience = absl::Seconds(2);
  SetTools({tool});
  const auto reply = Start(Call("none"));
  sim->Advance(absl::Seconds(2));
  ASSERT_TRUE(reply->has_value());
  ASSERT_THAT(**reply, IsOk());
  EXPECT_EQ((**reply)->disposition, Disposition::kPending);
  EXPECT_TRUE((**reply)->joined);
}

TEST_F(EngineReloadTest, AllVersionsTogetherHaveThePatienceThatOneHas) {
  std::shared_ptr<Tool> tool = BySlotOnly("none", {});
  tool->timeouts.patience = absl::Seconds(3);
  SetTools({tool});
  executor->Add("none", ScriptedExecutor::Success("{}", absl::Seconds(8)));
  Start(Call("none"));
  ledger.HoldLookups();
  const auto reply = Start(Call("none"));
  sim->Advance(absl::Seconds(2));
  ledger.ReleaseLookups();
  sim->Advance(absl::Seconds(1));
  ASSERT_TRUE(reply->has_value());
  ASSERT_THAT(**reply, IsOk());
  EXPECT_EQ((**reply)->disposition, Disposition::kPending);
}

TEST_F(EngineReloadTest, AnAttemptOfAnEarlierVersionDoesNotForgetWhatIsMeasuredOfThisOne) {
  executor->Add("none", ScriptedExecutor::Success("{}", absl::Seconds(3)));
  Start(Call("none"));
  std::shared_ptr<Tool> tool = BookingTool("none", {});
  tool->version = "v2";
  tool->request_version = "r2";
  SetTools({tool});
  engine->latency().AddAnswered(LatencySubjectOf(*tool), absl::Seconds(1));
  Settle();
  const LatencyHistogram* measured = engine->latency().Find(LatencySubjectOf(*tool));
  ASSERT_NE(measured, nullptr);
  EXPECT_EQ(measured->count(), 1);
}

// How it is spelled makes the same delivery no other.
TEST_F(EngineReloadTest, ACallThatWasInvalidUnderAStricterSchemaRunsAfterTheReloadThatTakesIt) {
  auto strict = BookingTool("none", {});
  strict->version = "v0";
  strict->parameters =
      JsonSchema::Compile(Json::parse(R"({"type":"object","required":["room"]})")).value();
  const std::string spaced = R"({ "slot_iso": "2026-06-24T14:00:00-05:00", "provider_id": "a" })";
  engine->SetTools(std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{strict}));
  EXPECT_EQ(Run(Call("none", spaced, "x")).disposition, Disposition::kInvalid);
  engine->SetTools(
      std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{BookingTool("none", {})}));
  EXPECT_EQ(Run(Call("none", spaced, "x")).disposition, Disposition::kDone);
}

}  // namespace
}  // namespace onetake::testing
