#include "runtime/config/config_changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace onetake {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ServerConfig Parsed(const std::string& more) {
  const auto config =
      ParseConfig("ledger: { path: l.db }\ntools: [t]\n" + more, "/etc/onetake/onetake.yaml");
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() ? *config : ServerConfig{};
}

TEST(NeedRestartTest, WhatIsWrittenOtherwiseIsTheSame) {
  const ServerConfig one = Parsed("limits: { in_flight: 7 }\n# a remark\n");
  EXPECT_THAT(NeedRestart(one, Parsed("limits: {in_flight: 7}\n")), IsEmpty());
}

TEST(NeedRestartTest, NamesWhatIsNotTakenOver) {
  const ServerConfig old = Parsed("");
  EXPECT_THAT(NeedRestart(old, Parsed("drain_grace: 1s\nlisten: 127.0.0.1:1\n")),
              ElementsAre("drain_grace", "listen"));
  EXPECT_THAT(NeedRestart(Parsed("drain_grace: 1s\n"), old), ElementsAre("drain_grace"));
  EXPECT_THAT(NeedRestart(old, Parsed("limits: { downstream_in_flight: 3 }\n")),
              ElementsAre("limits.downstream_in_flight"));
  EXPECT_THAT(NeedRestart(old, Parsed("sealing: { rotate_every: 2h }\n")),
              ElementsAre("sealing.rotate_every"));
  EXPECT_THAT(NeedRestart(old, Parsed("access: open\n")),
              ElementsAre("access.tokens", "access: open"));
}

TEST(NeedRestartTest, WhatIsTakenOverIsNotNamed) {
  EXPECT_THAT(
      NeedRestart(Parsed(""),
                  Parsed("log_level: debug\n"
                         "limits: { in_flight: 9, sessions: 3, tenant: { rate: 5, sessions: 2 } }\n"
                         "access: { tenants: { a: { tools: all } } }\n"
                         "sealing: { master: { env: NEW } }\n")),
      IsEmpty());
}

TEST(LiveAccessTest, TenantsChangeAndWhereTheTokensAreDoesNot) {
  const AccessRules started =
      Parsed("access: { tokens: /a, tenants: { o: { tools: all } } }\n").access;
  const auto live =
      LiveAccess(started, Parsed("access: { tenants: { n: { tools: [x] } } }\n").access);
  ASSERT_TRUE(live.has_value());
  EXPECT_EQ(live->tenants.count("n"), 1u);
  EXPECT_EQ(live->tenants.count("o"), 0u);
  EXPECT_EQ(live->token_file, "/a");
}

// A file without tenants would let every tenant in.
TEST(LiveAccessTest, OfAFileThatIsOpenNothingIsTakenOver) {
  const AccessRules closed = Parsed("access: { tenants: { o: { tools: all } } }\n").access;
  const AccessRules open = Parsed("access: open\n").access;
  EXPECT_FALSE(LiveAccess(closed, open).has_value());
  EXPECT_FALSE(LiveAccess(open, closed).has_value());
}

}  // namespace
}  // namespace onetake
