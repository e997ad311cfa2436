#include "runtime/config/config_reference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "runtime/config/config.h"

namespace onetake {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Every section that the parser goes into; it need not be right.
constexpr char kEverySection[] = R"(
listen: 127.0.0.1:1
tls: {}
access: { certificates: [{}], tenants: { NAME: {} } }
ledger: { checkpoints: {} }
intent_key: {}
sealing: { master: {} }
retention: { hold: {} }
limits: { tenant: {} }
metrics: {}
plugins: { NAME: { tls: {} } }
mcp_servers: { NAME: {} }
)";

TEST(ConfigReferenceTest, HasEveryFieldThatTheParserKnowsAndNoOther) {
  std::set<std::string> documented;
  for (const ConfigField& field : ConfigReference()) {
    EXPECT_TRUE(documented.insert(std::string(field.path)).second) << field.path << " is twice";
  }
  std::set<std::string> known = KnownConfigFields(kEverySection);
  ASSERT_FALSE(known.empty());
  // Sections by the names of things are no fields of their own.
  EXPECT_EQ(documented, known);
}

TEST(ConfigReferenceTest, SaysAllOfEveryField) {
  for (const ConfigField& field : ConfigReference()) {
    EXPECT_FALSE(field.values.empty()) << field.path;
    EXPECT_FALSE(field.preset.empty()) << field.path;
    EXPECT_FALSE(field.meaning.empty()) << field.path;
  }
}

TEST(ConfigReferenceTest, ExplainsOneFieldWithWhatIsBelowIt) {
  const std::string limits = ExplainConfig("limits");
  EXPECT_THAT(limits, HasSubstr("limits.tenant.rate\n"));
  EXPECT_THAT(limits, HasSubstr("default: twice the rate"));
  EXPECT_THAT(limits, HasSubstr("change:  on SIGHUP"));
  EXPECT_THAT(limits, Not(HasSubstr("listen")));
  EXPECT_EQ(ExplainConfig("limit"), "");
  EXPECT_THAT(ExplainConfig(""), HasSubstr("mcp_servers.NAME.era"));
}

}  // namespace
}  // namespace onetake
