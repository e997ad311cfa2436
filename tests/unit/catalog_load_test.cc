// What a manifest becomes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "runtime/catalog/export.h"
#include "tests/testing/catalog_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr absl::string_view kFull = R"(
# Comments and empty lines say nothing.
name: book
description: >-
  Books a slot
  for the caller.
effect: WRITE
parameters: { $ref: schemas/book.json }
intent:
  scope: [session, tenant]
  identity:
    slot: instant
    $.who.phone: phone
    "room-no": id
    day: date
    title: text
    price: number
    provider: verbatim
  ignored: [notes, $.who.name]
  near: { same: [$.who.phone, provider], window: 30m, on_near: reject }
  sets: [provider, $.who.phone]
  time_zone: America/Chicago
  phone_region: US
  key:
    template: "{session_id}:{slot}:{who.phone}:{room-no}:{day}:{title}:{price}:{provider}"
    digest: sha256
safety:
  keyed:
    body: $.meta.key
    retention: ${RETENTION:-36h}
    replays_errors: true
    in_use: { status: 409, path: $.error, equals: { code: busy } }
    reused: { status: 422 }
  natural: true
  probe:
    tool: find
    args: { slot: $.slot, day: "2026-06-24" }
    applied_if: $.found[0]
    ours: { $.phone: $.who.phone }
    result: $.found[0]
    consistency: eventual
    settle_after: 90s
    attempts: 7
    interval: 500ms
confirm: always
job:
  id: $.job_id
  tool: find
  args: { slot: $.slot, day: $.job }
  done_if: $.done
  failed_if: $.error
  result: $.row
  interval: 3s
  give_up_after: 2h
timeouts: { filler: 1s, patience: 3s, attempt: 50s, floor: 10s, ceiling: 1m }
retries: { attempts: 3, total: 1m30s, base: 100ms, cap: 5s }
say:
  pending: "One moment."
  unknown: "Checking."
  done: "Done."
  rejected: "No."
  tell: { rejected: "Offer another slot." }
  must_not_say: ["see you then"]
  languages: { pt-BR: { withdrawn: "Certo." } }
http:
  method: PUT
  url: "https://${HOST}:8443/a/{provider}/b"
  query: { day: $.day, who: $.who.name }
  headers:
    X-Clinic: "c-{provider}"
    Authorization: { secret: { env: TOKEN }, prefix: "Bearer " }
  body: { slot: $.slot, meta: { source: "onetake", price: "$$5", n: 2, all: $ } }
  result: text
  max_result_bytes: 2048
  connect_timeout: 2s
  outcomes: { 503: no_effect, 404: rejected, 499: may_have_happened, 302: succeeded }
)";

constexpr absl::string_view kFullSchema = R"({
  "type": "object",
  "definitions": {"who": {"type": "object", "properties": {
    "phone": {"type": "string"}, "name": {"type": "string"}}, "required": ["phone"]}},
  "properties": {
    "slot": {"type": "string"}, "who": {"$ref": "#/definitions/who"},
    "room-no": {"type": "string"}, "day": {"type": "string"},
    "title": {"type": "string", "maxLength": 60}, "price": {"type": "number"},
    "provider": {"type": "string"}, "notes": {"type": "string"}},
  "required": ["slot", "who", "room-no", "day", "title", "price", "provider"],
  "additionalProperties": false
})";

class CatalogLoadTest : public CatalogTest {
 protected:
  void SetUp() override {
    variables_["HOST"] = "API.example.com";
    Write("find.yaml", kFind);
  }
  void WriteFull() {
    std::filesystem::create_directory(dir_.Path("schemas"));
    Write("schemas/book.json", kFullSchema);
    Write("book.yaml", kFull);
  }
  std::shared_ptr<const Tool> LoadBook() {
    const Catalog catalog = Load();
    std::vector<std::string> said = Said(catalog);
    // The manifest that has every field has some that are warned of, too.
    std::erase_if(said, [](const std::string& line) {
      return absl::StrContains(line, "warning: intent.key.template: names ") ||
             absl::StrContains(line, "warning: safety.probe: does not look at ");
    });
    EXPECT_THAT(said, IsEmpty());
    return catalog.tools == nullptr ? nullptr : catalog.tools->Find("book");
  }
  std::string VersionOf(absl::string_view piece, absl::string_view by) {
    WriteBook(piece, by);
    const Catalog catalog = Load();
    EXPECT_NE(catalog.tools, nullptr) << FormatDiagnostics(catalog.diagnostics);
    return catalog.tools == nullptr ? "" : catalog.tools->Find("book")->version;
  }
};

TEST_F(CatalogLoadTest, EveryFieldArrivesInTheTool) {
  WriteFull();
  const std::shared_ptr<const Tool> tool = LoadBook();
  ASSERT_NE(tool, nullptr);
  EXPECT_EQ(tool->name, "book");
  EXPECT_EQ(tool->description, "Books a slot for the caller.");
  EXPECT_EQ(tool->effect, Effect::kWrite);
  EXPECT_EQ(tool->parameters->document(), Json::parse(kFullSchema));
  EXPECT_EQ(tool->source, dir_.Path("book.yaml"));
  EXPECT_EQ(tool->executor, "http");
  EXPECT_EQ(tool->timeouts.filler, absl::Seconds(1));
  EXPECT_EQ(tool->timeouts.patience, absl::Seconds(3));
  EXPECT_EQ(tool->timeouts.attempt, absl::Seconds(50));
  EXPECT_EQ(tool->timeouts.floor, absl::Seconds(10));
  EXPECT_EQ(tool->timeouts.ceiling, absl::Minutes(1));
  EXPECT_EQ(tool->retries.attempts, 3);
  EXPECT_EQ(tool->retries.total, absl::Seconds(90));
  EXPECT_EQ(tool->retries.base, absl::Milliseconds(100));
  EXPECT_EQ(tool->retries.cap, absl::Seconds(5));
  EXPECT_EQ(tool->say.Line(Situation::kPending), "One moment.");
  EXPECT_EQ(tool->say.Line(Situation::kUnknown), "Checking.");
  EXPECT_EQ(tool->say.Line(Situation::kDone), "Done.");
  EXPECT_EQ(tool->say.Line(Situation::kRejected), "No.");
  EXPECT_EQ(tool->say.tell.at(Situation::kRejected), "Offer another slot.");
  EXPECT_THAT(tool->say.must_not_say, ElementsAre("see you then"));
  EXPECT_EQ(tool->languages.at("pt-br").Line(Situation::kWithdrawn), "Certo.");
}

TEST_F(CatalogLoadTest, TheIntentArrivesInTheTool) {
  WriteFull();
  const std::shared_ptr<const Tool> tool = LoadBook();
  ASSERT_NE(tool, nullptr);
  const IntentSpec& intent = tool->intent;
  ASSERT_THAT(intent.scope, SizeIs(2));
  EXPECT_EQ(intent.scope[0].kind, ScopeKind::kSession);
  EXPECT_EQ(intent.scope[1].kind, ScopeKind::kTenant);
  std::vector<std::string> identity;
  for (const IdentityField& field : intent.identity) {
    identity.push_back(
        absl::StrCat(field.name, " ", field.path, " ", std::string(ToString(field.normaliser))));
  }
  EXPECT_THAT(identity,
              ElementsAre("who.phone $.who.phone phone", "day $.day date", "price $.price number",
                          "provider $.provider verbatim", "room-no $['room-no'] id",
                          "slot $.slot instant", "title $.title text"));
  EXPECT_THAT(intent.ignored, ElementsAre("$.notes", "$.who.name"));
  EXPECT_EQ(intent.normalisers.time_zone, "America/Chicago");
  EXPECT_EQ(intent.normalisers.phone_region, "US");
  ASSERT_TRUE(intent.key_template.has_value());
  EXPECT_THAT(intent.key_template->Arguments(), ElementsAre("session_id", "slot", "who", "room-no",
                                                            "day", "title", "price", "provider"));
}

// No key template goes with it.
TEST_F(CatalogLoadTest, AnAttributeOfTheScopeArrivesInTheTool) {
  WriteBook("[session]", "[\"attribute:caller_phone\"]");
  const std::shared_ptr<const Tool> tool = LoadBook();
  ASSERT_NE(tool, nullptr);
  ASSERT_THAT(tool->intent.scope, SizeIs(1));
  EXPECT_EQ(tool->intent.scope[0].kind, ScopeKind::kAttribute);
  EXPECT_EQ(tool->intent.scope[0].attribute, "caller_phone");
}

TEST_F(CatalogLoadTest, TheSafetyArrivesInTheTool) {
  WriteFull();
  const std::shared_ptr<const Tool> tool = LoadBook();
  ASSERT_NE(tool, nullptr);
  EXPECT_EQ(ToString(tool->safety), "KEYED+NATURAL+PROBED");
  EXPECT_TRUE(tool->safety.replays_errors);
  EXPECT_EQ(tool->safety.key_retention, absl::Hours(36));
  EXPECT_EQ(tool->key_placement->kind, KeyPlacement::Kind::kBody);
  EXPECT_EQ(tool->key_placement->body->text(), "$.meta.key");
  EXPECT_EQ(tool->key_in_use->status, 409);
  EXPECT_EQ(tool->key_in_use->path->text(), "$.error");
  EXPECT_EQ(tool->key_in_use->equals, Json({{"code", "busy"}}));
  EXPECT_EQ(tool->key_reused->status, 422);
  EXPECT_FALSE(tool->key_reused->path.has_value());
  ASSERT_TRUE(tool->intent.near.has_value());
  ASSERT_THAT(tool->intent.near->same, SizeIs(2));
  EXPECT_EQ(tool->intent.near->same[0].normaliser, Normaliser::kPhone) << "as in the identity";
  EXPECT_EQ(tool->intent.near->same[1].name, "provider");
  EXPECT_EQ(tool->intent.near->window, absl::Minutes(30));
  EXPECT_EQ(tool->intent.near->action, NearSpec::Action::kReject);
  ASSERT_THAT(tool->intent.sets, SizeIs(2));
  EXPECT_EQ(tool->intent.sets[1].normaliser, Normaliser::kPhone) << "as in the identity";
  EXPECT_EQ(tool->confirm, ConfirmRule::kAlways);
  ASSERT_TRUE(tool->job.has_value());
  EXPECT_EQ(tool->job->id.text(), "$.job_id");
  EXPECT_EQ(tool->job->tool, "find");
  EXPECT_EQ(tool->job->args.Render(Json{{"slot", "now"}, {"job", "j-1"}}),
            (Json{{"slot", "now"}, {"day", "j-1"}}));
  EXPECT_EQ(tool->job->done_if.text(), "$.done");
  EXPECT_EQ(tool->job->failed_if->text(), "$.error");
  EXPECT_EQ(tool->job->result->text(), "$.row");
  EXPECT_EQ(tool->job->interval, absl::Seconds(3));
  EXPECT_EQ(tool->job->give_up_after, absl::Hours(2));
  EXPECT_EQ(tool->probe->tool, "find");
  EXPECT_EQ(tool->probe->args.Render(Json{{"slot", "now"}}),
            Json({{"slot", "now"}, {"day", "2026-06-24"}}));
  EXPECT_EQ(tool->probe->applied_if.text(), "$.found[0]");
  ASSERT_THAT(tool->probe->ours, SizeIs(1));
  EXPECT_EQ(tool->probe->ours[0].found.text(), "$.phone");
  EXPECT_EQ(tool->probe->ours[0].argument.text(), "$.who.phone");
  EXPECT_EQ(tool->probe->result->text(), "$.found[0]");
  EXPECT_EQ(tool->probe->consistency, ProbeSpec::Consistency::kEventual);
  EXPECT_EQ(tool->probe->settle_after, absl::Seconds(90));
  EXPECT_EQ(tool->probe->attempts, 7);
  EXPECT_EQ(tool->probe->interval, absl::Milliseconds(500));
}

TEST_F(CatalogLoadTest, TheHttpBindingArrivesInTheTool) {
  WriteFull();
  const std::shared_ptr<const Tool> tool = LoadBook();
  ASSERT_NE(tool, nullptr);
  const HttpBinding& http = *tool->http;
  EXPECT_EQ(http.method, "PUT");
  EXPECT_EQ(http.origin, "https://api.example.com:8443");
  const auto same = [](absl::string_view text) -> absl::StatusOr<std::string> {
    return std::string(text);
  };
  EXPECT_EQ(*http.path.Render(Json{{"provider", "kim"}}, same), "/a/kim/b");
  ASSERT_THAT(http.query, SizeIs(2));
  EXPECT_EQ(http.query[0].name, "day");
  EXPECT_EQ(http.query[0].value.text(), "$.day");
  EXPECT_EQ(http.query[1].value.text(), "$.who.name");
  ASSERT_THAT(http.headers, SizeIs(2));
  EXPECT_EQ(http.headers[0].name, "Authorization");
  EXPECT_EQ(http.headers[0].secret->kind, SecretRef::Kind::kEnv);
  EXPECT_EQ(http.headers[0].secret->name, "TOKEN");
  EXPECT_EQ(http.headers[0].secret_prefix, "Bearer ");
  EXPECT_FALSE(http.headers[0].value.has_value());
  EXPECT_EQ(http.headers[1].name, "X-Clinic");
  EXPECT_EQ(*http.headers[1].value->Render(Json{{"provider", "kim"}}, same), "c-kim");
  EXPECT_EQ(http.body->Render(Json{{"slot", "now"}}),
            Json::parse(R"({"slot": "now", "meta": {"source": "onetake", "price": "$5", "n": 2,
                                                    "all": {"slot": "now"}}})"));
  EXPECT_TRUE(http.text_result);
  EXPECT_EQ(http.max_result_bytes, 2048u);
  EXPECT_EQ(http.connect_timeout, absl::Seconds(2));
  EXPECT_EQ(http.outcomes, (std::map<int, StatusMeaning>{{302, StatusMeaning::kSucceeded},
                                                         {404, StatusMeaning::kRejected},
                                                         {499, StatusMeaning::kMayHaveHappened},
                                                         {503, StatusMeaning::kNoEffect}}));
}

TEST_F(CatalogLoadTest, WhatIsLeftOutHasTheDefaultsOfTheHeader) {
  Write("book.yaml",
        "name: book\ndescription: x\nparameters: { type: object }\n"
        "http: { method: POST, url: \"http://localhost\" }\n");
  const Catalog catalog = Load();
  ASSERT_NE(catalog.tools, nullptr);
  const Tool& tool = *catalog.tools->Find("book");
  EXPECT_EQ(tool.effect, Effect::kWrite);
  EXPECT_EQ(ToString(tool.safety), "NONE");
  EXPECT_EQ(tool.intent.scope.size(), 1u);
  EXPECT_EQ(tool.intent.scope[0].kind, ScopeKind::kSession);
  EXPECT_THAT(tool.intent.identity, IsEmpty());
  EXPECT_FALSE(tool.intent.key_template.has_value());
  EXPECT_EQ(tool.timeouts.filler, absl::Milliseconds(1500));
  EXPECT_EQ(tool.timeouts.patience, absl::Seconds(4));
  EXPECT_EQ(tool.timeouts.attempt, std::nullopt);
  EXPECT_EQ(tool.timeouts.floor, absl::Seconds(8));
  EXPECT_EQ(tool.timeouts.ceiling, absl::Seconds(30));
  EXPECT_EQ(tool.retries.attempts, 5);
  EXPECT_EQ(tool.retries.total, absl::Minutes(2));
  EXPECT_EQ(tool.retries.base, absl::Milliseconds(200));
  EXPECT_EQ(tool.retries.cap, absl::Seconds(10));
  EXPECT_FALSE(tool.probe.has_value());
  EXPECT_FALSE(tool.job.has_value());
  EXPECT_FALSE(tool.intent.near.has_value());
  EXPECT_THAT(tool.intent.sets, IsEmpty());
  EXPECT_EQ(tool.confirm, ConfirmRule::kNever);
  EXPECT_FALSE(tool.key_placement.has_value());
  EXPECT_EQ(tool.http->path.parts().at(0).literal, "/");
  EXPECT_FALSE(tool.http->body.has_value());
  EXPECT_FALSE(tool.http->text_result);
  EXPECT_EQ(tool.http->max_result_bytes, 1048576u);
  EXPECT_EQ(tool.http->connect_timeout, absl::Seconds(3));
}

TEST_F(CatalogLoadTest, AProbeWaitsForTheHardTimeoutUnlessItSaysOtherwise) {
  WriteBook("", "");
  const std::shared_ptr<const Tool> tool = LoadBook();
  ASSERT_NE(tool, nullptr);
  EXPECT_EQ(tool->probe->settle_after, std::nullopt);
  EXPECT_EQ(tool->probe->attempts, 5);
  EXPECT_EQ(tool->probe->interval, absl::Seconds(2));
}

TEST_F(CatalogLoadTest, TheVersionChangesWithWhateverTheManifestSays) {
  const std::string version = VersionOf("", "");
  EXPECT_THAT(version, SizeIs(16));
  EXPECT_EQ(version.find_first_not_of("0123456789abcdef"), std::string::npos);
  std::set<std::string> versions = {version};
  const std::vector<std::pair<const char*, const char*>> changes = {
      {"Books a slot.", "Books one slot."},
      {"notes: { type: string }", "notes: { type: string, maxLength: 9 }"},
      {"required: [slot, provider]", "required: [provider, slot]"},
      {"[session]", "[tenant]"},
      {"provider: verbatim", "provider: id"},
      {"[notes]", "[extra]"},
      {"America/Chicago", "America/New_York"},
      {"header: Idempotency-Key", "header: X-Key"},
      {"retention: 24h", "retention: 25h"},
      {"equals: busy", "equals: [busy]"},
      {"applied_if: $.found[0]", "applied_if: $.found"},
      {"args: { slot: $.slot, provider: $.provider }", "args: { slot: $.provider }"},
      {"patience: 4s", "patience: 3s"},
      {"attempts: 5", "attempts: 4"},
      {"method: POST", "method: PUT"},
      {"/a/{provider}", "/b/{provider}"},
      {"{ day: $.slot }", "{ date: $.slot }"},
      {"prefix: \"Bearer \"", "prefix: \"Token \""},
      {"body: $", "body: { a: $ }"},
      {"503: no_effect", "503: rejected"},
  };
  for (const auto& [piece, by] : changes) {
    EXPECT_TRUE(versions.insert(VersionOf(piece, by)).second) << by;
  }
}

TEST_F(CatalogLoadTest, TheVersionStaysWhenTheSameIsSaidOtherwise) {
  const std::string version = VersionOf("", "");
  EXPECT_EQ(VersionOf("", ""), version);
  EXPECT_EQ(VersionOf("effect: WRITE", "# why\n\neffect:   \"WRITE\""), version);
  EXPECT_EQ(VersionOf("    slot: instant\n    provider: verbatim",
                      "    provider: verbatim\n    slot: instant"),
            version);
  EXPECT_EQ(VersionOf("patience: 4s", "patience: 4000ms"), version);
  EXPECT_EQ(VersionOf("retention: 24h", "retention: ${X:-24h}"), version);
  EXPECT_EQ(VersionOf("slot: { type: string }\n", "slot:\n      type: \"string\"\n"), version);
}

TEST_F(CatalogLoadTest, TheSchemaIsPartOfTheVersionWhereverItStands) {
  const std::string inline_schema = R"(  type: object
  properties:
    slot: { type: string }
    provider: { type: string }
    notes: { type: string }
    extra: { type: object, properties: { room: { type: integer } } }
  required: [slot, provider]
  additionalProperties: false
)";
  const std::string version = VersionOf("", "");
  Write("s.json", R"({"additionalProperties": false, "type": "object", "properties": {
    "slot": {"type": "string"}, "provider": {"type": "string"}, "notes": {"type": "string"},
    "extra": {"type": "object", "properties": {"room": {"type": "integer"}}}},
    "required": ["slot", "provider"]})");
  EXPECT_EQ(VersionOf(inline_schema, "  $ref: s.json\n"), version);
  Write("s.json", R"({"type": "object", "properties": {"slot": {"type": "string"},
    "provider": {"type": "string"}, "notes": {"type": "string"}},
    "required": ["slot", "provider"], "additionalProperties": false})");
  EXPECT_NE(VersionOf(inline_schema, "  $ref: s.json\n"), version);
}

TEST_F(CatalogLoadTest, UnquotedValuesAreTypedAsJsonTypesThem) {
  WriteBook(
      "body: $",
      "body: { a: 1, b: -2.5e3, c: true, d: null, e: ~, f: yes, g: 007, h: \"8\", i: 0x10,"
      " j: 1_000, k: .5, l: [], m: {}, n: \"\", o: 9007199254740993, p: False, q: 2026-06-24 }");
  const std::shared_ptr<const Tool> tool = LoadBook();
  ASSERT_NE(tool, nullptr);
  EXPECT_EQ(tool->http->body->source(),
            Json::parse(R"({"a": 1, "b": -2500, "c": true, "d": null, "e": null, "f": "yes",
              "g": "007", "h": "8", "i": "0x10", "j": "1_000", "k": ".5", "l": [], "m": {},
              "n": "", "o": 9007199254740993, "p": false, "q": "2026-06-24"})"));
}

TEST_F(CatalogLoadTest, TheEnvironmentIsPutInBeforeTypesAreLookedAt) {
  variables_["ATTEMPTS"] = "7";
  variables_["PATIENCE"] = "2s";
  variables_["SAID"] = "hold on: #1 {x} \"y\"";
  variables_["NUMBER"] = "5";
  WriteBook("retries: { attempts: 5,",
            "say: { pending: \"${SAID}\" }\nretries: { attempts: \"${ATTEMPTS}\",");
  Write("book.yaml",
        absl::StrReplaceAll(
            kBook, {{"retries: { attempts: 5,",
                     "say: { pending: \"${SAID}\" }\nretries: { attempts: \"${ATTEMPTS}\","},
                    {"patience: 4s", "patience: \"${PATIENCE}\""},
                    {"body: $",
                     "body:\n    bare: ${NUMBER}\n    quoted: \"${NUMBER}\"\n"
                     "    literal: \"$${NUMBER}\""}}));
  const std::shared_ptr<const Tool> tool = LoadBook();
  ASSERT_NE(tool, nullptr);
  EXPECT_EQ(tool->retries.attempts, 7);
  EXPECT_EQ(tool->timeouts.patience, absl::Seconds(2));
  EXPECT_EQ(tool->say.Line(Situation::kPending), "hold on: #1 {x} \"y\"");
  EXPECT_EQ(tool->http->body->source(),
            Json({{"bare", 5}, {"quoted", "5"}, {"literal", "${NUMBER}"}}));
}

TEST_F(CatalogLoadTest, AMissingVariableIsOneErrorThatNamesIt) {
  WriteBook("https://api.example.com", "https://${API_HOST}");
  EXPECT_THAT(LoadAndSay(), ElementsAre(AllOf(StartsWith("book.yaml:33: error: http.url: "),
                                              HasSubstr("API_HOST"), HasSubstr("not set"))));
}

TEST_F(CatalogLoadTest, NoMessageShowsAValueOfTheEnvironment) {
  variables_["V"] = "hunter2-{hunter2}";
  // Wherever a value is quoted when it is wrong.
  const std::vector<std::pair<const char*, const char*>> faults = {
      {"name: book", "name: ${V}"},
      {"effect: WRITE", "effect: ${V}"},
      {"type: object\n", "type: ${V}\n"},
      {"[session]", "[\"${V}\"]"},
      {"slot: instant", "slot: ${V}"},
      {"[notes]", "[\"${V}\"]"},
      {"America/Chicago", "${V}"},
      {"  time_zone: America/Chicago", "  phone_region: ${V}"},
      {"  time_zone: America/Chicago", "  key: { template: \"${V}\" }"},
      {"header: Idempotency-Key", "header: \"${V} x\""},
      {"header: Idempotency-Key", "body: ${V}"},
      {"retention: 24h", "retention: ${V}"},
      {"status: 409", "status: \"${V}\""},
      {"path: $.error", "path: \"${V}\""},
      {"tool: find", "tool: ${V}"},
      {"provider: $.provider }\n    applied", "provider: \"$.${V}\" }\n    applied"},
      {"applied_if: $.found[0]", "applied_if: $.${V}"},
      {"patience: 4s", "patience: \"${V}\""},
      {"attempts: 5", "attempts: \"${V}\""},
      {"method: POST", "method: ${V}"},
      {"https://api.example.com/a/{provider}", "${V}"},
      {"/a/{provider}", "/a/${V}"},
      {"{ day: $.slot }", "{ day: \"$.${V}\" }"},
      {"X-Clinic: \"{provider}\"", "X-Clinic: \"${V}\""},
      {"env: TOKEN", "env: \"${V}\""},
      {"body: $", "body: { a: \"$.${V}\" }"},
      {"503: no_effect", "503: \"${V}\""},
  };
  for (const auto& [piece, by] : faults) {
    WriteBook(piece, by);
    const Catalog catalog = Load();
    EXPECT_EQ(catalog.tools, nullptr) << by;
    EXPECT_THAT(Said(catalog), AllOf(Not(IsEmpty()), Each(Not(HasSubstr("hunter2"))))) << by;
  }
}

TEST_F(CatalogLoadTest, TheEnvironmentsSecretsAreNowhereInTheTool) {
  WriteBook("", "");
  const Catalog catalog = Load();
  EXPECT_EQ(catalog.tools->Find("book")->http->headers[0].secret->name, "TOKEN");
  EXPECT_THAT(ExportTools(*catalog.tools, ToolFormat::kNative).dump(),
              Not(HasSubstr("s3cr3t-t0ken")));
}

TEST_F(CatalogLoadTest, FoldersTogetherAreOneCatalog) {
  TempDir other;
  std::ofstream(other.Path("book.yml")) << kBook;
  const Catalog catalog = LoadCatalog({other.path(), dir_.path()}, environment());
  ASSERT_NE(catalog.tools, nullptr) << FormatDiagnostics(catalog.diagnostics);
  EXPECT_THAT(catalog.tools->tools(), SizeIs(2));
}

}  // namespace
}  // namespace onetake::testing
