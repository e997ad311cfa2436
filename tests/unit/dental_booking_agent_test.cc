#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <deque>
#include <set>
#include <utility>
#include <vector>

#include "nlohmann/json.hpp"
#include "tests/testing/status_matchers.h"
#include "tools/dental/booking_agent.h"

namespace onetake::dental {
namespace {

using ::onetake::testing::IsOk;
using ::onetake::testing::StatusIs;
using ::testing::_;

v1::ExecuteResponse Answer(v1::Disposition disposition, int generation = 1,
                           const std::string& result = "") {
  v1::ExecuteResponse response;
  response.set_disposition(disposition);
  response.mutable_intent()->set_id("intent-1");
  response.mutable_intent()->set_generation(generation);
  response.set_result_json(result);
  return response;
}

v1::ExecuteResponse Done(int generation = 1) {
  return Answer(v1::DISPOSITION_DONE, generation, R"({"id":"17"})");
}

// Gives the answers it was told to give, in order, and keeps what it was asked.
class ScriptedRuntime final : public v1::ToolRuntime::Service {
 public:
  using Reply = std::pair<grpc::Status, v1::ExecuteResponse>;

  void Script(const v1::ExecuteResponse& response) {
    replies.emplace_back(grpc::Status::OK, response);
  }
  void Script(grpc::StatusCode code) { replies.emplace_back(grpc::Status(code, "no"), Answer({})); }

  grpc::Status Execute(grpc::ServerContext*, const v1::ExecuteRequest* request,
                       v1::ExecuteResponse* response) override {
    executed.push_back(*request);
    return Next(response);
  }
  grpc::Status Await(grpc::ServerContext*, const v1::AwaitRequest* request,
                     v1::ExecuteResponse* response) override {
    awaited.push_back(*request);
    return Next(response);
  }

  std::deque<Reply> replies;
  std::vector<v1::ExecuteRequest> executed;
  std::vector<v1::AwaitRequest> awaited;

 private:
  grpc::Status Next(v1::ExecuteResponse* response) {
    if (replies.empty()) return {grpc::StatusCode::INTERNAL, "the script is over"};
    const Reply reply = replies.front();
    replies.pop_front();
    *response = reply.second;
    return reply.first;
  }
};

class BookingAgentTest : public ::testing::Test {
 protected:
  BookingAgentTest() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&runtime_);
    server_ = builder.BuildAndStart();
    stub_ = v1::ToolRuntime::NewStub(server_->InProcessChannel({}));
  }
  ~BookingAgentTest() override { server_->Shutdown(); }

  absl::StatusOr<BookingAgent::Outcome> Book(const BookingAgent::Options& options = {}) {
    return BookingAgent(*stub_, options).Book(PlanBookings(1, 1)[0]);
  }
  std::string Argument(int call, const char* name) const {
    return nlohmann::json::parse(runtime_.executed[call].arguments_json())[name];
  }

  ScriptedRuntime runtime_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::ToolRuntime::Stub> stub_;
};

TEST_F(BookingAgentTest, IsContentWithDone) {
  runtime_.Script(Done());
  const auto outcome = Book();
  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->appointment_id, "17");
  EXPECT_EQ(outcome->calls, 1);
  EXPECT_EQ(outcome->held_back, 0);
  EXPECT_EQ(runtime_.executed[0].tool(), "book_appointment");
  EXPECT_EQ(runtime_.executed[0].session_id(), "call-0001");
}

TEST_F(BookingAgentTest, TriesAgainInOtherWordsUnderANewToolCallId) {
  runtime_.Script(Answer(v1::DISPOSITION_PENDING));
  runtime_.Script(Answer(v1::DISPOSITION_UNCERTAIN));
  runtime_.Script(Done());
  const auto outcome = Book();
  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->calls, 3);
  EXPECT_EQ(outcome->held_back, 2);
  std::set<std::string> ids;
  for (const auto& call : runtime_.executed) ids.insert(call.tool_call_id());
  EXPECT_EQ(ids.size(), 3);
  EXPECT_NE(Argument(0, "slot_iso"), Argument(1, "slot_iso"));
  EXPECT_NE(Argument(0, "notes"), Argument(1, "notes"));
  EXPECT_EQ(Argument(0, "patient_id"), Argument(1, "patient_id"));
}

TEST_F(BookingAgentTest, WaitsForAnIntentThatStaysOpen) {
  for (int i = 0; i < 4; ++i) runtime_.Script(Answer(v1::DISPOSITION_PENDING));
  runtime_.Script(Done());
  const auto outcome = Book({.insists = 2});
  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->calls, 3);
  EXPECT_EQ(runtime_.awaited.size(), 2);
  EXPECT_EQ(runtime_.awaited[0].intent_id(), "intent-1");
  EXPECT_EQ(outcome->appointment_id, "17");
}

TEST_F(BookingAgentTest, GivesUpOnAnIntentThatNeverSettles) {
  runtime_.Script(Answer(v1::DISPOSITION_PENDING));
  const auto outcome = Book({.insists = 0, .give_up = absl::ZeroDuration()});
  ASSERT_THAT(outcome, IsOk());
  EXPECT_TRUE(IsOpen(outcome->last));
  EXPECT_EQ(outcome->appointment_id, "");
}

TEST_F(BookingAgentTest, DoesNotWaitForAPerson) {
  for (int i = 0; i < 3; ++i) runtime_.Script(Answer(v1::DISPOSITION_NEEDS_REVIEW));
  const auto outcome = Book();
  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->held_back, 2);
  EXPECT_TRUE(runtime_.awaited.empty());
}

TEST_F(BookingAgentTest, ACallThatOpensANewGenerationIsNotHeldBack) {
  runtime_.Script(Answer(v1::DISPOSITION_REJECTED, 1));
  runtime_.Script(Done(2));
  const auto outcome = Book();
  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->calls, 2);
  EXPECT_EQ(outcome->held_back, 0);
}

TEST_F(BookingAgentTest, ComesBackWhenOnetakeNamesATime) {
  v1::ExecuteResponse spared;
  spared.set_disposition(v1::DISPOSITION_REJECTED);
  spared.mutable_guidance()->set_may_call_again(true);
  spared.mutable_guidance()->set_check_after_ms(1);
  for (int i = 0; i < 3; ++i) runtime_.Script(spared);
  runtime_.Script(Done());
  const auto outcome = Book({.insists = 0});
  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->calls, 4);
  EXPECT_EQ(outcome->held_back, 0);
  EXPECT_EQ(outcome->appointment_id, "17");
}

TEST_F(BookingAgentTest, TakesARefusalForAnAnswer) {
  runtime_.Script(Answer(v1::DISPOSITION_REJECTED));
  const auto outcome = Book({.insists = 0});
  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->calls, 1);
  EXPECT_EQ(outcome->last.disposition(), v1::DISPOSITION_REJECTED);
}

TEST_F(BookingAgentTest, SendsTheSameRequestAgainWhenTheServerIsBusy) {
  runtime_.Script(grpc::StatusCode::RESOURCE_EXHAUSTED);
  runtime_.Script(grpc::StatusCode::UNAVAILABLE);
  runtime_.Script(Done());
  const auto outcome = Book({.resend = absl::ZeroDuration()});
  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->calls, 1);
  ASSERT_EQ(runtime_.executed.size(), 3);
  EXPECT_EQ(runtime_.executed[2].SerializeAsString(), runtime_.executed[0].SerializeAsString());
}

TEST_F(BookingAgentTest, ReportsARefusedCall) {
  runtime_.Script(grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(Book(), StatusIs(absl::StatusCode::kInvalidArgument, _));
}

TEST(AppointmentIdTest, ReadsABookingAndALookUp) {
  EXPECT_EQ(AppointmentId(R"({"id":"17","status":"booked"})"), "17");
  EXPECT_EQ(AppointmentId(R"({"appointments":[{"id":"18"}]})"), "18");
  for (const char* none : {"", "{", "[]", "{}", R"({"id":17})", R"({"appointments":[]})"}) {
    EXPECT_EQ(AppointmentId(none), "") << none;
  }
}

}  // namespace
}  // namespace onetake::dental
