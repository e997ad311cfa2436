// Manifests of tools of MCP servers.
#include "tests/testing/catalog_tool_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

const std::string& Reviewed() {
  static const auto* const text = new std::string("sha256:" + std::string(64, 'a'));
  return *text;
}

class CatalogMcpTest : public CatalogToolTest {};

TEST_F(CatalogMcpTest, IsCompiledWithTheCautiousDefaults) {
  WriteTool(absl::StrCat("mcp: { server: crm, reviewed: \"", Reviewed(), "\" }\n"));
  const std::shared_ptr<const Tool> tool = LoadTool();
  ASSERT_NE(tool, nullptr);
  EXPECT_EQ(tool->executor, "mcp");
  ASSERT_TRUE(tool->mcp.has_value());
  EXPECT_EQ(tool->mcp->server, "crm");
  EXPECT_EQ(tool->mcp->tool, "book");
  EXPECT_EQ(tool->mcp->reviewed, Reviewed());
  EXPECT_EQ(tool->mcp->arguments.source(), Json("$"));
  EXPECT_EQ(tool->mcp->is_error, StatusMeaning::kMayHaveHappened);
  EXPECT_EQ(tool->mcp->result, McpBinding::Result::kAuto);
}

TEST_F(CatalogMcpTest, IsCompiledWithAllThatAnAuthorKnows) {
  WriteTool(absl::StrCat(
      "safety: { keyed: { mcp_meta: com.example/key, retention: 24h } }\n"
      "mcp:\n  server: crm\n  tool: crm/book a slot\n  arguments: { at: $.slot }\n  reviewed: ",
      Reviewed(),
      "\n  is_error: no_effect\n  result: structured\n"
      "  errors:\n"
      "    - { contains: slot taken, is: rejected }\n"
      "    - { path: $.structuredContent.code, equals: done, is: succeeded }\n"));
  const std::shared_ptr<const Tool> tool = LoadTool();
  ASSERT_NE(tool, nullptr);
  EXPECT_EQ(tool->key_placement->kind, KeyPlacement::Kind::kMcpMeta);
  EXPECT_EQ(tool->key_placement->mcp_meta, "com.example/key");
  EXPECT_EQ(tool->mcp->tool, "crm/book a slot");
  EXPECT_EQ(tool->mcp->is_error, StatusMeaning::kNoEffect);
  EXPECT_EQ(tool->mcp->result, McpBinding::Result::kStructured);
  ASSERT_EQ(tool->mcp->errors.size(), 2u);
  EXPECT_EQ(tool->mcp->errors[0].contains, "slot taken");
  EXPECT_EQ(tool->mcp->errors[0].meaning, StatusMeaning::kRejected);
  EXPECT_EQ(tool->mcp->errors[1].path->text(), "$.structuredContent.code");
  EXPECT_EQ(tool->mcp->errors[1].equals, Json("done"));
  EXPECT_EQ(tool->mcp->errors[1].meaning, StatusMeaning::kSucceeded);
}

TEST_F(CatalogMcpTest, MustBeAServerOfOnetakeYaml) {
  WriteTool(absl::StrCat("mcp: { server: crn, reviewed: \"", Reviewed(), "\" }\n"));
  const Catalog catalog =
      LoadCatalog({dir_.path()}, environment(),
                  {.plugins = {}, .mcp_servers = std::vector<std::string>{"crm", "files"}});
  EXPECT_EQ(catalog.tools, nullptr);
  EXPECT_THAT(Said(catalog),
              Contains(AllOf(HasSubstr("mcp.server: \"crn\" is no MCP server of onetake.yaml"),
                             HasSubstr("did you mean crm?"))));
}

class BadMcpTest : public BadToolTest {};

TEST_P(BadMcpTest, IsAFault) { ExpectItIsRefused(); }

std::string With(const std::string& more) {
  return "mcp: { server: crm, reviewed: \"" + Reviewed() + "\"" + more + " }";
}
INSTANTIATE_TEST_SUITE_P(
    Manifests, BadMcpTest,
    ::testing::Values(
        BadTool{"NoServer", "mcp: { reviewed: \"" + Reviewed() + "\" }", "mcp.server: is required"},
        BadTool{"BadTool", With(", tool: \"a\\tb\""), "mcp.tool: is"},
        BadTool{"NotReviewed", "mcp: { server: crm }", "mcp.reviewed: is required"},
        BadTool{"BadDigest", "mcp: { server: crm, reviewed: \"sha256:12\" }",
                "mcp.reviewed: is no digest"},
        BadTool{"TwoWays", With("") + "\nplugin: { name: pms }", "mcp: stands beside plugin"},
        BadTool{"EveryErrorASuccess", With(", is_error: succeeded"), "mcp.is_error: cannot be"},
        BadTool{"RuleOfNothing", With(", errors: [{ is: rejected }]"),
                "mcp.errors[0]: needs exactly one of contains and path"},
        BadTool{"RuleWithoutMeaning", With(", errors: [{ contains: x }]"),
                "mcp.errors[0].is: is required"},
        BadTool{"PathWithoutValue", With(", errors: [{ path: $.a, is: rejected }]"),
                "mcp.errors[0]: has only one of path and equals"},
        BadTool{"KeyInAHeader",
                With("") + "\nsafety: { keyed: { header: Idempotency-Key, retention: 1h } }",
                "safety.keyed.header: is for a tool that is called by http"},
        BadTool{"KeyAnswerByHttp",
                With("") + "\nsafety: { keyed: { mcp_meta: com.example/k, retention: 1h, "
                           "reused: { status: 422 } } }",
                "safety.keyed.reused: is for a tool that is called by http"},
        BadTool{"NameOfTheProtocol",
                With("") +
                    "\nsafety: { keyed: { mcp_meta: io.modelcontextprotocol/k, retention: 1h } }",
                "safety.keyed.mcp_meta: is no name"},
        BadTool{"List", With(", arguments: [1]"), "mcp.arguments: must be a mapping"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace onetake::testing
