// `plugins` of onetake.yaml.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "runtime/config/config.h"
#include "tests/testing/status_matchers.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOk;
using ::onetake::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

absl::StatusOr<ServerConfig> Parse(absl::string_view plugins) {
  return ParseConfig(absl::StrCat("ledger: { path: l.db }\ntools: [t]\nplugins: ", plugins, "\n"),
                     "/etc/onetake/onetake.yaml");
}

const std::string kHash(64, 'a');

TEST(ParsePluginsTest, TakesEveryKindWithItsFields) {
  const auto config = Parse(absl::StrCat(
      "{ dental: { native: ./d.so, sha256: ", kHash,
      ", isolation: process, settings: { clinic: north, desks: 3, open: true, code: '7' } },"
      " pms: { command: [./pms, --x], environment: { A: b, T: { secret: { env: TOKEN } } },"
      "        log_file: pms.log },"
      " cal: { command: [cal-plugin] },"
      " crm: { address: 'crm.example.com:443', tls: { ca_file: ca.pem, server_name: crm },"
      "        allow_networks: [10.1.0.0/16] },"
      " near: { address: '127.0.0.1:9000' }, sock: { address: 'unix:run/p.sock' } }"));
  ASSERT_THAT(config, IsOk());
  ASSERT_THAT(config->plugins, SizeIs(6));
  const PluginSpec& dental = config->plugins[0];
  EXPECT_EQ(dental.name, "dental");
  EXPECT_EQ(dental.kind, PluginSpec::Kind::kNative);
  EXPECT_EQ(dental.library, "/etc/onetake/d.so");
  EXPECT_EQ(dental.isolation, PluginSpec::Isolation::kProcess);
  EXPECT_EQ(dental.settings_json, R"({"clinic":"north","code":"7","desks":3,"open":true})");
  const PluginSpec& pms = config->plugins[1];
  EXPECT_EQ(pms.kind, PluginSpec::Kind::kCommand);
  EXPECT_THAT(pms.command, ElementsAre("/etc/onetake/pms", "--x"));
  ASSERT_THAT(pms.environment, SizeIs(2));
  EXPECT_EQ(pms.environment[0].value, "b");
  EXPECT_EQ(pms.environment[1].secret->name, "TOKEN");
  EXPECT_EQ(pms.log_file, "/etc/onetake/pms.log");
  EXPECT_THAT(config->plugins[2].command, ElementsAre("cal-plugin"));
  EXPECT_EQ(config->plugins[3].tls->ca_file, "/etc/onetake/ca.pem");
  EXPECT_EQ(config->plugins[3].tls->server_name, "crm");
  ASSERT_THAT(config->plugins[3].allow_networks, SizeIs(1));
  EXPECT_EQ(config->plugins[3].allow_networks[0].ToString(), "10.1.0.0/16");
  EXPECT_FALSE(config->plugins[4].tls.has_value());
  EXPECT_EQ(config->plugins[5].address, "unix:/etc/onetake/run/p.sock");
}

struct Fault {
  const char* name;
  std::string plugins;
  const char* message;
};
class ParsePluginsFaultTest : public ::testing::TestWithParam<Fault> {};

TEST_P(ParsePluginsFaultTest, IsRefusedWithFieldAndAdvice) {
  EXPECT_THAT(Parse(GetParam().plugins),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    Faults, ParsePluginsFaultTest,
    ::testing::Values(
        Fault{"NoMap", "[a]", "plugins: must be a map"},
        Fault{"BadName", "{ 'a b': { command: [x] } }", "has a name that is none"},
        Fault{"Twice", "{ a: { command: [x] }, a: { command: [y] } }", "plugins.a: is given twice"},
        Fault{"NoKind", "{ a: {} }", "plugins.a: needs exactly one of native, command and address"},
        Fault{"TwoKinds", "{ a: { command: [x], address: '127.0.0.1:1' } }", "exactly one of"},
        Fault{"Misspelt", "{ a: { comand: [x] } }", "did you mean command?"},
        Fault{"CommandIsText", "{ a: { command: x } }", "plugins.a.command: must be a list"},
        Fault{"NoHash", "{ a: { native: x.so } }", "plugins.a.sha256: is required"},
        Fault{"ShortHash", "{ a: { native: x.so, sha256: abc } }", "must be 64 hex digits"},
        Fault{"Isolation", "{ a: { native: x.so, isolation: vm } }", "must be threads or process"},
        Fault{"Threads", "{ a: { native: x.so, threads: 0 } }", "must be a number from 1 to 64"},
        Fault{"ThreadsOfACommand", "{ a: { command: [x], threads: 2 } }", "which go with native"},
        Fault{"EnvironmentWithoutChild", "{ a: { address: '127.0.0.1:1', environment: { A: b } } }",
              "which go with a child"},
        Fault{"BadVariable", "{ a: { command: [x], environment: { A-B: c } } }",
              "is no name of a variable"},
        Fault{"BadSecret", "{ a: { command: [x], environment: { A: { secret: {} } } } }",
              "{ secret: { env: NAME } }"},
        Fault{"NoPort", "{ a: { address: crm.example.com } }", "must be HOST:PORT or unix:PATH"},
        Fault{"NoHost", "{ a: { address: 'dns:///crm:443', tls: {} } }",
              "plugins.a.address: has a character in its host"},
        Fault{"NetworksOfAnAddress",
              "{ a: { address: '127.0.0.1:1', allow_networks: [loopback] } }",
              "plugins.a.allow_networks: goes with an address that is a name"},
        Fault{"OffLoopbackWithoutTls", "{ a: { address: 'crm.example.com:443' } }",
              "plugins.a.tls: is required"},
        Fault{"AnotherMachineWithoutTls", "{ a: { address: '10.0.0.1:443' } }",
              "plugins.a.tls: is required"},
        Fault{"AnotherMachineOfIpv6WithoutTls", "{ a: { address: '[2001:db8::1]:443' } }",
              "plugins.a.tls: is required"},
        Fault{"EveryAddressWithoutTls", "{ a: { address: '0.0.0.0:443' } }",
              "plugins.a.tls: is required"},
        Fault{"HalfAKey", "{ a: { address: 'c:1', tls: { cert_file: c.pem } } }",
              "both of cert_file and key_file"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace onetake
