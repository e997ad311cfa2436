// What works and will hurt somebody.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/catalog/wording.h"
#include "tests/testing/catalog_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

struct Smell {
  const char* name;
  const char* piece;    // of kBook
  const char* by;       // what stands there instead
  const char* place;    // "line: severity: field: "; "": nothing is to be said
  const char* message;  // a part of it
};

class LintTest : public CatalogTest, public ::testing::WithParamInterface<Smell> {};

TEST_P(LintTest, SaysWhatWillHurt) {
  WriteBook(GetParam().piece, GetParam().by);
  const Catalog catalog = Load();
  EXPECT_NE(catalog.tools, nullptr) << "lint refuses nothing";
  if (absl::string_view(GetParam().place).empty()) {
    EXPECT_THAT(Said(catalog), IsEmpty());
  } else {
    EXPECT_THAT(Said(catalog),
                ElementsAre(AllOf(StartsWith(absl::StrCat("book.yaml:", GetParam().place)),
                                  HasSubstr(GetParam().message))));
  }
}

constexpr const char* kSafety = R"(safety:
  keyed:
    header: Idempotency-Key
    retention: 24h
    in_use: { status: 409, path: $.error, equals: busy }
  probe:
    tool: find
    args: { slot: $.slot, provider: $.provider }
    applied_if: $.found[0]
)";
constexpr const char* kIdentity = R"(  identity:
    slot: instant
    provider: verbatim
)";

INSTANTIATE_TEST_SUITE_P(
    Rules, LintTest,
    ::testing::Values(
        Smell{"APromiseWhileNobodyKnows", "effect: WRITE",
              "effect: WRITE\nsay: { unknown: \"You're booked, I'll just check.\" }",
              "4: warning: say.unknown: ", "\"booked\""},
        Smell{
            "APromiseInAnotherLanguage", "effect: WRITE",
            "effect: WRITE\nsay: { languages: { es: { unknown: \"Ya reservado, compruebo.\" } } }",
            "4: warning: say.languages.es.unknown: ", "\"reservado\""},
        Smell{"NoSafety", kSafety, "", "1: warning: safety: is NONE",
              "every answer that gets lost becomes a person's work"},
        Smell{"AProbeThatIgnoresTheIdentity", "args: { slot: $.slot, provider: $.provider }",
              "args: { slot: $.slot }", "25: warning: safety.probe: does not look at provider",
              "ours: { $.FIELD: $.provider }"},
        Smell{
            "AProbeThatComparesIt",
            "args: { slot: $.slot, provider: $.provider }\n    applied_if: $.found[0]\n",
            "args: { slot: $.slot }\n    applied_if: $.found[0]\n    ours: { $.who: $.provider }\n",
            "", ""},
        Smell{"NaturalMaySetAThing", kSafety, "safety: { natural: true }\n",
              "13: suggestion: intent.sets: is not declared", "and back again"},
        Smell{"NaturalAloneIsSafe", kSafety, "  sets: [provider]\nsafety: { natural: true }\n", "",
              ""},
        Smell{"PutSetsAThing", "method: POST", "method: PUT",
              "13: warning: intent.sets: is not declared", "is answered by what the first one did"},
        Smell{"PatchSetsAThing", "method: POST", "method: PATCH",
              "13: warning: intent.sets: is not declared", "[id]"},
        Smell{"SetsAnOptionalThing", "  time_zone:", "  sets: [extra]\n  time_zone:",
              "19: warning: intent.sets[0]: is optional in the schema",
              "does not say what it sets"},
        Smell{"NotNaturalIsNone", kSafety, "safety: { natural: false }\n",
              "20: warning: safety: is NONE", ""},
        Smell{"NoEffect", "effect: WRITE\n", "",
              "1: warning: effect: is not declared, so the tool is a WRITE", "effect: READ if"},
        Smell{"NoIdentity", kIdentity, "", "13: warning: intent.identity: is not declared",
              "another write"},
        Smell{"OptionalIdentity", "required: [slot, provider]", "required: [provider]",
              "16: warning: intent.identity.slot: is optional in the schema", "two intents"},
        Smell{"AttemptBelowTheFloor", "floor: 8s", "attempt: 3s, floor: 8s",
              "29: warning: timeouts.attempt: is below the floor of 8s", ""},
        Smell{"AttemptAtTheFloor", "floor: 8s", "attempt: 8s, floor: 8s", "", ""},
        Smell{"ImpatientClients", "patience: 4s", "patience: 5s",
              "29: warning: timeouts.patience: is 5s or more", "give up at 5s"},
        Smell{"JustPatientEnough", "patience: 4s", "patience: 4999ms", "", ""},
        Smell{"FillerTooLate", "filler: 1s", "filler: 4500ms",
              "29: warning: timeouts.filler: is longer than the patience", ""},
        Smell{"ShortRetention", "retention: 24h", "retention: 1m",
              "23: warning: safety.keyed.retention: is shorter than retries.total", "second write"},
        Smell{"RetentionOfJustTheRetries", "retention: 24h", "retention: 2m", "", ""},
        Smell{"HastyProbe", "    tool: find", "    settle_after: 29s\n    tool: find",
              "26: warning: safety.probe.settle_after: is shorter than an attempt may take (30s)",
              "sent again"},
        Smell{"PatientProbe", "    tool: find", "    settle_after: 30s\n    tool: find", "", ""},
        Smell{"OpenSchema", "  additionalProperties: false\n", "",
              "4: suggestion: parameters: ", "additionalProperties: false"},
        Smell{"NoTimeZone", "  time_zone: America/Chicago\n", "",
              "16: suggestion: intent.identity.slot: is an instant", "without an offset"},
        Smell{"LikelyCredential", "X-Clinic: \"{provider}\"", "X-Session-Token: abc",
              "36: warning: http.headers.X-Session-Token: looks like a credential", "secret"},
        Smell{"SecretInTheClear", "url: \"https://api",
              "allow_networks: [10.0.0.0/8]\n  url: \"http://api",
              "34: warning: http.url: sends a secret over http", ""},
        Smell{"SecretToThisMachine", "https://api.example.com", "http://127.0.0.1:8080", "", ""},
        Smell{"UnsetSecret", "env: TOKEN", "env: OTHER",
              "37: warning: http.headers.Authorization.secret.env: is not set", "onetaked runs"},
        Smell{"MissingSecretFile", "env: TOKEN", "file: token.txt",
              "37: warning: http.headers.Authorization.secret.file: is not there", ""},
        Smell{"AKeyThatAModelMakesUp", "    notes: { type: string }",
              "    notes: { type: string }\n    idempotency_key: { type: string }",
              "19: warning: intent.ignored: leaves out idempotency_key, which looks like an ", ""},
        Smell{"AKeyThatDecidesNothing", "    notes: { type: string }",
              "    notes: { type: string, description: x }", "", ""},
        Smell{"UndoesByAnOptionalArgument", "timeouts:",
              "reverses: { tool: book, identity: { slot: $.notes, provider: $.provider } }\n"
              "timeouts:",
              "29: warning: reverses.identity: reads \"$.notes\", which is optional here",
              "undoes nothing"},
        Smell{"UndoesByRequiredArguments", "timeouts:",
              "reverses: { tool: book, identity: { slot: $.slot, provider: $.provider } }\n"
              "timeouts:",
              "", ""},
        Smell{"OptionalHoleInThePath", "a/{provider}", "a/{notes}",
              "33: warning: http.url: names \"notes\", which is optional", "calls without it fail"},
        Smell{"OptionalHeader", "\"{provider}\"", "\"{notes}\"", "", ""},
        Smell{"OptionalHoleInAHeader", "\"{provider}\"", "\"n-{notes}\"",
              "36: warning: http.headers.X-Clinic: names \"notes\"", ""}),
    [](const ::testing::TestParamInfo<Smell>& info) { return info.param.name; });

TEST_F(CatalogTest, APutThatNamesItsThingOrUndoesAnotherWriteIsNotWarnedOf) {
  for (const char* piece :
       {"  sets: [provider]\n  time_zone: America/Chicago\nsafety:",
        "  time_zone: America/Chicago\nreverses: { tool: book, argument: $.slot, result: $.id }\n"
        "safety:"}) {
    Write("find.yaml", kFind);
    Write("book.yaml", absl::StrReplaceAll(kBook, {{"  time_zone: America/Chicago\nsafety:", piece},
                                                   {"method: POST", "method: PUT"}}));
    EXPECT_THAT(LoadAndSay(), Not(::testing::Contains(HasSubstr("intent.sets")))) << piece;
  }
}

// There is nothing else that could differ.
TEST_F(CatalogTest, APutOfItsNameAloneIsNotWarnedOf) {
  Write("book.yaml",
        R"(name: mark
description: Marks it.
effect: WRITE
parameters: { type: object, properties: { id: { type: string }, why: { type: string } },
              required: [id], additionalProperties: false }
intent: { identity: { id: id }, ignored: [why] }
safety: { natural: true }
http: { method: PUT, url: "https://api.example.com/a/{id}" }
)");
  EXPECT_THAT(LoadAndSay(), IsEmpty());
}

TEST_F(CatalogTest, AHedgeThatMayNotBeSentIsNoted) {
  Write("find.yaml", absl::StrCat(kFind, "hedge: true\nretries: { attempts: 1 }\n"));
  EXPECT_THAT(
      LoadAndSay(),
      ::testing::Contains(::testing::StartsWith("find.yaml:16: warning: hedge: has no effect")));
}

TEST_F(CatalogTest, AReadByPostIsNoted) {
  Write("find.yaml",
        absl::StrReplaceAll(
            kFind, {{"GET", "POST"}, {"  query: { slot: $.slot, day: $.day }\n", "  body: $\n"}}));
  EXPECT_THAT(LoadAndSay(), ElementsAre(AllOf(StartsWith("find.yaml:3: warning: effect: is READ"),
                                              HasSubstr("POST"), HasSubstr("fine for a search"))));
}

TEST_F(CatalogTest, ASecretFileBesideTheManifestIsFound) {
  Write("token.txt", "s3cr3t");
  WriteBook("env: TOKEN", "file: token.txt");
  const Catalog catalog = Load();
  EXPECT_THAT(Said(catalog), IsEmpty());
  const std::optional<SecretRef> secret = catalog.tools->Find("book")->http->headers[0].secret;
  ASSERT_TRUE(secret.has_value());
  EXPECT_EQ(secret->kind, SecretRef::Kind::kFile);
  EXPECT_EQ(secret->name, dir_.Path("token.txt"));
}

TEST_F(CatalogTest, FreeTextInTheIdentityIsToldWhateverItIsCalled) {
  Write("find.yaml", kFind);
  Write("book.yaml", absl::StrReplaceAll(kBook, {{"    provider: verbatim", "    notes: text"},
                                                 {"  ignored: [notes]\n", ""},
                                                 {"[slot, provider]", "[slot, provider, notes]"}}));
  EXPECT_THAT(LoadAndSay(), ::testing::Contains(
                                AllOf(StartsWith("book.yaml:17: warning: intent.identity.notes: "),
                                      HasSubstr("free text"), HasSubstr("intent.ignored"))));
}

TEST_F(CatalogTest, DiagnosticsAreJsonToo) {
  WriteBook("patience: 4s", "patience: 5s");
  const Catalog catalog = Load();
  const Json json = DiagnosticsToJson(catalog.diagnostics);
  ASSERT_EQ(json.size(), 1u);
  EXPECT_EQ(json[0]["severity"], "warning");
  EXPECT_EQ(json[0]["file"], dir_.Path("book.yaml"));
  EXPECT_EQ(json[0]["line"], 29);
  EXPECT_EQ(json[0]["column"], 25);
  EXPECT_EQ(json[0]["field"], "timeouts.patience");
  EXPECT_THAT(json[0]["message"].get<std::string>(), HasSubstr("5s or more"));
  EXPECT_THAT(json[0]["advice"].get<std::string>(), HasSubstr("4s"));
}

struct NamedSchema {
  const char* name;
  const char* schema;
  Wording wording;
};

TEST(WordingOfTest, LooksAtNamesAndBounds) {
  for (const NamedSchema& test : std::vector<NamedSchema>{
           {"notes", R"({"type": "string"})", Wording::kFree},
           {"cancel_reason", R"({"type": "string"})", Wording::kFree},
           {"patientNotes", R"({"type": "string"})", Wording::kFree},
           {"visit.comment", R"({"type": "string"})", Wording::kFree},
           {"reason", R"({"type": ["string", "null"]})", Wording::kFree},
           {"reason", R"({})", Wording::kFree},
           {"reason", R"({"type": "string", "enum": ["ill", "late"]})", Wording::kFixed},
           {"reason", R"({"type": "string", "pattern": "^[a-z]+$"})", Wording::kFixed},
           {"reason", R"({"type": "string", "format": "uuid"})", Wording::kFixed},
           {"reason", R"({"type": "string", "maxLength": 64})", Wording::kFixed},
           {"reason", R"({"type": "string", "maxLength": 65})", Wording::kFree},
           {"provider", R"({"type": "string", "maxLength": 500})", Wording::kFree},
           {"provider", R"({"type": "string", "minLength": 1})", Wording::kFixed},
           {"message_id", R"({"type": "string"})", Wording::kFixed},
           {"note_count", R"({"type": "string"})", Wording::kFixed},
           {"notes", R"({"type": "integer"})", Wording::kFixed},
           {"keynote", R"({"type": "string"})", Wording::kFixed},
       }) {
    const Json schema = Json::parse(test.schema);
    EXPECT_EQ(WordingOf(test.name, {&schema}), test.wording) << test.name << " " << test.schema;
  }
}

class KeyTemplateLintTest : public CatalogTest {
 protected:
  std::vector<std::string> SaidOfArgument(const std::string& name) {
    Write("find.yaml", absl::StrReplaceAll(kFind, {{"provider", name}}));
    Write("book.yaml",
          absl::StrReplaceAll(kBook, {{"provider", name},
                                      {"  ignored: [notes]\n",
                                       absl::StrCat("  ignored: [notes]\n"
                                                    "  key: { template: \"{session_id}:{slot}:{",
                                                    name, "}\" }\n")}}));
    return Said(Load());
  }
};

// A key by template is a plain digest, and goes downstream.
TEST_F(KeyTemplateLintTest, APersonCanBeGuessedFromIt) {
  EXPECT_THAT(SaidOfArgument("provider"), IsEmpty());
  EXPECT_THAT(SaidOfArgument("mobility"), IsEmpty());
  for (const char* name : {"caller_phone", "patientName", "e-mail"}) {
    EXPECT_THAT(SaidOfArgument(name),
                ElementsAre(AllOf(HasSubstr(": warning: intent.key.template: names "),
                                  HasSubstr(name), HasSubstr("plain SHA-256"))))
        << name;
  }
}

TEST_F(KeyTemplateLintTest, WithoutTheSessionTenantsMayShareIt) {
  const auto said = [this](absl::string_view key) {
    WriteBook("scope: [session]",
              absl::StrCat("scope: [tenant]\n  key: { template: \"", key, "\" }"));
    return LoadAndSay();
  };
  EXPECT_THAT(said("{slot}:{provider}"),
              ElementsAre(AllOf(HasSubstr(": warning: intent.key.template: leaves out {tenant}"),
                                HasSubstr("if several tenants use it"))));
  EXPECT_THAT(said("{tenant}:{slot}:{provider}"), IsEmpty());
}

TEST_F(CatalogTest, AKeyThatOutlivesWhatTheLedgerKeepsIsAWarning) {
  WriteBook("retention: 24h", "retention: 2160h");
  const auto said = [this](absl::Duration ledger_keeps) {
    const Catalog catalog =
        LoadCatalog({dir_.path()}, environment(), {.ledger_keeps = ledger_keeps});
    EXPECT_NE(catalog.tools, nullptr);
    return Said(catalog);
  };
  EXPECT_THAT(said(absl::Hours(2160)), IsEmpty());
  EXPECT_THAT(said(absl::Hours(2159)),
              ElementsAre(AllOf(StartsWith("book.yaml:23: warning: safety.keyed.retention: "),
                                HasSubstr("retention.skeletons"))));
}

}  // namespace
}  // namespace onetake::testing
