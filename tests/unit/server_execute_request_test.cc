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

std::string Field(int number, const std::string& bytes) {
  return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(bytes.size())} + bytes;
}

TEST(ParseSessionRequestTest, LetsArgumentsThroughThatAreNotUtf8AndKeepsTheRest) {
  v1::SessionRequest request;
  const std::string call = Field(2, Wire("s") + Arguments("{\xff}"));
  ASSERT_TRUE(ParseSessionRequest(Field(2, Field(1, "r1") + call), request));
  EXPECT_EQ(request.execute().request_id(), "r1");
  EXPECT_EQ(request.execute().call().tool(), "book");
  EXPECT_EQ(request.execute().call().session_id(), "s");
  EXPECT_EQ(request.execute().call().patience_ms(), 7);
  EXPECT_EQ(request.execute().call().arguments_json(), "{\xff}");
}

TEST(ParseSessionRequestTest, ReadsWhatIsWellFormed) {
  v1::SessionRequest request;
  ASSERT_TRUE(ParseSessionRequest(Field(3, Field(1, "t1")), request));
  EXPECT_EQ(request.barge_in().turn_id(), "t1");
  ASSERT_TRUE(ParseSessionRequest("", request));
  EXPECT_EQ(request.kind_case(), v1::SessionRequest::KIND_NOT_SET);
}

TEST(ParseSessionRequestTest, RefusesWhatIsMalformedOtherwise) {
  const std::string call = Field(2, Wire("s") + Arguments("{\xff}"));
  for (const std::string& wire :
       {Field(2, Field(1, "\xff") + call), Field(2, Field(1, "r1") + call + call),
        Field(2, Field(1, "r1") + call) + Field(3, Field(1, "t1")), Field(3, Field(1, "\xff")),
        Field(2, Field(1, "r1") + Field(2, Field(3, "\xff") + Arguments("{}"))), Field(2, "\x0f"),
        std::string("\xff\xff\xff")}) {
    v1::SessionRequest request;
    EXPECT_FALSE(ParseSessionRequest(wire, request));
  }
}

}  // namespace
}  // namespace onetake
