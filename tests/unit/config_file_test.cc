#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "runtime/config/config.h"
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
  EXPECT_EQ(config->access.mode, AccessRules::Mode::kClosed) << "nobody without a credential";
  EXPECT_EQ(config->access.token_file, "/etc/onetake/onetake.tokens");
  EXPECT_FALSE(config->tls.on());
  EXPECT_EQ(config->limits.calls.in_flight, limits::kInFlight);
  EXPECT_EQ(config->drain_grace, absl::Seconds(10));
  EXPECT_EQ(config->metrics_listen, "");
  EXPECT_TRUE(config->watch_tools);
  EXPECT_EQ(config->log_level, LogLevel::kInfo);
}

// What is written over, or read as a secret, by two of them would be lost.
TEST(ParseConfigTest, NoTwoFieldsMayNameOneFile) {
  const struct {
    const char* text;
    const char* field;
  } kCases[] = {
      {"ledger: { path: l.db, checkpoints: { path: ./l.db } }", "ledger.checkpoints.path"},
      {"ledger: { path: l.db, checkpoints: { path: l.db-wal } }", "ledger.checkpoints.path"},
      {"ledger: { path: l.db, checkpoints: { key_file: x/../l.db } }",
       "ledger.checkpoints.key_file"},
      {"ledger: { path: l.db, checkpoints: { path: c.pub, key_file: c } }",
       "ledger.checkpoints.key_file"},
      {"ledger: { path: l.db }\nintent_key: { file: l.db.lock }", "intent_key.file"},
      {"ledger: { path: onetake.key }", "intent_key.file"},
      {"ledger: { path: l.db }\nsealing: { master: { file: onetake.key } }",
       "sealing.master.file: names a file of intent_key.file"},
      {"ledger: { path: l.db }\naccess: { tokens: l.db }", "access.tokens"},
      {"ledger: { path: l.db }\ntls: { certificate: c, key: onetake.master }", "tls.key"},
  };
  for (const auto& test : kCases) {
    EXPECT_THAT(ParseConfig(absl::StrCat(test.text, "\ntools: [t]\n"), kFile),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr(test.field), HasSubstr("each needs one of its own"))))
        << test.text;
  }
  // One file of PEM may hold a certificate and its key.
  EXPECT_THAT(ParseConfig(absl::StrCat(kMinimal, "tls: { certificate: c, key: c }\n"), kFile),
              IsOk());
}

TEST(ParseConfigTest, EveryFieldIsTaken) {
  const auto config = ParseConfig(
      "listen: unix:run/o.sock\n"
      "listen_group: agents\n"
      "ledger: { path: ../db/l.db, checkpoints: { path: ../c, key_file: /k, every_events: 7,"
      " every: 2s, syslog: true } }\n"
      "tools: [./a, /b]\n"
      "watch_tools: false\n"
      "intent_key: { env: ONETAKE_KEY }\n"
      "access: open\n"
      "tenant: north-clinic\n"
      "limits: { in_flight: 7, downstream_in_flight: 9, sessions: 5,"
      " tenant: { in_flight: 3, rate: 20, sessions: 4, watchers: 2 } }\n"
      "drain_grace: 1m30s\n"
      "metrics: { listen: '127.0.0.1:9464' }\n"
      "log_level: warning\n",
      kFile);
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->listen, "unix:/etc/onetake/run/o.sock");
  EXPECT_EQ(config->listen_group, "agents");
  EXPECT_EQ(config->ledger_path, "/etc/db/l.db");
  EXPECT_EQ(config->checkpoints.path, "/etc/c");
  EXPECT_EQ(config->checkpoints.key_file, "/k");
  EXPECT_EQ(config->checkpoints.every_events, 7);
  EXPECT_EQ(config->checkpoints.every, absl::Seconds(2));
  EXPECT_EQ(config->checkpoints.syslog, CheckpointOptions::Syslog::kOn);
  EXPECT_THAT(config->tool_folders, ElementsAre("/etc/onetake/a", "/b"));
  EXPECT_EQ(config->intent_key.kind, SecretSource::Kind::kEnv);
  EXPECT_EQ(config->intent_key.name, "ONETAKE_KEY");
  EXPECT_EQ(config->access.mode, AccessRules::Mode::kOpen);
  EXPECT_EQ(config->access.open_tenant, "north-clinic");
  EXPECT_EQ(config->limits.calls.in_flight, 7);
  EXPECT_EQ(config->limits.streams.sessions, 5);
  EXPECT_EQ(config->limits.streams.tenant_sessions, 4);
  EXPECT_EQ(config->limits.streams.tenant_watchers, 2);
  EXPECT_EQ(config->limits.calls.tenant_in_flight, 3);
  EXPECT_EQ(config->limits.calls.tenant_rate, 20);
  EXPECT_EQ(config->limits.calls.tenant_burst, 40);
  EXPECT_EQ(config->limits.downstream_in_flight, 9);
  EXPECT_EQ(config->drain_grace, absl::Seconds(90));
  EXPECT_EQ(config->metrics_listen, "127.0.0.1:9464");
  EXPECT_FALSE(config->watch_tools);
  EXPECT_EQ(config->log_level, LogLevel::kWarning);
}

TEST(ParseConfigTest, AnAddressOfTheNetworkNeedsTlsAndCredentials) {
  const std::string with_tls = std::string(kMinimal) +
                               "listen: 0.0.0.0:1\ntls: { certificate: c.pem, key: /k.pem,"
                               " client_ca: ca.pem, clients: optional }\n";
  const auto config = ParseConfig(with_tls, kFile);
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->listen, "0.0.0.0:1");
  EXPECT_EQ(config->tls.certificate_file, "/etc/onetake/c.pem");
  EXPECT_EQ(config->tls.key_file, "/k.pem");
  EXPECT_EQ(config->tls.client_ca_file, "/etc/onetake/ca.pem");
  EXPECT_EQ(config->tls.clients, TlsConfig::Clients::kOptional);
  EXPECT_THAT(ParseConfig(with_tls + "access: open\n", kFile),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("access: open is for")));
}

TEST(ParseConfigTest, APortOfAllAddressesIsThatOfTheLoopbackAddressToo) {
  const std::string tls = "tls: { certificate: c, key: k }\n";
  for (const char* listen : {"0.0.0.0:9464", "'[::]:9464'"}) {
    EXPECT_THAT(ParseConfig(absl::StrCat(kMinimal, tls, "listen: ", listen,
                                         "\nmetrics: { listen: '127.0.0.1:9464' }\n"),
                            kFile),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is the port of listen")))
        << listen;
  }
  for (const char* listen : {"127.0.0.1:0", "'[::1]:9464'", "'unix:/run/9464'"}) {
    const char* metrics = absl::string_view(listen) == "127.0.0.1:0" ? listen : "127.0.0.1:9464";
    EXPECT_THAT(ParseConfig(absl::StrCat(kMinimal, "listen: ", listen, "\nmetrics: { listen: '",
                                         metrics, "' }\n"),
                            kFile),
                IsOk())
        << listen;
  }
}

TEST(ParseConfigTest, ReflectionIsForThisMachineUnlessSomebodySaysMore) {
  using Reflection = ServerConfig::Reflection;
  const struct {
    const char* lines;
    Reflection expected;
  } kCases[] = {
      {"", Reflection::kOn},
      {"listen: 'unix:/o.sock'\n", Reflection::kOn},
      {"listen: '[::1]:1'\nreflection: auto\n", Reflection::kOn},
      {"reflection: off\n", Reflection::kOff},
      {"listen: 0.0.0.0:1\ntls: { certificate: c, key: k }\n", Reflection::kOff},
      {"listen: 192.0.2.1:1\ntls: { certificate: c, key: k }\nreflection: auto\n",
       Reflection::kOff},
      {"listen: 0.0.0.0:1\ntls: { certificate: c, key: k }\nreflection: on\n", Reflection::kOn},
  };
  for (const auto& one : kCases) {
    const auto config = ParseConfig(absl::StrCat(kMinimal, one.lines), kFile);
    ASSERT_THAT(config, IsOk()) << one.lines;
    EXPECT_EQ(config->reflection, one.expected) << one.lines;
  }
}

TEST(ParseConfigTest, AccessIsTaken) {
  const auto config = ParseConfig(
      std::string(kMinimal) +
          "tls: { certificate: c, key: k, client_ca: a }\n"
          "access:\n"
          "  tokens: /run/tokens\n"
          "  certificates: [{ name: a.example, tenant: acme, roles: [execute, audit] }]\n"
          "  tenants: { acme: { tools: [book] }, north: { tools: all } }\n",
      kFile);
  ASSERT_THAT(config, IsOk());
  const AccessRules& access = config->access;
  EXPECT_EQ(access.token_file, "/run/tokens");
  ASSERT_EQ(access.certificates.size(), 1);
  EXPECT_EQ(access.certificates[0].name, "a.example");
  EXPECT_EQ(access.certificates[0].tenant, "acme");
  EXPECT_EQ(access.certificates[0].roles, (RoleSet{Role::kExecute, Role::kAudit}));
  EXPECT_THAT(*access.tenants.at("acme"), ElementsAre("book"));
  EXPECT_EQ(access.tenants.at("north"), nullptr) << "all";
  EXPECT_EQ(config->tls.clients, TlsConfig::Clients::kRequired);
}

TEST(ParseConfigTest, TellsAllFaultsAtOnceInTheOrderOfTheirLines) {
  const auto config =
      ParseConfig("ledger: {}\nlisten: 0.0.0.0:1\ntenant: a b\ntools: [t]\naccess: open\n", kFile);
  EXPECT_THAT(config,
              StatusIs(absl::StatusCode::kInvalidArgument,
                       ::testing::MatchesRegex("/etc/onetake/onetake.yaml:1: ledger.path: [^\n]*\n"
                                               "/etc/onetake/onetake.yaml:2: listen: [^\n]*\n"
                                               "/etc/onetake/onetake.yaml:3: tenant: [^\n]*\n"
                                               "/etc/onetake/onetake.yaml:5: access: [^\n]*")));
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
        Fault{"UnknownFieldFarFromAll", "colour: x",
              "colour: is not a field. Known here: ledger, tools, listen"},
        Fault{"RepeatedField", "tools: [u]", "tools: is given twice"},
        Fault{"ListenOnAllAddresses", "listen: 0.0.0.0:7171",
              "listen: can be reached from other machines, so it needs tls"},
        Fault{"ListenIsAMap", "listen: {}", "listen: must be a text"},
        Fault{"BothKeySources", "intent_key: { file: a, env: B }", "exactly one of"},
        Fault{"NoKeySource", "intent_key: {}", "exactly one of"},
        Fault{"KeyInTheFile", "intent_key: 0123456789", "intent_key: must be a map"},
        Fault{"TenantWithSpace", "tenant: a b", "1 to 64 of"},
        Fault{"TenantOfNobody", "tenant: north", "tenant: goes with access: open"},
        Fault{"AccessIsOff", "access: off", "access: must be open, or a map"},
        Fault{"AccessUnknown", "access: { token: x }", "did you mean tokens?"},
        Fault{"RoleUnknown", "access: { certificates: [{ name: a, tenant: b, roles: [admin] }] }",
              "access.certificates.roles: must be a list of some of execute, audit, unseal"},
        Fault{"CertificateWithoutRoles", "access: { certificates: [{ name: a, tenant: b }] }",
              "access.certificates.roles"},
        Fault{"CertificatesOfNobody",
              "access: { certificates: [{ name: a, tenant: b, roles: [audit] }] }",
              "access.certificates: needs tls.client_ca"},
        Fault{"TenantWithoutTools", "access: { tenants: { a: {} } }", "access.tenants.a.tools"},
        Fault{"ToolsIsAName", "access: { tenants: { a: { tools: book } } }",
              "must be a list of tools, or all"},
        Fault{"ToolTwice", "access: { tenants: { a: { tools: [b, b] } } }", "names a tool twice"},
        Fault{"ReflectionForSome", "reflection: true", "reflection: must be auto, on or off"},
        Fault{"GroupOfAnAddress", "listen_group: agents", "listen_group: goes with a Unix socket"},
        Fault{"GroupWithoutAName", "listen_group: ''", "listen_group: must be a text"},
        Fault{"TlsWithoutKey", "tls: { certificate: c }", "tls.key"},
        Fault{"TlsClientsWithoutCa", "tls: { certificate: c, key: k, clients: optional }",
              "tls.clients: goes with tls.client_ca"},
        Fault{"TlsClientsSometimes",
              "tls: { certificate: c, key: k, client_ca: a, clients: maybe }",
              "must be required or optional"},
        Fault{"NoRoomInFlight", "limits: { in_flight: 0 }", "limits.in_flight: must be a whole"},
        Fault{"TooManyAtADownstream", "limits: { downstream_in_flight: 5000 }",
              "limits.downstream_in_flight: must be a whole number from 1 to 4096"},
        Fault{"InFlightIsText", "limits: { in_flight: many }", "limits.in_flight"},
        Fault{"UnknownLimit", "limits: { inflight: 1 }", "did you mean in_flight?"},
        Fault{"NoRoomForSessions", "limits: { tenant: { sessions: 0 } }",
              "limits.tenant.sessions: must be a whole number from 1 to 100000"},
        Fault{"MoreWatchersThanThereAre", "limits: { tenant: { watchers: 65 } }",
              "limits.tenant.watchers: must be a whole number from 1 to 64"},
        Fault{"BurstWithoutRate", "limits: { tenant: { burst: 3 } }", "goes with a rate"},
        Fault{"RateOfNothing", "limits: { tenant: { rate: 0 } }", "limits.tenant.rate: must be"},
        Fault{"WatchNotABoolean", "watch_tools: on", "watch_tools: must be true or false"},
        Fault{"GraceWithoutUnit", "drain_grace: 10", "drain_grace: must be a duration"},
        Fault{"GraceTooLong", "drain_grace: 11m", "from 0s to 10m"},
        Fault{"NegativeGrace", "drain_grace: -1s", "from 0s to 10m"},
        Fault{"MetricsOnASocket", "metrics: { listen: 'unix:/m' }",
              "must be a loopback address and a port"},
        Fault{"MetricsForAll", "metrics: { listen: '0.0.0.0:1' }", "metrics.listen: "},
        Fault{"MetricsAtThePortOfCalls", "metrics: { listen: '127.0.0.1:7171' }",
              "metrics.listen: is the port of listen, 127.0.0.1:7171"},
        Fault{"MetricsNowhere", "metrics: {}", "metrics.listen"},
        Fault{"Level", "log_level: loud", "debug, info, warning or error"},
        Fault{"NotYaml", "listen: [", "is not YAML"}),
    [](const auto& info) { return info.param.name; });

TEST(ParseConfigTest, IndexedAttributesAreNames) {
  const auto parse = [](absl::string_view names) {
    return ParseConfig(
        absl::StrCat("ledger: { path: l, indexed_attributes: ", names, " }\ntools: [t]\n"), kFile);
  };
  const auto config = parse("[caller_phone, line]");
  ASSERT_THAT(config, IsOk());
  EXPECT_THAT(config->indexed_attributes, ElementsAre("caller_phone", "line"));
  EXPECT_THAT(parse("[]")->indexed_attributes, ElementsAre());
  const std::string many = "[a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q]";
  const std::pair<std::string, const char*> faults[] = {
      {"caller_phone", "must be a list of at most 16 names"},
      {many, "must be a list of at most 16 names"},
      {"[a, b, a]", "names an attribute twice"},
      {"['']", "must be a text"},
      {absl::StrCat("[", std::string(1000, 'a'), "]"), "a name has 1 to "},
      {"[[a]]", "ledger.indexed_attributes"},
  };
  for (const auto& [names, message] : faults) {
    EXPECT_THAT(parse(names),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr("ledger.indexed_attributes: "), HasSubstr(message))))
        << names;
  }
}

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

TEST(ParseConfigTest, AFileThatIsNoMapIsToldSoInOurWords) {
  for (const char* text : {"foo", "[a, b]", "17", "'ledger'"}) {
    EXPECT_THAT(ParseConfig(text, kFile),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         ::testing::Eq("/etc/onetake/onetake.yaml:1: must hold a map of fields, "
                                       "ledger and tools among them")))
        << text;
  }
}

// yaml-cpp finds documents without end in it.
TEST(ParseConfigTest, TextThatIsNoYamlIsRefusedAndNotReadForEver) {
  for (const char* text : {",ed\xff\xfft]", ",a]", "]", ",", "}"}) {
    EXPECT_THAT(ParseConfig(text, kFile),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(kFile)))
        << text;
  }
}

TEST(LoadConfigTest, AFolderIsNoFile) {
  EXPECT_THAT(LoadConfig("/tmp"), StatusIs(absl::StatusCode::kNotFound,
                                           HasSubstr("/tmp: cannot be read: it is a folder")));
}

TEST(LoadConfigTest, AMissingFileIsNamed) {
  EXPECT_THAT(LoadConfig("/nonexistent/onetake.yaml"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent/onetake.yaml")));
}

}  // namespace
}  // namespace onetake
