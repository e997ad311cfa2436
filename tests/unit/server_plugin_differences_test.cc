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

TEST(PluginDifferencesTest, ToolsOfOthersAreNotItsBusiness) {
  auto other = Manifest();
  other->plugin->plugin = "dental";
  EXPECT_THAT(Differences(other, {.name = "unrelated"}), IsEmpty());
}

}  // namespace
}  // namespace onetake
