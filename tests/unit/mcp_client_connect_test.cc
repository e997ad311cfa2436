// How the client begins with a server: which era, and what it does when the server ends or forgets.
#include "tests/testing/mcp_client_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::ElementsAre;

// Programs of the official Rust SDK take nothing before the handshake.
TEST_F(McpClientTest, GreetsAProgramThatEndedWhenItWasAskedByTheHandshake) {
  Make(McpServerSpec::Kind::kCommand);
  Book();
  EXPECT_THAT(wire_->methods, ElementsAre("server/discover"));
  Restart();
  EXPECT_EQ(wire_->methods.back(), "initialize");
  wire_->Answer("initialize", Handshake("2025-06-18"));
  wire_->Answer("tools/list", kTools);
  EXPECT_EQ(wire_->methods.back(), "tools/call") << "it has waited";
  Restart();
  EXPECT_EQ(wire_->methods.back(), "initialize");
}

// Such a program reads only then what was written to it.
TEST_F(McpClientTest, GreetsAProgramThatWasSlowToStartAndEndedByTheHandshake) {
  Make(McpServerSpec::Kind::kCommand);
  sim_.Advance(absl::Seconds(4));
  EXPECT_EQ(wire_->methods.back(), "initialize");
  Restart();
  EXPECT_EQ(wire_->methods.back(), "initialize");
}

TEST_F(McpClientTest, AsksAProgramAgainThatWasOnlySlowToStart) {
  Make(McpServerSpec::Kind::kCommand);
  sim_.Advance(absl::Seconds(4));
  wire_->Refuse("initialize", -32601);
  Book();
  EXPECT_EQ(wire_->methods.back(), "server/discover");
}

TEST_F(McpClientTest, AsksAProgramAgainThatDidNotGetReadyByTheHandshakeEither) {
  Make(McpServerSpec::Kind::kCommand);
  Restart();
  EXPECT_EQ(wire_->methods.back(), "initialize");
  Restart();
  EXPECT_EQ(wire_->methods.back(), "server/discover") << "it ended for another reason";
  Restart();
  EXPECT_EQ(wire_->methods.back(), "initialize");
  wire_->Refuse("initialize", -32601);
  EXPECT_EQ(wire_->methods.back(), "server/discover") << "it is another one by now";
  wire_->Answer("server/discover", {{"supportedVersions", {"2026-07-28"}}});
  wire_->Answer("tools/list", kTools);
  Restart();
  EXPECT_EQ(wire_->methods.back(), "server/discover");
}

}  // namespace
}  // namespace onetake::testing
