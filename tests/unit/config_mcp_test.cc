// `mcp_servers` of onetake.yaml.
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

absl::StatusOr<ServerConfig> Parse(absl::string_view servers) {
  return ParseConfig(
      absl::StrCat("ledger: { path: l.db }\ntools: [t]\nmcp_servers: ", servers, "\n"),
      "/etc/onetake/onetake.yaml");
}

TEST(ParseMcpServersTest, TakesBothKindsWithTheirFields) {
  const auto config = Parse(
      "{ crm: { url: 'https://crm.example.com/mcp', era: 2026-07-28,"
      "  headers: { Authorization: { secret: { env: CRM }, prefix: 'Bearer ' }, X-Site: north } },"
      " near: { url: 'http://127.0.0.1:3000/mcp', era: legacy },"
      " files: { command: [./files, ./data], log_file: f.log,"
      "          environment: { MODE: strict, KEY: { secret: { file: k } } } } }");
  ASSERT_THAT(config, IsOk());
  ASSERT_THAT(config->mcp_servers, SizeIs(3));
  const McpServerSpec& crm = config->mcp_servers[0];
  EXPECT_EQ(crm.name, "crm");
  EXPECT_EQ(crm.kind, McpServerSpec::Kind::kHttp);
  EXPECT_EQ(crm.era, McpServerSpec::Era::kModern);
  EXPECT_EQ(crm.url, "https://crm.example.com/mcp");
  ASSERT_THAT(crm.headers, SizeIs(2));
  EXPECT_EQ(crm.headers[0].secret->name, "CRM");
  EXPECT_EQ(crm.headers[0].prefix, "Bearer ");
  EXPECT_EQ(crm.headers[1].text, "north");
  EXPECT_EQ(config->mcp_servers[1].era, McpServerSpec::Era::kLegacy);
  const McpServerSpec& files = config->mcp_servers[2];
  EXPECT_EQ(files.kind, McpServerSpec::Kind::kCommand);
  EXPECT_EQ(files.era, McpServerSpec::Era::kAuto);
  EXPECT_THAT(files.command, ElementsAre("/etc/onetake/files", "./data"));
  EXPECT_EQ(files.log_file, "/etc/onetake/f.log");
  EXPECT_EQ(files.environment[1].secret->name, "/etc/onetake/k");
}

TEST(ParseMcpServersTest, TakesNetworksThatAreNotPublic) {
  const auto config =
      Parse("{ crm: { url: 'http://10.0.0.5/mcp', allow_networks: [10.0.0.0/24, loopback] } }");
  ASSERT_THAT(config, IsOk());
  EXPECT_THAT(config->mcp_servers[0].allow_networks, SizeIs(3));
  EXPECT_EQ(config->mcp_servers[0].allow_networks[0].ToString(), "10.0.0.0/24");
}

struct Fault {
  const char* name;
  const char* servers;
  const char* said;
};
class McpServerFaultTest : public ::testing::TestWithParam<Fault> {};

TEST_P(McpServerFaultTest, NamesTheFieldAndSaysWhatWouldBeRight) {
  EXPECT_THAT(Parse(GetParam().servers).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().said)));
}

INSTANTIATE_TEST_SUITE_P(
    Rules, McpServerFaultTest,
    ::testing::Values(
        Fault{"NoMap", "[crm]", "mcp_servers: must be a map"},
        Fault{"BadName", "{ 1x: { url: 'https://a.b/' } }", "has a name that is none"},
        Fault{"Neither", "{ crm: { era: auto } }", "mcp_servers.crm: needs exactly one of url"},
        Fault{"Both", "{ crm: { url: 'https://a.b/', command: [x] } }", "needs exactly one of url"},
        Fault{"PlainHttp", "{ crm: { url: 'http://a.b/mcp' } }",
              "mcp_servers.crm.url: is http, which everybody"},
        Fault{"PrivateAddress", "{ crm: { url: 'https://10.0.0.5/mcp' } }",
              "mcp_servers.crm.url: the host's address is not public but private"},
        Fault{"NoNetwork", "{ crm: { url: 'https://a.b/', allow_networks: [10/8] } }",
              "mcp_servers.crm.allow_networks: is no network"},
        Fault{"NetworksAreNoList", "{ crm: { url: 'https://a.b/', allow_networks: private } }",
              "mcp_servers.crm.allow_networks: must be a list"},
        Fault{"NetworksOfAProgram", "{ crm: { command: [x], allow_networks: [private] } }",
              "allow_networks: goes with url"},
        Fault{"OtherScheme", "{ crm: { url: 'ftp://a.b/' } }", "mcp_servers.crm.url:"},
        Fault{"EmptyCommand", "{ crm: { command: [] } }",
              "mcp_servers.crm.command: must be a list"},
        Fault{"BadEra", "{ crm: { url: 'https://a.b/', era: new } }",
              "mcp_servers.crm.era: must be auto"},
        Fault{"HeaderOfEachMessage", "{ crm: { url: 'https://a.b/', headers: { accept: x } } }",
              "mcp_servers.crm.headers.accept: is a header that the protocol itself sets"},
        Fault{"HeaderOfTheProtocol",
              "{ crm: { url: 'https://a.b/', headers: { Mcp-Session-Id: x } } }",
              "that the protocol itself sets"},
        Fault{"SecretInTheOpen",
              "{ crm: { url: 'https://a.b/', headers: { Authorization: 'Bearer x' } } }",
              "headers.Authorization: is a secret"},
        Fault{"PrefixOfTwoLines",
              "{ crm: { url: 'https://a.b/', headers: { Authorization: "
              "{ secret: { env: A }, prefix: \"Bearer \\n\" } } } }",
              "mcp_servers.crm.headers.Authorization.prefix: must be printable ASCII in one line"},
        Fault{"PrefixOfNoAscii",
              "{ crm: { url: 'https://a.b/', headers: { X-A: "
              "{ secret: { env: A }, prefix: 'caf\xC3\xA9 ' } } } }",
              "mcp_servers.crm.headers.X-A.prefix: must be printable ASCII"},
        Fault{"HeadersOfAProgram", "{ crm: { command: [x], headers: { X-A: b } } }",
              "headers: goes with url"},
        Fault{"EnvironmentOfAUrl", "{ crm: { url: 'https://a.b/', environment: { A: b } } }",
              "which go with command"},
        Fault{"BadVariable", "{ crm: { command: [x], environment: { 1A: b } } }",
              "is no name of a variable"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace onetake
