#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "onetake/v1/runtime.pb.h"
#include "runtime/base/status.h"
#include "runtime/server/execute_request.h"
#include "tests/testing/status_matchers.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOk;
using ::onetake::testing::StatusIs;

const Principal kCaller{.name = "token:agent:1", .tenant = "north"};

std::string Wire(const std::string& session) {
  v1::ExecuteRequest request;
  request.set_tool("book");
  request.set_session_id(session);
  (*request.mutable_attributes())["a"] = "b";
  request.set_patience_ms(7);
  return request.SerializeAsString();
}

// Field 2, length-delimited.
std::string Arguments(const std::string& bytes) {
  return std::string("\x12") + static_cast<char>(bytes.size()) + bytes;
}

TEST(ParseExecuteRequestTest, ReadsAWellFormedMessage) {
  const auto call = ParseExecuteRequest(Wire("s") + Arguments("{}"), kCaller);
  ASSERT_THAT(call, IsOk());
  EXPECT_EQ(call->tenant, "north");
  EXPECT_EQ(call->credential, "token:agent:1");
  EXPECT_EQ(call->arguments_json, "{}");
  EXPECT_EQ(call->patience, absl::Milliseconds(7));
}

TEST(ParseExecuteRequestTest, LetsArgumentsThroughThatAreNotUtf8AndKeepsTheRest) {
  const auto call = ParseExecuteRequest(Wire("s") + Arguments("{}") + Arguments("{\xff}"), kCaller);
  ASSERT_THAT(call, IsOk());
  EXPECT_EQ(call->tool, "book");
  EXPECT_EQ(call->session_id, "s");
  EXPECT_EQ(call->attributes.at("a"), "b");
  EXPECT_EQ(call->patience, absl::Milliseconds(7));
  EXPECT_EQ(call->arguments_json, "{\xff}") << "the last one counts";
}

TEST(ParseExecuteRequestTest, AnEmptyMessageIsAnEmptyCall) {
  const auto call = ParseExecuteRequest("", kCaller);
  ASSERT_THAT(call, IsOk());
  EXPECT_EQ(call->tool, "");
}

TEST(ParseExecuteRequestTest, RefusesEveryTruncationThatIsNotAMessageOfItsOwn) {
  const std::string whole = Wire("session") + Arguments("{\xff}");
  for (size_t length = 0; length < whole.size(); ++length) {
    const auto call = ParseExecuteRequest(whole.substr(0, length), kCaller);
    if (call.ok()) continue;
    EXPECT_THAT(call, StatusIs(absl::StatusCode::kInvalidArgument, ::testing::_));
    EXPECT_EQ(GetDetail(call.status())->reason, "MALFORMED_REQUEST");
  }
}

TEST(ParseExecuteRequestTest, RefusesOtherTextThatIsNotUtf8) {
  const std::string bad = std::string("\x1a\x01\xff", 3);  // session_id
  for (const std::string& wire : {bad, bad + Arguments("{\xff}"), std::string("\x0f")}) {
    EXPECT_THAT(ParseExecuteRequest(wire, kCaller),
                StatusIs(absl::StatusCode::kInvalidArgument, ::testing::_));
  }
}

}  // namespace
}  // namespace onetake
