// What undoes something that undoes another.
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

// One column of the ledger holds what such a write is found by: what it undoes, or its own result.
class ReversedReversalTest : public CatalogTest {
 protected:
  // A WRITE with an id that undoes another one by the id in its result.
  void WriteUndoing(const std::string& name, absl::string_view target, absl::string_view reverses) {
    Write(absl::StrCat(name, ".yaml"),
          absl::StrReplaceAll(kBook, {{"name: book", absl::StrCat("name: ", name)},
                                      {"timeouts:", absl::StrCat("reverses: { tool: ", target, ", ",
                                                                 reverses, " }\ntimeouts:")}}));
  }
  static constexpr absl::string_view kByResult = "argument: $.slot, result: $.id";
};

TEST_F(ReversedReversalTest, IsRefusedWhenBothAreByAResult) {
  WriteBook("book", "book");
  WriteUndoing("cancel", "book", kByResult);
  WriteUndoing("restore", "cancel", kByResult);
  EXPECT_THAT(
      LoadAndSay(),
      ElementsAre(AllOf(
          StartsWith("restore.yaml:29: error: reverses.result: names no result of \"cancel\""),
          HasSubstr("\"book\""), HasSubstr("reverses.identity"))));
}

TEST_F(ReversedReversalTest, IsTakenByItsIdentity) {
  WriteBook("book", "book");
  WriteUndoing("cancel", "book", kByResult);
  WriteUndoing("restore", "cancel", "identity: { slot: $.slot, provider: $.provider }");
  EXPECT_THAT(LoadAndSay(), IsEmpty());
}

TEST_F(ReversedReversalTest, IsWarnedOfAScopeThatItDoesNotHave) {
  Write("find.yaml", kFind);
  Write("book.yaml",
        absl::StrReplaceAll(kBook, {{"scope: [session]", "scope: [session, attribute:phone]"}}));
  WriteUndoing("cancel", "book", "identity: { slot: $.slot, provider: $.provider }");
  EXPECT_THAT(LoadAndSay(), ElementsAre(AllOf(HasSubstr("warning: reverses.tool: the intents of"),
                                              HasSubstr("the attribute phone: a call without it "
                                                        "is refused"))));
}

}  // namespace
}  // namespace onetake::testing
