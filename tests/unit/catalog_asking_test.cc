// Faults of what asks: the user, a probe, or a downstream about its job.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testing/catalog_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kJob =
    "job:\n  id: $.job_id\n  tool: find\n  args: { slot: $.slot, day: $.job }\n"
    "  done_if: $.done\nhttp:";

std::string WithJob(absl::string_view piece, absl::string_view by) {
  return absl::StrReplaceAll(kJob, {{piece, by}});
}

class AskingFaultTest : public FaultTest {};

TEST_P(AskingFaultTest, IsOneErrorAtItsPlace) {
  WriteBook(GetParam().piece, GetParam().by);
  ExpectOneErrorAtItsPlace();
}

INSTANTIATE_TEST_SUITE_P(
    Asking, AskingFaultTest,
    ::testing::Values(
        Fault{"NearWithoutSubject", "  ignored: [notes]",
              "  ignored: [notes]\n  near: { window: 5m }",
              "19: error: intent.near.same: is required", "[patient_id]"},
        Fault{"NearOfNoArgument", "  ignored: [notes]",
              "  ignored: [notes]\n  near: { same: [providr] }",
              "19: error: intent.near.same[0]: ", "did you mean provider?"},
        Fault{"NearForAMoment", "  ignored: [notes]",
              "  ignored: [notes]\n  near: { same: [provider], window: 10ms }",
              "19: error: intent.near.window: ", "1s to 168h"},
        Fault{"NearReplaces", "  ignored: [notes]",
              "  ignored: [notes]\n  near: { same: [provider], on_near: replace }",
              "19: error: intent.near.on_near: is \"replace\"", "one of confirm, reject"},
        Fault{"SetsNoArgument", "  ignored: [notes]", "  ignored: [notes]\n  sets: [providr]",
              "19: error: intent.sets[0]: ", "did you mean provider?"},
        Fault{"SetsAThingTwice", "  ignored: [notes]",
              "  ignored: [notes]\n  sets: [provider, $.provider]",
              "19: error: intent.sets[1]: is given twice", "keep one of them"},
        Fault{"SetsAThingThatIsIgnored", "  ignored: [notes]",
              "  ignored: [notes]\n  sets: [provider, notes]",
              "19: error: intent.sets[1]: is ignored too", "take it out of intent.ignored"},
        Fault{"SetsOtherThanNear", "  ignored: [notes]",
              "  ignored: [notes]\n  near: { same: [provider] }\n  sets: [provider, slot]",
              "20: error: intent.sets: names other arguments than intent.near.same",
              "name the same ones in both"},
        Fault{"SetsAndReverses", "  ignored: [notes]\n  time_zone: America/Chicago",
              "  ignored: [notes]\n  sets: [provider]\n  time_zone: America/Chicago\n"
              "reverses: { tool: book, identity: { slot: $.slot, provider: $.provider } }",
              "19: error: intent.sets: is for a write that undoes no other one", "take it out"},
        Fault{"TellOfNoSituation", "effect: WRITE", "effect: WRITE\nsay: { tell: { rejectd: x } }",
              "4: error: say.tell.rejectd: is no situation", "did you mean rejected?"},
        Fault{"TellOfAResult", "effect: WRITE", "effect: WRITE\nsay: { tell: { done: x } }",
              "4: error: say.tell.done: would change the result", "take it out"},
        Fault{"ALineWithANewline", "effect: WRITE", "effect: WRITE\nsay: { done: \"a\\nb\" }",
              "4: error: say.done: has a control character", "one line"},
        Fault{"NoLanguage", "effect: WRITE",
              "effect: WRITE\nsay: { languages: { e: { pending: x } } }",
              "4: error: say.languages.e: is no language's tag", "es, pt-BR"},
        Fault{"LanguagesInALanguage", "effect: WRITE",
              "effect: WRITE\nsay: { languages: { es: { languages: { de: {} } } } }",
              "4: error: say.languages.es.languages", ""},
        Fault{"ConfirmSometimes", "effect: WRITE", "effect: WRITE\nconfirm: sometimes",
              "4: error: confirm: is \"sometimes\"", "one of never, always"},
        Fault{"OursOfNoArgument", "    applied_if: $.found[0]",
              "    applied_if: $.found[0]\n    ours: { $.who: $.hwo }",
              "29: error: safety.probe.ours.$.who: ", "is no argument of the schema"},
        Fault{"OursNoPath", "    applied_if: $.found[0]",
              "    applied_if: $.found[0]\n    ours: { who: provider }",
              "29: error: safety.probe.ours.who: is \"who\", which is no path", "write $.name"},
        Fault{"ConsistencyOfNoKind", "    applied_if: $.found[0]",
              "    applied_if: $.found[0]\n    consistency: maybe",
              "29: error: safety.probe.consistency: is \"maybe\"",
              "one of authoritative, eventual"},
        Fault{"ErrorWithoutAPath", "  outcomes: {", "  errors: [{ is: rejected }]\n  outcomes: {",
              "39: error: http.errors[0].path: is required", "$.error"},
        Fault{"ErrorWithoutAMeaning", "  outcomes: {",
              "  errors: [{ path: $.error }]\n  outcomes: {",
              "39: error: http.errors[0].is: is required", "rejected"},
        Fault{"ErrorThatIsASuccess", "  outcomes: {",
              "  errors: [{ path: $.error, is: succeeded }]\n  outcomes: {",
              "39: error: http.errors[0].is: is no way", "rejected"},
        Fault{"ArgumentByAHole", "args: { slot: $.slot, provider: $.provider }",
              "args: { slot: \"{slot}\" }",
              "27: error: safety.probe.args.slot: \"{slot}\" would be sent as it stands",
              "write $.slot"},
        Fault{"ResultNoPath", "    applied_if: $.found[0]",
              "    applied_if: $.found[0]\n    result: found",
              "29: error: safety.probe.result: is \"found\", which is no path", "write $.name"}),
    NameOf);

// A job with one piece of it replaced.
class JobFaultTest : public FaultTest {};

TEST_P(JobFaultTest, IsOneErrorAtItsPlace) {
  WriteBook("http:", WithJob(GetParam().piece, GetParam().by));
  ExpectOneErrorAtItsPlace();
}

INSTANTIATE_TEST_SUITE_P(
    Job, JobFaultTest,
    ::testing::Values(
        Fault{"NoId", "  id: $.job_id\n", "", "31: error: job.id: is required", "$.job_id"},
        Fault{"NoTool", "  tool: find\n", "", "31: error: job.tool: is required", "a READ"},
        Fault{"AWriteAsked", "tool: find", "tool: book", "33: error: job.tool: \"book\" is a WRITE",
              "the READs are find"},
        Fault{"NoSuchTool", "tool: find", "tool: fnd",
              "33: error: job.tool: \"fnd\" is no tool of the catalog", "did you mean find?"},
        Fault{"NoArguments", "  args: { slot: $.slot, day: $.job }\n", "",
              "31: error: job.args: is required", "{ job_id: $.job }"},
        Fault{"ArgumentsInAList", "{ slot: $.slot, day: $.job }", "[a]",
              "34: error: job.args: must be a mapping", ""},
        Fault{"AnArgumentThatTheWriteLacks", "$.slot,", "$.slto,",
              "34: error: job.args.slot: ", "did you mean slot?"},
        Fault{"AnArgumentThatTheReadLacks", "day:", "dya:",
              "34: error: job.args.dya: is no argument of that tool", "did you mean day?"},
        Fault{"ARequiredOneLeftOut", "slot: $.slot, ", "", "34: error: job.args: leaves out slot",
              "add slot"},
        Fault{"TheJobByAHole", "$.job }", "\"{job}\" }",
              "34: error: job.args.day: would be sent as it stands", "write $.job"},
        Fault{"AnArgumentByAHole", "slot: $.slot,", "slot: \"{slot}\",",
              "34: error: job.args.slot: \"{slot}\" would be sent as it stands", "write $.slot"},
        Fault{"NoEnd", "  done_if: $.done\n", "", "31: error: job.done_if: is required", ""},
        Fault{"IntervalOfNothing", "  done_if: $.done\n", "  done_if: $.done\n  interval: 1ms\n",
              "36: error: job.interval: ", "10ms to 1h"}),
    NameOf);

class CatalogAskingTest : public CatalogTest {};

TEST_F(CatalogAskingTest, AJobThatReadsWhatIsNotStoredIsToldAtItsPlace) {
  Write("find.yaml", kFind);
  Write("book.yaml",
        absl::StrReplaceAll(kBook, {{"http:", WithJob("slot: $.slot", "slot: $.notes")},
                                    {"notes: { type: string }",
                                     "notes: { type: string, x-onetake-store: drop }"}}));
  EXPECT_THAT(LoadAndSay(), ::testing::Contains(::testing::HasSubstr(
                                "34: error: job.args: reads $.notes, which x-onetake-store")));
}

TEST_F(CatalogAskingTest, AnAcceptedWriteIsAJobAndNothingElse) {
  WriteBook("http:\n  method: POST\n", absl::StrCat(kJob, "\n  method: POST\n"));
  EXPECT_THAT(LoadAndSay(), ::testing::IsEmpty());
  Write("book.yaml",
        absl::StrReplaceAll(kBook, {{"http:", kJob}, {"503: no_effect", "202: rejected"}}));
  EXPECT_THAT(LoadAndSay(),
              ElementsAre(::testing::AllOf(
                  HasSubstr("book.yaml:44: error: http.outcomes.202: stands beside a job"),
                  HasSubstr("take one of the two out"))));
}

TEST_F(CatalogAskingTest, AskingTheUserIsForWritesOnly) {
  Write("find.yaml", absl::StrCat(kFind, "confirm: always\n"));
  EXPECT_THAT(LoadAndSay(), ElementsAre(HasSubstr("confirm: is for a WRITE")));
}

// There is a first block whatever the tool says.
TEST_F(CatalogAskingTest, AContentBlockProvesNothingByItsPlace) {
  WriteBook("applied_if: $.found[0]", "applied_if: \"$[0].id\"");
  Write("find.yaml",
        absl::StrReplaceAll(
            kFind, {{"http:\n  method: GET\n  url: http://localhost:8080/find\n"
                     "  query: { slot: $.slot, day: $.day }\n",
                     "mcp: { server: crm, result: content, reviewed: \"sha256:"
                     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" }\n"}}));
  EXPECT_THAT(LoadAndSay(), ElementsAre(HasSubstr("answers with content blocks")));
}

// A probe that reads nothing but nothing would say "not applied" of every write.
class UnreadableProbeTest : public CatalogTest, public ::testing::WithParamInterface<Fault> {};

TEST_P(UnreadableProbeTest, IsAnError) {
  WriteBook("book", "book");
  Write("find.yaml", absl::StrReplaceAll(kFind, {{GetParam().piece, GetParam().by}}));
  const Catalog catalog = Load();
  EXPECT_EQ(catalog.tools, nullptr);
  EXPECT_THAT(Said(catalog), ElementsAre(::testing::AllOf(HasSubstr(GetParam().place),
                                                          HasSubstr(GetParam().message))));
}

INSTANTIATE_TEST_SUITE_P(
    Reads, UnreadableProbeTest,
    ::testing::Values(
        Fault{"Head", "method: GET", "method: HEAD",
              "book.yaml:26: error: safety.probe.tool: \"find\" answers without a body",
              "http.method: GET"},
        Fault{"Text", "method: GET", "method: GET\n  result: text",
              "book.yaml:26: error: safety.probe.tool: \"find\" answers with a text",
              "http.result: json"},
        Fault{"McpText",
              "http:\n  method: GET\n  url: http://localhost:8080/find\n"
              "  query: { slot: $.slot, day: $.day }\n",
              "mcp: { server: crm, result: text, reviewed: \"sha256:"
              "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" }\n",
              "book.yaml:26: error: safety.probe.tool: \"find\" answers with a text", "mcp.result"},
        Fault{"McpContent",
              "http:\n  method: GET\n  url: http://localhost:8080/find\n"
              "  query: { slot: $.slot, day: $.day }\n",
              "mcp: { server: crm, result: content, reviewed: \"sha256:"
              "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" }\n",
              "book.yaml:26: error: safety.probe.tool: \"find\" answers with content blocks",
              "mcp.result: structured"}),
    NameOf);

}  // namespace
}  // namespace onetake::testing
