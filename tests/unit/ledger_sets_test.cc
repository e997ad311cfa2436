// Writes that set the state of one thing (R7, subject.h).
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "runtime/ledger/subject.h"
#include "tests/testing/ledger_verdicts_fixture.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOk;
using ::onetake::testing::LedgerForm;
using ::onetake::testing::LedgerVerdictsTest;
using ::onetake::testing::MakeClaim;
using ::onetake::testing::MakeTransition;
using ::onetake::testing::NameOf;
using ::onetake::testing::S;
using ::onetake::testing::Success;

class LedgerSetsTest : public LedgerVerdictsTest {
 protected:
  // The claim of intent `n`, which sets thing 7.
  static ClaimRequest Setting(int n, int generation = 1) {
    ClaimRequest request = MakeClaim(n);
    request.intent.subject = kThing;
    request.intent.generation = generation;
    if (generation > 1) {
      request.intent.key += absl::StrCat(":g", generation);
      request.call.call_id += absl::StrCat("-", generation);
      request.call.tool_call_id += absl::StrCat("-", generation);
    }
    return request;
  }
  int64_t Done(const ClaimRequest& request) {
    const int64_t row = Claimed(request);
    EXPECT_THAT(Apply(Success(row, R"({"id":7})")), IsOk());
    return row;
  }
  int64_t Lost(const ClaimRequest& request) {
    const int64_t row = Claimed(request);
    EXPECT_THAT(Apply(MakeTransition(row, S::kInFlight, S::kUnknown)), IsOk());
    return row;
  }
  // One that a person has found not done, and of which a success is learned afterwards.
  int64_t Contradicted(int n) {
    const int64_t row = Lost(Setting(n));
    EXPECT_THAT(Resolve(Verdict(n, S::kRejected)), IsOk());
    EXPECT_THAT(RecordLate(Late(row, S::kSucceeded)), IsOk());
    return row;
  }
  S StateOf(int n) { return Latest(absl::StrCat("intent", n))->state; }
  LookupResult Asked(int n, std::string subject = kThing, std::string tenant = "clinic") {
    return Lookup({.tenant = std::move(tenant),
                   .intent_id = absl::StrCat("intent", n),
                   .sets_subject = std::move(subject)})
        .value_or(LookupResult{});
  }
  void ExpectOverwritten(int n, int64_t by) {
    const std::string id = absl::StrCat("intent", n);
    EXPECT_EQ(Latest(id)->state, S::kReversed);
    EXPECT_EQ(Latest(id)->reason, kOverwrittenRule);
    const EventRecord event = EventsOf(n).back();
    EXPECT_EQ(event.kind, "reversed");
    EXPECT_EQ(event.rule, kOverwrittenRule);
    EXPECT_EQ(event.evidence_json, absl::StrCat("{\"overwritten_by_row\":", by, "}"));
    ExpectWholeChain();
  }

  static constexpr char kThing[] = "sets:thing7";
};

INSTANTIATE_TEST_SUITE_P(Form, LedgerSetsTest,
                         ::testing::Values(LedgerForm::kThreads, LedgerForm::kSealed,
                                           LedgerForm::kMemory),
                         NameOf);

TEST_P(LedgerSetsTest, ALaterWriteOfTheSameThingReplacesTheEarlierOne) {
  Done(Setting(1));
  const absl::Time settled_at = Latest("intent1")->settled_at.value();
  const int64_t second = Claimed(Setting(2));
  EXPECT_EQ(StateOf(1), S::kSucceeded) << "it has no outcome yet";
  ASSERT_THAT(Apply(Success(second, "{}")), IsOk());
  ExpectOverwritten(1, second);
  EXPECT_EQ(Latest("intent1")->settled_at, settled_at);
  EXPECT_EQ(Latest("intent1")->result_json, R"({"id":7})");
  EXPECT_EQ(StateOf(2), S::kSucceeded);
  // So the first one may be done again.
  const int64_t third = Done(Setting(1, 2));
  EXPECT_EQ(StateOf(1), S::kSucceeded);
  ExpectOverwritten(2, third);
}

TEST_P(LedgerSetsTest, WhoRecordsTheSuccessIsToldOfThat) {
  Done(Setting(1));
  const int64_t second = Claimed(Setting(2));
  const auto applied = Await<absl::StatusOr<Applied>>(
      [&](auto done) { ledger().Apply(Success(second, "{}"), std::move(done)); });
  ASSERT_THAT(applied, IsOk());
  EXPECT_EQ(applied->state, S::kSucceeded);
  EXPECT_EQ(applied->seq, EventsOf(2).back().seq);
}

TEST_P(LedgerSetsTest, WhatHadNoEffectReplacesNothing) {
  Done(Setting(1));
  ASSERT_THAT(Apply(MakeTransition(Claimed(Setting(2)), S::kInFlight, S::kRejected)), IsOk());
  EXPECT_EQ(StateOf(1), S::kSucceeded);
  const int64_t third = Done(Setting(3));
  ExpectOverwritten(1, third);
}

TEST_P(LedgerSetsTest, OtherThingsTenantsAndSubjectsOfNearDuplicatesAreNotTouched) {
  Done(Setting(1));
  ClaimRequest thing = Setting(2);
  thing.intent.subject = "sets:thing8";
  Done(thing);
  ClaimRequest tenant = Setting(3);
  tenant.intent.tenant = tenant.call.tenant = "other";
  Done(tenant);
  for (const int n : {4, 5}) {
    ClaimRequest near = Setting(n);
    near.intent.subject = "thing7";
    Done(near);
  }
  for (const int n : {1, 2, 4, 5}) EXPECT_EQ(StateOf(n), S::kSucceeded) << n;
}

TEST_P(LedgerSetsTest, WhatWasUndoneIsNotReplaced) {
  const int64_t first = Done(Setting(1));
  ASSERT_THAT(Apply(MakeTransition(first, S::kSucceeded, S::kReversed)), IsOk());
  Done(Setting(2));
  EXPECT_EQ(EventsOf(1).back().rule, "table.test");
}

TEST_P(LedgerSetsTest, NothingIsClaimedBesideOneWithoutAnOutcome) {
  const int64_t first = Claimed(Setting(1));
  EXPECT_FALSE(Claim(Setting(2))->granted) << "in flight";
  ASSERT_THAT(Apply(MakeTransition(first, S::kInFlight, S::kUnknown)), IsOk());
  EXPECT_FALSE(Claim(Setting(2))->granted) << "not known";
  ASSERT_THAT(Apply(MakeTransition(first, S::kUnknown, S::kReview)), IsOk());
  EXPECT_FALSE(Claim(Setting(2))->granted) << "a person's";
  ClaimRequest thing = Setting(3);
  thing.intent.subject = "sets:thing8";
  EXPECT_TRUE(Claim(thing)->granted);
  ClaimRequest tenant = Setting(4);
  tenant.intent.tenant = tenant.call.tenant = "other";
  EXPECT_TRUE(Claim(tenant)->granted);
  ASSERT_THAT(Resolve(Verdict(1, S::kRejected)), IsOk());
  EXPECT_TRUE(Claim(Setting(2))->granted);
}

TEST_P(LedgerSetsTest, NearDuplicatesAreClaimedBesideEachOther) {
  for (const int n : {1, 2}) {
    ClaimRequest near = Setting(n);
    near.intent.subject = "thing7";
    EXPECT_TRUE(Claim(near)->granted);
  }
}

TEST_P(LedgerSetsTest, WhatHasNoOutcomeIsFound) {
  Done(Setting(1));
  EXPECT_FALSE(Asked(1).sets_same.has_value());
  EXPECT_FALSE(Asked(2).sets_same.has_value()) << "it has one";
  const int64_t second = Claimed(Setting(2));
  for (const int n : {1, 3}) {
    ASSERT_TRUE(Asked(n).sets_same.has_value()) << n;
    EXPECT_EQ(Asked(n).sets_same->row, second);
  }
  EXPECT_FALSE(Asked(2).sets_same.has_value()) << "itself";
  EXPECT_FALSE(Asked(1, "").sets_same.has_value());
  EXPECT_FALSE(Asked(1, "sets:thing8").sets_same.has_value());
  EXPECT_FALSE(Asked(1, kThing, "other").sets_same.has_value());
  ASSERT_THAT(Apply(MakeTransition(second, S::kInFlight, S::kUnknown)), IsOk());
  EXPECT_EQ(Asked(1).sets_same->state, S::kUnknown);
  ASSERT_THAT(Apply(MakeTransition(second, S::kUnknown, S::kReview)), IsOk());
  EXPECT_EQ(Asked(1).sets_same->state, S::kReview);
}

TEST_P(LedgerSetsTest, ALaterOneThatMayHaveTakenEffectIsFoundForWhatIsDone) {
  Done(Setting(1));
  const int64_t second = Contradicted(2);
  ASSERT_TRUE(Asked(1).sets_same.has_value());
  EXPECT_EQ(Asked(1).sets_same->row, second);
  EXPECT_FALSE(Asked(3).sets_same.has_value()) << "what is new sets it, whatever stood before";
  Done(Setting(3));
  EXPECT_FALSE(Asked(3).sets_same.has_value()) << "that one was earlier";
}

TEST_P(LedgerSetsTest, APersonsWordThatItTookEffectReplacesTheEarlierOne) {
  Done(Setting(1));
  const int64_t second = Lost(Setting(2));
  ASSERT_THAT(Resolve(Verdict(2, S::kSucceeded)), IsOk());
  ExpectOverwritten(1, second);
}

TEST_P(LedgerSetsTest, WhatAPersonFindsAppliedBehindALaterOneIsReplacedByThat) {
  Contradicted(1);
  const int64_t second = Done(Setting(2));
  const absl::StatusOr<IntentRecord> told = Resolve(Verdict(1, S::kSucceeded));
  ASSERT_THAT(told, IsOk());
  EXPECT_EQ(told->state, S::kReversed);
  ExpectOverwritten(1, second);
  EXPECT_FALSE(Latest("intent1")->review_at.has_value());
  EXPECT_EQ(StateOf(2), S::kSucceeded);
}

class LedgerSetsCorrectedTest : public LedgerSetsTest {
 protected:
  // A person finds that the success of `row` was none.
  void Correct(int n, int64_t row) {
    ASSERT_THAT(RecordLate(Late(row, S::kRejected)), IsOk());
    ASSERT_THAT(Resolve(Verdict(n, S::kRejected)), IsOk());
  }
  bool IsInDoubt(int n) { return Latest(absl::StrCat("intent", n))->review_at.has_value(); }
};

INSTANTIATE_TEST_SUITE_P(Form, LedgerSetsCorrectedTest,
                         ::testing::Values(LedgerForm::kThreads, LedgerForm::kMemory), NameOf);

TEST_P(LedgerSetsCorrectedTest, WhatItHadReplacedWaitsForAPerson) {
  Done(Setting(1));
  const int64_t second = Done(Setting(2));
  Correct(2, second);
  EXPECT_EQ(StateOf(1), S::kReversed);
  ASSERT_TRUE(IsInDoubt(1));
  const EventRecord event = EventsOf(1).back();
  EXPECT_EQ(event.kind, "conflict");
  EXPECT_EQ(event.rule, "R7.overwriting_corrected");
  EXPECT_EQ(event.evidence_json, absl::StrCat("{\"overwritten_by_row\":", second, "}"));
  EXPECT_FALSE(Claim(Setting(1, 2))->granted) << "it may stand";
  EXPECT_TRUE(Claim(Setting(3))->granted) << "whatever stands";
}

TEST_P(LedgerSetsCorrectedTest, APersonSaysWhetherThatStands) {
  Done(Setting(1));
  Correct(2, Done(Setting(2)));
  ASSERT_THAT(Resolve(Verdict(1, S::kSucceeded)), IsOk());
  EXPECT_EQ(StateOf(1), S::kSucceeded);
  EXPECT_FALSE(IsInDoubt(1));
  const int64_t third = Done(Setting(3));
  ExpectOverwritten(1, third);
}

TEST_P(LedgerSetsCorrectedTest, OrThatItDoesNot) {
  Done(Setting(1));
  Correct(2, Done(Setting(2)));
  ASSERT_THAT(Resolve(Verdict(1, S::kRejected)), IsOk());
  EXPECT_EQ(StateOf(1), S::kReversed);
  EXPECT_TRUE(Claim(Setting(1, 2))->granted);
}

TEST_P(LedgerSetsCorrectedTest, WhatWasSetSinceStandsWhateverAPersonSays) {
  Done(Setting(1));
  Correct(2, Done(Setting(2)));
  Done(Setting(3));
  ASSERT_THAT(Resolve(Verdict(1, S::kSucceeded)), IsOk());
  EXPECT_EQ(StateOf(1), S::kReversed);
  EXPECT_EQ(StateOf(3), S::kSucceeded);
}

TEST_P(LedgerSetsCorrectedTest, OnlyTheLastOneBeforeItWaits) {
  Done(Setting(1));
  Done(Setting(2));
  Correct(3, Done(Setting(3)));
  EXPECT_FALSE(IsInDoubt(1));
  EXPECT_TRUE(IsInDoubt(2));
}

TEST_P(LedgerSetsCorrectedTest, WhatWasUndoneOtherwiseDoesNotWait) {
  const int64_t first = Done(Setting(1));
  ASSERT_THAT(Apply(MakeTransition(first, S::kSucceeded, S::kReversed)), IsOk());
  Correct(2, Done(Setting(2)));
  EXPECT_FALSE(IsInDoubt(1));
}

// What undid the first one is undone itself, but the thing was set otherwise meanwhile.
TEST_P(LedgerSetsCorrectedTest, WhatStandsAgainIsAPersonsToSayWhereItWasSetSince) {
  const int64_t first = Done(Setting(1));
  ClaimRequest cancel = MakeClaim(2);
  cancel.intent.reverses_row = first;
  const int64_t cancelled = Done(cancel);
  EXPECT_EQ(EventsOf(1).back().rule, "R7.reversed");
  Done(Setting(3));
  ClaimRequest restore = MakeClaim(4);
  restore.intent.reverses_row = cancelled;
  Done(restore);
  EXPECT_EQ(StateOf(1), S::kReversed);
  EXPECT_TRUE(IsInDoubt(1));
  EXPECT_EQ(EventsOf(1).back().rule, "R7.may_stand_again");
}

// R18
TEST_P(LedgerSetsTest, GenerationsThatWereReplacedDoNotCount) {
  for (int generation = 1; generation <= 6; ++generation) {
    Done(Setting(1, generation));
    Done(Setting(2, generation));
  }
  EXPECT_EQ(Found("intent1").highest, 6);
  EXPECT_EQ(Found("intent1").uncounted, 6);
  EXPECT_EQ(Found("intent2").uncounted, 5) << "the last one stands";
}

}  // namespace
}  // namespace onetake
