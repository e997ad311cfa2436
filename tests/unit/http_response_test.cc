#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/http/response.h"

namespace onetake::testing {
namespace {

using Transport = HttpExchange::Transport;

enum class Kind { kPlain, kKeyed, kReplaysErrors };

Tool MakeTool(Kind kind) {
  Tool tool;
  tool.http.emplace();
  tool.http->outcomes = {{503, StatusMeaning::kNoEffect},
                         {418, StatusMeaning::kMayHaveHappened},
                         {409, StatusMeaning::kRejected},
                         {404, StatusMeaning::kSucceeded},
                         {410, StatusMeaning::kAlreadyGone}};
  if (kind == Kind::kPlain) return tool;
  tool.http->outcomes.clear();
  tool.safety.keyed = true;
  tool.safety.replays_errors = kind == Kind::kReplaysErrors;
  tool.key_in_use = ResponseMatch{
      .status = 409, .path = JsonPath::Parse("$.error").value(), .equals = "key_in_use"};
  tool.key_reused = ResponseMatch{.status = 422};
  return tool;
}

struct Case {
  const char* name;
  Kind kind;
  Transport transport;
  int status;
  std::string body;
  Reached reached;
  std::optional<FailureKind> failure;
};

class ClassifyExchangeTest : public ::testing::TestWithParam<Case> {};

TEST_P(ClassifyExchangeTest, IsTheRowOfTheTable) {
  const Case& row = GetParam();
  HttpExchange exchange;
  exchange.transport = row.transport;
  exchange.request_begun = row.transport != Transport::kNoConnection;
  exchange.status = row.status;
  exchange.body = row.body;
  const AttemptReport report = ClassifyExchange(MakeTool(row.kind), exchange);
  EXPECT_EQ(report.failure, row.failure);
  EXPECT_EQ(report.reached, row.reached);
  EXPECT_EQ(report.timed_out, row.transport == Transport::kTimeout);
  if (!row.failure.has_value()) {
    EXPECT_EQ(report.result_json, row.body.empty() ? "null" : row.body);
  }
}

// An API that says no under a 200.
TEST(ErrorRulesTest, WhatStandsInTheBodyOfASuccessCounts) {
  Tool tool = MakeTool(Kind::kPlain);
  tool.http->outcomes[201] = StatusMeaning::kNoEffect;
  tool.http->errors = {{.path = JsonPath::Parse("$.error").value(),
                        .equals = Json("busy"),
                        .meaning = StatusMeaning::kNoEffect},
                       {.path = JsonPath::Parse("$.error").value(),
                        .equals = std::nullopt,
                        .meaning = StatusMeaning::kRejected}};
  const auto failure = [&tool](int status, std::string body) {
    HttpExchange exchange;
    exchange.transport = Transport::kComplete;
    exchange.request_begun = true;
    exchange.status = status;
    exchange.body = std::move(body);
    return ClassifyExchange(tool, exchange).failure;
  };
  EXPECT_EQ(failure(200, R"({"error":"taken"})"), FailureKind::kDefiniteRefusal);
  EXPECT_EQ(failure(201, R"({"error":"taken"})"), FailureKind::kDefiniteRefusal);
  EXPECT_EQ(failure(200, R"({"error":"busy"})"), FailureKind::kRefusedUnprocessed);
  EXPECT_EQ(failure(500, R"({"error":"taken"})"), FailureKind::kServerError);
  for (const char* body : {R"({"id":1})", R"({"error":null})", R"({"error":false})",
                           R"({"error":[]})", R"({"error":""})", R"({"error":{}})", "[]", ""}) {
    EXPECT_EQ(failure(200, body), std::nullopt) << body;
  }
  EXPECT_EQ(failure(200, "<html>"), FailureKind::kLost) << "it may have said no";
  tool.job.emplace().id = JsonPath::Parse("$.job").value();
  EXPECT_EQ(failure(202, R"({"error":"taken"})"), FailureKind::kDefiniteRefusal);
}

constexpr auto kComplete = Transport::kComplete;
constexpr auto kBody = Reached::kBodyComplete;
constexpr auto kSeen = Reached::kStatusSeen;
using F = FailureKind;

INSTANTIATE_TEST_SUITE_P(
    Table, ClassifyExchangeTest,
    ::testing::Values(
        Case{"Refused", Kind::kPlain, Transport::kNoConnection, 0, "", Reached::kNothingSent,
             F::kNotSent},
        Case{"Timeout", Kind::kPlain, Transport::kTimeout, 0, "", Reached::kSomethingSent,
             F::kLost},
        Case{"Reset", Kind::kPlain, Transport::kLost, 0, "", Reached::kSomethingSent, F::kLost},
        Case{"Cancelled", Kind::kPlain, Transport::kCancelled, 0, "", Reached::kSomethingSent,
             F::kLost},
        Case{"Created", Kind::kPlain, kComplete, 201, "{ \"id\" : 7.0 }", kBody, std::nullopt},
        Case{"NoContent", Kind::kPlain, kComplete, 204, "", kBody, std::nullopt},
        Case{"NotJson", Kind::kPlain, kComplete, 200, "<html>", kBody, F::kBodyUnreadable},
        Case{"Cut", Kind::kPlain, Transport::kLost, 201, "{\"id\":", kSeen, F::kBodyUnreadable},
        Case{"TooBig", Kind::kPlain, Transport::kTooBig, 201, "{}", kSeen, F::kBodyUnreadable},
        Case{"BadRequest", Kind::kPlain, kComplete, 400, "{}", kBody, F::kDefiniteRefusal},
        Case{"RefusalCut", Kind::kPlain, Transport::kLost, 400, "", kSeen, F::kDefiniteRefusal},
        Case{"TooMany", Kind::kPlain, kComplete, 429, "", kBody, F::kRefusedUnprocessed},
        Case{"TooEarly", Kind::kPlain, kComplete, 425, "", kBody, F::kRefusedUnprocessed},
        Case{"RequestTimeout", Kind::kPlain, kComplete, 408, "", kBody, F::kServerError},
        Case{"GivenUp", Kind::kPlain, kComplete, 499, "", kBody, F::kServerError},
        Case{"Moved", Kind::kPlain, kComplete, 308, "", kBody, F::kDefiniteRefusal},
        Case{"SeeOther", Kind::kPlain, kComplete, 303, "", kBody, F::kServerError},
        Case{"ServerError", Kind::kPlain, kComplete, 500, "", kBody, F::kServerError},
        Case{"BadGateway", Kind::kPlain, kComplete, 502, "", kBody, F::kServerError},
        Case{"GatewayTimeout", Kind::kPlain, kComplete, 504, "", kBody, F::kServerError},
        Case{"DeclaredNoEffect", Kind::kPlain, kComplete, 503, "", kBody, F::kRefusedUnprocessed},
        Case{"DeclaredDoubtful", Kind::kPlain, kComplete, 418, "", kBody, F::kServerError},
        Case{"DeclaredRejected", Kind::kPlain, kComplete, 409, "", kBody, F::kDefiniteRefusal},
        Case{"DeclaredDone", Kind::kPlain, kComplete, 404, "{}", kBody, std::nullopt},
        Case{"DeclaredGone", Kind::kPlain, kComplete, 410, "{}", kBody, F::kAlreadyGone},
        Case{"Unavailable", Kind::kKeyed, kComplete, 503, "", kBody, F::kServerError},
        Case{"ReplayedError", Kind::kReplaysErrors, kComplete, 500, "", kBody, F::kReplayedError},
        Case{"KeyInUse", Kind::kKeyed, kComplete, 409, R"({"error":"key_in_use"})", kBody,
             F::kKeyInUse},
        Case{"SlotTaken", Kind::kKeyed, kComplete, 409, R"({"error":"slot_taken"})", kBody,
             F::kDefiniteRefusal},
        Case{"KeyReused", Kind::kKeyed, kComplete, 422, "", kBody, F::kKeyReused},
        Case{"NoKeysNoReuse", Kind::kPlain, kComplete, 422, "", kBody, F::kDefiniteRefusal}),
    [](const auto& info) { return info.param.name; });

// The resend of a write whose first answer was lost must wait, not be refused (R14).
TEST(ClassifyExchangeTest, AnAnswerAboutTheKeyIsMoreThanItsStatus) {
  Tool tool = MakeTool(Kind::kKeyed);
  tool.key_reused = ResponseMatch{
      .status = 409, .path = JsonPath::Parse("$.error").value(), .equals = "key_reused"};
  tool.http->outcomes = {{409, StatusMeaning::kRejected}};
  HttpExchange exchange{.request_begun = true, .status = 409, .body = R"({"error":"key_in_use"})"};
  EXPECT_EQ(ClassifyExchange(tool, exchange).failure, F::kKeyInUse);
  exchange.body = R"({"error":"key_reused"})";
  EXPECT_EQ(ClassifyExchange(tool, exchange).failure, F::kKeyReused);
  exchange.body = R"({"error":"slot_taken"})";
  EXPECT_EQ(ClassifyExchange(tool, exchange).failure, F::kDefiniteRefusal);
}

TEST(ClassifyExchangeTest, ARefusalsJsonIsKeptAndOtherTextIsNot) {
  HttpExchange exchange{.request_begun = true, .status = 400, .body = R"({"error":"no"})"};
  EXPECT_EQ(ClassifyExchange(MakeTool(Kind::kPlain), exchange).result_json, R"({"error":"no"})");
  exchange.body = "<html>";
  EXPECT_EQ(ClassifyExchange(MakeTool(Kind::kPlain), exchange).result_json, "");
}

TEST(ClassifyExchangeTest, TextResultsBecomeAJsonText) {
  Tool tool = MakeTool(Kind::kPlain);
  tool.http->text_result = true;
  const HttpExchange exchange{.request_begun = true, .status = 200, .body = "booked \"7\""};
  EXPECT_EQ(ClassifyExchange(tool, exchange).result_json, R"("booked \"7\"")");
}

TEST(ClassifyExchangeTest, ATextThatIsTooLongAsJsonIsDoneAndNotReadable) {
  Tool tool = MakeTool(Kind::kPlain);
  tool.http->text_result = true;
  const HttpExchange exchange{
      .request_begun = true, .status = 200, .body = std::string(900'000, '\x01')};
  const AttemptReport report = ClassifyExchange(tool, exchange);
  EXPECT_EQ(report.failure, FailureKind::kBodyUnreadable);
  EXPECT_EQ(report.result_json, "");
  EXPECT_EQ(report.error, "the answer is too long when it is written as JSON");
}

// Edge case 20: what was done of it is in the result; nothing of it is sent again.
TEST(ClassifyExchangeTest, APartialSuccessIsASuccessWithItsBody) {
  const std::string body = R"({"done":[1,2,3],"failed":[4,5]})";
  const HttpExchange exchange{.request_begun = true, .status = 207, .body = body};
  const AttemptReport report = ClassifyExchange(MakeTool(Kind::kPlain), exchange);
  EXPECT_EQ(report.failure, std::nullopt);
  EXPECT_EQ(report.result_json, body);
}

// Edge case 21
TEST(ClassifyExchangeTest, AnAcceptedJobIsNoSuccessAndNeedsItsId) {
  Tool tool = MakeTool(Kind::kPlain);
  HttpExchange exchange{.request_begun = true, .status = 202, .body = R"({"job_id":"j-9"})"};
  EXPECT_EQ(ClassifyExchange(tool, exchange).job, std::nullopt) << "the tool declares no jobs";
  tool.job = JobSpec{.id = JsonPath::Parse("$.job_id").value(),
                     .tool = "job",
                     .args = JsonTemplate::Parse(Json::object()).value(),
                     .done_if = JsonPath::Parse("$.done").value()};
  AttemptReport report = ClassifyExchange(tool, exchange);
  EXPECT_EQ(report.job, "j-9");
  EXPECT_EQ(report.failure, std::nullopt);
  EXPECT_FALSE(report.resent);
  exchange.resent = true;
  EXPECT_TRUE(ClassifyExchange(tool, exchange).resent);
  exchange.body = R"({"job_id":17})";
  EXPECT_EQ(ClassifyExchange(tool, exchange).job, "17");
  for (const char* body : {"", "{}", "<html>", R"({"job_id":""})", R"({"job_id":null})"}) {
    exchange.body = body;
    report = ClassifyExchange(tool, exchange);
    EXPECT_EQ(report.job, std::nullopt) << body;
    EXPECT_EQ(report.failure, FailureKind::kLost) << body;
  }
  exchange = {.request_begun = true, .status = 201, .body = R"({"job_id":"j-9"})"};
  EXPECT_EQ(ClassifyExchange(tool, exchange).job, std::nullopt) << "201 says that it is done";
}

// R14: libcurl sends what may be sent twice again when a kept connection dies, and the first one
// may have been taken.
TEST(ResentExchangeTest, ARefusalOfTheCopyIsNoneOfTheWrite) {
  Tool tool = MakeTool(Kind::kPlain);
  const auto taken = [&tool](int status) {
    HttpExchange exchange{.request_begun = true, .resent = true, .status = status, .body = "{}"};
    return ClassifyExchange(tool, exchange);
  };
  // 410 is kAlreadyGone: the first one may have removed it.
  for (const int status : {400, 403, 409, 410, 429, 503, 308}) {
    const AttemptReport report = taken(status);
    EXPECT_EQ(report.failure, FailureKind::kLost) << status;
    EXPECT_FALSE(report.error.empty()) << status;
  }
  EXPECT_EQ(taken(200).failure, std::nullopt);
  EXPECT_EQ(taken(404).failure, std::nullopt) << "declared to be a success";
  EXPECT_EQ(taken(500).failure, FailureKind::kServerError);
  tool.effect = Effect::kRead;
  EXPECT_EQ(taken(403).failure, FailureKind::kDefiniteRefusal);
}

}  // namespace
}  // namespace onetake::testing
