#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "runtime/cli/session_text.h"
#include "runtime/cli/timeline.h"

namespace onetake {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

google::protobuf::Timestamp At(int milliseconds) {
  google::protobuf::Timestamp time;
  time.set_seconds(1782327600 + milliseconds / 1000);
  time.set_nanos(milliseconds % 1000 * 1'000'000);
  return time;
}

void AddEvent(v1::IntentGeneration& generation, int at, const std::string& kind,
              v1::IntentState from, v1::IntentState to, const std::string& rule) {
  v1::EventRecord& event = *generation.add_events();
  *event.mutable_at() = At(at);
  event.set_kind(kind);
  event.set_from(from);
  event.set_to(to);
  event.set_rule(rule);
  event.set_actor("engine");
}

// A booking whose answer came after the caller's patience had ended.
v1::GetIntentResponse LateBooking() {
  v1::GetIntentResponse response;
  v1::IntentGeneration& generation = *response.add_generations();
  v1::IntentSummary& summary = *generation.mutable_summary();
  summary.mutable_intent()->set_id("0123456789abcdef0123456789abcdef");
  summary.mutable_intent()->set_generation(1);
  summary.mutable_intent()->set_state(v1::INTENT_STATE_SUCCEEDED);
  summary.set_tool("book_appointment");
  generation.set_arguments_json(R"({"slot":"x"})");
  generation.set_result_json(R"({"id":7})");
  v1::CallRecord& call = *generation.add_calls();
  call.set_tool_call_id("tc-1");
  call.set_role("opened");
  call.set_disposition("PENDING");
  *call.mutable_received_at() = At(0);
  *call.mutable_answered_at() = At(3000);
  v1::AttemptRecord& attempt = *generation.add_attempts();
  attempt.set_number(1);
  attempt.set_http_status(201);
  attempt.set_reached("body_complete");
  attempt.set_latency_us(4'200'000);
  *attempt.mutable_started_at() = At(2);
  *attempt.mutable_ended_at() = At(4202);
  AddEvent(generation, 2, "claimed", v1::INTENT_STATE_UNSPECIFIED, v1::INTENT_STATE_IN_FLIGHT,
           "R1.claim");
  AddEvent(generation, 4202, "settled", v1::INTENT_STATE_IN_FLIGHT, v1::INTENT_STATE_SUCCEEDED,
           "table.success");
  return response;
}

TEST(RenderIntentTest, TellsWhatHappenedInOrder) {
  const std::string text = RenderIntent(LateBooking(), absl::UTCTimeZone());
  std::vector<std::string> lines = absl::StrSplit(text, '\n', absl::SkipEmpty());
  lines.erase(lines.begin(), lines.end() - 6);
  EXPECT_THAT(lines,
              ::testing::ElementsAre(
                  ContainsRegex("19:00:00.000.00:00  \\+0.000s  call +tc-1 opened"),
                  ContainsRegex("\\+0.002s  claimed +IN_FLIGHT .rule R1.claim, by engine."),
                  ContainsRegex("\\+0.002s  attempt +1 begins"),
                  ContainsRegex("\\+3.000s  answer +tc-1 PENDING"),
                  ContainsRegex("\\+4.202s  attempt +1 ends: HTTP 201, body_complete, 4200 ms"),
                  ContainsRegex("\\+4.202s  settled +IN_FLIGHT -> SUCCEEDED")));
}

TEST(RenderIntentTest, SaysAStatusOnce) {
  v1::GetIntentResponse response = LateBooking();
  v1::AttemptRecord& attempt = *response.mutable_generations(0)->mutable_attempts(0);
  attempt.set_http_status(503);
  attempt.set_failure("SERVER_ERROR");
  attempt.set_error("HTTP 503");
  EXPECT_THAT(RenderIntent(response, absl::UTCTimeZone()),
              HasSubstr("ends: HTTP 503, SERVER_ERROR, body_complete,"));
  attempt.set_error("HTTP 503 and half a body");
  EXPECT_THAT(RenderIntent(response, absl::UTCTimeZone()),
              HasSubstr("ends: HTTP 503, SERVER_ERROR, HTTP 503 and half a body, body_complete,"));
}

TEST(RenderIntentTest, ShowsArgumentsAndResult) {
  EXPECT_THAT(RenderIntent(LateBooking(), absl::UTCTimeZone()),
              AllOf(HasSubstr(R"(arguments  {"slot":"x"})"), HasSubstr(R"(result     {"id":7})")));
}

TEST(RenderIntentTest, SaysWhenNotAllIsShown) {
  v1::GetIntentResponse response = LateBooking();
  EXPECT_THAT(RenderIntent(response, absl::UTCTimeZone()), Not(HasSubstr("more")));
  v1::IntentGeneration& generation = *response.mutable_generations(0);
  generation.mutable_summary()->set_calls(4);
  generation.set_cut(true);
  const std::string said = "these are the first 1 attempts, 1 of 4 calls and 2 events;";
  EXPECT_THAT(RenderIntent(response, absl::UTCTimeZone()), HasSubstr(said));
  SessionRecord session{.session_id = "CA1"};
  session.intents.push_back(response);
  EXPECT_THAT(RenderSession(session, absl::UTCTimeZone()), HasSubstr(said));
  EXPECT_THAT(MoreOf(session), HasSubstr(said));
}

TEST(RenderIntentsTest, HasOneRowAnIntentUnderItsHeading) {
  v1::ListIntentsResponse response;
  v1::IntentSummary& summary = *response.add_intents();
  *summary.mutable_created_at() = At(5);
  summary.mutable_intent()->set_id("abc");
  summary.mutable_intent()->set_generation(2);
  summary.mutable_intent()->set_state(v1::INTENT_STATE_REVIEW);
  summary.set_tool("book");
  summary.set_session_id("call-17");
  summary.set_safety("NONE");
  summary.set_calls(4);
  summary.set_held_back(3);
  EXPECT_THAT(
      RenderIntents(response, absl::UTCTimeZone()),
      AllOf(ContainsRegex("^CLAIMED +INTENT +GEN +TOOL"),
            ContainsRegex("2026-06-24 19:00:00.005.00:00  abc +2 +book  call-17  REVIEW +NONE +0 "
                          "+4 +3\n$")));
}

// A success that was contradicted just now was claimed long ago.
TEST(RenderReviewsTest, WhatHasWaitedLongestComesFirst) {
  v1::ListIntentsResponse response;
  const auto add = [&](const char* id, int created, int review) {
    v1::IntentSummary& summary = *response.add_intents();
    summary.mutable_intent()->set_id(id);
    *summary.mutable_created_at() = At(created);
    *summary.mutable_review_at() = At(review);
  };
  add("newer", 3000, 4000);
  add("same", 2000, 4000);
  add("contradicted", 1000, 9000);
  SortByWaiting(response);
  const absl::Time now = absl::FromUnixSeconds(1782327600 + 10);
  const std::vector<std::string> lines =
      absl::StrSplit(RenderReviews(response, now), '\n', absl::SkipEmpty());
  EXPECT_THAT(lines, ::testing::ElementsAre(HasSubstr("WAITS"), ContainsRegex("^6s +same "),
                                            ContainsRegex("^6s +newer "),
                                            ContainsRegex("^1s +contradicted ")));
}

TEST(RenderEventTest, IsOneLine) {
  v1::IntentGeneration generation;
  AddEvent(generation, 0, "settled", v1::INTENT_STATE_UNKNOWN, v1::INTENT_STATE_REVIEW, "R3.none");
  EXPECT_THAT(
      RenderEvent(generation.events(0), absl::UTCTimeZone()),
      AllOf(HasSubstr("UNKNOWN -> REVIEW (rule R3.none, by engine)"), Not(HasSubstr("\n"))));
}

TEST(OlderOfTest, SaysThatOlderEventsWereNotLookedAt) {
  v1::ListEventsResponse last;
  EXPECT_EQ(OlderOf(last), "");
  last.set_searched_from_seq(4711);
  EXPECT_THAT(OlderOf(last), HasSubstr("events before 4711 were not looked at"));
}

TEST(RenderAnswerTest, ShowsWhatTheModelIsTold) {
  v1::ExecuteResponse answer;
  answer.set_disposition(v1::DISPOSITION_CONFLICT);
  answer.set_reason("R8.drift");
  v1::ArgumentDiff& diff = *answer.add_conflicts();
  diff.set_path("$.patient_id");
  diff.set_recorded_json("\"p-1\"");
  answer.mutable_guidance()->set_llm_text("Ask the caller.");
  EXPECT_THAT(RenderAnswer(answer),
              AllOf(HasSubstr("CONFLICT (R8.drift)\n"),
                    HasSubstr(R"($.patient_id recorded "p-1", received absent)"),
                    HasSubstr("Ask the caller.")));
}

TEST(RenderAnswerTest, SaysHowWeKnow) {
  v1::ExecuteResponse answer;
  answer.set_disposition(v1::DISPOSITION_DONE);
  answer.set_replayed(true);
  answer.set_result_json(R"({"id":7})");
  EXPECT_THAT(RenderAnswer(answer), AllOf(HasSubstr("DONE, replayed\n"), HasSubstr(R"({"id":7})")));
}

TEST(RenderIntentTest, AnAttemptThatFailedSaysWhyOrHowToSeeIt) {
  v1::GetIntentResponse response = LateBooking();
  v1::IntentGeneration& generation = *response.mutable_generations(0);
  v1::AttemptRecord& attempt = *generation.mutable_attempts(0);
  attempt.set_http_status(0);
  attempt.set_failure("NOT_SENT");
  attempt.set_reached("NOTHING_SENT");
  generation.set_hidden(true);
  EXPECT_THAT(RenderIntent(response, absl::UTCTimeZone()),
              HasSubstr("ends: NOT_SENT, why: (hidden; --unseal shows it to the role unseal), "
                        "NOTHING_SENT, 4200 ms"));
  generation.set_hidden(false);
  attempt.set_error("connect refused");
  EXPECT_THAT(RenderIntent(response, absl::UTCTimeZone()),
              HasSubstr("ends: NOT_SENT, connect refused, NOTHING_SENT, 4200 ms"));
}

TEST(RenderIntentTest, AnAttemptThatACrashCutOffHasNoTime) {
  v1::GetIntentResponse response = LateBooking();
  v1::AttemptRecord& attempt = *response.mutable_generations(0)->mutable_attempts(0);
  attempt.set_http_status(0);
  attempt.set_failure("crash");
  attempt.set_reached("");
  attempt.set_latency_us(0);
  EXPECT_THAT(RenderIntent(response, absl::UTCTimeZone()), HasSubstr("1 ends: crash\n"));
}

TEST(RenderIntentTest, SaysWhatTookItsValuesAway) {
  for (const auto& [kind, said] :
       {std::pair{"erased", "(erased)"}, std::pair{"aged", "(removed by age: retention.bodies)"}}) {
    v1::GetIntentResponse response = LateBooking();
    v1::IntentGeneration& generation = *response.mutable_generations(0);
    generation.clear_arguments_json();
    generation.clear_result_json();
    AddEvent(generation, 9000, kind, v1::INTENT_STATE_SUCCEEDED, v1::INTENT_STATE_SUCCEEDED, "");
    for (const bool hidden : {false, true}) {
      generation.set_hidden(hidden);
      const std::string text = RenderIntent(response, absl::UTCTimeZone());
      EXPECT_THAT(text, HasSubstr(absl::StrCat("  identity   ", said, "\n")));
      EXPECT_THAT(text, HasSubstr(absl::StrCat("  arguments  ", said, "\n")));
      EXPECT_THAT(text, HasSubstr(absl::StrCat("  result     ", said, "\n")));
      EXPECT_THAT(text, Not(HasSubstr("hidden")));
    }
  }
}

TEST(RenderVerdictTest, SaysWhatTheNextCallMeets) {
  v1::IntentSummary resolved;
  resolved.mutable_intent()->set_id("abcd");
  resolved.mutable_intent()->set_generation(2);
  for (const auto& [state, said] :
       {std::pair{v1::INTENT_STATE_SUCCEEDED, "is SUCCEEDED now; further calls get its result"},
        std::pair{v1::INTENT_STATE_REJECTED, "is REJECTED now; the next call may do it again"},
        std::pair{v1::INTENT_STATE_REVERSED,
                  "is REVERSED now: it stays undone; the next call may do it again"}}) {
    resolved.mutable_intent()->set_state(state);
    resolved.clear_review_at();
    EXPECT_EQ(RenderVerdict(resolved), absl::StrCat("intent abcd generation 2 ", said));
    resolved.mutable_review_at()->set_seconds(1);
    EXPECT_THAT(RenderVerdict(resolved),
                AllOf(HasSubstr("still waits for a person"), Not(HasSubstr("may do it again"))));
  }
}

TEST(SessionTextTest, SaysWhenNotAllCallsAreShown) {
  SessionRecord session{.session_id = "CA1"};
  session.calls.resize(2);
  EXPECT_THAT(RenderSession(session, absl::UTCTimeZone()), Not(HasSubstr("more")));
  EXPECT_EQ(MoreOf(session), "");
  session.more = true;
  EXPECT_THAT(RenderSession(session, absl::UTCTimeZone()),
              HasSubstr("... and more: these are the first 2 calls"));
}

}  // namespace
}  // namespace onetake
