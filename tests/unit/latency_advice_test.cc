#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/latency/advice.h"

namespace onetake {
namespace {

using ::testing::HasSubstr;
using Weight = LatencyAdvice::Weight;

JudgedTimes Write(std::optional<absl::Duration> attempt) {
  return {.tool = "book",
          .cut = JudgedTimes::Cut::kUnknownOutcome,
          .attempt = {.fixed = attempt, .floor = absl::Seconds(2), .ceiling = absl::Seconds(30)},
          .patience = absl::Seconds(4)};
}

// 11 of 12 at 2 s, the others at `slow`.
LatencyHistogram Mixed(absl::Duration slow) {
  LatencyHistogram histogram;
  for (int i = 0; i < 1200; ++i) histogram.AddAnswered(i % 12 == 0 ? slow : absl::Seconds(2));
  return histogram;
}

TEST(JudgeTimes, ATimeoutBelowP95IsAWarningInPlainWords) {
  const LatencyHistogram measured = Mixed(absl::Milliseconds(4200));
  const std::vector<LatencyAdvice> advice = JudgeTimes(Write(absl::Seconds(3)), &measured);
  ASSERT_EQ(advice.size(), 1);
  EXPECT_EQ(advice[0].weight, Weight::kWarning);
  EXPECT_EQ(advice[0].field, "timeouts.attempt");
  EXPECT_EQ(advice[0].finding,
            "attempt: 3s is below the measured p95 of 4.26s: about 1 in 12 calls of book would be "
            "cut off and their outcome unknown");
  EXPECT_EQ(advice[0].remedy, "set attempt: auto or at least 7s");
}

TEST(JudgeTimes, ATimeoutThatHidesP95SaysSo) {
  LatencyHistogram measured;
  for (int i = 0; i < 80; ++i) measured.AddAnswered(absl::Seconds(2));
  for (int i = 0; i < 20; ++i) measured.AddCensored(absl::Seconds(3));
  const LatencyAdvice advice = JudgeTimes(Write(absl::Seconds(3)), &measured)[0];
  EXPECT_EQ(advice.weight, Weight::kWarning);
  EXPECT_THAT(advice.finding,
              HasSubstr("attempt: 3s hides the measured p95, which is longer: about 1 in 5"));
  EXPECT_THAT(advice.remedy, HasSubstr("how much more is not known"));
}

struct Case {
  const char* name;
  JudgedTimes times;
  absl::Duration slow;
  Weight weight;
  const char* field;
  const char* says;
};

JudgedTimes With(JudgedTimes times, absl::Duration ceiling, absl::Duration patience) {
  times.attempt.ceiling = ceiling;
  times.patience = patience;
  return times;
}

JudgedTimes Read(JudgedTimes times) {
  times.cut = JudgedTimes::Cut::kFailedRead;
  return times;
}

class JudgeTimesCase : public ::testing::TestWithParam<Case> {};

TEST_P(JudgeTimesCase, Says) {
  const Case& c = GetParam();
  const LatencyHistogram measured = Mixed(c.slow);
  const LatencyAdvice advice = JudgeTimes(c.times, &measured)[0];
  EXPECT_EQ(advice.weight, c.weight) << advice.finding;
  EXPECT_EQ(advice.field, c.field);
  EXPECT_THAT(advice.finding, HasSubstr(c.says));
  EXPECT_EQ(advice.remedy.empty(), c.weight == Weight::kNote);
}

constexpr absl::Duration kSlow = absl::Seconds(6);
INSTANTIATE_TEST_SUITE_P(
    Rules, JudgeTimesCase,
    ::testing::Values(
        Case{"AutoFits", Write(std::nullopt), kSlow, Weight::kNote, "",
             "times fit what is measured"},
        Case{"AFixedOneThatFits", Write(absl::Seconds(9)), kSlow, Weight::kNote, "", "times fit"},
        Case{"ExactlyTheSlowest", Write(absl::Seconds(6)), kSlow, Weight::kNote, "", "times fit"},
        Case{"MostCallsCut", Write(absl::Seconds(1)), kSlow, Weight::kWarning, "timeouts.attempt",
             "nearly all calls of book would be cut off"},
        Case{"ARead", Read(Write(absl::Seconds(3))), kSlow, Weight::kWarning, "timeouts.attempt",
             "cut off and asked again, or fail"},
        Case{"TheCeilingHoldsAutoBack",
             With(Write(std::nullopt), absl::Seconds(5), absl::Seconds(4)), kSlow, Weight::kWarning,
             "timeouts.ceiling", "ceiling: 5s is below the measured p95"},
        Case{"ImpatientWrite", With(Write(std::nullopt), absl::Seconds(30), absl::Seconds(1)),
             kSlow, Weight::kSuggestion, "timeouts.patience", "hear PENDING first"},
        Case{"ImpatientRead", Read(With(Write(std::nullopt), absl::Seconds(30), absl::Seconds(1))),
             kSlow, Weight::kSuggestion, "timeouts.patience", "get no answer at all"}),
    [](const auto& info) { return info.param.name; });

TEST(JudgeTimes, ATimeoutBetweenP95AndP99IsASuggestion) {
  LatencyHistogram measured;
  for (int i = 0; i < 1000; ++i) {
    measured.AddAnswered(i % 50 == 0 ? absl::Seconds(9) : absl::Seconds(2));
  }
  const LatencyAdvice advice = JudgeTimes(Write(absl::Seconds(5)), &measured)[0];
  EXPECT_EQ(advice.weight, Weight::kSuggestion);
  EXPECT_THAT(advice.finding, HasSubstr("p99 of 9.0"));
  EXPECT_THAT(advice.finding, HasSubstr("about 1 in 50 calls"));
}

TEST(JudgeTimes, TheHeaviestComesFirst) {
  const LatencyHistogram measured = Mixed(kSlow);
  const std::vector<LatencyAdvice> advice = JudgeTimes(
      With(Write(absl::Seconds(1)), absl::Seconds(30), absl::Milliseconds(500)), &measured);
  ASSERT_EQ(advice.size(), 2);
  EXPECT_EQ(advice[0].weight, Weight::kWarning);
  EXPECT_EQ(advice[1].field, "timeouts.patience");
}

TEST(JudgeTimes, TooFewSamplesJudgeNobody) {
  LatencyHistogram measured;
  for (int i = 0; i < 49; ++i) measured.AddAnswered(absl::Seconds(9));
  const std::vector<LatencyAdvice> advice = JudgeTimes(Write(absl::Seconds(3)), &measured);
  ASSERT_EQ(advice.size(), 1);
  EXPECT_EQ(advice[0].weight, Weight::kNote);
  EXPECT_THAT(advice[0].finding, HasSubstr("measured 49 of the 50 calls that"));
  EXPECT_THAT(JudgeTimes(Write(absl::Seconds(3)), nullptr)[0].finding, HasSubstr("measured 0 of"));
}

TEST(RoundedDuration, HasThreeDigits) {
  EXPECT_EQ(RoundedDuration(absl::Milliseconds(850)), "850ms");
  EXPECT_EQ(RoundedDuration(absl::Milliseconds(4200)), "4.2s");
  EXPECT_EQ(RoundedDuration(absl::Microseconds(999'900)), "1s");
  EXPECT_EQ(RoundedDuration(absl::Seconds(8)), "8s");
  EXPECT_EQ(RoundedDuration(absl::Minutes(2)), "2m");
}

}  // namespace
}  // namespace onetake
