// What had undone a write is undone itself, and the write stands again (R7).
#include <gmock/gmock.h>

#include "runtime/ledger/result_ref.h"
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

// Intent 1 books, intent 2 cancels it, intent 3 restores it.
class LedgerReinstatedTest : public LedgerVerdictsTest {
 protected:
  void SetUp() override {
    LedgerVerdictsTest::SetUp();
    booking_ = Done(MakeClaim(1), R"({"id":7})");
    cancel_ = Done(Undoing(2, booking_));
    EXPECT_EQ(Latest("intent1")->state, S::kReversed);
  }
  int64_t Done(const ClaimRequest& request, std::string result = "{}") {
    const int64_t row = Claimed(request);
    EXPECT_THAT(Apply(Success(row, std::move(result))), IsOk());
    return row;
  }
  static ClaimRequest Undoing(int n, int64_t row) {
    ClaimRequest request = MakeClaim(n);
    request.intent.reverses_row = row;
    return request;
  }
  static ClaimRequest BookedAgain() {
    ClaimRequest request = MakeClaim(1);
    request.intent.generation = 2;
    request.call.call_id = request.call.tool_call_id = "again";
    return request;
  }
  void ExpectInDoubt() {
    EXPECT_EQ(Latest("intent1")->state, S::kReversed);
    ASSERT_TRUE(Latest("intent1")->review_at.has_value());
    const EventRecord event = EventsOf(1).back();
    EXPECT_EQ(event.kind, "conflict");
    EXPECT_EQ(event.rule, "R7.may_stand_again");
  }

  int64_t booking_ = 0;
  int64_t cancel_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Form, LedgerReinstatedTest,
                         ::testing::Values(LedgerForm::kThreads, LedgerForm::kMemory), NameOf);

TEST_P(LedgerReinstatedTest, WhatACancellationHadUndoneStandsAgainWhenThatIsUndone) {
  const absl::Time settled_at = Latest("intent1")->settled_at.value();
  Done(Undoing(3, cancel_));
  EXPECT_EQ(Latest("intent2")->state, S::kReversed);
  const IntentRecord booking = Latest("intent1").value();
  EXPECT_EQ(booking.state, S::kSucceeded);
  EXPECT_EQ(booking.reason, "R7.reinstated");
  EXPECT_EQ(booking.result_json, R"({"id":7})");
  EXPECT_EQ(booking.settled_at, settled_at);
  EXPECT_FALSE(booking.review_at.has_value());
  const EventRecord event = EventsOf(1).back();
  EXPECT_EQ(event.kind, "reinstated");
  EXPECT_EQ(event.from, "REVERSED");
  EXPECT_EQ(event.to, "SUCCEEDED");
  EXPECT_EQ(event.evidence_json, absl::StrCat("{\"reversed_by_row\":", cancel_, "}"));
  EXPECT_FALSE(Claim(BookedAgain())->granted);
  ExpectWholeChain();
}

TEST_P(LedgerReinstatedTest, UndoingTheRestorationUndoesTheBookingOnceMore) {
  const int64_t restore = Done(Undoing(3, cancel_));
  Done(Undoing(4, restore));
  EXPECT_EQ(Latest("intent3")->state, S::kReversed);
  EXPECT_EQ(Latest("intent2")->state, S::kSucceeded);
  EXPECT_EQ(Latest("intent1")->state, S::kReversed);
  EXPECT_TRUE(Claim(BookedAgain())->granted);
  ExpectWholeChain();
}

TEST_P(LedgerReinstatedTest, ItCanBeCancelledAndRestoredAgainAndAgain) {
  for (int i = 0; i < 2; ++i) {
    const int64_t restore = Done(Undoing(3 + 2 * i, cancel_));
    EXPECT_EQ(Latest("intent1")->state, S::kSucceeded);
    EXPECT_GT(restore, cancel_);
    cancel_ = Done(Undoing(4 + 2 * i, booking_));
    EXPECT_EQ(Latest("intent1")->state, S::kReversed);
    EXPECT_FALSE(Latest("intent1")->review_at.has_value());
  }
  ExpectWholeChain();
}

TEST_P(LedgerReinstatedTest, WhatWasDoneAgainMeanwhileIsForAPerson) {
  Done(BookedAgain());
  Done(Undoing(3, cancel_));
  const LookupResult first =
      Lookup({.tenant = "clinic", .intent_id = "intent1", .generation = 1}).value();
  EXPECT_EQ(first.latest->state, S::kReversed);
  EXPECT_TRUE(first.latest->review_at.has_value());
  EXPECT_EQ(Latest("intent1")->generation, 2);
  EXPECT_FALSE(Latest("intent1")->review_at.has_value());
  EXPECT_EQ(EventsOf(1).back().rule, "R7.may_stand_again");
  ExpectWholeChain();
}

TEST_P(LedgerReinstatedTest, WhatAnotherWriteHasUndoneTooIsForAPerson) {
  Done(Undoing(3, booking_));
  Done(Undoing(4, cancel_));
  ExpectInDoubt();
}

TEST_P(LedgerReinstatedTest, WhatAnotherWriteMayHaveUndoneTooIsForAPerson) {
  ClaimedIn(3, S::kRejected);
  const int64_t other = Claimed(Undoing(4, booking_));
  ASSERT_THAT(Apply(MakeTransition(other, S::kInFlight, S::kUnknown)), IsOk());
  const int64_t restore = Claimed(Undoing(5, cancel_));
  ASSERT_THAT(Apply(Success(restore, "{}")), IsOk());
  ExpectInDoubt();
}

TEST_P(LedgerReinstatedTest, ARefusedCancellationIsNoReasonForDoubt) {
  const int64_t other = Claimed(Undoing(4, booking_));
  ASSERT_THAT(Apply(MakeTransition(other, S::kInFlight, S::kRejected)), IsOk());
  Done(Undoing(5, cancel_));
  EXPECT_EQ(Latest("intent1")->state, S::kSucceeded);
}

// What undid it is undone, so nothing stands against the person's word.
TEST_P(LedgerReinstatedTest, APersonSaysThatItStands) {
  const int64_t other = Claimed(Undoing(4, booking_));
  Done(Undoing(5, cancel_));
  ExpectInDoubt();
  ASSERT_THAT(Apply(MakeTransition(other, S::kInFlight, S::kRejected)), IsOk());
  ASSERT_THAT(Resolve(Verdict(1, S::kSucceeded)), IsOk());
  EXPECT_EQ(Latest("intent1")->state, S::kSucceeded);
  EXPECT_FALSE(Latest("intent1")->review_at.has_value());
  ExpectWholeChain();
}

// Else the word would be lost when the other one is found not to have happened.
TEST_P(LedgerReinstatedTest, ThatItStandsIsNotSaidBesideAnOpenCancellation) {
  const int64_t other = Claimed(Undoing(4, booking_));
  ASSERT_THAT(Apply(MakeTransition(other, S::kInFlight, S::kUnknown)), IsOk());
  Done(Undoing(5, cancel_));
  EXPECT_THAT(Resolve(Verdict(1, S::kSucceeded)),
              onetake::testing::StatusIs(absl::StatusCode::kFailedPrecondition,
                                         ::testing::HasSubstr("settle that one first")));
  ExpectInDoubt();
}

TEST_P(LedgerReinstatedTest, APersonSaysThatItDoesNotStand) {
  const int64_t other = Claimed(Undoing(4, booking_));
  Done(Undoing(5, cancel_));
  ASSERT_THAT(Apply(MakeTransition(other, S::kInFlight, S::kRejected)), IsOk());
  ASSERT_THAT(Resolve(Verdict(1, S::kRejected)), IsOk());
  EXPECT_EQ(Latest("intent1")->state, S::kReversed);
  EXPECT_TRUE(Claim(BookedAgain())->granted);
}

TEST_P(LedgerReinstatedTest, TheQuestionOfALateOutcomeStaysOpen) {
  ASSERT_THAT(RecordLate(Late(booking_, S::kRejected)), IsOk());
  Done(Undoing(3, cancel_));
  EXPECT_EQ(Latest("intent1")->state, S::kSucceeded);
  EXPECT_TRUE(Latest("intent1")->review_at.has_value());
}

TEST_P(LedgerReinstatedTest, NothingIsDoneOrUndoneBeforeTheRestorationHasEnded) {
  const int64_t restore = Claimed(Undoing(3, cancel_));
  for (const S state : {S::kInFlight, S::kUnknown, S::kReview}) {
    if (state != S::kInFlight) {
      const S before = state == S::kUnknown ? S::kInFlight : S::kUnknown;
      ASSERT_THAT(Apply(MakeTransition(restore, before, state)), IsOk());
    }
    const LookupResult found =
        Lookup({.tenant = "clinic", .intent_id = "intent1", .target_intent_id = "intent1"}).value();
    ASSERT_TRUE(found.reversal.has_value());
    EXPECT_EQ(found.reversal->row, restore);
    ASSERT_TRUE(found.target_reversal.has_value());
    EXPECT_EQ(found.target_reversal->row, restore);
    EXPECT_FALSE(Claim(BookedAgain())->granted) << ToString(state);
    EXPECT_FALSE(Claim(Undoing(4, booking_))->granted) << ToString(state);
  }
  ASSERT_THAT(Resolve(Verdict(3, S::kRejected)), IsOk());
  EXPECT_FALSE(Found("intent1").reversal.has_value());
  EXPECT_EQ(Latest("intent1")->state, S::kReversed);
  EXPECT_TRUE(Claim(BookedAgain())->granted);
}

TEST_P(LedgerReinstatedTest, ARestorationThatIsContradictedIsFoundWithWhatItHasReinstated) {
  const int64_t restore = Done(Undoing(3, cancel_));
  EXPECT_FALSE(Found("intent1").reversal.has_value());
  ASSERT_THAT(RecordLate(Late(restore, S::kRejected)), IsOk());
  ASSERT_TRUE(Found("intent1").reversal.has_value());
  EXPECT_EQ(Found("intent1").reversal->row, restore);
  EXPECT_FALSE(Claim(Undoing(4, booking_))->granted);
}

TEST_P(LedgerReinstatedTest, ARestorationThatDidNotHappenLeavesTheCancellationToAPerson) {
  const int64_t restore = Done(Undoing(3, cancel_));
  ASSERT_THAT(RecordLate(Late(restore, S::kRejected)), IsOk());
  ASSERT_THAT(Resolve(Verdict(3, S::kRejected)), IsOk());
  EXPECT_TRUE(Latest("intent2")->review_at.has_value());
  EXPECT_EQ(Found("intent1").reversal->row, cancel_);
  ASSERT_THAT(Resolve(Verdict(2, S::kSucceeded)), IsOk());
  EXPECT_EQ(Latest("intent2")->state, S::kSucceeded);
  EXPECT_EQ(Latest("intent1")->state, S::kReversed) << "the cancellation stands";
  ExpectWholeChain();
}

TEST_P(LedgerReinstatedTest, ItIsToldWhatStandsAgain) {
  const auto restores = [this](const std::string& target) {
    return Lookup({.tenant = "clinic", .target_intent_id = target})->restores_intent;
  };
  EXPECT_EQ(restores("intent2"), "intent1");
  EXPECT_EQ(restores("intent1"), "");
}

// The same by results: a cancellation and a restoration that were claimed when what they undo had
// none.
class LedgerReinstatedResultTest : public LedgerReinstatedTest {
 protected:
  void SetUp() override { LedgerVerdictsTest::SetUp(); }
  int64_t Begun(int n, const std::string& undone) {
    ClaimRequest request = MakeClaim(n);
    if (!undone.empty()) request.intent.undoes_ref = absl::StrCat(kUndoes, undone);
    return Claimed(request);
  }
  void Succeeds(int64_t row, std::optional<std::string> ref = std::nullopt) {
    Transition transition = Success(row, "{}");
    transition.result_ref = std::move(ref);
    ASSERT_THAT(Apply(transition), IsOk());
  }
};

INSTANTIATE_TEST_SUITE_P(Form, LedgerReinstatedResultTest,
                         ::testing::Values(LedgerForm::kThreads, LedgerForm::kMemory), NameOf);

TEST_P(LedgerReinstatedResultTest, WhatWasUndoneByItsResultStandsAgain) {
  booking_ = Begun(1, "");
  cancel_ = Begun(2, "ref7");
  Succeeds(cancel_);
  Succeeds(booking_, "ref7");
  EXPECT_EQ(Latest("intent1")->state, S::kReversed);
  EXPECT_EQ(Lookup({.tenant = "clinic", .target_intent_id = "intent2"})->restores_intent,
            "intent1");
  Done(Undoing(3, cancel_));
  EXPECT_EQ(Latest("intent1")->state, S::kSucceeded);
  ExpectWholeChain();
}

TEST_P(LedgerReinstatedResultTest, ACancellationThatWasRestoredBeforeItsResultUndoesNothing) {
  booking_ = Done(MakeClaim(1));
  cancel_ = Claimed(Undoing(2, booking_));
  const int64_t restore = Begun(3, "cancelled7");
  Succeeds(restore);
  Succeeds(cancel_, "cancelled7");
  EXPECT_EQ(Latest("intent2")->state, S::kReversed);
  EXPECT_EQ(Latest("intent1")->state, S::kSucceeded);
  EXPECT_EQ(EventsOf(1).back().rule, "R7.reinstated");
  ExpectWholeChain();
}

TEST_P(LedgerReinstatedResultTest, ARestorationByAResultIsFoundWhileItIsOpen) {
  booking_ = Done(MakeClaim(1));
  cancel_ = Claimed(Undoing(2, booking_));
  const int64_t restore = Begun(3, "cancelled7");
  Succeeds(cancel_, "cancelled7");
  ASSERT_TRUE(Found("intent1").reversal.has_value());
  EXPECT_EQ(Found("intent1").reversal->row, restore);
  EXPECT_FALSE(Claim(BookedAgain())->granted);
  Succeeds(restore);
  EXPECT_EQ(Latest("intent1")->state, S::kSucceeded);
}

// A cancellation names a result that comes back, and what was booked again has none that is known.
class LedgerNamelessTest : public LedgerReinstatedResultTest {
 protected:
  void SetUp() override {
    LedgerReinstatedResultTest::SetUp();
    booking_ = Begun(1, "");
    Succeeds(booking_, "ref7");
    cancel_ = Begun(2, "ref7");
    Succeeds(cancel_);
  }
  std::optional<IntentRecord> Meant(const std::string& session = "CA1",
                                    const std::string& ref = "ref7") {
    return Lookup({.tenant = "clinic",
                   .intent_id = "intent2",
                   .session_id = session,
                   .target_tool = "book_appointment",
                   .target_ref = ref})
        ->may_be_meant;
  }
};

INSTANTIATE_TEST_SUITE_P(Form, LedgerNamelessTest,
                         ::testing::Values(LedgerForm::kThreads, LedgerForm::kMemory), NameOf);

TEST_P(LedgerNamelessTest, WhatWasMadeAgainMayBeMeantUntilItsResultIsKnown) {
  EXPECT_FALSE(Meant().has_value());
  const int64_t again = Claimed(BookedAgain());
  EXPECT_EQ(Meant()->row, again);
  Succeeds(again);
  EXPECT_EQ(Meant()->row, again) << "its result was not readable";
  ASSERT_THAT(RecordLate(Late(again, S::kRejected)), IsOk());
  EXPECT_EQ(Meant()->row, again);
  Resolution verdict = Verdict(1, S::kSucceeded);
  verdict.result_ref = "ref8";
  ASSERT_THAT(Resolve(verdict), IsOk());
  EXPECT_FALSE(Meant().has_value());
}

TEST_P(LedgerNamelessTest, WhatWasRefusedOrMadeBeforeTheCancellationIsNotMeant) {
  const int64_t again = Claimed(BookedAgain());
  ASSERT_THAT(Apply(MakeTransition(again, S::kInFlight, S::kRejected)), IsOk());
  EXPECT_FALSE(Meant().has_value());
}

TEST_P(LedgerNamelessTest, WhereNoTargetIsKnownWhatTheSessionMadeMayBeMeant) {
  cancel_ = Begun(5, "ref9");
  Succeeds(cancel_);
  const auto meant = [this](const std::string& session) {
    return Lookup({.tenant = "clinic",
                   .intent_id = "intent5",
                   .session_id = session,
                   .target_tool = "book_appointment",
                   .target_ref = "ref9"})
        ->may_be_meant;
  };
  EXPECT_FALSE(meant("CA1").has_value());
  const int64_t other = Done(MakeClaim(6));
  EXPECT_EQ(meant("CA1")->row, other);
  EXPECT_FALSE(meant("CA2").has_value());
  EXPECT_FALSE(meant("").has_value());
}

}  // namespace
}  // namespace onetake
