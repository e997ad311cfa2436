#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "runtime/cli/explain.h"
#include "runtime/cli/rule_texts.h"

namespace onetake {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;

google::protobuf::Timestamp At(int milliseconds) {
  google::protobuf::Timestamp time;
  time.set_seconds(1782327600 + milliseconds / 1000);  // 2026-06-24T19:00:00Z
  time.set_nanos(milliseconds % 1000 * 1'000'000);
  return time;
}

void AddEvent(v1::IntentGeneration& generation, int at, const std::string& kind, v1::IntentState to,
              const std::string& rule) {
  v1::EventRecord& event = *generation.add_events();
  *event.mutable_at() = At(at);
  event.set_kind(kind);
  event.set_to(to);
  event.set_rule(rule);
  event.set_actor("engine");
}

void AddCall(v1::IntentGeneration& generation, const std::string& id, const std::string& role,
             int received, int answered, const std::string& disposition) {
  v1::CallRecord& call = *generation.add_calls();
  call.set_call_id("ours-" + id);
  call.set_tool_call_id(id);
  call.set_role(role);
  call.set_disposition(disposition);
  *call.mutable_received_at() = At(received);
  *call.mutable_answered_at() = At(answered);
}

void AddAttempt(v1::IntentGeneration& generation, int number, int from, int to,
                const std::string& failure, int http_status) {
  v1::AttemptRecord& attempt = *generation.add_attempts();
  attempt.set_number(number);
  *attempt.mutable_started_at() = At(from);
  *attempt.mutable_ended_at() = At(to);
  attempt.set_failure(failure);
  attempt.set_http_status(http_status);
  attempt.set_latency_us((to - from) * 1000);
}

// The first answer is lost, the write is sent again under its key, and the model tries it twice.
v1::GetIntentResponse RetriedBooking() {
  v1::GetIntentResponse response;
  v1::IntentGeneration& generation = *response.add_generations();
  v1::IntentSummary& summary = *generation.mutable_summary();
  summary.mutable_intent()->set_id("0123456789abcdef");
  summary.mutable_intent()->set_key("fedcba");
  summary.mutable_intent()->set_generation(1);
  summary.mutable_intent()->set_attempts(2);
  summary.mutable_intent()->set_state(v1::INTENT_STATE_SUCCEEDED);
  summary.set_tool("book_appointment");
  summary.set_held_back(1);
  AddCall(generation, "tc-1", "opened", 0, 4000, "UNCERTAIN");
  AddCall(generation, "tc-2", "joined", 5000, 6100, "DONE");
  AddAttempt(generation, 1, 1, 3001, "LOST", 0);
  AddAttempt(generation, 2, 3500, 6000, "", 201);
  AddEvent(generation, 1, "claimed", v1::INTENT_STATE_IN_FLIGHT, "R1.claim");
  AddEvent(generation, 3001, "unknown", v1::INTENT_STATE_UNKNOWN, "R3.keyed");
  AddEvent(generation, 3500, "resend", v1::INTENT_STATE_UNKNOWN, "resend");
  AddEvent(generation, 6000, "settled", v1::INTENT_STATE_SUCCEEDED, "table.success_of_resend");
  return response;
}

TEST(ExplainTest, TellsEveryStepInOrderOfCause) {
  std::vector<std::string> told;
  for (const Step& step : Explain(RetriedBooking().generations(0))) told.push_back(step.what);
  EXPECT_THAT(
      told,
      ElementsAre("call tc-1 comes in (opened)", "recorded as IN_FLIGHT before anything is sent",
                  "attempt 1 is sent", "attempt 1 ended after 3000 ms: LOST",
                  "decided: the outcome is not known (UNKNOWN)",
                  "decided: another attempt begins now", "attempt 2 is sent",
                  StartsWith("call tc-1 is told UNCERTAIN: it may be done"),
                  "call tc-2 comes in (joined)", "attempt 2 ended after 2500 ms: success, HTTP 201",
                  "decided: it is SUCCEEDED", "call tc-2 is told DONE: it is done"));
}

TEST(ExplainTest, SaysWhyARetryWasSentAndWhyAnotherWasHeldBack) {
  const std::string text = RenderExplanation(RetriedBooking(), absl::UTCTimeZone());
  EXPECT_THAT(text,
              HasSubstr("the same bytes under the same key cannot take effect twice, so it is "
                        "sent again [R3.keyed]"));
  EXPECT_THAT(text, HasSubstr("held back: the same intent was in flight"));
  EXPECT_THAT(text, HasSubstr("2026-06-24 19:00:03.001+00:00  +3.001s  attempt 1 ended"));
  EXPECT_THAT(text, HasSubstr("SUCCEEDED\n  It took effect. 2 attempts were begun under the key "
                              "fedcba; 1 call was held back and sent nothing.\n"));
}

TEST(ExplainTest, AnAttemptThatSentNothingIsNotSaidToBeSent) {
  v1::IntentGeneration generation;
  AddAttempt(generation, 1, 0, 3, "NOT_SENT", 0);
  generation.mutable_attempts(0)->set_reached("NOTHING_SENT");
  AddEvent(generation, 4, "resend", v1::INTENT_STATE_IN_FLIGHT, "resend");
  generation.set_hidden(true);
  std::vector<Step> steps = Explain(generation);
  EXPECT_EQ(steps[0].what, "attempt 1 begins");
  EXPECT_EQ(steps[1].what,
            "attempt 1 ended after 3 ms, before anything was sent: NOT_SENT, why: "
            "(hidden; --unseal shows it to the role unseal)");
  EXPECT_THAT(steps[1].why, HasSubstr("a secret that is missing"));
  EXPECT_EQ(steps[2].what, "decided: another attempt begins now");
  generation.set_hidden(false);
  generation.mutable_attempts(0)->set_error("connect refused");
  steps = Explain(generation);
  EXPECT_EQ(steps[1].what,
            "attempt 1 ended after 3 ms, before anything was sent: NOT_SENT, connect refused");
}

TEST(ExplainTest, WhatWasErasedIsNotPromisedToWhoeverUnseals) {
  v1::IntentGeneration generation;
  generation.set_hidden(true);
  AddAttempt(generation, 1, 0, 3, "NOT_SENT", 0);
  AddEvent(generation, 9, "erased", v1::INTENT_STATE_REJECTED, "erase.subject");
  for (const Step& step : Explain(generation)) EXPECT_THAT(step.what, Not(HasSubstr("hidden")));
}

TEST(ExplainTest, AnAttemptThatACrashCutOffHasNoTime) {
  v1::IntentGeneration generation;
  generation.set_hidden(true);
  AddAttempt(generation, 1, 0, 5000, "crash", 0);
  generation.mutable_attempts(0)->set_latency_us(0);
  const Step ended = Explain(generation).back();
  EXPECT_EQ(ended.what, "attempt 1 was cut off: crash");
  EXPECT_THAT(ended.why, HasSubstr("the process ended while it was in flight"));
}

TEST(ExplainTest, NothingIsSaidOfCallsThatWereNotHeldBack) {
  v1::GetIntentResponse response = RetriedBooking();
  response.mutable_generations(0)->mutable_summary()->set_held_back(0);
  EXPECT_THAT(RenderExplanation(response, absl::UTCTimeZone()),
              HasSubstr("under the key fedcba; no call was held back.\n"));
}

TEST(ExplainTest, ACallThatIsAnsweredAtOnceIsOneStep) {
  v1::GetIntentResponse response = RetriedBooking();
  AddCall(*response.mutable_generations(0), "tc-3", "replayed", 9000, 9001, "DONE");
  EXPECT_EQ(Explain(response.generations(0)).back().what,
            "call tc-3 comes in (replayed), and is told DONE: it is done");
}

TEST(ExplainTest, WhyAReadFailedIsSaidWithItsAnswer) {
  v1::IntentGeneration generation;
  AddCall(generation, "tc-1", "read", 0, 4000, "FAILED");
  generation.mutable_calls(0)->set_detail("LOST");
  std::vector<Step> steps;
  AddSteps(generation.calls(0), steps);
  ASSERT_EQ(steps.size(), 2);
  EXPECT_THAT(steps[0].why, Not(HasSubstr("LOST")));
  EXPECT_EQ(steps[1].what, "call tc-1 is told FAILED: the READ could not be answered (LOST)");
}

TEST(ExplainTest, ARuleOfANewerVersionIsNamedAllTheSame) {
  v1::GetIntentResponse response = RetriedBooking();
  AddEvent(*response.mutable_generations(0), 9000, "frobbed", v1::INTENT_STATE_SUCCEEDED, "R99.x");
  EXPECT_THAT(
      RenderExplanation(response, absl::UTCTimeZone()),
      AllOf(HasSubstr("frobbed: SUCCEEDED"), HasSubstr("has no text for this rule [R99.x]")));
}

TEST(ExplainTest, APersonsDecisionNamesThePerson) {
  v1::GetIntentResponse response = RetriedBooking();
  v1::IntentGeneration& generation = *response.mutable_generations(0);
  AddEvent(generation, 9000, "resolved", v1::INTENT_STATE_SUCCEEDED, "review.applied");
  generation.mutable_events(4)->set_actor("dana\x1b[2J");
  generation.mutable_events(4)->set_evidence_json(R"({"note":"the desk sees it"})");
  EXPECT_EQ(Explain(generation).back().what,
            "a person decided: it is SUCCEEDED, by dana?[2J, with evidence "
            R"({"note":"the desk sees it"})");
}

TEST(ExplainTest, AConfirmationThatDoesNotCountSaysWhy) {
  v1::GetIntentResponse response = RetriedBooking();
  AddCall(*response.mutable_generations(0), "tc-4", "unconfirmed", 9000, 9001,
          "NEEDS_CONFIRMATION");
  response.mutable_generations(0)->mutable_calls(2)->set_detail("confirm.expired");
  const Step step = Explain(response.generations(0)).back();
  EXPECT_EQ(step.rule, "confirm.expired");
  EXPECT_THAT(step.why, HasSubstr("the user's yes came too late"));
}

TEST(ExplainTest, FieldsHaveNamesThatStay) {
  const std::vector<Fields> records = ExplanationFields(RetriedBooking(), absl::UTCTimeZone());
  ASSERT_EQ(records.size(), 12u);
  EXPECT_THAT(
      records[4],
      ElementsAre(Pair("intent_id", "0123456789abcdef"), Pair("generation", "1"),
                  Pair("at", "2026-06-24T19:00:03.001+00:00"),
                  Pair("what", "decided: the outcome is not known (UNKNOWN)"),
                  Pair("rule", "R3.keyed"), Pair("why", StartsWith("it may have happened"))));
}

TEST(ExplainTest, WhatStandsAgainIsToldInWords) {
  v1::IntentGeneration generation;
  AddEvent(generation, 0, "reinstated", v1::INTENT_STATE_SUCCEEDED, "R7.reinstated");
  const std::vector<Step> steps = Explain(generation);
  ASSERT_EQ(steps.size(), 1u);
  EXPECT_EQ(steps[0].what, "not undone any more: it is SUCCEEDED again");
  EXPECT_THAT(steps[0].why, StartsWith("the write that had undone it was undone itself"));
}

TEST(ExplainTest, WhatWasReplacedIsNotToldAsUndone) {
  v1::IntentGeneration generation;
  AddEvent(generation, 0, "reversed", v1::INTENT_STATE_REVERSED, "R7.overwritten");
  AddEvent(generation, 1, "reversed", v1::INTENT_STATE_REVERSED, "R7.reversed");
  const std::vector<Step> steps = Explain(generation);
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0].what, "replaced: it is REVERSED");
  EXPECT_THAT(steps[0].why, StartsWith("a later write of the same thing took effect"));
  EXPECT_EQ(steps[1].what, "undone: it is REVERSED");
}

TEST(RuleTextsTest, NoRuleIsListedTwice) {
  std::vector<absl::string_view> names;
  for (const RuleText& text : RuleTexts()) {
    EXPECT_THAT(names, Not(::testing::Contains(text.rule)));
    names.push_back(text.rule);
    EXPECT_EQ(RuleMeaning(text.rule), text.meaning);
  }
}

TEST(CsvTest, QuotesWhatNeedsItAndDisarmsFormulas) {
  const std::vector<Fields> records = {{{"a", "x,y"}, {"b", "say \"hi\"\nthere"}},
                                       {{"a", "=cmd()"}, {"b", ""}}};
  EXPECT_EQ(CsvLines(records), "a,b\n\"x,y\",\"say \"\"hi\"\"\nthere\"\n'=cmd(),\n");
  EXPECT_EQ(CsvLines({}), "");
}

TEST(JsonLinesTest, HoldsOneObjectALine) {
  EXPECT_EQ(JsonLines({{{"a", "1"}, {"b", "\"\n"}}, {{"a", "2"}, {"b", ""}}}),
            "{\"a\":\"1\",\"b\":\"\\\"\\n\"}\n{\"a\":\"2\",\"b\":\"\"}\n");
}

TEST(FieldTimeTest, HasTheOffsetOfItsZone) {
  EXPECT_EQ(FieldTime(At(5), absl::FixedTimeZone(7200)), "2026-06-24T21:00:00.005+02:00");
  EXPECT_EQ(FieldTime({}, absl::UTCTimeZone()), "");
}

}  // namespace
}  // namespace onetake
