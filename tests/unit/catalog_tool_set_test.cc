#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/catalog/nearest.h"
#include "runtime/catalog/tool.h"

namespace onetake {
namespace {

using ::testing::ElementsAre;

std::shared_ptr<const Tool> Named(absl::string_view name) {
  auto tool = std::make_shared<Tool>();
  tool->name = std::string(name);
  return tool;
}

TEST(ToolSetTest, FindsByTheExactName) {
  const ToolSet tools({Named("book"), Named("cancel"), Named("Book")});
  ASSERT_NE(tools.Find("cancel"), nullptr);
  EXPECT_EQ(tools.Find("cancel")->name, "cancel");
  EXPECT_EQ(tools.Find("book")->name, "book");
  EXPECT_EQ(tools.Find("cance"), nullptr);
  EXPECT_EQ(tools.Find("zzz"), nullptr);
  EXPECT_EQ(tools.Find(""), nullptr);
  EXPECT_EQ(ToolSet().Find("book"), nullptr);
}

TEST(ToolSetTest, HoldsToolsSortedByName) {
  const ToolSet tools({Named("c"), Named("a"), Named("b")});
  std::vector<std::string> names;
  for (const auto& tool : tools.tools()) names.push_back(tool->name);
  EXPECT_THAT(names, ElementsAre("a", "b", "c"));
}

TEST(ToolSetDeathTest, TwoToolsOfOneNameAreABrokenInvariant) {
  EXPECT_DEATH(ToolSet({Named("a"), Named("a")}), "");
}

struct NearestCase {
  const char* name;
  const char* nearest;
};

TEST(ToolSetTest, NearestIsTheNameThatWasMeant) {
  const ToolSet tools(
      {Named("book_appointment"), Named("cancel_appointment"), Named("pay"), Named("pin")});
  for (const NearestCase& test : std::vector<NearestCase>{
           {"book_appointment", "book_appointment"},
           {"bookappointment", "book_appointment"},
           {"book_apointmnet", "book_appointment"},
           {"Book_Appointment", "book_appointment"},
           {"cancel-appointments", "cancel_appointment"},
           {"pya", "pay"},
           {"weather", ""},
           {"xy", ""},
           {"", ""},
       }) {
    EXPECT_EQ(tools.Nearest(test.name), test.nearest) << test.name;
  }
  EXPECT_EQ(tools.Nearest(std::string(100000, 'b')), "");
}

}  // namespace
}  // namespace onetake
