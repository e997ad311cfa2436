// An index whose text is right may hide rows all the same.

#include <gmock/gmock.h>

#include <string>
#include <utility>

#include "absl/strings/str_replace.h"
#include "tests/testing/planted_fixture.h"

namespace onetake {
namespace {

using ::onetake::testing::Owner;
using ::onetake::testing::PlantedFixture;
using ::onetake::testing::Tampering;
using ::testing::AllOf;
using ::testing::HasSubstr;

using IndexCheckTest = PlantedFixture;

// Whoever may write the schema's table can have an index made by one text and show another.
void Reindex(const std::string& path, const std::string& index, const std::string& condition) {
  const std::string text =
      Tampering(path).Text("SELECT sql FROM sqlite_schema WHERE name = '" + index + "'");
  const auto say = [&](const std::string& sql) {
    Owner(path).Run(absl::StrCat("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = '",
                                 absl::StrReplaceAll(sql, {{"'", "''"}}), "' WHERE name = '", index,
                                 "'"));
  };
  say(text + condition);
  Owner(path).Run("REINDEX");
  say(text);
}

TEST_F(IndexCheckTest, RowThatAnIndexHidesIsFound) {
  for (const auto& [index, key] :
       {std::pair<const char*, const char*>{"intents_generation", "intent_row"},
        std::pair<const char*, const char*>{"calls_received", "call_row"},
        std::pair<const char*, const char*>{"events_at", "seq"},
        std::pair<const char*, const char*>{"attributes_value", "call_row"}}) {
    Begin();
    Done(1);
    Done(2);
    Close();
    ASSERT_EQ(Told(), "intact");
    Reindex(Path(), index, absl::StrCat(" WHERE ", key, " != 1"));
    EXPECT_THAT(Told(), AllOf(HasSubstr("6 index edited"), HasSubstr(index)));
  }
}

}  // namespace
}  // namespace onetake
