#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "runtime/config/config.h"
#include "runtime/server/retention.h"
#include "tests/testing/sim_scheduler.h"
#include "tests/testing/status_matchers.h"

namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// Answers with what it was told to, then with "nothing to do".
class ScriptedUpkeep final : public LedgerUpkeep {
 public:
  void Erase(Erasure /*erasure*/, Done<ErasureResult> done) override { done(ErasureResult{}); }
  void RecordUnsealing(Unsealing, Done<int64_t>) override {}
  void Age(AgeRules rules, absl::Time now, int limit, Done<AgeResult> done) override {
    asked.push_back({std::move(rules), now, limit});
    if (answers.empty()) return done(AgeResult{});
    absl::StatusOr<AgeResult> answer = std::move(answers.front());
    answers.pop_front();
    done(std::move(answer));
  }
  void KeepAgeClock(AgeClock clock) override { kept = clock; }
  struct Asked {
    AgeRules rules;
    absl::Time now;
    int limit;
  };
  std::vector<Asked> asked;
  std::optional<AgeClock> kept;
  std::deque<absl::StatusOr<AgeResult>> answers;
};

class RetentionTest : public ::testing::Test {
 protected:
  void Start(AgeRules rules = {}) {
    StartWith({sim_.Now(), sim_.Now(), absl::ZeroDuration()}, std::move(rules));
  }
  void StartWith(AgeClock kept, AgeRules rules = {}) {
    retention_.emplace(std::move(rules), kept, upkeep_, sim_, sim_);
    retention_->Start();
    sim_.RunReady();
    EXPECT_THAT(upkeep_.asked, SizeIs(0));
    sim_.Advance(Retention::kFirst);
  }
  // How far back from the wall clock the last run went, beyond what the rules say.
  absl::Duration HeldBack() const {
    const ScriptedUpkeep::Asked& last = upkeep_.asked.back();
    EXPECT_EQ(last.rules.skeletons - AgeRules().skeletons, last.rules.bodies - AgeRules().bodies);
    return last.rules.bodies - AgeRules().bodies;
  }
  SimScheduler sim_;
  ScriptedUpkeep upkeep_;
  std::optional<Retention> retention_;
};

TEST_F(RetentionTest, AsksSoonAfterTheStartAndThenEveryHour) {
  Start();
  EXPECT_THAT(upkeep_.asked, SizeIs(1));
  sim_.Advance(absl::Minutes(59));
  EXPECT_THAT(upkeep_.asked, SizeIs(1));
  sim_.Advance(absl::Minutes(2));
  EXPECT_THAT(upkeep_.asked, SizeIs(2));
}

TEST_F(RetentionTest, AFullBatchIsFollowedByTheNextAfterAPause) {
  constexpr AgeResult kMore{.more = AgeResult::More::kMaybe};
  upkeep_.answers = {kMore, kMore, AgeResult{.aged = 3}};
  Start();
  sim_.Advance(absl::Seconds(1));
  EXPECT_THAT(upkeep_.asked, SizeIs(3));
  EXPECT_EQ(upkeep_.asked[0].limit, Retention::kBatch);
}

TEST_F(RetentionTest, AFailureIsTriedAgainAtTheNextInterval) {
  upkeep_.answers = {absl::ResourceExhaustedError("full")};
  Start();
  sim_.Advance(absl::Minutes(61));
  EXPECT_THAT(upkeep_.asked, SizeIs(2));
}

TEST_F(RetentionTest, TheRulesAreHandedOn) {
  AgeRules rules;
  rules.bodies = absl::Hours(5);
  rules.held_tools = {"book"};
  Start(rules);
  EXPECT_EQ(upkeep_.asked.at(0).rules.bodies, absl::Hours(5));
  EXPECT_THAT(upkeep_.asked.at(0).rules.held_tools, ElementsAre("book"));
}

// A clock that is set ahead destroys nothing, and is believed when it has stood for long enough.
TEST_F(RetentionTest, AClockThatIsSetAheadIsNotBelievedForDays) {
  Start();
  EXPECT_EQ(HeldBack(), absl::ZeroDuration());
  sim_.Jump(absl::Hours(24 * 3650));
  sim_.Advance(absl::Hours(1));
  EXPECT_EQ(HeldBack(), absl::Hours(24 * 3650));
  EXPECT_EQ(upkeep_.asked.back().now, sim_.Now())
      << "what is done is dated by the clock that all events are dated by";
  sim_.Advance(AgeClock::kBelievedAfter - absl::Hours(1));
  EXPECT_EQ(HeldBack(), absl::Hours(24 * 3650));
  sim_.Advance(absl::Hours(2));
  EXPECT_EQ(HeldBack(), absl::ZeroDuration());
}

TEST_F(RetentionTest, AClockThatIsSetRightAgainIsBelievedAtOnce) {
  Start();
  sim_.Jump(absl::Hours(24 * 3650));
  sim_.Advance(absl::Hours(50));
  sim_.Jump(-absl::Hours(24 * 3650));
  sim_.Advance(absl::Hours(1));
  EXPECT_EQ(HeldBack(), absl::ZeroDuration());
  EXPECT_EQ(upkeep_.kept->at, upkeep_.kept->wall);
  sim_.Jump(absl::Hours(24 * 3650));
  sim_.Advance(absl::Hours(50));
  EXPECT_EQ(HeldBack(), absl::Hours(24 * 3650)) << "and is doubted anew, as long";
}

TEST_F(RetentionTest, AStepOfHoursIsFollowed) {
  Start();
  for (const int hours : {20, -2, 20}) {
    sim_.Jump(absl::Hours(hours));
    sim_.Advance(absl::Hours(1));
    EXPECT_EQ(HeldBack(), absl::ZeroDuration());
  }
}

// The ledger's last run was a month ago, by the clock: it was off, or the clock is wrong.
TEST_F(RetentionTest, WhatAgedWhileTheServerWasOffIsDeletedDaysLater) {
  const absl::Time last = sim_.Now() - absl::Hours(720);
  StartWith({last, last, absl::ZeroDuration()});
  EXPECT_EQ(HeldBack(), absl::Hours(720));
  sim_.Advance(AgeClock::kBelievedAfter);
  EXPECT_EQ(HeldBack(), absl::ZeroDuration());
}

TEST(AgeClockTest, ARestartNeitherBelievesNorForgetsForHowLongAClockWasDoubted) {
  const absl::Time began = absl::FromUnixSeconds(1'782'000'000);
  AgeClock clock{began, began, absl::ZeroDuration()};
  absl::Time wall = began + absl::Hours(24 * 3650);
  for (int day = 1; day <= 3; ++day) {
    clock.GoOn(wall, absl::ZeroDuration());  // a start
    EXPECT_EQ(clock.Ahead(), absl::Hours(24 * 3650)) << "day " << day;
    wall += absl::Hours(24);
    clock.GoOn(wall, absl::Hours(24));
  }
  EXPECT_EQ(clock.Ahead(), absl::ZeroDuration());
}

TEST(AgeClockTest, AClockThatIsSetOnceMoreIsDoubtedAnew) {
  const absl::Time began = absl::FromUnixSeconds(1'782'000'000);
  AgeClock clock{began, began, absl::ZeroDuration()};
  clock.GoOn(began + absl::Hours(720), absl::ZeroDuration());
  clock.GoOn(began + absl::Hours(720 + 71), absl::Hours(71));
  clock.GoOn(began + absl::Hours(24 * 3650), absl::Hours(1));
  clock.GoOn(began + absl::Hours(24 * 3650 + 71), absl::Hours(71));
  EXPECT_EQ(clock.at, began + absl::Hours(143));
}

constexpr char kBase[] = "ledger: { path: l.db }\ntools: [t]\n";

TEST(RetentionConfigTest, HasDefaultsAndTakesEveryField) {
  EXPECT_EQ(ParseConfig(kBase, "/o.yaml")->retention.bodies, absl::Hours(720));
  EXPECT_EQ(ParseConfig(kBase, "/o.yaml")->retention.skeletons, absl::Hours(52560));
  const auto config = ParseConfig(
      std::string(kBase) +
          "retention: { bodies: 48h, skeletons: 8760h, hold: { sessions: [CA1], tools: [book],"
          " intents: [5b10068b75c18d853331b2b6532b2541] } }\n",
      "/o.yaml");
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->retention.bodies, absl::Hours(48));
  EXPECT_EQ(config->retention.skeletons, absl::Hours(8760));
  EXPECT_THAT(config->retention.held_sessions, ElementsAre("CA1"));
  EXPECT_THAT(config->retention.held_tools, ElementsAre("book"));
  EXPECT_THAT(config->retention.held_intents, ElementsAre("5b10068b75c18d853331b2b6532b2541"));
}

TEST(RetentionConfigTest, NamesWhatIsWrong) {
  for (const auto& [text, field] :
       {std::pair{"{ bodies: 1m }", "retention.bodies"},
        std::pair{"{ bodies: 30d }", "retention.bodies"},
        std::pair{"{ skeletons: 24h }", "retention.skeletons"},
        std::pair{"{ bodies: 9000h, skeletons: 8760h }", "shorter than retention.bodies"},
        std::pair{"{ hold: { tools: book } }", "retention.hold.tools"},
        std::pair{"{ hold: { intents: [zzz] } }",
                  "retention.hold.intents: zzz is not an intent's whole id: 32 digits of hex"},
        std::pair{"{ hold: { intents: [5B10068B75C18D853331B2B6532B2541] } }", "in lower case"},
        std::pair{"{ hold: { tool: [a] } }", "did you mean"}}) {
    EXPECT_THAT(ParseConfig(absl::StrCat(kBase, "retention: ", text, "\n"), "/o.yaml"),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(field)))
        << text;
  }
}

}  // namespace
}  // namespace onetake::testing
