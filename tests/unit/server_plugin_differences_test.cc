// What a plugin says of itself beside what the manifests say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/server/plugin_differences.h"

namespace onetake {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::shared_ptr<Tool> Manifest() {
  auto tool = std::make_shared<Tool>();
  tool->name = "add_note";
  tool->safety.key_retention = absl::Hours(24);
  tool->key_placement = KeyPlacement{.kind = KeyPlacement::Kind::kPlugin};
  tool->probe = ProbeSpec{.asks = ProbeSpec::Asks::kDownstream};
  tool->plugin = PluginBinding{.plugin = "notes", .tool = "add"};
  return tool;
}
PluginDescription::Tool Offer() {
  return {.name = "add", .key_retention = absl::Hours(24), .can_probe = true};
}
std::vector<std::string> Differences(std::shared_ptr<Tool> tool, PluginDescription::Tool offer) {
  return PluginDifferences(ToolSet({std::move(tool)}), "notes", {.tools = {std::move(offer)}});
}

TEST(PluginDifferencesTest, ThereAreNoneWhenThePluginKeepsWhatTheManifestSays) {
  EXPECT_THAT(Differences(Manifest(), Offer()), IsEmpty());
}

TEST(PluginDifferencesTest, AManifestMayTrustThePluginLess) {
  auto careful = Manifest();
  careful->key_placement.reset();
  careful->probe.reset();
  PluginDescription::Tool read = Offer();
  read.effect = Effect::kRead;
  EXPECT_THAT(Differences(careful, read), IsEmpty());
}

TEST(PluginDifferencesTest, AToolThatIsNotOfferedIsNamed) {
  PluginDescription::Tool other = Offer();
  other.name = "add_note";
  EXPECT_THAT(Differences(Manifest(), other),
              ElementsAre("add_note: the plugin does not offer add; calls are refused"));
}

TEST(PluginDifferencesTest, EveryPromiseThatThePluginDoesNotMakeIsNamed) {
  auto read = Manifest();
  read->effect = Effect::kRead;
  EXPECT_THAT(
      Differences(read, {.name = "add"}),
      ElementsAre("add_note: the manifest says READ, the plugin says WRITE",
                  "add_note: the manifest says keyed, the plugin does not say that it passes the "
                  "key on",
                  "add_note: the manifest trusts its probe, the plugin says that it has none"));
  PluginDescription::Tool forgetful = Offer();
  forgetful.key_retention = absl::Hours(1);
  EXPECT_THAT(Differences(Manifest(), forgetful),
              ElementsAre("add_note: the manifest says that keys are remembered for longer than "
                          "the plugin says"));
}

std::shared_ptr<Tool> WithParameters(const char* schema, const Json& arguments) {
  auto tool = Manifest();
  tool->parameters = JsonSchema::Compile(Json::parse(schema)).value();
  tool->plugin->arguments = JsonTemplate::Parse(arguments).value();
  return tool;
}
PluginDescription::Tool Takes(const char* schema) {
  PluginDescription::Tool offer = Offer();
  offer.parameters_json = schema;
  return offer;
}
constexpr char kNote[] = R"({"type":"object","required":["text"],"properties":
    {"text":{"type":"string"},"urgent":{"type":"boolean"}}})";

TEST(PluginDifferencesTest, ParametersThatThePluginTakesAreNone) {
  EXPECT_THAT(Differences(WithParameters(kNote, "$"), Takes(kNote)), IsEmpty());
  EXPECT_THAT(Differences(WithParameters(kNote, "$"), Takes(R"({"type":"object"})")), IsEmpty());
  EXPECT_THAT(Differences(WithParameters(kNote, "$"), Takes("")), IsEmpty());
  EXPECT_THAT(Differences(WithParameters(kNote, {{"body", "$.text"}, {"kind", {{"id", 3}}}}),
                          Takes(R"({"required":["body","kind"],"additionalProperties":false,
                              "properties":{"body":{"type":"string"},"kind":{"type":"object"}}})")),
              IsEmpty());
}

TEST(PluginDifferencesTest, ParametersThatThePluginWouldRefuseAreNamed) {
  EXPECT_THAT(
      Differences(WithParameters(kNote, "$"),
                  Takes(R"({"required":["urgent","author","text"],"additionalProperties":false,
                      "properties":{"author":{"type":"string"},"urgent":{"type":"integer"}}})")),
      ElementsAre("add_note: the plugin requires author, which is never sent",
                  "add_note: the plugin requires urgent, the manifest does not require urgent",
                  "add_note: the plugin takes urgent as \"integer\", the manifest says \"boolean\"",
                  "add_note: the plugin does not know text, which is sent"));
  EXPECT_THAT(Differences(WithParameters(kNote, {{"body", "$.urgent"}}),
                          Takes(R"({"required":["body"],"properties":{"body":{}}})")),
              ElementsAre("add_note: the plugin requires body, the manifest does not require "
                          "urgent"));
}

TEST(PluginDifferencesTest, ToolsOfOthersAreNotItsBusiness) {
  auto other = Manifest();
  other->plugin->plugin = "dental";
  EXPECT_THAT(Differences(other, {.name = "unrelated"}), IsEmpty());
}

}  // namespace
}  // namespace onetake
