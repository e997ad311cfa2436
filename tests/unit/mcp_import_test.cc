// Manifests proposed from what an MCP server says of its tools.
#include "tools/mcp/mcp_import.h"

#include <gmock/gmock.h>

#include "tests/testing/catalog_fixture.h"
#include "tools/mcp/tool_digest.h"

namespace onetake::testing {
namespace {

using ::testing::HasSubstr;

Json ToolOf(const char* annotations) {
  return {{"name", "crm.book"},
          {"description", "Books ${SLOT}."},
          {"inputSchema", Json::parse(R"({"$schema":"https://json-schema.org/draft/2020-12/schema",
             "type":"object","properties":{"slot":{"type":"string"}},"required":["slot"]})")},
          {"annotations", Json::parse(annotations)}};
}

McpProposal Propose(const Json& tool) { return ProposeMcpTools("crm", {{"crm.book", tool}})[0]; }

TEST(ProposeMcpToolsTest, TakesAnnotationsForHints) {
  EXPECT_EQ(Propose(ToolOf(R"({"readOnlyHint":true})")).effect, "READ");
  EXPECT_EQ(Propose(ToolOf(R"({"idempotentHint":true})")).effect, "WRITE NATURAL");
  EXPECT_EQ(Propose(ToolOf(R"({"destructiveHint":false})")).effect, "WRITE NONE");
  EXPECT_EQ(Propose(ToolOf(R"({"readOnlyHint":"true"})")).effect, "WRITE NONE");
  EXPECT_EQ(Propose(ToolOf("{}")).effect, "WRITE NONE");
}

// The hint may be true because of that key, and a model makes a new one up on every retry.
TEST(ProposeMcpToolsTest, TakesAKeyAmongTheArgumentsForNoDecision) {
  Json tool = ToolOf(R"({"idempotentHint":true})");
  tool["inputSchema"]["properties"]["idempotency_key"] = {{"type", "string"}};
  const McpProposal proposal = Propose(tool);
  EXPECT_EQ(proposal.effect, "WRITE NONE");
  EXPECT_THAT(proposal.manifest, HasSubstr("#   identity:\n#     slot: verbatim\n"
                                           "#   ignored: [idempotency_key]\n"));
  EXPECT_THAT(proposal.manifest, HasSubstr("the same idempotency_key"));
  EXPECT_THAT(proposal.manifest, HasSubstr("# safety:\n#   natural: true\n"));
}

class ProposedManifestTest : public CatalogTest {};

TEST_F(ProposedManifestTest, IsReadBackAsWhatItProposes) {
  for (const char* annotations : {R"({"readOnlyHint":true})", R"({"idempotentHint":true})", "{}"}) {
    const McpProposal proposal = Propose(ToolOf(annotations));
    EXPECT_EQ(proposal.refused, "");
    Write("crm_book.yaml", proposal.manifest);
    const Catalog catalog = Load();
    ASSERT_NE(catalog.tools, nullptr)
        << proposal.manifest << ::testing::PrintToString(Said(catalog));
    const auto tool = catalog.tools->Find("crm_book");
    ASSERT_NE(tool, nullptr);
    EXPECT_EQ(tool->description, "Books ${SLOT}.");
    EXPECT_EQ(tool->mcp->tool, "crm.book");
    EXPECT_EQ(tool->mcp->reviewed, proposal.digest);
    EXPECT_EQ(tool->effect, proposal.effect == "READ" ? Effect::kRead : Effect::kWrite);
    EXPECT_EQ(tool->safety.natural, proposal.effect == "WRITE NATURAL");
    EXPECT_FALSE(tool->safety.keyed);
  }
}

TEST(ProposeMcpToolsTest, RefusesWhatCannotBeCalled) {
  Json tool = ToolOf("{}");
  tool["inputSchema"]["properties"]["slot"]["x-mcp-header"] = "A B";
  EXPECT_THAT(Propose(tool).refused, HasSubstr("x-mcp-header"));
  tool = ToolOf("{}");
  tool["execution"] = {{"taskSupport", "required"}};
  EXPECT_THAT(Propose(tool).refused, HasSubstr("task"));
}

// Words of draft 2020-12, which is MCP's own dialect, and patterns of ECMA 262.
Json OrdinarySchema() {
  return Json::parse(R"x({
    "type": "object", "required": ["email"], "unevaluatedProperties": false,
    "properties": {
      "email": {"type": "string", "format": "email", "pattern": "^(?!\\.)(?!.*\\.\\.)\\w+@\\w+$"},
      "span": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "string"}]},
      "place": {"$ref": "#/$defs/Place"}},
    "$defs": {"Place": {"type": "object", "properties": {"in": {"$ref": "#/$defs/Place"}}}}})x");
}

TEST_F(ProposedManifestTest, TakesSchemasOfMcpsOwnDialectLooserWhereItMust) {
  Json tool = ToolOf("{}");
  tool["inputSchema"] = OrdinarySchema();
  const McpProposal proposal = Propose(tool);
  EXPECT_EQ(proposal.refused, "");
  EXPECT_THAT(proposal.notes,
              ::testing::ElementsAre("the schema's pattern is not checked here",
                                     "the schema's unevaluatedProperties is not checked here"));
  EXPECT_THAT(proposal.manifest, HasSubstr("the schema's pattern is not checked here"));
  Write("crm_book.yaml", proposal.manifest);
  const Catalog catalog = Load();
  ASSERT_NE(catalog.tools, nullptr) << proposal.manifest << ::testing::PrintToString(Said(catalog));
  const auto found = catalog.tools->Find("crm_book");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->mcp->reviewed, ReviewDigest(tool)) << "of what the server said, not of ours";
  const auto fits = [&](const char* arguments) {
    return found->parameters->Check(Json::parse(arguments)).empty();
  };
  EXPECT_TRUE(fits(R"({"email":"a@b","span":["1","2"],"place":{"in":{"in":{}}}})"));
  EXPECT_FALSE(fits(R"({"email":7})"));
  EXPECT_FALSE(fits(R"({"email":"a@b","span":[1]})"));
  EXPECT_FALSE(fits(R"({"email":"a@b","place":{"in":{"in":1}}})"));
}

// Its digest can only come from here, so there must be something to go on with.
TEST_F(ProposedManifestTest, LeavesToAPersonASchemaThatCannotBeRead) {
  Json tool = ToolOf("{}");
  tool["inputSchema"]["properties"]["slot"] = {{"$ref", "https://example.com/slot.json"}};
  const McpProposal proposal = Propose(tool);
  EXPECT_EQ(proposal.refused, "");
  EXPECT_THAT(proposal.notes, ::testing::ElementsAre(HasSubstr("write its parameters yourself")));
  EXPECT_TRUE(proposal.is_draft);
  Write("crm_book.yaml", proposal.manifest);
  EXPECT_EQ(Load().tools, nullptr) << "it has no parameters yet";
  const std::string finished =
      absl::StrReplaceAll(proposal.manifest, {{"# parameters:", "parameters:"}});
  Write("crm_book.yaml", finished);
  const Catalog catalog = Load();
  ASSERT_NE(catalog.tools, nullptr) << finished << ::testing::PrintToString(Said(catalog));
  EXPECT_EQ(catalog.tools->Find("crm_book")->mcp->reviewed, ReviewDigest(tool));
}

TEST(ProposeMcpToolsTest, GivesEachToolANameOfItsOwn) {
  const auto proposals =
      ProposeMcpTools("crm", {{"a.b", ToolOf("{}")}, {"a_b", ToolOf("{}")}, {"1x", ToolOf("{}")}});
  EXPECT_EQ(proposals[0].name, "t_1x");
  EXPECT_EQ(proposals[1].name, "a_b");
  EXPECT_EQ(proposals[2].name, "a_b_2");
}

TEST(ReviewDifferencesTest, NamesWhatChanged) {
  const Json before = Json::parse(R"({"inputSchema":{"a":1,"b":2}})");
  const Json after = Json::parse(R"({"inputSchema":{"a":3},"annotations":{}})");
  EXPECT_THAT(ReviewDifferences(before, after),
              ::testing::UnorderedElementsAre("~ /inputSchema/a 1 -> 3", "- /inputSchema/b 2",
                                              "+ /annotations {}"));
  const std::vector<std::string> lists = ReviewDifferences(
      Json::parse(R"({"required":["x","y","z"]})"), Json::parse(R"({"required":["x"]})"));
  EXPECT_THAT(lists, ::testing::UnorderedElementsAre("- /required/2 \"z\"", "- /required/1 \"y\""));
  const std::vector<std::string> big =
      ReviewDifferences(Json::object(), Json{{"a", std::string(1000, 'x')}});
  EXPECT_EQ(big.at(0).size(), std::string("+ /a ").size() + 120 + 3);
}

}  // namespace
}  // namespace onetake::testing
