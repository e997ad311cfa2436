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
  struct Asked {
    AgeRules rules;
    absl::Time now;
    int limit;
  };
  std::vector<Asked> asked;
  std::deque<absl::StatusOr<AgeResult>> answers;
};

class RetentionTest : public ::testing::Test {
 protected:
  void Start(AgeRules rules = {}) {
    retention_.emplace(std::move(rules), upkeep_, sim_, sim_);
    retention_->Start();
    sim_.RunReady();
    EXPECT_THAT(upkeep_.asked, SizeIs(0));
    sim_.Advance(Retention::kFirst);
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
