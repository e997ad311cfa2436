// Manifests of tools that a plugin offers.
#include "tests/testing/catalog_tool_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CatalogPluginTest : public CatalogToolTest {};

TEST_F(CatalogPluginTest, IsCompiledWithItsOwnNameAndAllArguments) {
  WriteTool(
      "safety: { keyed: { plugin: true, retention: 24h }, probe: { plugin: true } }\n"
      "plugin: { name: pms }\n");
  const std::shared_ptr<const Tool> tool = LoadTool();
  ASSERT_NE(tool, nullptr);
  EXPECT_EQ(tool->executor, "plugin");
  ASSERT_TRUE(tool->plugin.has_value());
  EXPECT_EQ(tool->plugin->plugin, "pms");
  EXPECT_EQ(tool->plugin->tool, "book");
  EXPECT_EQ(tool->plugin->arguments.source(), Json("$"));
  EXPECT_TRUE(tool->safety.keyed);
  EXPECT_EQ(tool->key_placement->kind, KeyPlacement::Kind::kPlugin);
  EXPECT_TRUE(tool->safety.probed);
  EXPECT_EQ(tool->probe->asks, ProbeSpec::Asks::kDownstream);
}

TEST_F(CatalogPluginTest, AnotherToolOfThePluginIsAnotherMeasurement) {
  WriteTool("plugin: { name: pms, tool: book_v1 }\n");
  const std::string first = Load().tools->Find("book")->request_version;
  WriteTool("plugin: { name: pms, tool: book_v2, arguments: { at: $.slot } }\n");
  EXPECT_NE(Load().tools->Find("book")->request_version, first);
}

TEST_F(CatalogPluginTest, MustBeAPluginOfOnetakeYaml) {
  WriteTool("plugin: { name: pmz }\n");
  const Catalog catalog = LoadCatalog({dir_.path()}, environment(),
                                      {.plugins = std::vector<std::string>{"crm", "pms"}});
  EXPECT_EQ(catalog.tools, nullptr);
  EXPECT_THAT(Said(catalog), ::testing::Contains(AllOf(
                                 HasSubstr("plugin.name: \"pmz\" is no plugin of onetake.yaml"),
                                 HasSubstr("did you mean pms? it has crm, pms"))));
}

class BadPluginTest : public BadToolTest {};

TEST_P(BadPluginTest, IsRefusedAndSaysWhy) { ExpectItIsRefused(); }

INSTANTIATE_TEST_SUITE_P(
    Faults, BadPluginTest,
    ::testing::Values(
        BadTool{"NoWayToCallIt", "", "plugin: { name: NAME }"},
        BadTool{"TwoWays", "plugin: { name: pms }\nhttp: { method: POST, url: https://a.b/ }\n",
                "plugin: stands beside http"},
        BadTool{"NoName", "plugin: { tool: book }\n", "plugin.name: is required"},
        BadTool{"BadName", "plugin: { name: a b }\n", "plugin.name: is \"a b\", which is no name"},
        BadTool{"BadTool", "plugin: { name: pms, tool: ../x }\n", "plugin.tool: is"},
        BadTool{"KeyAnswerByHttp",
                "plugin: { name: pms }\nsafety: { keyed: { plugin: true, retention: 1h, "
                "in_use: { status: 409 } } }\n",
                "safety.keyed.in_use: is for a tool that is called by http"},
        BadTool{"UnknownArgument", "plugin: { name: pms, arguments: { at: $.when } }\n",
                "$.when\" is no argument of the schema"},
        BadTool{"ArgumentsAreNoMapping", "plugin: { name: pms, arguments: $.slot }\n",
                "plugin.arguments: must be a mapping"},
        BadTool{"KeyInAHeader",
                "plugin: { name: pms }\n"
                "safety: { keyed: { header: Idempotency-Key, retention: 24h } }\n",
                "safety.keyed.header: is for a tool that is called by http"},
        BadTool{"KeyInTheBody",
                "plugin: { name: pms }\nsafety: { keyed: { body: $.k, retention: 24h } }\n",
                "safety.keyed.body: is for a tool that is called by http"},
        BadTool{"PluginsKeyByHttp",
                "http: { method: POST, url: https://a.b/ }\n"
                "safety: { keyed: { plugin: true, retention: 24h } }\n",
                "safety.keyed.plugin: is for a tool of a plugin"},
        BadTool{"PluginsProbeByHttp",
                "http: { method: POST, url: https://a.b/ }\nsafety: { probe: { plugin: true } }\n",
                "safety.probe.plugin: is for a tool of a plugin"},
        BadTool{"TwoProbes",
                "plugin: { name: pms }\n"
                "safety: { probe: { plugin: true, tool: find, applied_if: $.x } }\n",
                "safety.probe.plugin: stands beside"},
        BadTool{"Job",
                "plugin: { name: pms }\n"
                "job: { id: $.id, tool: get, args: { id: $.job }, done_if: $.done }\n",
                "job: is for a tool that is called by http"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace onetake::testing
