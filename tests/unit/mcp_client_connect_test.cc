// How the client begins with a server: which era, and what it does when the server ends or forgets.
#include "tests/testing/mcp_client_fixture.h"

namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using E = McpOutcome::End;

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

// A server forgets a session by time: whoever calls after that needs a list first.
TEST_F(McpClientTest, ACallOutlivesASessionThatAListFindsOver) {
  const McpTransport::End not_found{.begun = true, .http_status = 404};
  McpTransport::End for_nobody{.begun = true, .http_status = 400};
  for_nobody.refusal = RpcMessage{.kind = RpcMessage::Kind::kError, .body = {{"code", -32000}}};
  for (const McpTransport::End& over : {not_found, for_nobody}) {
    MakeLegacy();
    sim_.Advance(absl::Minutes(6));
    Book();
    EXPECT_EQ(wire_->methods.back(), "tools/list");
    wire_->EndExchange("tools/list", over);
    sim_.RunReady();
    EXPECT_EQ(wire_->methods.back(), "server/discover");
    wire_->Refuse("server/discover", -32601);
    wire_->Answer("initialize", Handshake("2025-06-18"), "s-2");
    EXPECT_THAT(ended_, IsEmpty());
    wire_->Answer("tools/list", kTools);
    EXPECT_EQ(wire_->methods.back(), "tools/call");
  }
}

TEST_F(McpClientTest, AListThatTheNextSessionRefusesTooIsNotWaitedFor) {
  MakeLegacy();
  sim_.Advance(absl::Minutes(6));
  Book();
  wire_->EndExchange("tools/list", {.begun = true, .http_status = 404});
  sim_.RunReady();
  wire_->Refuse("server/discover", -32601);
  wire_->Answer("initialize", Handshake("2025-06-18"), "s-2");
  wire_->EndExchange("tools/list", {.begun = true, .http_status = 404});
  sim_.RunReady();
  EXPECT_EQ(End(), E::kNotReady);
}

}  // namespace
}  // namespace onetake::testing
