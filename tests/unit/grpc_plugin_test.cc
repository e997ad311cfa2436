// What a gRPC plugin's answer, and the line by which it starts, are taken for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testing/status_matchers.h"
#include "tools/grpc/grpc_calls.h"
#include "tools/grpc/grpc_channel.h"
#include "tools/grpc/plugin_name.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOk;
using ::onetake::testing::IsOkAndHolds;
using ::onetake::testing::StatusIs;
using Outcome = PluginResult::Outcome;

struct AnswerCase {
  const char* name;
  std::optional<v1::InvokeOutcome> result;
  grpc::StatusCode status;
  Outcome outcome;
};
class GrpcResultTest : public ::testing::TestWithParam<AnswerCase> {};

TEST_P(GrpcResultTest, Means) {
  v1::InvokeResult result;
  if (GetParam().result.has_value()) result.set_outcome(*GetParam().result);
  result.set_retry_after_ms(1500);
  const PluginResult answer = ResultOf(GetParam().result.has_value() ? &result : nullptr,
                                       grpc::Status(GetParam().status, "secret words"));
  EXPECT_EQ(answer.outcome, GetParam().outcome);
  EXPECT_EQ(answer.delivery, PluginResult::Delivery::kSeen);
  EXPECT_EQ(answer.retry_after.has_value(), GetParam().result.has_value());
  EXPECT_EQ(answer.error.find("secret"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    Table, GrpcResultTest,
    ::testing::Values(
        AnswerCase{"Succeeded", v1::INVOKE_OUTCOME_SUCCEEDED, grpc::OK, Outcome::kSucceeded},
        AnswerCase{"Rejected", v1::INVOKE_OUTCOME_REJECTED, grpc::OK, Outcome::kRejected},
        AnswerCase{"NoEffect", v1::INVOKE_OUTCOME_NO_EFFECT, grpc::OK, Outcome::kNoEffect},
        AnswerCase{"MayHave", v1::INVOKE_OUTCOME_MAY_HAVE_HAPPENED, grpc::OK,
                   Outcome::kMayHaveHappened},
        AnswerCase{"SaysNothing", v1::INVOKE_OUTCOME_UNSPECIFIED, grpc::OK,
                   Outcome::kMayHaveHappened},
        AnswerCase{"OfTheFuture", static_cast<v1::InvokeOutcome>(99), grpc::OK,
                   Outcome::kMayHaveHappened},
        AnswerCase{"BrokeBehindIt", v1::INVOKE_OUTCOME_SUCCEEDED, grpc::UNAVAILABLE,
                   Outcome::kSucceeded},
        AnswerCase{"NoResult", std::nullopt, grpc::OK, Outcome::kMayHaveHappened},
        AnswerCase{"Unimplemented", std::nullopt, grpc::UNIMPLEMENTED, Outcome::kRejected},
        AnswerCase{"InvalidArgument", std::nullopt, grpc::INVALID_ARGUMENT, Outcome::kRejected},
        AnswerCase{"Unavailable", std::nullopt, grpc::UNAVAILABLE, Outcome::kMayHaveHappened},
        AnswerCase{"Deadline", std::nullopt, grpc::DEADLINE_EXCEEDED, Outcome::kMayHaveHappened},
        AnswerCase{"Exhausted", std::nullopt, grpc::RESOURCE_EXHAUSTED, Outcome::kMayHaveHappened},
        AnswerCase{"Unknown", std::nullopt, grpc::UNKNOWN, Outcome::kMayHaveHappened},
        AnswerCase{"Cancelled", std::nullopt, grpc::CANCELLED, Outcome::kMayHaveHappened}),
    [](const auto& info) { return info.param.name; });

TEST(ParseHandshakeTest, TakesLoopbackAndSockets) {
  EXPECT_THAT(ParseHandshake("onetake-plugin 1 unix:/run/p.sock"),
              IsOkAndHolds("unix:/run/p.sock"));
  EXPECT_THAT(ParseHandshake("onetake-plugin 1 127.0.0.1:40123"), IsOkAndHolds("127.0.0.1:40123"));
  EXPECT_THAT(ParseHandshake("onetake-plugin 1 [::1]:1"), IsOkAndHolds("[::1]:1"));
}

TEST(ParseHandshakeTest, RefusesEverythingElseAndSaysWhy) {
  struct Case {
    const char* line;
    const char* why;
  };
  for (const Case& test :
       std::initializer_list<Case>{{"", "first line"},
                                   {"Listening on 127.0.0.1:1", "first line"},
                                   {"onetake-plugin", "another version"},
                                   {"onetake-plugin 2 127.0.0.1:1", "another version"},
                                   {"onetake-plugin 1 127.0.0.1:1 extra", "another version"},
                                   {"onetake-plugin 1 0.0.0.0:1", "neither on loopback"},
                                   {"onetake-plugin 1 10.0.0.1:1", "neither on loopback"},
                                   {"onetake-plugin 1 127.0.0.1:0", "neither on loopback"},
                                   {"onetake-plugin 1 unix:relative", "neither on loopback"}}) {
    EXPECT_THAT(ParseHandshake(test.line),
                StatusIs(absl::StatusCode::kInvalidArgument, ::testing::HasSubstr(test.why)))
        << test.line;
  }
}

PluginSpec Named(const std::string& address, std::vector<IpNetwork> allow_networks = {}) {
  PluginSpec spec{.name = "crm"};
  spec.kind = PluginSpec::Kind::kAddress;
  spec.address = address;
  spec.tls.emplace();
  spec.allow_networks = std::move(allow_networks);
  return spec;
}

IpAddress Address(absl::string_view text) { return *IpAddress::Parse(text); }

TEST(PluginNameTest, OnlyANameIsLookedUp) {
  for (const char* address : {"unix:/run/p.sock", "127.0.0.1:1", "10.0.0.7:443", "[fd00::1]:443"}) {
    const auto name = PluginName::Of(Named(address));
    ASSERT_TRUE(name.ok()) << address;
    EXPECT_FALSE(name->has_value()) << address;
  }
  const auto name = PluginName::Of(Named("CRM.example.com:443"));
  ASSERT_TRUE(name.ok() && name->has_value());
  EXPECT_EQ((*name)->host(), "crm.example.com");
  PluginSpec clear = Named("crm.example.com:443");
  clear.tls.reset();
  EXPECT_THAT(PluginName::Of(clear), StatusIs(absl::StatusCode::kInvalidArgument, ::testing::_));
  EXPECT_THAT(PluginName::Of(Named("2130706433:443")),
              StatusIs(absl::StatusCode::kInvalidArgument, ::testing::_));
}

TEST(PluginNameTest, GrpcIsHandedTheAddressesThatWereChecked) {
  const PluginName name = **PluginName::Of(Named("crm.example.com:443"));
  EXPECT_THAT(name.Targets({Address("8.8.8.8"), Address("2606:4700::1"), Address("9.9.9.9")}),
              IsOkAndHolds(::testing::ElementsAre("ipv4:8.8.8.8:443,9.9.9.9:443",
                                                  "ipv6:[2606:4700::1]:443")));
  EXPECT_THAT(name.Targets({Address("2606:4700::1"), Address("8.8.8.8")}),
              IsOkAndHolds(::testing::ElementsAre("ipv6:[2606:4700::1]:443", "ipv4:8.8.8.8:443")));
  EXPECT_THAT(name.Targets({Address("::ffff:8.8.8.8")}),
              IsOkAndHolds(::testing::ElementsAre("ipv4:8.8.8.8:443")));
}

TEST(PluginNameTest, OneAddressOfAPluginThatIsNotAllowedRefusesAllOfThem) {
  const PluginName name = **PluginName::Of(Named("crm.example.com:443"));
  for (const char* wrong : {"127.0.0.1", "10.0.0.7", "169.254.169.254", "::1", "::ffff:10.0.0.7",
                            "64:ff9b::a00:7", "fd00::1"}) {
    EXPECT_THAT(
        name.Targets({Address("8.8.8.8"), Address(wrong)}),
        StatusIs(absl::StatusCode::kFailedPrecondition, ::testing::HasSubstr("allow_networks")))
        << wrong;
  }
  const PluginName inside =
      **PluginName::Of(Named("crm.example.com:443", {*IpNetwork::Parse("10.0.0.0/24")}));
  EXPECT_THAT(inside.Targets({Address("10.0.0.7")}),
              IsOkAndHolds(::testing::ElementsAre("ipv4:10.0.0.7:443")));
  EXPECT_THAT(inside.Targets({Address("10.0.1.7")}),
              StatusIs(absl::StatusCode::kFailedPrecondition, ::testing::_));
  const PluginName here = **PluginName::Of(Named("localhost:443"));
  EXPECT_THAT(here.Targets({Address("127.0.0.1")}),
              IsOkAndHolds(::testing::ElementsAre("ipv4:127.0.0.1:443")));
  EXPECT_THAT(here.Targets({Address("8.8.8.8")}),
              StatusIs(absl::StatusCode::kFailedPrecondition, ::testing::_));
}

TEST(PluginCredentialsTest, FilesThatCannotBeReadAreNamed) {
  EXPECT_THAT(PluginCredentials(PluginSpec::Tls{.ca_file = "/nonexistent/ca.pem"}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       ::testing::HasSubstr("tls.ca_file: cannot be read: /nonexistent/ca.pem")));
}

TEST(PluginCredentialsTest, AFileThatIsNoPemIsNamedWithItsPlugin) {
  PluginSpec plugin{.name = "crm"};
  EXPECT_THAT(CheckPluginTls(plugin), IsOk());
  plugin.tls = PluginSpec::Tls{.ca_file = "/proc/self/cmdline"};
  EXPECT_THAT(CheckPluginTls(plugin),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       ::testing::AllOf(::testing::StartsWith("plugins.crm: tls.ca_file: "),
                                        ::testing::EndsWith(": /proc/self/cmdline"))));
}

}  // namespace
}  // namespace onetake
