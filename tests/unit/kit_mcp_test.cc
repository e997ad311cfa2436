// The contract kit against tools of MCP servers, and against probes by a READ of whatever kind.
#include "tests/testing/kit_fixture.h"
#include "tools/kit/mcp_checks.h"
#include "tools/kit/probe_checks.h"

namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class McpChecksTest : public KitTest {
 protected:
  // `rest` goes behind the mcp binding's server, tool and digest.
  void WriteTool(absl::string_view name, absl::string_view effect, absl::string_view safety,
                 absl::string_view rest) {
    Write(absl::StrCat(name, ".yaml"),
          absl::StrCat("name: ", name, "\ndescription: Books a slot.\neffect: ", effect,
                       "\nparameters:\n  type: object\n  additionalProperties: false\n"
                       "  properties: { slot: { type: string }, who: { type: string } }\n"
                       "  required: [slot, who]\n",
                       safety, "\nmcp:\n  server: crm\n  tool: crm.book\n  reviewed: \"sha256:",
                       std::string(64, 'a'), "\"\n", rest));
  }
  CheckResults Check(const std::string& name) {
    const Catalog catalog = Load();
    if (catalog.tools == nullptr) {
      ADD_FAILURE() << ::testing::PrintToString(Said(catalog));
      return {};
    }
    const Tool& tool = *catalog.tools->Find(name);
    return ByName(CheckMcpTool(tool, {{"slot", "2 pm"}, {"who", "p-1"}}, loop_, clock_, random_));
  }
};

TEST_F(McpChecksTest, AKeyedWriteKeepsItsPromises) {
  WriteTool("book", "WRITE", "safety: { keyed: { mcp_meta: com.example/key, retention: 1h } }",
            "  result: structured\n  errors: [{ contains: slot taken, is: rejected }]\n");
  const CheckResults results = Check("book");
  EXPECT_THAT(Failed(results), IsEmpty());
  EXPECT_THAT(Skipped(results), ElementsAre("resend.none_below"));
}

TEST_F(McpChecksTest, AWriteWithoutSafetyIsNotSentAgainBelow) {
  WriteTool("book", "WRITE", "", "");
  const CheckResults results = Check("book");
  EXPECT_THAT(Failed(results), IsEmpty());
  EXPECT_THAT(Skipped(results), ElementsAre("result.missing", "write.once"));
}

TEST_F(McpChecksTest, AReadHasNoKeyAndIsEndedWhenNobodyWaits) {
  WriteTool("find", "READ", "", "  result: content\n");
  const CheckResults results = Check("find");
  EXPECT_THAT(Failed(results), IsEmpty());
  EXPECT_THAT(Skipped(results),
              ElementsAre("key.passed_on", "resend.none_below", "result.missing"));
  EXPECT_EQ(results.count("deadline.read_ended"), 1u);
  EXPECT_EQ(results.count("cancel.read_ended"), 1u);
}

TEST_F(McpChecksTest, ARuleThatAnotherOneHidesIsAFailure) {
  WriteTool("book", "WRITE", "",
            "  errors:\n    - { contains: taken, is: rejected }\n"
            "    - { contains: slot taken by you, is: succeeded }\n");
  EXPECT_THAT(Failed(Check("book")),
              ElementsAre(HasSubstr("outcome.errors[1]: isError that it fits: taken as "
                                    "DEFINITE_REFUSAL, reached BODY_COMPLETE instead of success")));
}

class ProbeChecksTest : public KitTest {
 protected:
  CheckResults Check(const Json& arguments) {
    const Catalog catalog = Load();
    if (catalog.tools == nullptr) {
      ADD_FAILURE() << ::testing::PrintToString(Said(catalog));
      return {};
    }
    return ByName(CheckProbe(*catalog.tools->Find("book"), arguments, *catalog.tools));
  }
  const Json arguments_{{"slot", "2 pm"}, {"provider", "dr-kim"}};
};

TEST_F(ProbeChecksTest, AProbeThatKnowsOurRowIsAskedAndBelieved) {
  WriteBook("applied_if: $.found[0]",
            "applied_if: $.found[0].id\n    ours: { $.doctor.id: $.provider }");
  const CheckResults results = Check(arguments_);
  EXPECT_THAT(Failed(results), IsEmpty());
  EXPECT_THAT(Skipped(results), IsEmpty());
  EXPECT_EQ(results.size(), 4u);
}

TEST_F(ProbeChecksTest, WithoutOursEveryRowCounts) {
  WriteBook("", "");
  const CheckResults results = Check(arguments_);
  EXPECT_THAT(Failed(results), IsEmpty());
  EXPECT_THAT(Skipped(results), ElementsAre("probe.of_others"));
}

TEST_F(ProbeChecksTest, AQuestionThatItsReadDoesNotTakeIsAFailure) {
  WriteBook("args: { slot: $.slot, provider: $.provider }", "args: { slot: $.extra }");
  EXPECT_THAT(Failed(Check({{"slot", "2 pm"}, {"provider", "x"}, {"extra", {{"room", 1}}}})),
              ElementsAre(HasSubstr("probe.can_be_asked: find does not take it: $.slot")));
}

TEST_F(ProbeChecksTest, AnAnswerThatIsAlwaysAppliedIsAFailure) {
  WriteBook("applied_if: $.found[0]", "applied_if: $");
  EXPECT_THAT(Failed(Check(arguments_)),
              ElementsAre(HasSubstr("probe.of_nothing: it says \"applied\" of {}")));
}

}  // namespace
}  // namespace onetake::testing
