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
  void SetUp() override {
    SqliteLedger::Options options = SealedOptions();
    options.attributes = {.names = {"phone"}, .digest = [](auto, auto, absl::string_view value) {
                            return absl::StrCat("digest of ", value);
                          }};
    OpenWith(std::move(options));
  }

  absl::StatusOr<ErasureResult> Erase(const std::string& intent_id) {
    return EraseAll({.intent_id = intent_id});
  }
  absl::StatusOr<ErasureResult> EraseAll(Erasure erasure) {
    erasure.tenant = "clinic";
    erasure.by = "dana";
    erasure.reason = "asked to be forgotten";
    erasure.at = At(500);
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
  // A call that is about no intent, with this attribute.
  void Read(int n, const std::string& phone) {
    CallRecord call = MakeClaim(n).call;
    call.role = CallRole::kRead;
    call.attributes = {{"phone", phone}};
    Record(std::move(call));
  }
  static ClaimRequest ClaimBy(int n, const std::string& phone) {
    ClaimRequest claim = MakeClaim(n);
    claim.call.attributes = {{"phone", phone}};
    return claim;
  }
  absl::StatusOr<int64_t> Count(SqlLiteral sql) {
    const auto database = Database::Open({Path(), Database::Access::kReader, ""});
    if (!database.ok()) return database.status();
    return (*database)->QueryInt(sql);
  }
  void ExpectIntact() {
    Close();
    const absl::StatusOr<VerifyReport> report = VerifyLedger({.path = Path()});
    ASSERT_THAT(report, IsOk());
    EXPECT_FALSE(report->finding.has_value()) << report->finding->what;
  }
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

// For as long as its skeleton is kept, it could be found by the attribute.
TEST_F(LedgerUpkeepTest, WhatHadAgedIsErasedWhereSomethingIsLeftOfIt) {
  ASSERT_THAT(Apply(Success(Claimed(ClaimBy(1, "0199")), "{}")), IsOk());
  Done(2);
  ASSERT_THAT(Age(After(absl::Hours(24 * 365))), IsOkAndHolds(2));
  const absl::StatusOr<ErasureResult> result = EraseAll({.session_id = "CA1"});
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->erased, 1);
  EXPECT_EQ(result->gone, 1);
  EXPECT_EQ(LastEventOf("intent1"), "erased");
  EXPECT_EQ(Latest("intent1")->bodies, Bodies::kErased);
  EXPECT_THAT(Count("SELECT count(*) FROM attributes"), IsOkAndHolds(0));
  ExpectIntact();
}

TEST_F(LedgerUpkeepTest, WhatALaterCallBroughtIsErasedAsWell) {
  ASSERT_THAT(Apply(Success(Claimed(ClaimBy(1, "0199")), "{}")), IsOk());
  ASSERT_THAT(Erase("intent1"), IsOk());
  CallRecord again = ClaimBy(1, "0199").call;
  again.call_id = "call1b";
  again.role = CallRole::kReplayed;
  again.intent_row = Latest("intent1")->row;
  Record(std::move(again));
  const absl::StatusOr<ErasureResult> result = EraseAll({.attribute = "phone", .value = "0199"});
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->erased, 1);
  EXPECT_THAT(Count("SELECT count(*) FROM attributes"), IsOkAndHolds(0));
  ExpectIntact();
}

TEST_F(LedgerUpkeepTest, ReadsOfAPersonAreErased) {
  Read(1, "0199");
  Read(2, "0170");
  Done(3);
  Read(4, "0199");
  const absl::StatusOr<ErasureResult> result = EraseAll({.attribute = "phone", .value = "0199"});
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->calls, 2);
  EXPECT_EQ(result->erased + result->gone + result->held, 0);
  EXPECT_THAT(Count("SELECT count(*) FROM attributes"), IsOkAndHolds(1));
  EXPECT_THAT(Count("SELECT count(*) FROM events WHERE kind = 'erased' AND actor = 'dana' AND "
                    "call_row IS NOT NULL"
                    " AND evidence = 'asked to be forgotten'"),
              IsOkAndHolds(2));
  EXPECT_THAT(EraseAll({.attribute = "phone", .value = "0199"}),
              StatusIs(absl::StatusCode::kNotFound, _));
  ExpectIntact();
}

TEST_F(LedgerUpkeepTest, ReadsOfAConversationAreErasedOnce) {
  Read(1, "0199");
  absl::StatusOr<ErasureResult> result = EraseAll({.session_id = "CA1"});
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->calls, 1);
  result = EraseAll({.session_id = "CA1"});
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->calls, 0);
  ExpectIntact();
}

// It is theirs, and the intent is somebody else's.
TEST_F(LedgerUpkeepTest, WhatAConversationSaidAboutTheIntentOfAnotherIsErased) {
  ASSERT_THAT(Apply(Success(Claimed(ClaimBy(1, "0170")), "{}")), IsOk());
  CallRecord other = ClaimBy(2, "0199").call;
  other.session_id = "CA2";
  other.role = CallRole::kReplayed;
  other.intent_row = Latest("intent1")->row;
  Record(std::move(other));
  const absl::StatusOr<ErasureResult> result = EraseAll({.session_id = "CA2"});
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->calls, 1);
  EXPECT_THAT(Count("SELECT count(*) FROM attributes"), IsOkAndHolds(1));
  EXPECT_TRUE(Latest("intent1")->result_json.has_value());
  ExpectIntact();
}

TEST_F(LedgerUpkeepTest, ReadsThatAreHeldForTheCourtAreNotErased) {
  Read(1, "0199");
  const absl::StatusOr<ErasureResult> result =
      EraseAll({.attribute = "phone", .value = "0199", .held_sessions = {"CA1"}});
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->held, 1);
  EXPECT_THAT(Count("SELECT count(*) FROM attributes"), IsOkAndHolds(1));
}

// What a call on hold met is evidence of that call: it got its answer from there.
TEST_F(LedgerUpkeepTest, WhatACallOfAHeldConversationMetIsHeldAsWell) {
  ASSERT_THAT(Apply(Success(Claimed(ClaimBy(1, "0170")), "{}")), IsOk());
  CallRecord other = ClaimBy(2, "0199").call;
  other.session_id = "CA2";
  other.role = CallRole::kReplayed;
  other.intent_row = Latest("intent1")->row;
  Record(std::move(other));
  for (Erasure erasure : {Erasure{.session_id = "CA1"}, Erasure{.intent_id = "intent1"},
                          Erasure{.attribute = "phone", .value = "0170"}}) {
    erasure.held_sessions = {"CA2"};
    const absl::StatusOr<ErasureResult> result = EraseAll(std::move(erasure));
    ASSERT_THAT(result, IsOk());
    EXPECT_EQ(result->held, 1);
    EXPECT_EQ(result->erased, 0);
  }
  EXPECT_THAT(Count("SELECT count(*) FROM attributes"), IsOkAndHolds(2));
  AgeRules rules;
  rules.held_sessions = {"CA2"};
  EXPECT_THAT(Age(After(absl::Hours(24 * 365)), 100, rules), IsOkAndHolds(0));
  EXPECT_TRUE(Latest("intent1")->result_json.has_value());
  EXPECT_THAT(Age(After(absl::Hours(24 * 365))), IsOkAndHolds(1));
  ExpectIntact();
}

// The text is the downstream's, and may be anything.
TEST_F(LedgerUpkeepTest, TheNameOfAJobGoesWithTheRest) {
  for (const int n : {1, 2}) {
    const int64_t row = Claimed(MakeClaim(n));
    Transition accepted = MakeTransition(row, S::kInFlight, S::kInFlight);
    accepted.job = "canary-0199";
    ASSERT_THAT(Apply(std::move(accepted)), IsOk());
    ASSERT_THAT(Apply(Success(row, "{}")), IsOk());
  }
  EXPECT_THAT(Count("SELECT count(*) FROM intents WHERE job != ''"), IsOkAndHolds(2));
  ASSERT_THAT(Erase("intent1"), IsOk());
  EXPECT_THAT(Count("SELECT count(*) FROM intents WHERE job != ''"), IsOkAndHolds(1));
  ASSERT_THAT(Age(After(absl::Hours(24 * 365))), IsOkAndHolds(2));
  EXPECT_THAT(Count("SELECT count(*) FROM intents WHERE job != ''"), IsOkAndHolds(0));
  ExpectIntact();
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

// What a start knows of the time beside the wall clock.
TEST_F(LedgerUpkeepTest, TheTimeOfTheLastRunIsKeptAndWithoutOneThatOfTheLastEvent) {
  EXPECT_EQ(ledger_->age_clock().at, ledger_->age_clock().wall);
  EXPECT_GT(ledger_->age_clock().at, clock_.Now() - absl::Hours(1)) << "of a new one: now";
  Done(1);
  Close();
  SetUp();
  EXPECT_EQ(ledger_->age_clock().at, At(100));
  ledger_->KeepAgeClock({At(200), At(300), absl::Hours(2)});
  Done(2);
  Close();
  SetUp();
  EXPECT_EQ(ledger_->age_clock().at, At(200));
  EXPECT_EQ(ledger_->age_clock().wall, At(300));
  EXPECT_EQ(ledger_->age_clock().doubted, absl::Hours(2));
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
