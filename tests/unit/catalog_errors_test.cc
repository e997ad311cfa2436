// What is refused, and where it is said to be.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testing/catalog_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class ManifestFaultTest : public FaultTest {};

TEST_P(ManifestFaultTest, IsOneErrorAtItsPlace) {
  WriteBook(GetParam().piece, GetParam().by);
  ExpectOneErrorAtItsPlace();
}

INSTANTIATE_TEST_SUITE_P(
    Spelling, ManifestFaultTest,
    ::testing::Values(
        Fault{"UnknownField", "description:", "descripton: x\ndescription:",
              "2: error: descripton: ", "did you mean description?"},
        Fault{"UnknownFieldBelow", "  method: POST", "  method: POST\n  metod: GET",
              "33: error: http.metod: ", "did you mean method?"},
        Fault{"UnknownFieldWithoutANeighbour", "effect: WRITE", "effect: WRITE\nzzzzz: 1",
              "4: error: zzzzz: is not a field", "one of name, description, effect"},
        Fault{"DuplicateKey", "effect: WRITE", "effect: WRITE\neffect: READ",
              "4: error: has \"effect\" twice", "keep one"},
        Fault{"DuplicateKeyInFlow", "{ day: $.slot }", "{ day: $.slot, day: $.provider }",
              "34: error: has \"day\" twice", ""},
        Fault{"TextWhereANumberBelongs", "attempts: 5", "attempts: many",
              "30: error: retries.attempts: is \"many\", but must be a whole number", ""},
        Fault{"QuotedNumber", "attempts: 5", "attempts: \"5\"",
              "30: error: retries.attempts: ", "without quotes"},
        Fault{"Fraction", "attempts: 5", "attempts: 2.5",
              "30: error: retries.attempts: ", "a whole number"},
        Fault{"ListWhereATextBelongs", "description: Books a slot.", "description: [a]",
              "2: error: description: is a list, but must be a text", ""},
        Fault{"TextWhereAMappingBelongs", "query: { day: $.slot }", "query: day",
              "34: error: http.query: must be a mapping", ""},
        Fault{"TextWhereAListBelongs", "scope: [session]", "scope: session",
              "14: error: intent.scope: must be a list", "[first, second]"},
        Fault{"TextWhereFieldsBelong", "{ filler: 1s, patience: 4s, floor: 8s, ceiling: 30s }",
              "5s", "29: error: timeouts: must be a mapping of fields",
              "its fields are filler, patience"},
        Fault{"NoValue", "description: Books a slot.",
              "description:", "2: error: description: has no value", ""},
        Fault{"EmptyList", "scope: [session]", "scope: []", "14: error: intent.scope: is empty",
              ""},
        Fault{"HedgedWrite", "effect: WRITE", "effect: WRITE\nhedge: true",
              "4: error: hedge: is for a READ", "never sent a second time"},
        Fault{"HedgeThatIsNoBoolean", "effect: WRITE", "effect: WRITE\nhedge: often",
              "4: error: hedge: is \"often\", but must be true or false", ""},
        Fault{"HedgeAfterWhat", "effect: WRITE", "effect: WRITE\nhedge: { after: p42 }",
              "4: error: hedge.after: is \"p42\"", "one of p50, p90, p95, p99"},
        Fault{"HedgeField", "effect: WRITE", "effect: WRITE\nhedge: { enabled: true }",
              "4: error: hedge.enabled: is not a field", "one of after"},
        Fault{"YesIsNoBoolean", "    retention: 24h", "    retention: 24h\n    replays_errors: yes",
              "24: error: safety.keyed.replays_errors: is \"yes\", but must be true or false", ""},
        Fault{"LowerCaseEffect", "effect: WRITE", "effect: write", "3: error: effect: is \"write\"",
              "did you mean WRITE? one of READ, WRITE"},
        Fault{"UnknownNormaliser", "slot: instant", "slot: instnat",
              "16: error: intent.identity.slot: is \"instnat\"",
              "did you mean instant? one of verbatim, instant, date, phone, text, number, id"},
        Fault{"UnknownOutcome", "503: no_effect", "503: nothing",
              "39: error: http.outcomes.503: is \"nothing\"", "may_have_happened"},
        Fault{"OutcomeOfNoStatus", "503: no_effect", "busy: no_effect",
              "39: error: http.outcomes.busy: has a name that is not a number", ""},
        Fault{"DurationWithoutUnit", "patience: 4s", "patience: 4",
              "29: error: timeouts.patience: is \"4\", but must be a duration",
              "250ms, 4s, 2m, 24h"},
        Fault{"DurationOfWords", "patience: 4s", "patience: 4 seconds",
              "29: error: timeouts.patience: ", "a number with a unit"},
        Fault{"NegativeDuration", "patience: 4s", "patience: -4s",
              "29: error: timeouts.patience: ", "a duration"},
        Fault{"EndlessDuration", "retention: 24h", "retention: inf",
              "23: error: safety.keyed.retention: ", "a duration"},
        Fault{"NeitherHeaderNorBody", "    header: Idempotency-Key\n", "",
              "21: error: safety.keyed: needs one of header, body", ""},
        Fault{"HeaderAndBody", "    header: Idempotency-Key\n",
              "    header: Idempotency-Key\n    body: $.key\n",
              "21: error: safety.keyed: has more than one of header, body", ""},
        Fault{"SecretFromNowhere", "secret: { env: TOKEN }", "secret: {}",
              "37: error: http.headers.Authorization.secret: needs one of env, file", ""},
        Fault{"Anchor", "scope: [session]", "scope: &a [session]", "14: error: has an anchor",
              "write the value out"},
        Fault{"Tag", "name: book", "name: !!str book", "1: error: has a tag", "leave the tag out"},
        Fault{"TwoDocuments", "  outcomes: { 503: no_effect }\n", "---\nname: other\n",
              "40: error: has more than one document", "one file holds one tool"},
        Fault{"NotYaml", "effect: WRITE", "effect: [WRITE", "4: error: is not YAML", ""}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Head, ManifestFaultTest,
    ::testing::Values(
        Fault{"NoName", "name: book\n", "", "1: error: name: is required", "book_appointment"},
        Fault{"BadName", "name: book", "name: 1book", "1: error: name: is \"1book\"",
              "a letter, then up to 63"},
        Fault{"NoDescription", "description: Books a slot.\n", "",
              "1: error: description: is required", ""},
        Fault{"NoSchema", "parameters:\n  type: object", "x-parameters:\n  type: object",
              "4: error: x-parameters: ", "did you mean parameters?"},
        Fault{"SchemaOfAnotherType", "  type: object\n", "  type: array\n",
              "4: error: parameters: ", "the root must have type: object"},
        Fault{"MalformedSchema", "provider: { type: string }", "provider: { type: 7 }",
              "8: error: parameters.properties.provider.type: ", "string"},
        Fault{"NoRuleOfStorage", "notes: { type: string }",
              "notes: { type: string, x-onetake-store: hide }",
              "9: error: parameters.properties.notes.x-onetake-store: is not a rule of storage",
              "keep (in clear), seal"},
        Fault{"StorageHidesWhatAProbeReads", "slot: { type: string }",
              "slot: { type: string, x-onetake-store: drop }",
              "27: error: safety.probe.args: reads $.slot, which x-onetake-store keeps out",
              "let slot be seal or keep"},
        Fault{"SchemaRefBesideFields", "parameters:\n", "parameters:\n  $ref: a.json\n",
              "5: error: parameters.$ref: stands beside other fields", ""}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Intent, ManifestFaultTest,
    ::testing::Values(
        Fault{"UnknownScope", "[session]", "[sesion]", "14: error: intent.scope[0]: is \"sesion\"",
              "session, tenant or attribute:NAME"},
        Fault{"ScopeWithoutAttribute", "[session]", "[session, \"attribute:\"]",
              "14: error: intent.scope[1]: ", "attribute:NAME"},
        Fault{"ScopeTwice", "[session]", "[session, session]",
              "14: error: intent.scope[1]: is given twice", ""},
        Fault{"IdentityOutsideTheSchema", "    slot: instant", "    slott: instant",
              "16: error: intent.identity.slott: \"$.slott\" is no argument of the schema",
              "did you mean slot? it has extra, notes, provider, slot"},
        Fault{"IdentityBelowOutsideTheSchema", "provider: verbatim", "$.extra.floor: number",
              "17: error: intent.identity.$.extra.floor: ", "is no argument of the schema"},
        Fault{"IdentityIsNoPath", "provider: verbatim", "\"$..x\": text",
              "17: error: intent.identity.$..x: ", "no path"},
        Fault{"IdentityIsAll", "provider: verbatim", "$: text",
              "17: error: intent.identity.$: ", "names no argument"},
        Fault{"IdentityTwice", "provider: verbatim", "$.slot: text",
              "16: error: intent.identity.slot: is already in the identity", ""},
        Fault{"NormaliserOfAnotherType", "provider: verbatim", "$.extra.room: phone",
              "17: error: intent.identity.$.extra.room: is of type integer", "it takes string"},
        Fault{"IgnoredOutsideTheSchema", "[notes]", "[note]",
              "18: error: intent.ignored[0]: \"$.note\" is no argument", "did you mean notes?"},
        Fault{"IgnoredIdentity", "[notes]", "[notes, slot]",
              "18: error: intent.ignored[1]: is in the identity too", ""},
        Fault{"UnknownTimeZone", "America/Chicago", "America/Chigaco",
              "19: error: intent.time_zone: is \"America/Chigaco\"", "IANA"},
        Fault{"UnknownRegion", "  time_zone: America/Chicago",
              "  time_zone: America/Chicago\n  phone_region: UK",
              "20: error: intent.phone_region: is \"UK\"", "GB"},
        Fault{"KeyWithoutTemplate", "  time_zone: America/Chicago", "  key: { digest: sha256 }",
              "19: error: intent.key.template: is required", ""},
        Fault{"KeyOfUnknownDigest", "  time_zone: America/Chicago",
              "  key: { template: \"{session_id}:{slot}:{provider}\", digest: md5 }",
              "19: error: intent.key.digest: is \"md5\"", "one of sha256"},
        Fault{"KeyNamesAStranger", "  time_zone: America/Chicago",
              "  key: { template: \"{session_id}:{slot}:{provider}:{patient}\" }",
              "19: error: intent.key.template: \"{patient}\" is no argument", ""},
        Fault{"KeyLeavesOutTheSession", "  time_zone: America/Chicago",
              "  key: { template: \"{slot}:{provider}\" }",
              "19: error: intent.key.template: leaves out {session_id}", "two sessions"},
        Fault{"KeyLeavesOutAnIdentityField", "  time_zone: America/Chicago",
              "  key: { template: \"{session_id}:{slot}\" }",
              "19: error: intent.key.template: leaves out {provider}", "two intents"},
        Fault{"KeyCannotNameAnAttribute", "scope: [session]",
              "scope: [session, \"attribute:phone\"]\n"
              "  key: { template: \"{session_id}:{slot}:{provider}\" }",
              "15: error: intent.key.template: cannot name the attribute of intent.scope",
              "leave intent.key out"},
        Fault{"KeyRunsTogether", "  time_zone: America/Chicago",
              "  key: { template: \"{session_id}:{slot}{provider}\" }",
              "19: error: intent.key.template: has nothing between {slot} and {provider}",
              "{slot}:{provider}"},
        Fault{"KeyWithAnOpenBrace", "  time_zone: America/Chicago",
              "  key: { template: \"{session_id\" }",
              "19: error: intent.key.template: ", "{{ and }} for braces"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Safety, ManifestFaultTest,
    ::testing::Values(
        Fault{"NoRetention", "    retention: 24h\n", "",
              "21: error: safety.keyed.retention: is required", "documentation"},
        Fault{"RetentionOfNothing", "retention: 24h", "retention: 0s",
              "23: error: safety.keyed.retention: is 0", "out of range"},
        Fault{"KeyInABadHeader", "header: Idempotency-Key", "header: \"Idempotency Key\"",
              "22: error: safety.keyed.header: ", "no header's name"},
        Fault{"KeyInAReservedHeader", "header: Idempotency-Key", "header: host",
              "22: error: safety.keyed.header: ", "HTTP itself sets"},
        Fault{"KeyInAHeaderThatIsSet", "header: Idempotency-Key", "header: x-clinic",
              "36: error: http.headers.X-Clinic: is set twice", "safety.keyed"},
        Fault{"KeyIsTheBody", "header: Idempotency-Key", "body: $",
              "22: error: safety.keyed.body: is $", ""},
        Fault{"KeyInAList", "header: Idempotency-Key", "body: \"$.keys[0]\"",
              "22: error: safety.keyed.body: leads into a list", ""},
        Fault{"KeyIsAnArgument", "header: Idempotency-Key", "body: $.notes",
              "22: error: safety.keyed.body: is an argument of the schema too", ""},
        Fault{"AnswerWithoutStatus", "status: 409, ", "",
              "24: error: safety.keyed.in_use.status: is required", ""},
        Fault{"AnswerOfSuccess", "status: 409", "status: 200",
              "24: error: safety.keyed.in_use.status: is \"200\"", "400 to 599"},
        Fault{"PathWithoutEquals", ", equals: busy", "",
              "24: error: safety.keyed.in_use: has only one of path and equals", ""},
        Fault{"AnswersThatCannotBeTold", ", path: $.error, equals: busy }",
              " }\n    reused: { status: 409 }",
              "25: error: safety.keyed.reused: ", "can never be told from in_use"},
        Fault{"AnswerHiddenByAnOutcome", "status: 409, path: $.error, equals: busy", "status: 503",
              "24: error: safety.keyed.in_use: has a status that http.outcomes has, too",
              "a path and equals"},
        Fault{"ProbeOfNoTool", "tool: find", "tool: fnid",
              "26: error: safety.probe.tool: \"fnid\" is no tool",
              "did you mean find? the READs are find"},
        Fault{"ProbeByAWrite", "tool: find", "tool: book",
              "26: error: safety.probe.tool: \"book\" is a WRITE", "the READs are find"},
        Fault{"ProbeWithAStranger", "args: { slot: $.slot, provider: $.provider }",
              "args: { slot: $.slot, dey: $.slot }",
              "27: error: safety.probe.args.dey: ", "did you mean day? it has day, provider, slot"},
        Fault{"ProbeOfAStranger", "args: { slot: $.slot, provider: $.provider }",
              "args: { slot: $.slto }",
              "27: error: safety.probe.args.slot: \"$.slto\" is no argument", "did you mean slot?"},
        Fault{"ProbeLeavesOutAnArgument", "args: { slot: $.slot, provider: $.provider }",
              "args: { day: $.slot }", "27: error: safety.probe.args: leaves out slot",
              "slot: $.ARGUMENT"},
        Fault{"ProbeWithoutVerdict", "    applied_if: $.found[0]\n", "",
              "25: error: safety.probe.applied_if: is required", ""},
        Fault{"ProbesWithoutEnd", "    tool: find", "    attempts: 21\n    tool: find",
              "26: error: safety.probe.attempts: is \"21\"", "1 to 20"},
        Fault{"ProbeWithAWrongPath", "$.found[0]", "$.found[*]",
              "28: error: safety.probe.applied_if: ", "no path"}),
    NameOf);

// The booking itself is what undoes another here: the fault is all that matters.
INSTANTIATE_TEST_SUITE_P(
    Reverses, ManifestFaultTest,
    ::testing::Values(
        Fault{"NoTool", "timeouts:", "reverses: { argument: $.slot, result: $.id }\ntimeouts:",
              "29: error: reverses.tool: is required", ""},
        Fault{"OfAStranger",
              "timeouts:", "reverses: { tool: cancel, argument: $.slot, result: $.id }\ntimeouts:",
              "29: error: reverses.tool: \"cancel\" is no tool", ""},
        Fault{"OfARead",
              "timeouts:", "reverses: { tool: find, argument: $.slot, result: $.id }\ntimeouts:",
              "29: error: reverses.tool: \"find\" is a READ", ""},
        Fault{"InNoWay", "timeouts:", "reverses: { tool: book }\ntimeouts:",
              "29: error: reverses: needs one way", "identity: { slot_iso: $.slot_iso }"},
        Fault{"InTwoWays",
              "timeouts:", "reverses: { tool: book, identity: {}, argument: $.slot }\ntimeouts:",
              "29: error: reverses: needs one way", ""},
        Fault{"ByHalfAWay", "timeouts:", "reverses: { tool: book, argument: $.slot }\ntimeouts:",
              "29: error: reverses.result: is required", ""},
        Fault{"ByAllArguments",
              "timeouts:", "reverses: { tool: book, argument: $, result: $.id }\ntimeouts:",
              "29: error: reverses.argument: is $", ""},
        Fault{"ByAStranger",
              "timeouts:", "reverses: { tool: book, argument: $.id, result: $.id }\ntimeouts:",
              "29: error: reverses.argument: \"$.id\" is no argument", ""},
        Fault{"LeavesOutAnIdentityField",
              "timeouts:", "reverses: { tool: book, identity: { slot: $.slot } }\ntimeouts:",
              "29: error: reverses.identity: leaves out provider", "identity of \"book\""},
        Fault{"ByAnIdentityThatIsNotDeclared",
              "  identity:\n    slot: instant\n    provider: verbatim\n  ignored: [notes]\n"
              "  time_zone: America/Chicago\n",
              "reverses: { tool: book, identity: { slot: $.slot, provider: $.provider } }\n",
              "15: error: reverses.identity: finds nothing: \"book\" declares no identity",
              "intent.identity there"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Limits, ManifestFaultTest,
    ::testing::Values(Fault{"TooManyAttempts", "attempts: 5", "attempts: 21",
                            "30: error: retries.attempts: is \"21\"", "1 to 20"},
                      Fault{"NoAttempt", "attempts: 5", "attempts: 0",
                            "30: error: retries.attempts: ", "1 to 20"},
                      Fault{"MoreThan32Bits", "attempts: 5", "attempts: 4294967297",
                            "30: error: retries.attempts: ", "out of range"},
                      Fault{"TooPatient", "patience: 4s", "patience: 6m",
                            "29: error: timeouts.patience: is 6m, which is out of range",
                            "0 to 5m"},
                      Fault{"FloorAboveCeiling", "floor: 8s", "floor: 31s",
                            "29: error: timeouts.floor: leaves the floor above the ceiling",
                            "8s and 30s"},
                      Fault{"AttemptAboveCeiling", "floor: 8s", "attempt: 31s, floor: 8s",
                            "29: error: timeouts.attempt: is longer than the ceiling", ""},
                      Fault{"BaseAboveCap", "base: 200ms", "base: 11s",
                            "30: error: retries.base: ", "base <= cap"},
                      Fault{"TooMuchResult", "  body: $", "  body: $\n  max_result_bytes: 1048577",
                            "39: error: http.max_result_bytes: ", "1 to 1048576"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Http, ManifestFaultTest,
    ::testing::Values(
        Fault{"NoMethod", "  method: POST\n", "", "31: error: http.method: is required",
              "one of GET, HEAD, POST"},
        Fault{"UnknownMethod", "method: POST", "method: post",
              "32: error: http.method: is \"post\"", "one of GET"},
        Fault{"NoUrl", "  url: \"https://api.example.com/a/{provider}\"\n", "",
              "31: error: http.url: is required", ""},
        Fault{"HoleInTheHost", "api.example.com", "{provider}.example.com",
              "33: error: http.url: has a hole before the path", "${NAME}"},
        Fault{"HoleInTheScheme", "https://api", "{provider}://api",
              "33: error: http.url: ", "must begin with https://"},
        Fault{"AnotherScheme", "https://api", "ftp://api",
              "33: error: http.url: ", "must begin with https://"},
        Fault{"UserInTheUrl", "https://api", "https://me:pw@api", "33: error: http.url: has a user",
              "secret: { env: NAME }"},
        Fault{"QueryInTheUrl", "/a/{provider}", "/a?x={provider}",
              "33: error: http.url: has a query", "http.query"},
        Fault{"FragmentInTheUrl", "/a/{provider}", "/a#x", "33: error: http.url: has a fragment",
              ""},
        Fault{"DotsInThePath", "/a/{provider}", "/a/../b", "33: error: http.url: has . or ..", ""},
        Fault{"SpaceInThePath", "/a/{provider}", "/a b",
              "33: error: http.url: ", "percent-encoded"},
        Fault{"BadPort", "api.example.com", "api.example.com:99999",
              "33: error: http.url: ", "1 to 65535"},
        Fault{"UrlNamesAStranger", "/a/{provider}", "/a/{providr}",
              "33: error: http.url: \"{providr}\" is no argument", "did you mean provider?"},
        Fault{"UrlNamesAnObject", "/a/{provider}", "/a/{extra}",
              "33: error: http.url: \"{extra}\" is of type object", ""},
        Fault{"UrlNamesAStrangerBelow", "/a/{provider}", "/a/{extra.floor}",
              "33: error: http.url: \"{extra.floor}\" is no argument", ""},
        Fault{"QueryOfAStranger", "{ day: $.slot }", "{ day: $.day }",
              "34: error: http.query.day: \"$.day\" is no argument", ""},
        Fault{"QueryIsNoPath", "{ day: $.slot }", "{ day: slot }",
              "34: error: http.query.day: is \"slot\", which is no path", "$.name"},
        Fault{"QueryOfAll", "{ day: $.slot }", "{ day: $ }", "34: error: http.query.day: is $", ""},
        Fault{"BadHeaderName", "X-Clinic:", "X Clinic:",
              "36: error: http.headers.X Clinic: is no name of a header", ""},
        Fault{"ReservedHeader", "X-Clinic:", "Content-Length:",
              "36: error: http.headers.Content-Length: ", "HTTP itself sets"},
        Fault{"HeaderTwiceInAnotherCase", "    X-Clinic: \"{provider}\"",
              "    X-Clinic: a\n    x-clinic: b", "37: error: http.headers.x-clinic: is set twice",
              ""},
        Fault{"HeaderOfTwoLines", "X-Clinic: \"{provider}\"", "X-Clinic: \"a\\r\\nX-Other: b\"",
              "36: error: http.headers.X-Clinic: is no text of a header", ""},
        Fault{"HeaderNamesAStranger", "\"{provider}\"", "\"{clinic}\"",
              "36: error: http.headers.X-Clinic: \"{clinic}\" is no argument", ""},
        Fault{"LiteralCredential", "{ secret: { env: TOKEN }, prefix: \"Bearer \" }",
              "Bearer 12345", "37: error: http.headers.Authorization: carries a credential",
              "{ secret: { env: NAME }, prefix: \"Bearer \" }"},
        Fault{"LiteralApiKey", "X-Clinic: \"{provider}\"", "x-api-key: \"12345\"",
              "36: error: http.headers.x-api-key: carries a credential", ""},
        Fault{"CredentialFromTheEnvironment", "{ secret: { env: TOKEN }, prefix: \"Bearer \" }",
              "Bearer ${TOKEN}", "37: error: http.headers.Authorization: carries a credential", ""},
        Fault{"SecretIsTheSecret", "{ env: TOKEN }", "{ env: \"sk-12345\" }",
              "37: error: http.headers.Authorization.secret.env: ", "the secret itself never"},
        Fault{"PrefixWithoutSecret", "secret: { env: TOKEN }, ", "",
              "37: error: http.headers.Authorization: has a prefix without a secret", ""},
        Fault{"TextInAMapping", "\"{provider}\"", "{ text: x }",
              "36: error: http.headers.X-Clinic.text: is not a field", "one of secret, prefix"},
        Fault{"BodyOfGet", "method: POST", "method: GET",
              "38: error: http.body: does not go with GET", "http.query"},
        Fault{"BodyNamesAStranger", "body: $", "body:\n    a:\n      - b: $.slto",
              "40: error: http.body.a[0].b: \"$.slto\" is no argument", "did you mean slot?"},
        Fault{"BodyIsNoPath", "body: $", "body: { a: $.x..y }",
              "38: error: http.body.a: ", "no path"},
        Fault{"BodyOfNothing", "body: $", "body:", "38: error: http.body: has no value", ""},
        Fault{"FormBesideBody", "body: $", "body: $\n  form: $",
              "39: error: http.form: stands beside http.body", "keep one"},
        Fault{"FormOfText", "body: $", "form: abc", "38: error: http.form: must be $ or a mapping",
              ""},
        Fault{"FormNested", "body: $", "form: { a: { b: $.slot } }",
              "38: error: http.form.a: is a mapping or a list", ""},
        Fault{"FormNamesAStranger", "body: $", "form: { a: $.slto }",
              "38: error: http.form.a: \"$.slto\" is no argument", "did you mean slot?"},
        Fault{"FormOfAnObject", "body: $", "form: { a: $.extra }",
              "38: error: http.form.a: is, or is a list, of type object", "deep_object"},
        Fault{"FormOfAllWithAnObject", "body: $", "form: $",
              "38: error: http.form: is, or is a list, of type object", "deep_object"},
        Fault{"QueryOfAnObject", "{ day: $.slot }", "{ day: $.extra }",
              "34: error: http.query.day: is, or is a list, of type object", "deep_object"},
        Fault{"StyleOfAStranger", "  body: $", "  styles: { dya: comma }\n  body: $",
              "38: error: http.styles.dya: is neither in http.query nor", ""},
        Fault{"UnknownStyle", "  body: $", "  styles: { day: semicolon }\n  body: $",
              "38: error: http.styles.day: is \"semicolon\"", "one of repeat, comma"},
        Fault{"GoneButNotNatural", "503: no_effect", "404: already_gone",
              "39: error: http.outcomes.404: is already_gone, but the tool is not NATURAL",
              "natural: true"},
        Fault{"OutcomeOfAnImpossibleStatus", "503: no_effect", "700: no_effect",
              "39: error: http.outcomes.700: ", "200 to 599"}),
    NameOf);

class CatalogErrorsTest : public CatalogTest {};

TEST_F(CatalogErrorsTest, TheManifestThatTheOthersAreMadeOfHasNone) {
  WriteBook("", "");
  const Catalog catalog = Load();
  EXPECT_THAT(Said(catalog), IsEmpty());
  ASSERT_NE(catalog.tools, nullptr);
  EXPECT_EQ(catalog.tools->tools().size(), 2u);
}

TEST_F(CatalogErrorsTest, AllOfAllFilesAreSaidAtOnce) {
  Write("a.yaml", "name: 1\nefect: READ\nhttp: { method: FETCH, url: nowhere }\n");
  Write("b.yml", "name: [\n");
  Write("c.yaml", kFind);
  Write("d.yaml", absl::StrReplaceAll(kFind, {{"$.day", "$.dya"}}));
  Write("not-a-manifest.txt", "name: [\n");
  Write(".hidden.yaml", "name: [\n");
  EXPECT_THAT(
      LoadAndSay(),
      ElementsAre(StartsWith("a.yaml:1: error: parameters: is required"),
                  StartsWith("a.yaml:1: error: name: is \"1\""),
                  StartsWith("a.yaml:1: error: description: is required"),
                  StartsWith("a.yaml:2: error: efect: is not a field"),
                  StartsWith("a.yaml:3: error: http.method: is \"FETCH\""),
                  StartsWith("a.yaml:3: error: http.url: must begin with"),
                  StartsWith("b.yml:2: error: is not YAML"),
                  StartsWith("d.yaml:1: error: name: \"find\" is already the name of c.yaml"),
                  StartsWith("d.yaml:15: error: http.query.day: \"$.dya\"")));
}

TEST_F(CatalogErrorsTest, AProbeIsNotBlamedForAFileThatCannotBeRead) {
  WriteBook("", "");
  Write("find.yaml", "name: [");
  EXPECT_THAT(LoadAndSay(), ElementsAre(StartsWith("find.yaml:1: error: is not YAML")));
}

TEST_F(CatalogErrorsTest, WhatBelongsToAWriteIsRefusedOnARead) {
  Write("find.yaml", absl::StrCat(kFind,
                                  "safety: { keyed: { header: K, retention: 1h } }\n"
                                  "intent: { scope: [session] }\n"));
  EXPECT_THAT(LoadAndSay(),
              ElementsAre(StartsWith("find.yaml:16: error: safety: belongs to a WRITE"),
                          StartsWith("find.yaml:17: error: intent: belongs to a WRITE")));
}

TEST_F(CatalogErrorsTest, AKeyOfTheCallIsNoArgumentOfTheSchema) {
  WriteBook("    notes: { type: string }\n", "    session_id: { type: string }\n");
  Write("book.yaml",
        absl::StrReplaceAll(
            kBook, {{"    notes: { type: string }\n", "    session_id: { type: string }\n"},
                    {"  ignored: [notes]\n",
                     "  key: { template: \"{session_id}:{slot}:{provider}\" }\n"}}));
  EXPECT_THAT(LoadAndSay(),
              ElementsAre(AllOf(StartsWith("book.yaml:18: error: intent.key.template: "),
                                HasSubstr("is an argument of the schema too"))));
}

TEST_F(CatalogErrorsTest, AKeyInTheBodyNeedsABodyThatTakesIt) {
  Write("find.yaml", kFind);
  const auto with_body = [](absl::string_view method, absl::string_view body) {
    return absl::StrReplaceAll(kBook, {{"header: Idempotency-Key", "body: $.key"},
                                       {"method: POST", absl::StrCat("method: ", method)},
                                       {"  body: $\n", body}});
  };
  Write("book.yaml", with_body("GET", ""));
  EXPECT_THAT(
      LoadAndSay(),
      ElementsAre(StartsWith("book.yaml:22: error: safety.keyed.body: does not go with GET")));
  Write("book.yaml", with_body("POST", "  body: [$.slot]\n"));
  EXPECT_THAT(
      LoadAndSay(),
      ElementsAre(StartsWith("book.yaml:22: error: safety.keyed.body: needs an http.body that")));
  for (const char* body : {"", "  body: $\n", "  body: { a: $.slot }\n"}) {
    Write("book.yaml", with_body("POST", body));
    EXPECT_THAT(LoadAndSay(), IsEmpty()) << body;
  }
}

TEST_F(CatalogErrorsTest, AFloodOfFaultsIsCut) {
  std::string text;
  for (int i = 0; i < 5000; ++i) absl::StrAppend(&text, "f", i, ": 1\n");
  Write("a.yaml", text);
  const std::vector<std::string> said = LoadAndSay();
  EXPECT_EQ(said.size(), 101u);
}

TEST_F(CatalogErrorsTest, AFolderMustBeThereAndMayBeEmpty) {
  EXPECT_THAT(LoadAndSay(), ElementsAre(HasSubstr("warning: has no manifests")));
  EXPECT_NE(Load().tools, nullptr);
  Write("file.yaml", kFind);
  const Catalog catalog =
      LoadCatalog({dir_.Path("missing"), dir_.Path("file.yaml"), dir_.path()}, environment());
  EXPECT_EQ(catalog.tools, nullptr);
  EXPECT_THAT(Said(catalog), ElementsAre(StartsWith("file.yaml: error: is not a folder"),
                                         StartsWith("missing: error: there is no such folder")));
  EXPECT_EQ(LoadCatalog({}, environment()).tools, nullptr);
}

TEST_F(CatalogErrorsTest, ANameBelongsToOneToolOfAllFolders) {
  Write("find.yaml", kFind);
  TempDir other;
  std::ofstream(other.Path("x.yaml")) << kFind;
  const Catalog catalog = LoadCatalog({dir_.path(), other.path()}, environment());
  EXPECT_EQ(catalog.tools, nullptr);
  EXPECT_THAT(Said(catalog), ElementsAre(AllOf(HasSubstr("x.yaml:1: error: name: \"find\""),
                                               HasSubstr("already the name of find.yaml"))));
  EXPECT_NE(LoadCatalog({dir_.path(), dir_.path() + "/."}, environment()).tools, nullptr)
      << "the same folder twice is one folder";
}

}  // namespace
}  // namespace onetake::testing
