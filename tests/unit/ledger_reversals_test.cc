// What undoes and what is undone, however the verdicts come (R7, R16).
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

// R7: a cancellation names what it undoes by a result; which of the two is known first must not
// matter.
class LedgerUndoneResultTest : public LedgerVerdictsTest {
 protected:
  void SetUp() override {
    LedgerVerdictsTest::SetUp();
    booking_ = Claimed(MakeClaim(1));
    ClaimRequest cancel = MakeClaim(2);
    cancel.intent.tool = cancel.call.tool = "cancel_appointment";
    cancel.intent.undoes_ref = undoes_;
    cancel_ = Claimed(cancel);
  }
  void Succeeds(int64_t row, std::string ref) {
    Transition transition = Success(row, "{}");
    transition.result_ref = std::move(ref);
    ASSERT_THAT(Apply(transition), IsOk());
  }
  void ExpectReversed() {
    EXPECT_EQ(Latest("intent1")->state, S::kReversed);
    EXPECT_EQ(Latest("intent2")->state, S::kSucceeded);
    const EventRecord event = EventsOf(1).back();
    EXPECT_EQ(event.rule, "R7.reversed");
    EXPECT_EQ(event.evidence_json, absl::StrCat("{\"reversed_by_row\":", cancel_, "}"));
    ExpectWholeChain();
  }

  const std::string undoes_ = absl::StrCat(kUndoes, "ref7");
  int64_t booking_ = 0;
  int64_t cancel_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Form, LedgerUndoneResultTest,
                         ::testing::Values(LedgerForm::kThreads, LedgerForm::kMemory), NameOf);

TEST_P(LedgerUndoneResultTest, ALateResultIsReversedByTheCancellationThatNamedIt) {
  Succeeds(cancel_, undoes_);
  EXPECT_FALSE(Latest("intent1")->has_result_ref);
  Succeeds(booking_, "ref7");
  EXPECT_TRUE(Latest("intent1")->has_result_ref);
  EXPECT_FALSE(Latest("intent2")->has_result_ref) << "it undoes one";
  ExpectReversed();
}

TEST_P(LedgerUndoneResultTest, WhoRecordsALateResultIsToldThatItIsReversed) {
  const auto told = [this](int64_t row, std::string ref) {
    Transition transition = Success(row, "{}");
    transition.result_ref = std::move(ref);
    return Await<absl::StatusOr<Applied>>(
        [&](auto done) { ledger().Apply(transition, std::move(done)); });
  };
  EXPECT_EQ(told(cancel_, undoes_)->state, S::kSucceeded);
  const absl::StatusOr<Applied> booked = told(booking_, "ref7");
  ASSERT_THAT(booked, IsOk());
  EXPECT_EQ(booked->state, S::kReversed);
  EXPECT_EQ(booked->seq, EventsOf(1).back().seq - 1) << "of its success";
}

TEST_P(LedgerUndoneResultTest, ThatAWriteHasANameIsToldWhereverItIsTold) {
  Succeeds(booking_, "ref7");
  const LookupResult found = Lookup({.tenant = "clinic",
                                     .session_id = "CA1",
                                     .tool_call_id = "toolu_1",
                                     .target_tool = "book_appointment",
                                     .target_ref = "ref7"})
                                 .value();
  ASSERT_TRUE(found.call_intent.has_value());
  EXPECT_TRUE(found.call_intent->has_result_ref);
  ASSERT_TRUE(found.target.has_value());
  EXPECT_TRUE(found.target->has_result_ref);
  ASSERT_TRUE(found.target_reversal.has_value());
  EXPECT_FALSE(found.target_reversal->has_result_ref);
  EXPECT_EQ(found.target_reversal->undoes_ref, undoes_);
  const absl::StatusOr<IntentRecord> late = RecordLate(Late(booking_, S::kRejected));
  ASSERT_THAT(late, IsOk());
  EXPECT_TRUE(late->has_result_ref);
  const absl::StatusOr<IntentRecord> resolved = Resolve(Verdict(1, S::kSucceeded));
  ASSERT_THAT(resolved, IsOk());
  EXPECT_TRUE(resolved->has_result_ref) << "a verdict without a name leaves it";
}

TEST_P(LedgerUndoneResultTest, ALateCancellationReversesTheResultThatItNames) {
  Succeeds(booking_, "ref7");
  Succeeds(cancel_, undoes_);
  ExpectReversed();
}

TEST_P(LedgerUndoneResultTest, ALateResultThatAPersonToldIsReversedToo) {
  Succeeds(cancel_, undoes_);
  ASSERT_THAT(Apply(MakeTransition(booking_, S::kInFlight, S::kUnknown)), IsOk());
  Resolution verdict = Verdict(1, S::kSucceeded);
  verdict.result_ref = "ref7";
  ASSERT_THAT(Resolve(verdict), IsOk());
  ExpectReversed();
}

TEST_P(LedgerUndoneResultTest, NothingElseIsReversed) {
  Succeeds(cancel_, undoes_);
  Succeeds(booking_, "ref8");
  EXPECT_EQ(Latest("intent1")->state, S::kSucceeded);
  // What was written after it, it cannot have undone.
  const int64_t later = Claimed(MakeClaim(3));
  Succeeds(later, "ref7");
  EXPECT_EQ(Latest("intent3")->state, S::kSucceeded);
}

TEST_P(LedgerUndoneResultTest, AnotherTenantsCancellationReversesNothing) {
  ClaimRequest cancel = MakeClaim(3);
  cancel.intent.tenant = cancel.call.tenant = "other";
  Succeeds(Claimed(cancel), undoes_);
  Succeeds(booking_, "ref7");
  EXPECT_EQ(Latest("intent1")->state, S::kSucceeded);
}

TEST_P(LedgerUndoneResultTest, ACancellationThatIsInDoubtReversesNothing) {
  Succeeds(cancel_, undoes_);
  ASSERT_THAT(RecordLate(Late(cancel_, S::kRejected)), IsOk());
  Succeeds(booking_, "ref7");
  EXPECT_EQ(Latest("intent1")->state, S::kSucceeded);
}

TEST_P(LedgerUndoneResultTest, WhatHasNoNameMayBeWhatAnUnknownNameHasUndone) {
  const auto may_be_undone = [&](std::vector<std::string> tools) {
    return Lookup({.tenant = "clinic", .intent_id = "intent1", .undoing_tools = std::move(tools)})
        ->may_be_undone;
  };
  ASSERT_THAT(Apply(Success(booking_, "{}")), IsOk());
  EXPECT_TRUE(may_be_undone({"cancel_appointment"})) << "it is under way";
  EXPECT_FALSE(may_be_undone({}));
  EXPECT_FALSE(may_be_undone({"cancel_order"}));
  Succeeds(cancel_, undoes_);
  EXPECT_TRUE(may_be_undone({"cancel_order", "cancel_appointment"}));
  const int64_t later = Claimed(MakeClaim(3));
  Succeeds(later, "ref7");
  EXPECT_FALSE(may_be_undone({"cancel_appointment"})) << "that is known";
}

TEST_P(LedgerUndoneResultTest, WhatHasANameOrWasMadeLaterIsNotWhatAnUnknownNameHasUndone) {
  Succeeds(cancel_, undoes_);
  Succeeds(booking_, "ref8");
  const int64_t later = Claimed(MakeClaim(3));
  ASSERT_THAT(Apply(Success(later, "{}")), IsOk());
  for (const char* id : {"intent1", "intent3"}) {
    EXPECT_FALSE(
        Lookup({.tenant = "clinic", .intent_id = id, .undoing_tools = {"cancel_appointment"}})
            ->may_be_undone);
  }
}

// It has undone what is not known here; what was booked since, it has not.
TEST_P(LedgerUndoneResultTest, ACancellationThatKnewNothingIsFollowedByOneOfWhatCameAfterIt) {
  ASSERT_THAT(Apply(Success(booking_, "{}")), IsOk());
  ASSERT_THAT(Apply(Success(cancel_, "{}")), IsOk());
  ClaimRequest next = MakeClaim(2);
  next.intent.generation = 2;
  next.call.call_id = next.call.tool_call_id = "call2b";
  next.intent.reverses_row = booking_;
  EXPECT_FALSE(Claim(next)->granted) << "that was there when it was cancelled";
  next.intent.reverses_row = 0;
  EXPECT_FALSE(Claim(next)->granted);
  next.intent.reverses_row = ClaimedIn(3, S::kSucceeded);
  EXPECT_TRUE(Claim(next)->granted);
}

TEST_P(LedgerUndoneResultTest, WhatItNamedAtItsClaimIsEnough) {
  ASSERT_THAT(Apply(Success(cancel_, "{}")), IsOk());
  Succeeds(booking_, "ref7");
  ExpectReversed();
}

TEST_P(LedgerUndoneResultTest, ACancellationThatHasNotEndedIsFoundWithTheResultThatItNames) {
  Succeeds(booking_, "ref7");
  ASSERT_TRUE(Found("intent1").reversal.has_value());
  EXPECT_EQ(Found("intent1").reversal->row, cancel_);
  EXPECT_EQ(Found("intent1").reversal->undoes_ref, undoes_);
  ClaimRequest other = MakeClaim(3);
  other.intent.reverses_row = booking_;
  EXPECT_FALSE(Claim(other)->granted) << "it is being undone already";
  ASSERT_THAT(Apply(MakeTransition(cancel_, S::kInFlight, S::kRejected)), IsOk());
  EXPECT_FALSE(Found("intent1").reversal.has_value());
  EXPECT_TRUE(Claim(other)->granted);
}

TEST_P(LedgerUndoneResultTest, WhatIsNotKnownHereIsNotUndoneTwiceEither) {
  const auto found = [this](const std::string& tenant) {
    return Lookup({.tenant = tenant, .target_tool = "book_appointment", .target_ref = "ref7"})
        .value();
  };
  EXPECT_FALSE(found("clinic").target.has_value());
  ASSERT_TRUE(found("clinic").target_reversal.has_value());
  EXPECT_EQ(found("clinic").target_reversal->row, cancel_);
  EXPECT_FALSE(found("other").target_reversal.has_value());
  ClaimRequest other = MakeClaim(3);
  other.intent.undoes_ref = undoes_;
  EXPECT_FALSE(Claim(other)->granted);
  ASSERT_THAT(Apply(MakeTransition(cancel_, S::kInFlight, S::kRejected)), IsOk());
  EXPECT_FALSE(found("clinic").target_reversal.has_value());
  EXPECT_TRUE(Claim(other)->granted);
}

// A claim that undoes nothing known would be refused for it.
TEST_P(LedgerUndoneResultTest, WhatIsOpenIsFoundAlsoWhenWhatCameAfterItIsUndone) {
  const auto open = [this] {
    return Lookup({.tenant = "clinic", .target_tool = "book_appointment", .target_ref = "ref7"})
        ->target_reversal;
  };
  ClaimRequest undo = MakeClaim(4);
  undo.intent.reverses_row = Claimed(MakeClaim(3));
  Succeeds(undo.intent.reverses_row, "ref7");
  EXPECT_FALSE(open().has_value()) << "it stands, and came later";
  ASSERT_THAT(Apply(Success(Claimed(undo), "{}")), IsOk());
  ASSERT_TRUE(open().has_value());
  EXPECT_EQ(open()->row, cancel_);
}

TEST_P(LedgerUndoneResultTest, ACorrectedCancellationMakesWhatItNamedWaitForAPerson) {
  Succeeds(booking_, "ref7");
  Succeeds(cancel_, undoes_);
  ExpectReversed();
  ASSERT_THAT(RecordLate(Late(cancel_, S::kRejected)), IsOk());
  ClaimRequest again = MakeClaim(1);
  again.intent.generation = 2;
  again.call.call_id = again.call.tool_call_id = "call1b";
  EXPECT_FALSE(Claim(again)->granted) << "whether it is there is in doubt";
  ASSERT_THAT(Resolve(Verdict(2, S::kRejected)), IsOk());
  EXPECT_TRUE(IsContradicted(*Latest("intent1")));
  EXPECT_EQ(EventsOf(1).back().rule, "R7.reversal_corrected");
  const absl::StatusOr<IntentRecord> stands = Resolve(Verdict(1, S::kSucceeded));
  ASSERT_THAT(stands, IsOk());
  EXPECT_EQ(stands->state, S::kSucceeded) << "nothing has undone it";
}

TEST_P(LedgerUndoneResultTest, WhatMayHaveUndoneALostWriteIsFound) {
  const auto undone_by = [this](int64_t row) {
    return Lookup({.tenant = "clinic",
                   .undoing_tools = {"no", "cancel_appointment"},
                   .undone_row = row})
        ->undone_by_intent;
  };
  EXPECT_EQ(undone_by(booking_), "intent2");
  EXPECT_EQ(undone_by(cancel_), "") << "it came before";
  ASSERT_THAT(Apply(MakeTransition(cancel_, S::kInFlight, S::kRejected)), IsOk());
  EXPECT_EQ(undone_by(booking_), "") << "it was refused";
}

TEST_P(LedgerUndoneResultTest, WhatUndoesAnotherWriteOrIsOfAnotherCallerIsNotFound) {
  const int64_t lost = Claimed(MakeClaim(3));
  ClaimRequest cancel = MakeClaim(4);
  cancel.intent.tool = cancel.call.tool = "cancel_appointment";
  ClaimRequest of_another = cancel;
  cancel.intent.reverses_row = booking_;
  Claimed(cancel);
  of_another.intent.intent_id = of_another.intent.key = of_another.call.call_id = "intent5";
  of_another.intent.session_id = of_another.call.session_id = "CA2";
  of_another.intent.scope = "session:CA2";
  Claimed(of_another);
  EXPECT_EQ(
      Lookup({.tenant = "clinic", .undoing_tools = {"cancel_appointment"}, .undone_row = lost})
          ->undone_by_intent,
      "");
}

// R7: a cancellation that names an intent of which no generation is known here.
class LedgerUndoneIntentTest : public LedgerVerdictsTest {
 protected:
  void SetUp() override {
    LedgerVerdictsTest::SetUp();
    ClaimRequest cancel = MakeClaim(2);
    cancel.intent.tool = cancel.call.tool = "cancel_slot";
    cancel.intent.undoes_ref = undoes_;
    cancel_ = Claimed(cancel);
  }
  std::optional<IntentRecord> FoundByABooking(const std::string& tenant = "clinic") {
    return Lookup({.tenant = tenant, .intent_id = "intent1"})->reversal;
  }
  std::optional<IntentRecord> FoundByAnother(const std::string& tenant = "clinic") {
    return Lookup({.tenant = tenant, .target_intent_id = "intent1"})->target_reversal;
  }

  const std::string undoes_ = absl::StrCat(kUndoes, "intent1");
  int64_t cancel_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Form, LedgerUndoneIntentTest,
                         ::testing::Values(LedgerForm::kThreads, LedgerForm::kMemory), NameOf);

TEST_P(LedgerUndoneIntentTest, WhatItNamesIsNeitherDoneNorUndoneOnceMoreBeforeItsEnd) {
  ASSERT_TRUE(FoundByABooking().has_value());
  EXPECT_EQ(FoundByABooking()->row, cancel_);
  EXPECT_EQ(FoundByABooking()->undoes_ref, undoes_);
  ASSERT_TRUE(FoundByAnother().has_value());
  EXPECT_EQ(FoundByAnother()->row, cancel_);
  ClaimRequest other = MakeClaim(3);
  other.intent.undoes_ref = undoes_;
  EXPECT_FALSE(Claim(MakeClaim(1))->granted);
  EXPECT_FALSE(Claim(other)->granted);
  ASSERT_THAT(Apply(MakeTransition(cancel_, S::kInFlight, S::kRejected)), IsOk());
  EXPECT_FALSE(FoundByABooking().has_value());
  EXPECT_FALSE(FoundByAnother().has_value());
  EXPECT_TRUE(Claim(other)->granted);
  EXPECT_FALSE(Claim(MakeClaim(1))->granted) << "now that one has not ended";
}

TEST_P(LedgerUndoneIntentTest, ItHoldsWhatItNamesWhileItsOutcomeIsNotKnownToo) {
  for (const S state : {S::kUnknown, S::kReview}) {
    const S before = state == S::kUnknown ? S::kInFlight : S::kUnknown;
    ASSERT_THAT(Apply(MakeTransition(cancel_, before, state)), IsOk());
    EXPECT_FALSE(Claim(MakeClaim(1))->granted) << ToString(state);
    ASSERT_TRUE(FoundByABooking().has_value()) << ToString(state);
    EXPECT_EQ(FoundByABooking()->undoes_ref, undoes_);
  }
  ASSERT_THAT(Resolve(Verdict(2, S::kSucceeded)), IsOk());
  EXPECT_TRUE(Claim(MakeClaim(1))->granted) << "it has ended";
}

TEST_P(LedgerUndoneIntentTest, AnotherTenantsIntentIsAnotherOne) {
  EXPECT_FALSE(FoundByABooking("other").has_value());
  EXPECT_FALSE(FoundByAnother("other").has_value());
  ClaimRequest booking = MakeClaim(1);
  booking.intent.tenant = booking.call.tenant = "other";
  EXPECT_TRUE(Claim(booking)->granted);
}

TEST_P(LedgerUndoneIntentTest, InDoubtItIsFoundAlsoBesideWhatWasBookedSince) {
  ASSERT_THAT(Apply(MakeTransition(cancel_, S::kInFlight, S::kRejected)), IsOk());
  ClaimedIn(1, S::kRejected);
  ASSERT_THAT(RecordLate(Late(cancel_, S::kSucceeded)), IsOk());
  ASSERT_TRUE(FoundByABooking().has_value());
  EXPECT_TRUE(IsContradicted(*FoundByABooking()));
  ClaimRequest again = MakeClaim(1);
  again.intent.generation = 2;
  again.call.call_id = again.call.tool_call_id = "call1b";
  EXPECT_FALSE(Claim(again)->granted);
  ASSERT_THAT(Resolve(Verdict(2, S::kRejected)), IsOk());
  EXPECT_TRUE(Claim(again)->granted);
}

TEST_P(LedgerUndoneIntentTest, ItUndoesNothingThatIsBookedAfterIt) {
  ASSERT_THAT(Apply(Success(cancel_, "{}")), IsOk());
  ClaimedIn(1, S::kSucceeded);
  EXPECT_EQ(Latest("intent1")->state, S::kSucceeded);
}

// What it names is no name of its own, by which it could be undone.
TEST_P(LedgerUndoneIntentTest, WithoutAResultOfItsOwnItMayBeUndoneItself) {
  ASSERT_THAT(Apply(Success(cancel_, "{}")), IsOk());
  ClaimRequest undo = MakeClaim(3);
  undo.intent.tool = undo.call.tool = "undo";
  undo.intent.undoes_ref = absl::StrCat(kUndoes, "ref7");
  Claimed(undo);
  EXPECT_TRUE(Lookup({.tenant = "clinic", .intent_id = "intent2", .undoing_tools = {"undo"}})
                  ->may_be_undone);
}

// A booking, and its cancellation that a person found applied before the downstream said otherwise.
class LedgerReversalVerdictsTest : public LedgerVerdictsTest {
 protected:
  void SetUp() override {
    LedgerVerdictsTest::SetUp();
    booking_ = ClaimedIn(1, S::kSucceeded);
    ClaimRequest cancel = MakeClaim(2);
    cancel.intent.reverses_row = booking_;
    cancel_ = Claimed(cancel);
    ASSERT_THAT(Apply(MakeTransition(cancel_, S::kInFlight, S::kUnknown)), IsOk());
  }
  bool BooksAgain() {
    ClaimRequest next = MakeClaim(1);
    next.intent.generation = 2;
    next.call.call_id = "call1b";
    next.call.tool_call_id = "toolu_1b";
    const absl::StatusOr<ClaimResult> claimed = Claim(next);
    EXPECT_THAT(claimed, IsOk());
    return claimed.ok() && claimed->granted;
  }

  // Another cancellation of the same booking.
  bool CancelsToo() {
    ClaimRequest other = MakeClaim(3);
    other.intent.reverses_row = booking_;
    const absl::StatusOr<ClaimResult> claimed = Claim(other);
    EXPECT_THAT(claimed, IsOk());
    return claimed.ok() && claimed->granted;
  }
  std::optional<IntentRecord> FoundByAnother() {
    return Lookup({.tenant = "clinic", .target_intent_id = "intent1"})->target_reversal;
  }

  int64_t booking_ = 0;
  int64_t cancel_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Form, LedgerReversalVerdictsTest,
                         ::testing::Values(LedgerForm::kThreads, LedgerForm::kMemory), NameOf);

TEST_P(LedgerReversalVerdictsTest, WhatIsBeingReversedIsNotReversedTwice) {
  ASSERT_TRUE(FoundByAnother().has_value());
  EXPECT_EQ(FoundByAnother()->row, cancel_);
  EXPECT_FALSE(CancelsToo());
  ASSERT_THAT(Resolve(Verdict(2, S::kRejected)), IsOk());
  EXPECT_FALSE(FoundByAnother().has_value());
  ASSERT_THAT(RecordLate(Late(cancel_, S::kSucceeded)), IsOk());
  EXPECT_TRUE(FoundByAnother().has_value()) << "contradicted, it is in doubt";
  EXPECT_FALSE(CancelsToo());
  ASSERT_THAT(Resolve(Verdict(2, S::kRejected)), IsOk());
  EXPECT_TRUE(CancelsToo());
}

TEST_P(LedgerReversalVerdictsTest, ACorrectedReversalMakesWhatItUndidWaitForAPerson) {
  ASSERT_THAT(Resolve(Verdict(2, S::kSucceeded)), IsOk());
  ASSERT_THAT(RecordLate(Late(cancel_, S::kRejected)), IsOk());
  ASSERT_TRUE(Found("intent1").reversal.has_value()) << "contradicted, it is in doubt";
  ASSERT_THAT(Resolve(Verdict(2, S::kRejected)), IsOk());
  EXPECT_EQ(Latest("intent1")->state, S::kReversed) << "nothing is guessed";
  EXPECT_TRUE(IsContradicted(*Latest("intent1")));
  const EventRecord event = EventsOf(1).back();
  EXPECT_EQ(event.kind, "conflict");
  EXPECT_EQ(event.rule, "R7.reversal_corrected");
  EXPECT_EQ(event.actor, "dana");
  EXPECT_FALSE(BooksAgain());
  const absl::StatusOr<IntentRecord> stands = Resolve(Verdict(1, S::kSucceeded));
  ASSERT_THAT(stands, IsOk());
  EXPECT_EQ(stands->state, S::kSucceeded) << "nothing has undone it";
  EXPECT_EQ(stands->result_json, "{}");
  EXPECT_FALSE(BooksAgain());
  ExpectWholeChain();
}

// The look-up before the claim may be older than what contradicts.
TEST_P(LedgerReversalVerdictsTest, WhatAReversalInDoubtHasUndoneIsNotDoneAgain) {
  ASSERT_THAT(Resolve(Verdict(2, S::kSucceeded)), IsOk());
  ASSERT_THAT(RecordLate(Late(cancel_, S::kRejected)), IsOk());
  EXPECT_FALSE(BooksAgain());
  ASSERT_THAT(Resolve(Verdict(2, S::kSucceeded)), IsOk());
  EXPECT_TRUE(BooksAgain());
}

TEST_P(LedgerReversalVerdictsTest, WhatIsGoneAllTheSameMayBeDoneAgain) {
  ASSERT_THAT(Resolve(Verdict(2, S::kSucceeded)), IsOk());
  ASSERT_THAT(RecordLate(Late(cancel_, S::kRejected)), IsOk());
  ASSERT_THAT(Resolve(Verdict(2, S::kRejected)), IsOk());
  ASSERT_THAT(Resolve(Verdict(1, S::kRejected)), IsOk());
  EXPECT_EQ(Latest("intent1")->state, S::kReversed);
  EXPECT_TRUE(BooksAgain());
}

TEST_P(LedgerReversalVerdictsTest, AReversalThatAPersonStandsByLeavesWhatItUndidAlone) {
  ASSERT_THAT(Resolve(Verdict(2, S::kSucceeded)), IsOk());
  ASSERT_THAT(RecordLate(Late(cancel_, S::kRejected)), IsOk());
  ASSERT_THAT(Resolve(Verdict(2, S::kSucceeded)), IsOk());
  EXPECT_FALSE(Latest("intent1")->review_at.has_value());
  EXPECT_TRUE(BooksAgain());
}

TEST_P(LedgerReversalVerdictsTest, ARefusedReversalThatMayHaveHappenedIsFoundWithWhatItUndoes) {
  ASSERT_THAT(Resolve(Verdict(2, S::kRejected)), IsOk());
  EXPECT_FALSE(Found("intent1").reversal.has_value());
  ASSERT_THAT(RecordLate(Late(cancel_, S::kSucceeded)), IsOk());
  ASSERT_TRUE(Found("intent1").reversal.has_value());
  EXPECT_TRUE(IsContradicted(*Found("intent1").reversal));
  ASSERT_THAT(Resolve(Verdict(2, S::kSucceeded)), IsOk());
  EXPECT_EQ(Latest("intent1")->state, S::kReversed);
  EXPECT_FALSE(Found("intent1").reversal.has_value());
}

// What another one has undone stays undone.
TEST_P(LedgerReversalVerdictsTest, ACorrectionDoubtsOnlyWhatNothingElseHasUndone) {
  ASSERT_THAT(Resolve(Verdict(2, S::kSucceeded)), IsOk());
  ASSERT_TRUE(CancelsToo());
  const int64_t other = Latest("intent3")->row;
  ASSERT_THAT(Apply(Success(other, "{}")), IsOk());
  ASSERT_THAT(RecordLate(Late(other, S::kRejected)), IsOk());
  ASSERT_THAT(Resolve(Verdict(3, S::kRejected)), IsOk());
  EXPECT_FALSE(Latest("intent1")->review_at.has_value());
  ASSERT_THAT(RecordLate(Late(cancel_, S::kRejected)), IsOk());
  ASSERT_THAT(Resolve(Verdict(2, S::kRejected)), IsOk());
  EXPECT_TRUE(IsContradicted(*Latest("intent1")));
}

}  // namespace
}  // namespace onetake
