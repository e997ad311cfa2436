// What makes two calls one intent, and the key that it is sent under.
#include "absl/strings/str_replace.h"
#include "runtime/base/status.h"
#include "runtime/engine/call_identity.h"
#include "runtime/engine/result_reference.h"
#include "runtime/ledger/subject.h"
#include "tests/testing/engine_reversal_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kPhone[] = "+15551234567";

class EngineIdentityTest : public EngineFixture {
 protected:
  void SetScope(std::vector<ScopePart> scope) {
    auto tool = BookingTool("book", {});
    tool->intent.scope = std::move(scope);
    SetTool(std::move(tool));
  }
  void SetKeyTemplate(absl::string_view text) {
    auto tool = BookingTool("book", {.keyed = true, .key_retention = absl::Hours(24)});
    tool->intent.key_template = TextTemplate::Parse(text).value();
    SetTool(std::move(tool));
  }
  void SetTool(std::shared_ptr<const Tool> tool) {
    engine->SetTools(std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{tool}));
  }
  static ToolCall From(std::string session, std::string phone) {
    ToolCall call = Call("book");
    call.session_id = std::move(session);
    if (!phone.empty()) call.attributes["caller_phone"] = std::move(phone);
    return call;
  }
};

TEST_F(EngineIdentityTest, AnIntentOfTheTenantIsOneInEverySessionAndNoOtherTenants) {
  SetScope({{.kind = ScopeKind::kTenant}});
  EXPECT_FALSE(Run(From("call-17", "")).replayed);
  EXPECT_TRUE(Run(From("call-18", "")).replayed);
  EXPECT_TRUE(Run(From("", "")).replayed) << "it needs no session";
  ToolCall stranger = From("call-17", "");
  stranger.tenant = "u";
  EXPECT_FALSE(Run(std::move(stranger)).replayed);
  EXPECT_THAT(executor->effects, SizeIs(2));
  EXPECT_EQ(ledger.intents.at(0).scope, "tenant:");
}

TEST_F(EngineIdentityTest, AnIntentOfAnAttributeIsOneInEverySessionThatHasTheSameValue) {
  SetScope({{.kind = ScopeKind::kAttribute, .attribute = "caller_phone"}});
  EXPECT_FALSE(Run(From("call-17", kPhone)).replayed);
  EXPECT_TRUE(Run(From("call-18", kPhone)).replayed);
  EXPECT_FALSE(Run(From("call-18", "+15559999999")).replayed);
  EXPECT_THAT(executor->effects, SizeIs(2));
  ASSERT_THAT(ledger.intents, SizeIs(2));
  EXPECT_NE(ledger.intents[0].scope, ledger.intents[1].scope);
  EXPECT_THAT(ledger.intents[0].scope, HasSubstr("caller_phone"));
  EXPECT_THAT(ledger.intents[0].scope, Not(HasSubstr("5551234567"))) << "it may be personal";
}

TEST_F(EngineIdentityTest, ACallWithoutTheAttributeOfItsScopeIsTheCallersFault) {
  SetScope({{.kind = ScopeKind::kAttribute, .attribute = "caller_phone"}});
  ToolCall without = From("call-17", "");
  ToolCall empty = From("call-17", "");
  empty.attributes["caller_phone"] = "";
  for (const ToolCall& call : {without, empty}) {
    EXPECT_THAT(RunStatus(call),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("caller_phone")));
  }
  EXPECT_THAT(executor->sent, IsEmpty());
  EXPECT_THAT(ledger.intents, IsEmpty());
}

TEST_F(EngineIdentityTest, EveryPartOfTheScopeTellsIntentsApart) {
  SetScope({{.kind = ScopeKind::kSession},
            {.kind = ScopeKind::kAttribute, .attribute = "caller_phone"}});
  EXPECT_FALSE(Run(From("call-17", kPhone)).replayed);
  EXPECT_FALSE(Run(From("call-18", kPhone)).replayed);
  EXPECT_FALSE(Run(From("call-17", "+15559999999")).replayed);
  EXPECT_TRUE(Run(From("call-17", kPhone)).replayed);
  EXPECT_THAT(executor->effects, SizeIs(3));
}

// A system that moves over sends the keys that it has always sent.
TEST_F(EngineIdentityTest, AKeyTemplateGivesTheDigestOfItsText) {
  SetKeyTemplate("{session_id}:{slot_iso}:{provider_id}");
  executor->Add("book", ScriptedExecutor::Failure(FailureKind::kDefiniteRefusal, 409));
  Run(Call("book"));
  Run(Call("book"));
  ToolCall second_wish = Call("book");
  second_wish.occurrence = 1;
  second_wish.turn_id = "turn-9";
  Run(std::move(second_wish));
  // The first 32 digits of sha256("call-17:2026-06-24T14:00:00-05:00:dr-kim")
  const std::string key = "ab2607294f26af9a04a5f646a03bc1b8";
  ASSERT_THAT(ledger.intents, SizeIs(3));
  EXPECT_EQ(ledger.intents[0].key, key);
  EXPECT_EQ(ledger.intents[1].key, key + ":g2");
  EXPECT_EQ(ledger.intents[2].key, key + ":o1");
  EXPECT_THAT(executor->effects, ElementsAre(key + ":g2", key + ":o1"));
}

// Two bookings that the orchestrator tells apart must not be one to the downstream.
TEST_F(EngineIdentityTest, AnIntentOfTheOrchestratorIsNotKeyedByTheTemplate) {
  SetKeyTemplate("{session_id}:{slot_iso}:{provider_id}");
  for (const char* name : {"booking-1", "booking-2"}) {
    ToolCall call = Call("book");
    call.intent_id = name;
    EXPECT_FALSE(Run(std::move(call)).replayed);
  }
  ASSERT_THAT(executor->effects, SizeIs(2));
  EXPECT_NE(executor->effects[0], executor->effects[1]);
}

// An argument of a payment, not the name that an orchestrator gives an intent.
TEST_F(EngineIdentityTest, AnArgumentThatIsCalledIntentIdIsReplayedLikeAnyOther) {
  auto tool = std::make_shared<Tool>(*BookingTool("confirm", {.natural = true}));
  tool->parameters = JsonSchema::Compile(Json::parse(R"({"type":"object","properties":{"intent_id":
          {"type":"string"},"amount":{"type":"number"}}})"))
                         .value();
  tool->intent.identity = {{"$.intent_id", "intent_id", Normaliser::kVerbatim}};
  tool->intent.ignored = {};
  RestartWith({tool});
  const std::string arguments = R"({"intent_id":"pi_7","amount":5})";
  EXPECT_EQ(Run(Call("confirm", arguments, "a")).disposition, Disposition::kDone);
  const Answer again = Run(Call("confirm", arguments, "b"));
  EXPECT_EQ(again.disposition, Disposition::kDone);
  EXPECT_TRUE(again.replayed);
  EXPECT_EQ(Run(Call("confirm", R"({"intent_id":"pi_7","amount":6})", "c")).disposition,
            Disposition::kConflict);
  EXPECT_THAT(executor->sent, SizeIs(1));
}

TEST_F(EngineIdentityTest, ACallThatLeavesAHoleInTheKeyIsInvalidAndLeavesNothing) {
  SetKeyTemplate("{session_id}:{patient_id}");
  for (const char* patient : {"", R"(,"patient_id":"")"}) {
    SCOPED_TRACE(patient);
    const Answer answer =
        Run(Call("book", absl::StrReplaceAll(kBooking, {{R"(,"patient_id":"p1")", patient}})));
    EXPECT_EQ(answer.disposition, Disposition::kInvalid);
  }
  EXPECT_THAT(executor->sent, IsEmpty());
  EXPECT_THAT(ledger.intents, IsEmpty());
}

const Secret& Key() {
  static const Secret* const key = new Secret("0123456789abcdef0123456789abcdef");
  return *key;
}

TEST(ResultRefTest, NamesThePieceOfTheResultThatThereIs) {
  Tool book{.name = "book"};
  EXPECT_EQ(ResultRef(book, R"({"id":7})", Key()), std::nullopt) << "nothing undoes it by that";
  book.result_ref = JsonPath::Parse("$.id").value();
  EXPECT_EQ(ResultRef(book, R"({"id":7})", Key()), ResultRef(book, R"({"id":" 7 "})", Key()));
  EXPECT_NE(ResultRef(book, R"({"id":7})", Key()), ResultRef(book, R"({"id":8})", Key()));
  for (const char* none : {"", "booked", "{}", R"({"id":null})", "[7]"}) {
    EXPECT_EQ(ResultRef(book, none, Key()), std::nullopt) << none;
  }
}

// What a write undoes, of a program that did not keep it, is made of what that kept.
TEST(UndoesRefTest, IsMadeOfTheArgumentsWhereTheyTellIt) {
  const std::shared_ptr<Tool> by_result =
      CancelTool("cancel", {.tool = "book", .argument = JsonPath::Parse("$.id").value()});
  const std::shared_ptr<Tool> by_identity = CancelTool(
      "cancel", {.tool = "book", .identity = JsonTemplate::Parse(Json::object()).value()});
  IntentRecord record;
  record.arguments_json = R"({"id":7})";
  EXPECT_EQ(UndoesRef(*by_result, record, Key()),
            "undoes:" + ReferenceDigest(Key(), "book", Json(7)));
  EXPECT_EQ(UndoesRef(*by_identity, record, Key()), "");
  EXPECT_EQ(UndoesRef(Tool{.name = "cancel"}, record, Key()), "") << "it reverses nothing now";
  for (const char* none : {"", "{}", R"({"id":null})"}) {
    IntentRecord of = record;
    of.arguments_json = none;
    EXPECT_EQ(UndoesRef(*by_result, of, Key()), "") << none;
  }
  IntentRecord of_row = record;
  of_row.reverses_row = 3;
  EXPECT_EQ(UndoesRef(*by_result, of_row, Key()), "");
  IntentRecord hidden = record;
  hidden.hides = true;
  EXPECT_EQ(UndoesRef(*by_result, hidden, Key()), "") << "a placeholder names nothing";
  record.undoes_ref = "undoes:kept";
  EXPECT_EQ(UndoesRef(*by_identity, record, Key()), "undoes:kept");
}

TEST(SubjectTest, AValueWithoutANormalFormIsNobody) {
  Tool tool{.name = "book"};
  ToolCall call{.tenant = "t"};
  const auto of = [&](const Json& phone) {
    return SubjectOf(tool, call, Json{{"phone", phone}}, Key());
  };
  EXPECT_EQ(of("+15550100123"), "");
  tool.intent.near = NearSpec{.same = {{"$.phone", "phone", Normaliser::kPhone}}};
  EXPECT_EQ(of("call me"), "");
  EXPECT_NE(of("+12125550123"), "");
  EXPECT_EQ(of("+12125550123"), of("+1 212 555 0123"));
}

TEST(SubjectTest, AThingIsNamedByAllItsParts) {
  Tool tool{.name = "move"};
  tool.intent.sets = {{"$.phone", "phone", Normaliser::kPhone},
                      {"$.id", "id", Normaliser::kVerbatim}};
  const ToolCall call{.tenant = "t"};
  const auto of = [&](const Json& arguments) { return SubjectOf(tool, call, arguments, Key()); };
  const Json named{{"phone", "+12125550123"}, {"id", 7}, {"slot", "x"}};
  const std::string subject = of(named);
  EXPECT_TRUE(SetsAThing(subject));
  EXPECT_EQ(of({{"phone", "+1 212 555 0123"}, {"id", 7}, {"slot", "y"}}), subject);
  EXPECT_NE(of({{"phone", "+12125550123"}, {"id", 8}}), subject);
  EXPECT_NE(SubjectOf(tool, {.tenant = "u"}, named, Key()), subject);
  EXPECT_EQ(of({{"phone", "+12125550123"}}), "");
  EXPECT_EQ(of({{"phone", "+12125550123"}, {"id", nullptr}}), "");
  EXPECT_EQ(of({{"phone", "call me"}, {"id", 7}}), "");
  tool.intent.near = NearSpec{.same = tool.intent.sets};
  EXPECT_EQ(of(named), subject);
  const std::string unnamed = of({{"phone", "+12125550123"}});
  EXPECT_NE(unnamed, "") << "near duplicates have it in common that a part is not there";
  EXPECT_FALSE(SetsAThing(unnamed));
}

// A name in quotes may hold what stands between a path and its fault.
TEST(InvalidIdentityTest, TheFieldAtFaultIsNamedWhateverItsNameIs) {
  auto book = BookingTool("book", {});
  book->intent.identity = {{"$.slot", "slot", Normaliser::kInstant},
                           {"$['slot: end']", "end", Normaliser::kInstant}};
  const ToolCall call{.tenant = "t", .tool = "book", .session_id = "call-17"};
  std::vector<InvalidArgument> invalid;
  EXPECT_THAT(IdentifyIntent(*book, call, Json{{"slot: end", "tomorrow"}}, invalid), IsOk());
  const std::shared_ptr<Tool> cancel = CancelTool(
      "cancel",
      {.tool = "book", .identity = JsonTemplate::Parse(Json{{"slot: end", "$.end"}}).value()});
  EXPECT_THAT(FindReversalTarget(*cancel, ToolSet({book, cancel}), call, Json{{"end", "tomorrow"}},
                                 Key(), invalid),
              IsOk());
  ASSERT_THAT(invalid, SizeIs(2));
  EXPECT_EQ(invalid[0].path, "$['slot: end']");
  EXPECT_THAT(invalid[0].reason, Not(HasSubstr("end']")));
  EXPECT_EQ(invalid[1].path, "$.end");
}

// Its scope is one that the undone tool's manifest names, and this call does not have.
TEST(ReversalTargetTest, ACallOutsideOfTheScopeOfWhatItUndoesIsRefused) {
  auto book = BookingTool("book", {});
  book->intent.scope = {{.kind = ScopeKind::kAttribute, .attribute = "caller"}};
  const std::shared_ptr<Tool> cancel = CancelTool(
      "cancel",
      {.tool = "book", .identity = JsonTemplate::Parse(Json{{"provider_id", "dr-kim"}}).value()});
  const ToolSet tools({book, cancel});
  ToolCall call{.tenant = "t", .tool = "cancel", .session_id = "call-17"};
  std::vector<InvalidArgument> invalid;
  EXPECT_THAT(FindReversalTarget(*cancel, tools, call, Json::object(), Key(), invalid),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("attributes.caller")));
  call.attributes["caller"] = kPhone;
  EXPECT_NE(FindReversalTarget(*cancel, tools, call, Json::object(), Key(), invalid)->intent_id,
            "");
  EXPECT_THAT(invalid, IsEmpty());
}

class EngineNamelessReversalTest : public EngineReversalTest {};

// Its argument says what it undoes; without one, what was booked before stands.
TEST_F(EngineNamelessReversalTest, ACancellationThatNamesNoResultUndoesNothingHere) {
  executor->Add("book", ScriptedExecutor::Success(R"({"id":7})"));
  Run(Call("book"));
  for (const char* arguments : {"{}", R"({"appointment_id":null,"reason":"asked"})"}) {
    SCOPED_TRACE(arguments);
    EXPECT_EQ(Run(Call("cancel", arguments)).disposition, Disposition::kDone);
  }
  EXPECT_EQ(ledger.intents.at(0).state, IntentState::kSucceeded);
  ASSERT_THAT(ledger.intents, SizeIs(3));
  for (const size_t cancellation : {1, 2}) {
    EXPECT_EQ(ledger.intents[cancellation].reverses_row, 0);
    EXPECT_EQ(ledger.intents[cancellation].undoes_ref, "");
  }
  EXPECT_TRUE(Run(Call("book")).replayed);
}

// Sent without knowing what it undoes, it would leave the booking recorded as done for good.
TEST_F(EngineIdentityTest, WhatIsUndoneIsNotLookedForWithoutItsScope) {
  const Json identity{{"slot_iso", "$.slot_iso"}, {"provider_id", "$.provider_id"}};
  auto book = BookingTool("book", {});
  book->intent.scope = {{.kind = ScopeKind::kAttribute, .attribute = "caller_phone"}};
  const auto cancel = CancelTool(
      "cancel_slot", {.tool = "book", .identity = JsonTemplate::Parse(identity).value()});
  engine->SetTools(
      std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{book, cancel}));
  Run(From("call-17", kPhone));

  const auto refused = Start(Call("cancel_slot", kCancelSlot));
  ASSERT_TRUE(refused->has_value());
  EXPECT_THAT(**refused, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("book")));
  EXPECT_EQ(GetDetail((*refused)->status())->field, "attributes.caller_phone");
  EXPECT_THAT(executor->sent, SizeIs(1));

  ToolCall cancelled = Call("cancel_slot", kCancelSlot);
  cancelled.attributes["caller_phone"] = kPhone;
  EXPECT_EQ(Run(std::move(cancelled)).disposition, Disposition::kDone);
  EXPECT_EQ(Run(From("call-17", kPhone)).intent->generation, 2);
}

}  // namespace
}  // namespace onetake::testing
