#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/engine/stored_form.h"
#include "tests/testing/engine_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

const Secret& Key() {
  static const Secret* const key = new Secret("0123456789abcdef0123456789abcdef");
  return *key;
}

// What a schema would be compiled to.
StorageRules Rules() {
  StorageRules rules;
  rules.names_members = true;
  rules.members["kept"].rule = StoreRule::kKeep;
  rules.members["sealed"].rule = StoreRule::kSeal;
  rules.members["hashed"].rule = StoreRule::kHash;
  rules.members["masked"].rule = StoreRule::kMask;
  rules.members["dropped"].rule = StoreRule::kDrop;
  StorageRules& inner = rules.members["inner"];
  inner.members["dropped"].rule = StoreRule::kDrop;
  inner.members["kept"].rule = StoreRule::kKeep;
  StorageRules& list = rules.members["list"];
  list.items.emplace_back();
  list.items.front().members["masked"].rule = StoreRule::kMask;
  return rules;
}

Json Form(absl::string_view arguments) {
  return StoredForm(Rules(), *ParseJson(arguments, ResultLimits()), Key());
}

struct FormCase {
  std::string name;
  std::string arguments;
  std::string stored;
};

class StoredFormTest : public ::testing::TestWithParam<FormCase> {};

TEST_P(StoredFormTest, IsAsTheSchemaSays) {
  EXPECT_EQ(CanonicalJson(Form(GetParam().arguments)), GetParam().stored);
}

INSTANTIATE_TEST_SUITE_P(
    Rules, StoredFormTest,
    ::testing::Values(
        FormCase{"Kept", R"({"kept":[1,{"a":2}]})", R"({"kept":[1,{"a":2}]})"},
        FormCase{"Sealed", R"({"sealed":"x"})", R"({"sealed":"x"})"},
        FormCase{"LongTextMasked", R"({"masked":"+1-555-019-9123"})", R"({"masked":"****9123"})"},
        FormCase{"ShortTextMasked", R"({"masked":"12345678"})", R"({"masked":"****"})"},
        FormCase{"NumberMasked", R"({"masked":123456789})", R"({"masked":"****6789"})"},
        FormCase{"ObjectMasked", R"({"masked":{"a":"123456789"}})", R"({"masked":"****"})"},
        FormCase{"NoCharacterIsCut", R"({"masked":"aaaaaaa\u20ac\u20ac"})",
                 "{\"masked\":\"****\xe2\x82\xac\"}"},
        FormCase{"ListSealed", R"({"sealed":[1,{"a":2}]})", R"({"sealed":[1,{"a":2}]})"},
        FormCase{"Dropped", R"({"dropped":"x","kept":1})", R"({"kept":1})"},
        FormCase{"NullStays", R"({"dropped":null})", R"({"dropped":null})"},
        FormCase{"UnknownIsDropped", R"({"other":"x"})", "{}"},
        FormCase{"BelowAnObject", R"({"inner":{"dropped":1,"kept":2,"other":3}})",
                 R"({"inner":{"kept":2,"other":3}})"},
        FormCase{"InEveryElement", R"({"list":[{"masked":"123456789"},{"masked":"987654321"}]})",
                 R"({"list":[{"masked":"****6789"},{"masked":"****4321"}]})"}),
    [](const auto& info) { return info.param.name; });

TEST(StoredFormHashTest, IsTheSameForTheSameValueOfTheSameArgumentAndKeyOnly) {
  const Json one = Form(R"({"hashed":"a@b.example"})");
  EXPECT_THAT(one["hashed"].get<std::string>(), ::testing::MatchesRegex("hmac:[0-9a-f]+"));
  EXPECT_THAT(one["hashed"].get<std::string>(), SizeIs(21));
  EXPECT_EQ(one, Form(R"({"hashed":"a@b.example"})"));
  EXPECT_NE(one, Form(R"({"hashed":"c@b.example"})"));
  const Json other_key = StoredForm(Rules(), Json{{"hashed", "a@b.example"}}, Secret("other"));
  EXPECT_NE(one, other_key);
}

TEST(ClearPartTest, HoldsWhatIsNotSealed) {
  const Json stored = Form(
      R"({"kept":1,"sealed":"x","masked":"123456789","inner":{"kept":2},"list":[{"masked":"1"}]})");
  EXPECT_EQ(CanonicalJson(ClearPart(Rules(), stored)),
            R"({"inner":{"kept":2},"kept":1,"masked":"****6789"})");
}

// A field of the identity is stored as the argument that it is made of, or that is around it.
TEST(StoredIdentityTest, IsStoredAsItsArgumentsAre) {
  Tool tool{.name = "book"};
  tool.storage = Rules();
  for (const char* path : {"$.kept", "$.masked", "$.dropped", "$.list[0].masked", "$.kept.inner",
                           "$.hashed.inner", "$.sealed[0]", "$.inner.other", "$.missing"}) {
    tool.intent.identity.push_back({.path = path, .name = path});
  }
  Json identity;
  for (const IdentityField& field : tool.intent.identity) {
    if (field.name != "$.missing") identity[field.name] = "123456789";
  }
  const Json stored = StoredIdentity(tool, identity, NamedBy::kTool, Key());
  for (const char* clear : {"$.kept", "$.kept.inner", "$.sealed[0]", "$.inner.other"}) {
    EXPECT_EQ(stored.value(clear, ""), "123456789") << clear;
  }
  EXPECT_EQ(stored.value("$.masked", ""), "****6789");
  EXPECT_EQ(stored.value("$.list[0].masked", ""), "****6789");
  EXPECT_THAT(stored.value("$.hashed.inner", ""), ::testing::StartsWith("hmac:"));
  EXPECT_FALSE(stored.contains("$.dropped"));
  EXPECT_FALSE(stored.contains("$.missing"));
}

// An argument may be called as onetake calls the name that an orchestrator gives.
TEST(StoredIdentityTest, AnArgumentOfThatNameIsNoNameOfTheOrchestrator) {
  Tool tool{.name = "confirm"};
  tool.storage = Rules();
  const Json identity{{"intent_id", "x"}, {"dropped", "4111111111111111"}};
  EXPECT_FALSE(StoredIdentity(tool, identity, NamedBy::kTool, Key()).contains("dropped"));
  const Json name{{"intent_id", "x"}};
  EXPECT_EQ(StoredIdentity(tool, name, NamedBy::kOrchestrator, Key()), name);
}

// The engine, with a tool that keeps a number out of the ledger.
class EngineStorageTest : public EngineFixture {
 protected:
  EngineStorageTest() { RestartWith({Dropping()}); }
  static std::shared_ptr<Tool> Dropping() {
    auto tool = BookingTool("none", {});
    tool->storage.names_members = true;
    tool->storage.refuses_others = true;
    for (const char* name : {"slot_iso", "provider_id", "notes"}) tool->storage.members[name];
    tool->storage.members["patient_id"].rule = StoreRule::kDrop;
    return tool;
  }
  void ForgetBodies() {
    IntentRecord& record = ledger.intents.at(0);
    record.bodies = Bodies::kAged;
    record.arguments_json = record.identity_json = "";
    record.result_json.reset();
  }
  static std::string WithPatient(absl::string_view patient) {
    return absl::StrCat(R"({"slot_iso":"2026-06-24T14:00:00-05:00","provider_id":"dr-kim",)",
                        R"("patient_id":")", patient, "\"}");
  }
  const IntentRecord& Recorded() { return ledger.intents.at(0); }
};

TEST_F(EngineStorageTest, WhatIsKeptOutIsSentAndNotRecorded) {
  EXPECT_EQ(Run(Call("none", WithPatient("p-17"))).disposition, Disposition::kDone);
  EXPECT_THAT(executor->sent.at(0).rendered, HasSubstr("p-17"));
  EXPECT_THAT(Recorded().arguments_json, ::testing::Not(HasSubstr("p-17")));
  EXPECT_EQ(Recorded().request, "");
}

// Strict modes of models send null for what is not given.
TEST_F(EngineStorageTest, ANullArgumentIsOneThatWasNotGiven) {
  auto tool = BookingTool("none", {});
  tool->parameters = JsonSchema::Compile(Json{{"type", "object"}}).value();
  RestartWith({tool});
  Run(Call("none", R"({"slot_iso":"2026-06-24T14:00:00-05:00","provider_id":"dr-kim"})"));
  const Answer again = Run(Call("none", R"({"slot_iso":"2026-06-24T14:00:00-05:00",)"
                                        R"("provider_id":"dr-kim","party":{"of":null},"x":null})"));
  EXPECT_EQ(again.disposition, Disposition::kConflict);  // an empty object is something
  const Answer same = Run(Call("none", R"({"slot_iso":"2026-06-24T14:00:00-05:00",)"
                                       R"("provider_id":"dr-kim","party":null})"));
  EXPECT_TRUE(same.replayed) << same.reason;
}

// A line of text changed in the manifest, and the digest still judges.
TEST_F(EngineStorageTest, AnotherVersionWithTheSameRulesJudgesByTheDigest) {
  Run(Call("none", WithPatient("p-17")));
  auto tool = BookingTool("none", {});
  tool->version = "v2";
  tool->storage.members["patient_id"].rule = StoreRule::kDrop;
  tool->storage.names_members = true;
  for (const char* name : {"slot_iso", "provider_id", "notes"}) tool->storage.members[name];
  RestartWith({tool});
  EXPECT_TRUE(Run(Call("none", WithPatient("p-17"))).replayed);
  EXPECT_EQ(Run(Call("none", WithPatient("p-18"))).disposition, Disposition::kConflict);
}

// "+1555..." was recorded, "hmac:..." would be now: the digest knows that they are the same.
TEST_F(EngineStorageTest, AChangedRuleOfStorageIsNoDrift) {
  auto plain = BookingTool("none", {});
  RestartWith({plain});
  Run(Call("none", WithPatient("p-17")));
  auto hashed = BookingTool("none", {});
  hashed->version = "v2";
  hashed->storage.members["patient_id"].rule = StoreRule::kHash;
  RestartWith({hashed});
  EXPECT_TRUE(Run(Call("none", WithPatient("p-17"))).replayed);
}

// R8 holds for what is not stored, too.
TEST_F(EngineStorageTest, DriftInWhatIsNotStoredIsRefused) {
  Run(Call("none", WithPatient("p-17")));
  EXPECT_TRUE(Run(Call("none", WithPatient("p-17"))).replayed);
  const Answer drift = Run(Call("none", WithPatient("p-18")));
  EXPECT_EQ(drift.disposition, Disposition::kConflict);
  ASSERT_THAT(drift.conflicts, SizeIs(1));
  EXPECT_EQ(drift.conflicts[0].path, "$");
  EXPECT_THAT(executor->sent, SizeIs(1));
}

TEST_F(EngineStorageTest, AnIntentWhoseBodiesAreGoneIsReplayedWithoutItsResultAndStillGuarded) {
  Run(Call("none", WithPatient("p-17")));
  ForgetBodies();
  const Answer again = Run(Call("none", WithPatient("p-17")));
  EXPECT_EQ(again.disposition, Disposition::kDone);
  EXPECT_TRUE(again.replayed);
  EXPECT_TRUE(again.result_unavailable);
  EXPECT_EQ(Run(Call("none", WithPatient("p-18"))).disposition, Disposition::kConflict);
  EXPECT_THAT(executor->sent, SizeIs(1));
}

// Places at the end of a list that hold nothing are as none, also where the digest alone judges.
TEST_F(EngineStorageTest, AListIsGuardedElementByElement) {
  auto tool = BookingTool("none", {});
  tool->parameters = JsonSchema::Compile(Json{{"type", "object"}}).value();
  RestartWith({tool});
  const auto with_guests = [](absl::string_view guests) {
    return Call("none", absl::StrCat(R"({"slot_iso":"2026-06-24T14:00:00-05:00",)",
                                     R"("provider_id":"dr-kim","guests":)", guests, "}"));
  };
  Run(with_guests(R"(["ann",{"name":"bo","age":null},null])"));
  for (const bool kept : {true, false}) {
    SCOPED_TRACE(kept);
    if (!kept) ForgetBodies();
    EXPECT_TRUE(Run(with_guests(R"(["ann",{"name":"bo"}])")).replayed);
    EXPECT_TRUE(Run(with_guests(R"(["ann",{"name":"bo"},null,null])")).replayed);
    for (const char* other : {R"(["ann"])", R"([])", R"([null])", R"([{"name":"bo"},"ann"])"}) {
      EXPECT_EQ(Run(with_guests(other)).disposition, Disposition::kConflict) << other;
    }
  }
  EXPECT_THAT(executor->sent, SizeIs(1));
}

// The orchestrator says what the intent is, and the slot is guarded, of which the ledger has a
// placeholder only.
TEST_F(EngineStorageTest, WhatIsHashedIsGuardedInAnIntentOfTheOrchestratorToo) {
  auto tool = BookingTool("none", {});
  tool->storage.members["slot_iso"].rule = StoreRule::kHash;
  RestartWith({tool});
  const auto named = [](absl::string_view slot) {
    ToolCall call = Call("none", absl::StrCat(R"({"slot_iso":")", slot,
                                              R"(","provider_id":"dr-kim","patient_id":"p1"})"));
    call.intent_id = "booking-1";
    return call;
  };
  EXPECT_FALSE(Run(named("2026-06-24T14:00:00-05:00")).replayed);
  EXPECT_TRUE(Run(named("2026-06-24T14:00:00-05:00")).replayed);
  const Answer drift = Run(named("2026-06-24T15:00:00-05:00"));
  EXPECT_EQ(drift.disposition, Disposition::kConflict);
  ASSERT_THAT(drift.conflicts, SizeIs(1));
  EXPECT_EQ(drift.conflicts[0].path, "$.slot_iso");
  EXPECT_THAT(executor->sent, SizeIs(1));
}

// The digest judges, also where what it is of cannot be read any more.
TEST_F(EngineStorageTest, WhatIsRecordedAndUnreadableIsGuardedByItsDigest) {
  Run(Call("none", WithPatient("p-17")));
  ledger.intents.at(0).arguments_json = ledger.intents.at(0).identity_json = "{";
  EXPECT_TRUE(Run(Call("none", WithPatient("p-17"))).replayed);
  EXPECT_EQ(Run(Call("none", WithPatient("p-18"))).disposition, Disposition::kConflict);
  EXPECT_THAT(executor->sent, SizeIs(1));
}

// A digest of another length is another program's, and says nothing.
TEST_F(EngineStorageTest, WhatIsForgottenWithoutADigestOfOursIsNotReplayed) {
  Run(Call("none", WithPatient("p-17")));
  ForgetBodies();
  ledger.intents.at(0).guarded.resize(16);
  EXPECT_EQ(Run(Call("none", WithPatient("p-17"))).disposition, Disposition::kConflict);
  EXPECT_THAT(executor->sent, SizeIs(1));
}

// A call close to one of which the record does not say all (R15).
class EngineNearRecordTest : public EngineStorageTest {
 protected:
  EngineNearRecordTest() {
    auto tool = BookingTool("near", {});
    tool->parameters = JsonSchema::Compile(Json{{"type", "object"}}).value();
    tool->intent.identity = {{"$.slot_iso", "slot_iso", Normaliser::kInstant},
                             {"$.room", "room", Normaliser::kVerbatim}};
    tool->intent.near = NearSpec{.same = {{.path = "$.patient_id", .name = "patient_id"}}};
    RestartWith({tool});
  }
  static ToolCall For(absl::string_view rest) {
    return Call("near",
                absl::StrCat(R"({"patient_id":"p1","slot_iso":"2026-06-24T14:00:00Z")", rest, "}"));
  }
  ArgumentDiff DiffOf(const ToolCall& call) {
    const Answer answer = Run(call);
    EXPECT_EQ(answer.disposition, Disposition::kNeedsConfirmation);
    EXPECT_THAT(answer.guidance.llm_text, ::testing::Not(HasSubstr("the very same thing")));
    EXPECT_THAT(answer.conflicts, SizeIs(1));
    return answer.conflicts.empty() ? ArgumentDiff{} : answer.conflicts[0];
  }
};

TEST_F(EngineNearRecordTest, WhatOnlyOneOfThemNamesIsShownAsAbsentInTheOther) {
  Run(For(""));
  const ArgumentDiff received = DiffOf(For(R"(,"room":2)"));
  EXPECT_EQ(received.path, "$.room");
  EXPECT_EQ(received.recorded, "");
  EXPECT_EQ(received.received, "2");
  ledger.Clear();
  Run(For(R"(,"room":2)"));
  const ArgumentDiff recorded = DiffOf(For(R"(,"room":null)"));
  EXPECT_EQ(recorded.recorded, "2");
  EXPECT_EQ(recorded.received, "");
}

TEST_F(EngineNearRecordTest, WhatCannotBeReadIsShownAsItsIdentityOrNotAtAll) {
  Run(For(R"(,"room":2)"));
  ledger.intents.at(0).arguments_json = "";
  EXPECT_EQ(DiffOf(For(R"(,"room":3)")).recorded, "2");
  ledger.intents.at(0).identity_json = "";
  const ArgumentDiff unknown = DiffOf(For(R"(,"room":3)"));
  EXPECT_EQ(unknown.path, "$");
  EXPECT_EQ(unknown.recorded, "");
  EXPECT_THAT(executor->sent, SizeIs(1));
}

TEST_F(EngineNearRecordTest, WhatTheOrchestratorsCallsDifferInIsShownWhateverItIs) {
  ToolCall call = For(R"(,"room":2)");
  call.intent_id = "booking-1";
  Run(call);
  call.arguments_json = R"({"patient_id":"p2","slot_iso":"2026-06-24T14:00:00Z","room":2})";
  const Answer drift = Run(std::move(call));
  EXPECT_EQ(drift.disposition, Disposition::kConflict);
  ASSERT_THAT(drift.conflicts, SizeIs(1));
  EXPECT_EQ(drift.conflicts[0].path, "$.patient_id");
  EXPECT_EQ(drift.conflicts[0].recorded, R"("p1")");
}

// R8: what cannot be compared may be another wish.
TEST_F(EngineStorageTest, WhatWasGuardedByOtherRulesAndIsForgottenIsNotReplayed) {
  Run(Call("none", WithPatient("p-17")));
  ForgetBodies();
  std::shared_ptr<Tool> tool = Dropping();
  tool->version = "v2";
  tool->intent.ignored = {};
  RestartWith({tool});
  for (const char* patient : {"p-17", "p-18"}) {
    const Answer answer = Run(Call("none", WithPatient(patient), patient));
    EXPECT_EQ(answer.disposition, Disposition::kConflict);
    EXPECT_THAT(answer.guidance.llm_text, HasSubstr("not kept"));
    EXPECT_EQ(Run(Call("none", WithPatient(patient), patient)).disposition, Disposition::kConflict);
  }
  EXPECT_THAT(executor->sent, SizeIs(0));
}

}  // namespace
}  // namespace onetake::testing
