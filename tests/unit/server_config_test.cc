#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "runtime/server/config.h"
#include "tests/testing/status_matchers.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOk;
using ::onetake::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr absl::string_view kFile = "/etc/onetake/onetake.yaml";
constexpr absl::string_view kMinimal = "ledger: { path: l.db }\ntools: [t]\n";

TEST(ParseConfigTest, TheRequiredFieldsAreEnoughAndTheRestHasDefaults) {
  const auto config = ParseConfig(kMinimal, kFile);
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->listen, "127.0.0.1:7171");
  EXPECT_EQ(config->ledger_path, "/etc/onetake/l.db");
  EXPECT_EQ(config->checkpoints.path, "/etc/onetake/l.db.checkpoints");
  EXPECT_EQ(config->checkpoints.key_file, "/etc/onetake/l.db.signing-key");
  EXPECT_EQ(config->checkpoints.every, absl::Seconds(60));
  EXPECT_THAT(config->tool_folders, ElementsAre("/etc/onetake/t"));
  EXPECT_EQ(config->intent_key.kind, SecretSource::Kind::kFile);
  EXPECT_EQ(config->intent_key.name, "/etc/onetake/onetake.key");
  EXPECT_EQ(config->tenant, "default");
  EXPECT_EQ(config->in_flight, limits::kInFlight);
  EXPECT_EQ(config->drain_grace, absl::Seconds(10));
  EXPECT_EQ(config->metrics_listen, "");
  EXPECT_TRUE(config->watch_tools);
  EXPECT_EQ(config->log_level, LogLevel::kInfo);
}

TEST(ParseConfigTest, EveryFieldIsTaken) {
  const auto config = ParseConfig(
      "listen: unix:run/o.sock\n"
      "ledger: { path: ../db/l.db, checkpoints: { path: ../c, key_file: /k, every_events: 7,"
      " every: 2s, syslog: true } }\n"
      "tools: [./a, /b]\n"
      "watch_tools: false\n"
      "intent_key: { env: ONETAKE_KEY }\n"
      "tenant: north-clinic\n"
      "limits: { in_flight: 7 }\n"
      "drain_grace: 1m30s\n"
      "metrics: { listen: '127.0.0.1:9464' }\n"
      "log_level: warning\n",
      kFile);
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->listen, "unix:/etc/onetake/run/o.sock");
  EXPECT_EQ(config->ledger_path, "/etc/db/l.db");
  EXPECT_EQ(config->checkpoints.path, "/etc/c");
  EXPECT_EQ(config->checkpoints.key_file, "/k");
  EXPECT_EQ(config->checkpoints.every_events, 7);
  EXPECT_EQ(config->checkpoints.every, absl::Seconds(2));
  EXPECT_EQ(config->checkpoints.syslog, CheckpointOptions::Syslog::kOn);
  EXPECT_THAT(config->tool_folders, ElementsAre("/etc/onetake/a", "/b"));
  EXPECT_EQ(config->intent_key.kind, SecretSource::Kind::kEnv);
  EXPECT_EQ(config->intent_key.name, "ONETAKE_KEY");
  EXPECT_EQ(config->tenant, "north-clinic");
  EXPECT_EQ(config->in_flight, 7);
  EXPECT_EQ(config->drain_grace, absl::Seconds(90));
  EXPECT_EQ(config->metrics_listen, "127.0.0.1:9464");
  EXPECT_FALSE(config->watch_tools);
  EXPECT_EQ(config->log_level, LogLevel::kWarning);
}

TEST(ParseConfigTest, TellsAllFaultsAtOnceInTheOrderOfTheirLines) {
  const auto config =
      ParseConfig("ledger: {}\nlisten: 0.0.0.0:1\ntenant: a b\ntools: [t]\n", kFile);
  EXPECT_THAT(config,
              StatusIs(absl::StatusCode::kInvalidArgument,
                       ::testing::MatchesRegex("/etc/onetake/onetake.yaml:1: ledger.path: [^\n]*\n"
                                               "/etc/onetake/onetake.yaml:2: listen: [^\n]*\n"
                                               "/etc/onetake/onetake.yaml:3: tenant: [^\n]*")));
}

struct Fault {
  std::string name;
  std::string line;     // appended to the minimal configuration, so it is line 3
  std::string message;  // what the error must hold
};
class ParseConfigFaultTest : public ::testing::TestWithParam<Fault> {};

TEST_P(ParseConfigFaultTest, IsRefusedWithLineFieldAndAdvice) {
  const auto config = ParseConfig(std::string(kMinimal) + GetParam().line, kFile);
  EXPECT_THAT(config,
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("onetake.yaml:3: "), HasSubstr(GetParam().message))));
}

INSTANTIATE_TEST_SUITE_P(
    Faults, ParseConfigFaultTest,
    ::testing::Values(
        Fault{"UnknownField", "lsiten: x", "lsiten: is not a field; did you mean listen?"},
        Fault{"UnknownFieldFarFromAll", "colour: x", "Known here: ledger, tools, listen"},
        Fault{"RepeatedField", "tools: [u]", "tools: is given twice"},
        Fault{"ListenOnAllAddresses", "listen: 0.0.0.0:7171", "without TLS only loopback"},
        Fault{"ListenIsAMap", "listen: {}", "listen: must be a text"},
        Fault{"BothKeySources", "intent_key: { file: a, env: B }", "exactly one of"},
        Fault{"NoKeySource", "intent_key: {}", "exactly one of"},
        Fault{"KeyInTheFile", "intent_key: 0123456789", "intent_key: must be a map"},
        Fault{"TenantWithSpace", "tenant: a b", "1 to 64 of"},
        Fault{"NoRoomInFlight", "limits: { in_flight: 0 }", "limits.in_flight: must be a whole"},
        Fault{"InFlightIsText", "limits: { in_flight: many }", "limits.in_flight"},
        Fault{"UnknownLimit", "limits: { inflight: 1 }", "did you mean in_flight?"},
        Fault{"WatchNotABoolean", "watch_tools: on", "watch_tools: must be true or false"},
        Fault{"GraceWithoutUnit", "drain_grace: 10", "drain_grace: must be a duration"},
        Fault{"GraceTooLong", "drain_grace: 11m", "from 0s to 10m"},
        Fault{"NegativeGrace", "drain_grace: -1s", "from 0s to 10m"},
        Fault{"MetricsOnASocket", "metrics: { listen: 'unix:/m' }", "must be HOST:PORT"},
        Fault{"MetricsForAll", "metrics: { listen: '0.0.0.0:1' }", "metrics.listen: "},
        Fault{"MetricsNowhere", "metrics: {}", "metrics.listen"},
        Fault{"Level", "log_level: loud", "debug, info, warning or error"},
        Fault{"NotYaml", "listen: [", "is not YAML"}),
    [](const auto& info) { return info.param.name; });

TEST(ParseConfigTest, CheckpointsAreReadStrictly) {
  const std::pair<const char*, const char*> faults[] = {
      {"every_events: 0", "ledger.checkpoints.every_events: must be a whole number from 1"},
      {"every: 60", "ledger.checkpoints.every: must be a duration from 100ms to 24h"},
      {"every: 25h", "ledger.checkpoints.every: must be"},
      {"syslog: yes", "ledger.checkpoints.syslog: must be true or false"},
      {"keyfile: k", "did you mean key_file?"},
  };
  for (const auto& [field, message] : faults) {
    EXPECT_THAT(
        ParseConfig(absl::StrCat("ledger: { path: l, checkpoints: { ", field, " } }\ntools: [t]\n"),
                    kFile),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)))
        << field;
  }
}

TEST(ParseConfigTest, ToolsMustBeAList) {
  EXPECT_THAT(ParseConfig("ledger: { path: l }\ntools: t\n", kFile),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("list of folders")));
}

TEST(ParseConfigTest, AnEmptyFileOrTwoDocumentsAreRefused) {
  EXPECT_THAT(ParseConfig("", kFile),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("one YAML document")));
  EXPECT_THAT(ParseConfig(std::string(kMinimal) + "---\na: 1\n", kFile),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("one YAML document")));
}

TEST(LoadConfigTest, AMissingFileIsNamed) {
  EXPECT_THAT(LoadConfig("/nonexistent/onetake.yaml"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent/onetake.yaml")));
}

}  // namespace
}  // namespace onetake
