#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "runtime/base/status.h"
#include "runtime/server/convert.h"
#include "tests/testing/status_matchers.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOkAndHolds;
using ::onetake::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::Pair;

absl::Time At(int64_t milliseconds) {
  return absl::FromUnixMillis(1'782'327'600'000 + milliseconds);
}

TEST(ToToolCallTest, TakesEveryField) {
  v1::ExecuteRequest request;
  request.set_tool("book");
  request.set_arguments_json("{}");
  request.set_session_id("s");
  request.set_tool_call_id("tc");
  request.set_turn_id("t");
  request.set_intent_id("i");
  request.set_occurrence(2);
  (*request.mutable_attributes())["caller_phone"] = "+1";
  request.set_patience_ms(1500);
  const ToolCall call = ToToolCall(request, {.tenant = "north"});
  EXPECT_EQ(call.tenant, "north");
  EXPECT_EQ(call.tool, "book");
  EXPECT_EQ(call.arguments_json, "{}");
  EXPECT_EQ(call.session_id, "s");
  EXPECT_EQ(call.tool_call_id, "tc");
  EXPECT_EQ(call.turn_id, "t");
  EXPECT_EQ(call.intent_id, "i");
  EXPECT_EQ(call.occurrence, 2);
  EXPECT_THAT(call.attributes, ElementsAre(Pair("caller_phone", "+1")));
  EXPECT_EQ(call.patience, absl::Milliseconds(1500));
}

TEST(ToToolCallTest, AbsentPatienceIsNotZeroPatience) {
  v1::ExecuteRequest request;
  EXPECT_FALSE(ToToolCall(request, {}).patience.has_value());
  request.set_patience_ms(0);
  EXPECT_EQ(ToToolCall(request, {}).patience, absl::ZeroDuration());
}

TEST(FillTest, AnAnswerKeepsEveryFact) {
  Answer answer;
  answer.disposition = Disposition::kConflict;
  answer.replayed = answer.joined = answer.result_unavailable = true;
  answer.first_done_at = At(5);
  answer.result_json = R"({"id": 7})";
  answer.intent = IntentView{
      .id = "i", .key = "k", .generation = 3, .state = IntentState::kUnknown, .attempts = 4};
  answer.invalid = {{.path = "$.a", .reason = "r", .expected = "e"}};
  answer.conflicts = {{.path = "$.b", .recorded = "1", .received = ""}};
  answer.reason = "R8.drift";
  answer.guidance = {.llm_text = "text",
                     .say = "say",
                     .must_not_say = {"a", "b"},
                     .next_action = NextAction::kAskUser,
                     .may_call_again = true,
                     .check_after = absl::Seconds(2)};
  answer.queue_latency = absl::Microseconds(1);
  answer.ledger_latency = absl::Microseconds(2);
  answer.downstream_latency = absl::Milliseconds(3);
  v1::ExecuteResponse response;
  Fill(answer, response);
  EXPECT_EQ(response.ShortDebugString(),
            R"(disposition: DISPOSITION_CONFLICT replayed: true joined: true )"
            R"(result_json: "{\"id\": 7}" result_unavailable: true )"
            R"(first_done_at { seconds: 1782327600 nanos: 5000000 } )"
            R"(intent { id: "i" key: "k" generation: 3 state: INTENT_STATE_UNKNOWN attempts: 4 } )"
            R"(guidance { llm_text: "text" say: "say" must_not_say: "a" must_not_say: "b" )"
            R"(next_action: NEXT_ACTION_ASK_USER may_call_again: true check_after_ms: 2000 } )"
            R"(invalid { path: "$.a" reason: "r" expected: "e" } )"
            R"(conflicts { path: "$.b" recorded_json: "1" } reason: "R8.drift" )"
            R"(latency { queue_us: 1 ledger_us: 2 downstream_us: 3000 })");
}

TEST(FillTest, WhatIsTooMuchSaysWhenToComeAgain) {
  v1::ErrorDetail detail;
  Fill(absl::ResourceExhaustedError("the ledger's reader is behind"), detail);
  EXPECT_EQ(detail.reason(), "RESOURCE_EXHAUSTED");
  EXPECT_TRUE(detail.safe_to_resend());
  EXPECT_EQ(detail.retry_after_ms(), 500);
  Fill(WithDetail(absl::ResourceExhaustedError("busy"),
                  {.reason = "OVERLOADED", .safe_to_resend = true, .retry_after_ms = 70}),
       detail);
  EXPECT_EQ(detail.retry_after_ms(), 70);
  Fill(absl::NotFoundError("no such intent"), detail);
  EXPECT_EQ(detail.retry_after_ms(), 0);
}

TEST(FillTest, AnAnswerWithoutAnIntentHasNone) {
  v1::ExecuteResponse response;
  Fill(Answer{}, response);
  EXPECT_FALSE(response.has_intent());
  EXPECT_FALSE(response.has_first_done_at());
  EXPECT_TRUE(response.has_guidance());
}

TEST(FillTest, AGenerationCountsItsCallsThatAreNotThereToo) {
  IntentDetail detail{.cut = true, .call_count = 10'500, .held_back = 10'499};
  for (const CallRole role : {CallRole::kOpened, CallRole::kJoined}) {
    detail.calls.push_back({.call_id = "c", .role = role, .received_at = At(0)});
  }
  v1::IntentGeneration generation;
  Fill(detail, Values::kShown, generation);
  EXPECT_EQ(generation.summary().calls(), 10'500);
  EXPECT_EQ(generation.summary().held_back(), 10'499);
  EXPECT_TRUE(generation.cut());
  ASSERT_EQ(generation.calls_size(), 2);
  EXPECT_EQ(generation.calls(1).role(), "joined");
}

TEST(FillTest, NoResultIsNotAnEmptyResult) {
  v1::IntentGeneration none;
  Fill(IntentDetail{}, Values::kShown, none);
  EXPECT_FALSE(none.has_result_json());
  IntentDetail detail;
  detail.intent.result_json = "";
  v1::IntentGeneration empty;
  Fill(detail, Values::kShown, empty);
  EXPECT_TRUE(empty.has_result_json());
}

TEST(FillTest, HiddenValuesAreNotInTheMessage) {
  IntentDetail detail;
  detail.intent.identity_json = detail.intent.arguments_json = detail.intent.request = "canary-1";
  detail.intent.result_json = "canary-2";
  detail.intent.job = "canary-6";
  detail.attempts.push_back(
      {.number = 1, .started_at = At(0), .ended_at = At(1), .end = {.error = "canary-3"}});
  detail.events.push_back(
      {.seq = 1, .evidence_json = R"({"http_status":201,"result":"canary-4"})"});
  detail.events.push_back({.seq = 2, .evidence_json = "canary-5"});
  detail.events.push_back({.seq = 3, .evidence_json = R"({"overwritten_by_row":7})"});
  v1::IntentGeneration generation;
  Fill(detail, Values::kHidden, generation);
  EXPECT_TRUE(generation.hidden());
  EXPECT_EQ(generation.SerializeAsString().find("canary"), std::string::npos);
  EXPECT_EQ(generation.events(0).evidence_json(), R"({"hidden":true,"http_status":201})");
  EXPECT_EQ(generation.events(1).evidence_json(), R"({"hidden":true})");
  EXPECT_EQ(generation.events(2).evidence_json(), R"({"overwritten_by_row":7})");
  v1::IntentGeneration shown;
  Fill(detail, Values::kShown, shown);
  EXPECT_FALSE(shown.hidden());
  EXPECT_EQ(shown.result_json(), "canary-2");
  EXPECT_EQ(shown.summary().job(), "canary-6");
  v1::IntentSummary listed;
  Fill(IntentSummary{.intent = detail.intent}, listed);
  EXPECT_EQ(listed.job(), "");
  EXPECT_EQ(shown.attempts(0).error(), "canary-3");
  EXPECT_EQ(shown.events(1).evidence_json(), "canary-5");
}

TEST(FillTest, AnAttemptThatRunsHasNoEnd) {
  IntentDetail detail;
  detail.attempts.push_back({.number = 1, .started_at = At(0)});
  detail.attempts.push_back({.number = 2,
                             .started_at = At(1),
                             .ended_at = At(2),
                             .end = {.number = 2,
                                     .reached = "status_seen",
                                     .failure = "LOST",
                                     .http_status = 201,
                                     .error = "reset",
                                     .latency = absl::Milliseconds(1)}});
  v1::IntentGeneration generation;
  Fill(detail, Values::kShown, generation);
  EXPECT_FALSE(generation.attempts(0).has_ended_at());
  EXPECT_EQ(generation.attempts(1).failure(), "LOST");
  EXPECT_EQ(generation.attempts(1).latency_us(), 1000);
}

TEST(FillTest, AnEventsStatesAreFoundByName) {
  v1::EventRecord message;
  Fill(EventRecord{.seq = 9, .from = "", .to = "IN_FLIGHT"}, Values::kHidden, message);
  EXPECT_EQ(message.from(), v1::INTENT_STATE_UNSPECIFIED);
  EXPECT_EQ(message.to(), v1::INTENT_STATE_IN_FLIGHT);
}

TEST(MessageTest, EveryStateAndDispositionHasAnOtherSide) {
  for (const IntentState state :
       {IntentState::kInFlight, IntentState::kSucceeded, IntentState::kRejected,
        IntentState::kUnknown, IntentState::kReview, IntentState::kReversed}) {
    EXPECT_EQ(FromMessage(ToMessage(state)), state);
    EXPECT_EQ(v1::IntentState_Name(ToMessage(state)),
              "INTENT_STATE_" + std::string(ToString(state)));
  }
  for (const Disposition disposition :
       {Disposition::kDone, Disposition::kPending, Disposition::kRejected, Disposition::kUncertain,
        Disposition::kNeedsReview, Disposition::kConflict, Disposition::kInvalid,
        Disposition::kFailed}) {
    EXPECT_NE(ToMessage(disposition), v1::DISPOSITION_UNSPECIFIED);
  }
}

TEST(MessageTest, ANumberThisVersionDoesNotKnowIsNoValue) {
  EXPECT_EQ(FromMessage(v1::INTENT_STATE_UNSPECIFIED), std::nullopt);
  EXPECT_EQ(FromMessage(static_cast<v1::IntentState>(99)), std::nullopt);
  EXPECT_EQ(FromMessage(static_cast<v1::ToolFormat>(99)), std::nullopt);
  EXPECT_EQ(FromMessage(v1::TOOL_FORMAT_UNSPECIFIED), ToolFormat::kNative);
}

TEST(TimestampTest, SurvivesTheWayThereAndBack) {
  for (const absl::Time time : {At(0), At(1), At(0) + absl::Nanoseconds(1), absl::UnixEpoch(),
                                absl::UnixEpoch() - absl::Nanoseconds(1)}) {
    EXPECT_THAT(FromTimestamp(ToTimestamp(time)), IsOkAndHolds(time));
    EXPECT_GE(ToTimestamp(time).nanos(), 0);
  }
}

TEST(TimestampTest, OutOfRangeIsRefused) {
  google::protobuf::Timestamp bad;
  bad.set_nanos(-1);
  EXPECT_THAT(FromTimestamp(bad), StatusIs(absl::StatusCode::kInvalidArgument, ::testing::_));
  bad.set_nanos(0);
  bad.set_seconds(253'402'300'800);
  EXPECT_THAT(FromTimestamp(bad), StatusIs(absl::StatusCode::kInvalidArgument, ::testing::_));
}

}  // namespace
}  // namespace onetake
