#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "runtime/catalog/tool_changes.h"

namespace onetake {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::shared_ptr<const Tool> At(std::string name, std::string version) {
  auto tool = std::make_shared<Tool>();
  tool->name = std::move(name);
  tool->version = std::move(version);
  return tool;
}

TEST(ToolChangesTest, SaysWhatCameChangedAndWent) {
  const ToolSet before({At("book", "1"), At("cancel", "2"), At("find", "3")});
  const ToolSet after({At("book", "9"), At("find", "3"), At("zap", "4")});
  std::vector<std::string> said;
  for (const ToolChange& change : ToolChanges(before, after)) {
    said.push_back(absl::StrCat(static_cast<int>(change.kind), " ", change.tool, " ",
                                change.previous, ">", change.version));
  }
  EXPECT_THAT(said, ElementsAre("1 book 1>9", "2 cancel 2>", "0 zap >4"));
  EXPECT_THAT(ToolChanges(after, after), IsEmpty());
}

TEST(ToolChangesTest, TheCatalogsVersionChangesWithAnyOfItsTools) {
  const std::string version = CatalogVersion(ToolSet({At("book", "1"), At("find", "3")}));
  EXPECT_EQ(version.size(), 16);
  EXPECT_EQ(CatalogVersion(ToolSet({At("find", "3"), At("book", "1")})), version);
  EXPECT_NE(CatalogVersion(ToolSet({At("book", "2"), At("find", "3")})), version);
  EXPECT_NE(CatalogVersion(ToolSet({At("book", "1")})), version);
}

}  // namespace
}  // namespace onetake
