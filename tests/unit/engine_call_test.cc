#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "tests/testing/engine_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class EngineFixtureTest : public EngineFixture {};

struct InvalidCase {
  const char* name;
  std::string tool;
  std::string arguments;
  const char* path;
  const char* reason;
};

class InvalidCallTest : public EngineFixture, public ::testing::WithParamInterface<InvalidCase> {};

// What the model did wrong is an answer it can act on, and leaves no claim and no dispatch.
TEST_P(InvalidCallTest, IsAnsweredAndLeavesNothing) {
  const Answer answer = Run(Call(GetParam().tool, GetParam().arguments));
  EXPECT_EQ(answer.disposition, Disposition::kInvalid);
  ASSERT_FALSE(answer.invalid.empty());
  EXPECT_THAT(answer.invalid[0].path, HasSubstr(GetParam().path));
  EXPECT_THAT(answer.invalid[0].reason, HasSubstr(GetParam().reason));
  EXPECT_TRUE(answer.guidance.may_call_again);
  EXPECT_THAT(answer.guidance.llm_text, HasSubstr("was not run"));
  EXPECT_THAT(executor->sent, IsEmpty());
  EXPECT_THAT(ledger.intents, IsEmpty());
  EXPECT_THAT(ledger.calls, SizeIs(1)) << "the call itself is on record";
}

TEST_F(EngineFixtureTest, WhatIsRecordedOfAnInvalidCallHoldsNoNameThatTheModelMadeUp) {
  Run(Call("none", R"({"slot_iso":"2026-06-24T14:00:00Z","provider_id":"a","ann lee":1})"));
  ASSERT_THAT(ledger.calls, SizeIs(1));
  EXPECT_EQ(ledger.calls.begin()->second.detail, "$.*");
}

TEST_F(EngineFixtureTest, AToolThatTheModelMadeUpIsRecordedWithoutItsName) {
  const Answer answer = Run(Call("book_for_ann_lee", "{}"));
  EXPECT_EQ(answer.tool, "book_for_ann_lee") << "the model is told what it asked for";
  ASSERT_THAT(ledger.calls, SizeIs(1));
  EXPECT_EQ(ledger.calls.begin()->second.tool, "(unknown)");
}

std::string Nested(int depth) { return std::string(depth, '[') + std::string(depth, ']'); }

INSTANTIATE_TEST_SUITE_P(
    Model, InvalidCallTest,
    ::testing::Values(
        InvalidCase{"UnknownTool", "nonee", "{}", "tool", "not a known tool"},
        InvalidCase{"NotJson", "none", "{slot", "arguments", ""},
        InvalidCase{"NotAnObject", "none", "[1]", "$", "not an object"},
        InvalidCase{"MissingArgument", "none", R"({"slot_iso":"2026-06-24T14:00:00Z"})",
                    "provider_id", ""},
        InvalidCase{"NothingAtAll", "none", "", "$", "required"},
        InvalidCase{"WrongType", "none", R"({"slot_iso":5,"provider_id":"a"})", "slot_iso", ""},
        InvalidCase{"UnknownArgument", "none",
                    R"({"slot_iso":"2026-06-24T14:00:00Z","provider_id":"a","x":1})", "x", ""},
        InvalidCase{
            "DuplicateKey", "none",
            R"({"slot_iso":"2026-06-24T14:00:00Z","slot_iso":"2026-06-25T14:00:00Z","provider_id":"a"})",
            "arguments", "slot_iso"},
        InvalidCase{"InvalidUtf8", "none", "{\"provider_id\":\"\xff\"}", "arguments", ""},
        InvalidCase{"TooDeep", "none", Nested(40), "arguments", ""},
        InvalidCase{"TooBig", "none", "{\"notes\":\"" + std::string(70'000, 'a') + "\"}",
                    "arguments", ""},
        InvalidCase{"InstantWithoutZone", "none",
                    R"({"slot_iso":"2026-06-24T14:00:00","provider_id":"a"})", "$.slot_iso",
                    "zone"}),
    [](const auto& info) { return info.param.name; });

struct CallerCase {
  const char* name;
  void (*change)(ToolCall&);
  const char* field;
};

class CallerFaultTest : public EngineFixture, public ::testing::WithParamInterface<CallerCase> {};

// What the caller's program did wrong is a status that names the field, and nothing is recorded.
TEST_P(CallerFaultTest, IsAStatusAndNothingIsRecorded) {
  ToolCall call = Call("none");
  GetParam().change(call);
  const absl::Status status = RunStatus(std::move(call));
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().field)));
  ASSERT_TRUE(GetDetail(status).has_value());
  EXPECT_EQ(GetDetail(status)->field, GetParam().field);
  EXPECT_THAT(executor->sent, IsEmpty());
  EXPECT_THAT(ledger.intents, IsEmpty());
  EXPECT_THAT(ledger.calls, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Caller, CallerFaultTest,
    ::testing::Values(
        CallerCase{"NoSession", [](ToolCall& call) { call.session_id.clear(); }, "session_id"},
        CallerCase{"LongSession", [](ToolCall& call) { call.session_id = std::string(129, 's'); },
                   "session_id"},
        CallerCase{"LongToolCallId",
                   [](ToolCall& call) { call.tool_call_id = std::string(129, 's'); },
                   "tool_call_id"},
        CallerCase{"ControlCharacter", [](ToolCall& call) { call.turn_id = "a\nb"; }, "turn_id"},
        CallerCase{"Delete", [](ToolCall& call) { call.session_id = "a\x7f"; }, "session_id"},
        CallerCase{"LongIntentId", [](ToolCall& call) { call.intent_id = std::string(129, 'i'); },
                   "intent_id"},
        CallerCase{"NoTool", [](ToolCall& call) { call.tool.clear(); }, "tool"},
        CallerCase{"LongTool", [](ToolCall& call) { call.tool = std::string(65, 't'); }, "tool"},
        CallerCase{"OccurrenceWithoutTurn", [](ToolCall& call) { call.occurrence = 1; }, "turn_id"},
        CallerCase{"NegativeOccurrence", [](ToolCall& call) { call.occurrence = -1; },
                   "occurrence"},
        CallerCase{"HugeOccurrence",
                   [](ToolCall& call) {
                     call.turn_id = "turn-2";
                     call.occurrence = 1001;
                   },
                   "occurrence"},
        CallerCase{"EndlessPatience", [](ToolCall& call) { call.patience = absl::Hours(1); },
                   "patience_ms"},
        CallerCase{"NegativePatience", [](ToolCall& call) { call.patience = -absl::Seconds(1); },
                   "patience_ms"},
        CallerCase{"ManyAttributes",
                   [](ToolCall& call) {
                     for (int i = 0; i < 33; ++i) call.attributes[absl::StrCat("a", i)] = "1";
                   },
                   "attributes"},
        CallerCase{"NamelessAttribute", [](ToolCall& call) { call.attributes[""] = "1"; },
                   "attributes"},
        CallerCase{"AttributeWithALongName",
                   [](ToolCall& call) { call.attributes[std::string(65, 'a')] = "1"; },
                   "attributes"},
        CallerCase{"LongAttribute",
                   [](ToolCall& call) { call.attributes["phone"] = std::string(2000, '1'); },
                   "attributes.phone"}),
    [](const auto& info) { return info.param.name; });

// It may be the delivery of what was done.
TEST_F(EngineFixtureTest, AnInvalidDeliveryIsNotToldSoWhileTheLedgerCannotBeRead) {
  ledger.fail_lookups = 1;
  EXPECT_THAT(RunStatus(Call("none", "{}", "a")),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("cannot be read")));
  EXPECT_THAT(ledger.calls, IsEmpty());
  EXPECT_EQ(Run(Call("none", "{}", "a")).disposition, Disposition::kInvalid);
}

TEST_F(EngineFixtureTest, AnAwaitCountsAmongTheCallsToo) {
  const std::string id = Run(Call("none")).intent->id;
  executor->Add("find", {.after = absl::Minutes(1)});
  for (int i = 0; i < 100; ++i) Start(Call("find", "{}"));
  absl::Status refusal;
  engine->Await("t", id, 0, absl::Seconds(1),
                [&](const absl::StatusOr<Answer>& answer) { refusal = answer.status(); });
  EXPECT_THAT(refusal, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("too many")));
  EXPECT_TRUE(GetDetail(refusal)->safe_to_resend);
}

class EngineReadTest : public EngineFixture {};

TEST_F(EngineReadTest, IsAnsweredAndClaimsNothing) {
  executor->Add("find", ScriptedExecutor::Success(R"({"slots":[1]})"));
  const Answer answer = Run(Call("find", R"({"date":"2026-06-24"})"));
  EXPECT_EQ(answer.disposition, Disposition::kDone);
  EXPECT_EQ(answer.result_json, R"({"slots":[1]})");
  EXPECT_FALSE(answer.intent.has_value());
  EXPECT_THAT(ledger.intents, IsEmpty());
  EXPECT_THAT(ledger.calls, SizeIs(1));
}

TEST_F(EngineReadTest, IsRetriedWithinPatience) {
  executor->Add("find", ScriptedExecutor::Failure(FailureKind::kServerError, 503));
  executor->Add("find", ScriptedExecutor::Failure(FailureKind::kLost));
  EXPECT_EQ(Run(Call("find", "{}")).disposition, Disposition::kDone);
  EXPECT_THAT(executor->sent, SizeIs(3));
}

TEST_F(EngineReadTest, IsCancelledWhenPatienceEnds) {
  executor->Add("find", {.report = {.result_json = "{}"}, .after = absl::Hours(1)});
  const Answer answer = Run(Call("find", "{}"));
  EXPECT_EQ(answer.disposition, Disposition::kFailed);
  EXPECT_TRUE(answer.guidance.may_call_again);
  Settle();
}

TEST_F(EngineReadTest, ARefusalIsFinal) {
  executor->Add("find", ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 404));
  EXPECT_EQ(Run(Call("find", "{}")).disposition, Disposition::kFailed);
  EXPECT_THAT(executor->sent, SizeIs(1));
}

TEST_F(EngineReadTest, RunsAgainEveryTime) {
  Run(Call("find", "{}"));
  Run(Call("find", "{}"));
  EXPECT_THAT(executor->sent, SizeIs(2));
}

class EngineBreakerTest : public EngineFixture {};

// A downstream that answers is well, whatever its answer; one that does not is spared.
TEST_F(EngineBreakerTest, OpensForWhatIsNoAnswer) {
  for (const auto& [failure, opens] : {std::pair{FailureKind::kDefiniteRefusal, false},
                                       {FailureKind::kAlreadyGone, false},
                                       {FailureKind::kKeyReused, false},
                                       {FailureKind::kKeyInUse, false},
                                       {FailureKind::kRefusedUnprocessed, false},
                                       {FailureKind::kBodyUnreadable, false},
                                       {FailureKind::kServerError, true},
                                       {FailureKind::kLost, true}}) {
    SCOPED_TRACE(ToString(failure));
    Restart();
    for (int i = 0; i < 25; ++i) {
      executor->Add("none", ScriptedExecutor::Failure(failure));
      ToolCall call = Call("none");
      call.session_id = absl::StrCat(ToString(failure), i);
      Start(std::move(call));
    }
    sim->Advance(absl::Milliseconds(200));
    EXPECT_EQ(engine->Breakers().at("scripted"),
              opens ? Breaker::State::kOpen : Breaker::State::kClosed);
  }
}

// A downstream that is down is not hammered, and a write it never got is surely not done.
TEST_F(EngineBreakerTest, AnOpenBreakerShedsBeforeTheClaim) {
  for (int i = 0; i < 60; ++i)
    executor->Add("none", ScriptedExecutor::Failure(FailureKind::kNotSent));
  for (int i = 0; i < 4; ++i) {
    ToolCall call = Call("none");
    call.session_id = absl::StrCat("s", i);
    Start(std::move(call));
  }
  while (executor->sent.size() < 20) sim->Advance(absl::Milliseconds(10));
  sim->Advance(absl::Milliseconds(200));
  const size_t claims = ledger.intents.size();
  ToolCall call = Call("none");
  call.session_id = "late";
  const Answer answer = Run(std::move(call));
  EXPECT_EQ(answer.disposition, Disposition::kRejected);
  EXPECT_EQ(answer.reason, "breaker_open");
  EXPECT_GT(answer.guidance.check_after, absl::ZeroDuration());
  EXPECT_THAT(ledger.intents, SizeIs(claims));
}

// Its trial may hang for as long as an attempt may take.
TEST_F(EngineBreakerTest, ABreakerShedsBeforeTheClaimWhileItsTrialIsUnderWay) {
  const auto opened = [this] {
    const auto breakers = engine->Breakers();
    const auto found = breakers.find("scripted");
    return found != breakers.end() && found->second != Breaker::State::kClosed;
  };
  for (int i = 0; i < 25 && !opened(); ++i) {
    executor->Add("none", ScriptedExecutor::Failure(FailureKind::kServerError));
    ToolCall call = Call("none");
    call.session_id = absl::StrCat("s", i);
    Start(std::move(call));
    sim->Advance(absl::Milliseconds(200));
  }
  ASSERT_TRUE(opened());
  sim->Advance(absl::Seconds(6));
  executor->Add("none", ScriptedExecutor::Success("{}", absl::Seconds(20)));
  ToolCall trial = Call("none");
  trial.session_id = "trial";
  const auto tried = Start(std::move(trial));
  sim->Advance(absl::Seconds(10));
  const size_t claims = ledger.intents.size();
  ToolCall late = Call("none");
  late.session_id = "late";
  EXPECT_EQ(Run(late).reason, "breaker_open");
  EXPECT_THAT(ledger.intents, SizeIs(claims));
  Settle();
  EXPECT_EQ(Run(late).disposition, Disposition::kDone) << "the trial went well";
}

class EngineAcceptedTest : public EngineFixture {
 protected:
  ToolCall Listening(const std::string& who) {
    ToolCall call = Call("none");
    call.on_accepted = [this, who](const IntentView& view) {
      heard.push_back(absl::StrCat(who, " ", view.key));
    };
    return call;
  }
  std::vector<std::string> heard;
};

TEST_F(EngineAcceptedTest, EverybodyWhoWantsTheWriteHearsOfItsClaimOnceThatIsDurable) {
  ledger.Hold();
  const auto opener = Start(Listening("opener"));
  const auto joiner = Start(Listening("joiner"));
  EXPECT_THAT(heard, IsEmpty()) << "the claim may yet be refused";
  ledger.Release();
  sim->RunReady();
  const std::string& key = ledger.intents.at(0).key;
  EXPECT_THAT(heard, ElementsAre("opener " + key, "joiner " + key));
  EXPECT_FALSE(opener->has_value()) << "before any answer";
  EXPECT_FALSE(joiner->has_value());
}

TEST_F(EngineAcceptedTest, WhoJoinsWhatIsClaimedHearsOfItAtOnce) {
  executor->Add("none", ScriptedExecutor::Success("{}", absl::Seconds(2)));
  Start(Call("none"));
  const auto joiner = Start(Listening("joiner"));
  EXPECT_THAT(heard, ElementsAre("joiner " + ledger.intents.at(0).key));
  EXPECT_FALSE(joiner->has_value());
  Settle();
  EXPECT_THAT(heard, SizeIs(1));
}

TEST_F(EngineAcceptedTest, NobodyHearsOfAClaimThatCouldNotBeRecorded) {
  ledger.fail_claims = 1;
  EXPECT_THAT(RunStatus(Listening("opener")),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("nothing was done")));
  EXPECT_THAT(heard, IsEmpty());
}

}  // namespace
}  // namespace onetake::testing
