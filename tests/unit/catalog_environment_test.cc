#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "runtime/catalog/environment.h"

namespace onetake {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Environment Holding(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

struct Case {
  const char* text;
  const char* result;
  bool substituted;
};

TEST(SubstituteTest, ReplacesReferencesAndNothingElse) {
  const Environment environment =
      Holding({{"HOST", "api.example.com"}, {"EMPTY", ""}, {"NESTED", "${HOST}"}, {"_1", "x"}});
  for (const Case& test : std::vector<Case>{
           {"", "", false},
           {"plain $ text $HOST {HOST}", "plain $ text $HOST {HOST}", false},
           {"$.slot_iso", "$.slot_iso", false},
           {"https://${HOST}/a/{b}", "https://api.example.com/a/{b}", true},
           {"${HOST}${_1}", "api.example.comx", true},
           {"${EMPTY}", "", true},
           {"${EMPTY:-8s}", "8s", true},
           {"${MISSING:-8s}", "8s", true},
           {"${MISSING:-}", "", true},
           {"${HOST:-other}", "api.example.com", true},
           {"${MISSING:-a:-b}", "a:-b", true},
           {"$${HOST}", "${HOST}", false},
           {"$$${HOST}", "$${HOST}", false},
           {"${NESTED}", "${HOST}", true},
           {"$", "$", false},
       }) {
    const Substitution result = Substitute(test.text, environment);
    EXPECT_THAT(result.faults, ElementsAre()) << test.text;
    EXPECT_EQ(result.text, test.result) << test.text;
    EXPECT_EQ(result.substituted, test.substituted) << test.text;
  }
}

TEST(SubstituteTest, NamesEveryMissingVariableAndNoValue) {
  const Substitution result =
      Substitute("${SECRET} ${ONE} ${TWO}", Holding({{"SECRET", "hunter2"}}));
  EXPECT_THAT(result.faults,
              ElementsAre(AllOf(HasSubstr("ONE"), HasSubstr("not set"), Not(HasSubstr("hunter2"))),
                          AllOf(HasSubstr("TWO"), HasSubstr("${TWO:-default}"))));
}

TEST(SubstituteTest, RefusesMalformedReferences) {
  for (const char* text : {"${", "a${NAME", "${}", "${:-x}", "${1A}", "${A B}", "${A-b}", "${ö}"}) {
    EXPECT_EQ(Substitute(text, Holding({})).faults.size(), 1u) << text;
  }
}

TEST(ProcessEnvironmentTest, ReadsTheProcess) {
  const Environment environment = ProcessEnvironment();
  EXPECT_TRUE(environment("PATH").has_value());
  EXPECT_FALSE(environment("ONETAKE_SURELY_NOT_SET").has_value());
}

}  // namespace
}  // namespace onetake
