// What is destroyed on purpose, and what stays of it.

#include <gmock/gmock.h>

#include <fstream>
#include <iterator>

#include "runtime/ledger/verify_ledger.h"
#include "tests/testing/ledger_fixture.h"

namespace onetake {
namespace {

using ::onetake::testing::At;
using ::onetake::testing::IsOk;
using ::onetake::testing::IsOkAndHolds;
using ::onetake::testing::LedgerFixture;
using ::onetake::testing::MakeClaim;
using ::onetake::testing::MakeTransition;
using ::onetake::testing::StatusIs;
using ::onetake::testing::Success;
using ::testing::_;

using S = IntentState;

class LedgerUpkeepTest : public LedgerFixture {
 protected:
  void SetUp() override { OpenWith(SealedOptions()); }

  absl::StatusOr<ErasureResult> Erase(const std::string& intent_id) {
    Erasure erasure{.tenant = "clinic",
                    .intent_id = intent_id,
                    .by = "dana",
                    .reason = "asked to be forgotten",
                    .at = At(500)};
    return Await<absl::StatusOr<ErasureResult>>(
        [&](auto done) { ledger_->Erase(std::move(erasure), std::move(done)); });
  }
  absl::StatusOr<int64_t> Age(absl::Time now, int limit = 100, AgeRules rules = {}) {
    const auto result = Await<absl::StatusOr<AgeResult>>(
        [&](auto done) { ledger_->Age(std::move(rules), now, limit, std::move(done)); });
    if (!result.ok()) return result.status();
    return result->aged;
  }
  // Settled at At(100), like every Success().
  void Done(int n) { ASSERT_THAT(Apply(Success(Claimed(MakeClaim(n)), "{\"id\":7}")), IsOk()); }
  std::string LastEventOf(const std::string& intent_id) {
    const auto details = Get(intent_id);
    if (!details.ok() || details->empty() || details->back().events.empty()) return "";
    return details->back().events.back().kind;
  }
  static absl::Time After(absl::Duration time) { return At(100) + time; }
};

TEST_F(LedgerUpkeepTest, WhatIsErasedCannotBeReadAnyMoreAndItsSkeletonStays) {
  Done(1);
  Done(2);
  const absl::StatusOr<ErasureResult> result = Erase("intent1");
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->erased, 1);
  const IntentRecord erased = *Latest("intent1");
  EXPECT_EQ(erased.bodies, Bodies::kErased);
  EXPECT_EQ(erased.arguments_json + erased.identity_json + erased.request, "");
  EXPECT_FALSE(erased.result_json.has_value());
  EXPECT_EQ(erased.state, S::kSucceeded);
  EXPECT_EQ(erased.key, "key1");
  EXPECT_EQ(LastEventOf("intent1"), "erased");
  EXPECT_TRUE(Latest("intent2")->result_json.has_value());
}

// Not only out of sight: what is kept in clear, too.
TEST_F(LedgerUpkeepTest, WhatIsErasedIsNotInTheFileAnyMore) {
  ClaimRequest claim = MakeClaim(1);
  claim.intent.clear_json = R"({"phone":"canary-0199"})";
  ASSERT_THAT(Apply(Success(Claimed(std::move(claim)), "{}")), IsOk());
  const auto file_text = [this] {
    Close();
    std::ifstream file(Path(), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  EXPECT_THAT(file_text(), ::testing::HasSubstr("canary-0199"));
  OpenWith(SealedOptions());
  ASSERT_THAT(Erase("intent1"), IsOk());
  EXPECT_THAT(file_text(), ::testing::Not(::testing::HasSubstr("canary-0199")));
}

TEST_F(LedgerUpkeepTest, AnErasureIsOnRecordAndDoneOnce) {
  Done(1);
  EXPECT_THAT(Erase("intent1"), IsOk());
  const EventRecord event = Get("intent1")->front().events.back();
  EXPECT_EQ(event.actor, "dana");
  EXPECT_EQ(event.evidence_json, "asked to be forgotten");
  const absl::StatusOr<ErasureResult> again = Erase("intent1");
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->erased, 0);
  EXPECT_EQ(again->gone, 1);
}

TEST_F(LedgerUpkeepTest, WhatMayHaveToBeSentAgainIsNotErased) {
  Claimed(MakeClaim(1));
  const absl::StatusOr<ErasureResult> result = Erase("intent1");
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->unsettled, 1);
  EXPECT_NE(Latest("intent1")->request, "");
}

TEST_F(LedgerUpkeepTest, WhatWasRecordedPlainIsDeletedAndCountedApart) {
  Close();
  OpenDefault();
  Done(1);
  const absl::StatusOr<ErasureResult> result = Erase("intent1");
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->plain, 1);
}

TEST_F(LedgerUpkeepTest, WhatIsHeldForTheCourtIsNotErased) {
  Done(1);
  Erasure erasure{.tenant = "clinic", .intent_id = "intent1", .by = "dana", .reason = "r"};
  erasure.held_tools = {"book_appointment"};
  const auto result = Await<absl::StatusOr<ErasureResult>>(
      [&](auto done) { ledger_->Erase(std::move(erasure), std::move(done)); });
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->held, 1);
  EXPECT_TRUE(Latest("intent1")->result_json.has_value());
}

TEST_F(LedgerUpkeepTest, NobodyErasesWhatIsNotThere) {
  EXPECT_THAT(Erase("intent1"), StatusIs(absl::StatusCode::kNotFound, _));
}

TEST_F(LedgerUpkeepTest, BodiesAgeAndLeaveATombstoneThatStillAnswers) {
  Done(1);
  EXPECT_THAT(Age(After(absl::Hours(24 * 30))), IsOkAndHolds(0));
  EXPECT_THAT(Age(After(absl::Hours(24 * 30) + absl::Seconds(1))), IsOkAndHolds(1));
  const IntentRecord aged = *Latest("intent1");
  EXPECT_EQ(aged.bodies, Bodies::kAged);
  EXPECT_EQ(aged.arguments_json + aged.identity_json + aged.request, "");
  EXPECT_FALSE(aged.result_json.has_value());
  EXPECT_EQ(aged.state, S::kSucceeded);
  EXPECT_FALSE(Claim(MakeClaim(1))->granted);  // R18: its key is not free again
  EXPECT_EQ(LastEventOf("intent1"), "aged");
}

TEST_F(LedgerUpkeepTest, OnlySettledGenerationsAge) {
  Claimed(MakeClaim(1));
  const int64_t row = Claimed(MakeClaim(2));
  ASSERT_THAT(Apply(MakeTransition(row, S::kInFlight, S::kUnknown)), IsOk());
  ASSERT_THAT(Apply(MakeTransition(row, S::kUnknown, S::kReview)), IsOk());
  EXPECT_THAT(Age(After(absl::Hours(24 * 365))), IsOkAndHolds(0));
}

TEST_F(LedgerUpkeepTest, WhatIsHeldForTheCourtIsKept) {
  Done(1);
  Done(2);
  AgeRules rules;
  rules.held_intents = {"intent1"};
  EXPECT_THAT(Age(After(absl::Hours(24 * 365)), 100, rules), IsOkAndHolds(1));
  EXPECT_EQ(Latest("intent1")->bodies, Bodies::kKept);
  EXPECT_EQ(Latest("intent2")->bodies, Bodies::kAged);
  rules.held_intents.clear();
  rules.held_sessions = {"CA1"};
  EXPECT_THAT(Age(After(absl::Hours(24 * 365)), 100, rules), IsOkAndHolds(0));
}

TEST_F(LedgerUpkeepTest, AgeingGoesInSmallBatchesOldestFirst) {
  for (int n = 1; n <= 5; ++n) Done(n);
  EXPECT_THAT(Age(After(absl::Hours(24 * 365)), 2), IsOkAndHolds(2));
  EXPECT_THAT(Age(After(absl::Hours(24 * 365)), 2), IsOkAndHolds(2));
  EXPECT_THAT(Age(After(absl::Hours(24 * 365)), 2), IsOkAndHolds(1));
}

TEST_F(LedgerUpkeepTest, WhatIsKeptDoesNotStandInTheWayOfTheRest) {
  for (int n = 1; n <= 4; ++n) Done(n);
  AgeRules rules;
  rules.held_intents = {"intent1", "intent2"};
  EXPECT_THAT(Age(After(absl::Hours(24 * 365)), 2, rules), IsOkAndHolds(0));
  EXPECT_THAT(Age(After(absl::Hours(24 * 365)), 2, rules), IsOkAndHolds(2));
}

TEST_F(LedgerUpkeepTest, TheChainStaysWhole) {
  Done(1);
  Done(2);
  Done(3);
  ASSERT_THAT(Erase("intent1"), IsOk());
  AgeRules rules;
  rules.held_intents = {"intent1", "intent3"};
  ASSERT_THAT(Age(After(absl::Hours(24 * 365)), 100, rules), IsOkAndHolds(1));
  Close();
  const absl::StatusOr<VerifyReport> report = VerifyLedger({.path = Path()});
  ASSERT_THAT(report, IsOk());
  EXPECT_FALSE(report->finding.has_value()) << report->finding->what;
  EXPECT_EQ(report->events, 8);
}

}  // namespace
}  // namespace onetake
