// Verdicts that are not the engine's: a person's, and what arrives after one (R16).
#include <gmock/gmock.h>

#include "runtime/ledger/result_ref.h"
#include "tests/testing/ledger_fixture.h"

namespace onetake {
namespace {

using ::onetake::testing::At;
using ::onetake::testing::EndOf;
using ::onetake::testing::IsOk;
using ::onetake::testing::LedgerFixture;
using ::onetake::testing::MakeClaim;
using ::onetake::testing::MakeTransition;
using ::onetake::testing::StatusIs;
using ::onetake::testing::Success;
using ::testing::HasSubstr;
using ::testing::SizeIs;

using S = IntentState;

class LedgerVerdictsTest : public LedgerFixture {
 protected:
  void SetUp() override { OpenDefault(); }

  // Claims intent `n` and leads it to `state`.
  int64_t ClaimedIn(int n, S state) {
    const int64_t row = Claimed(MakeClaim(n));
    if (state == S::kInFlight) return row;
    if (state == S::kSucceeded || state == S::kReversed) {
      EXPECT_THAT(Apply(Success(row, "{}")), IsOk());
      if (state == S::kReversed) {
        EXPECT_THAT(Apply(MakeTransition(row, S::kSucceeded, S::kReversed)), IsOk());
      }
      return row;
    }
    Transition lost = MakeTransition(row, S::kInFlight, S::kUnknown);
    lost.attempt_end = EndOf(1, "LOST");
    if (state == S::kRejected) lost.to = S::kRejected;
    EXPECT_THAT(Apply(lost), IsOk());
    if (state == S::kReview) {
      EXPECT_THAT(Apply(MakeTransition(row, S::kUnknown, S::kReview)), IsOk());
    }
    return row;
  }
  static Resolution Verdict(int n, S verdict) {
    return {.tenant = "clinic",
            .intent_id = absl::StrCat("intent", n),
            .verdict = verdict,
            .by = "dana",
            .evidence_json = R"({"note":"asked"})",
            .at = At(500)};
  }
  static LateOutcome Late(int64_t row, S says) {
    return {.row = row, .says = says, .rule = "R16.late", .actor = "engine", .at = At(600)};
  }
  std::vector<EventRecord> EventsOf(int n) {
    return Events({.intent_id = absl::StrCat("intent", n)}).value_or(std::vector<EventRecord>{});
  }
  std::vector<IntentSummary> Reviews() {
    return List({.tenant = "clinic", .review_only = true}).value_or(std::vector<IntentSummary>{});
  }
};

TEST_F(LedgerVerdictsTest, APersonSettlesWhatOnlyAPersonCan) {
  struct Case {
    S from;
    bool allowed;
  };
  int n = 0;
  for (const Case& test :
       {Case{S::kInFlight, false}, Case{S::kSucceeded, false}, Case{S::kRejected, false},
        Case{S::kReversed, false}, Case{S::kUnknown, true}, Case{S::kReview, true}}) {
    for (const S verdict : {S::kSucceeded, S::kRejected}) {
      SCOPED_TRACE(std::string(ToString(test.from)) + " to " + std::string(ToString(verdict)));
      ClaimedIn(++n, test.from);
      const absl::StatusOr<IntentRecord> resolved = Resolve(Verdict(n, verdict));
      const std::optional<IntentRecord> now = Latest(absl::StrCat("intent", n));
      if (!test.allowed) {
        EXPECT_THAT(resolved, StatusIs(absl::StatusCode::kFailedPrecondition,
                                       HasSubstr(std::string(ToString(test.from)))));
        EXPECT_EQ(now->state, test.from);
        continue;
      }
      ASSERT_THAT(resolved, IsOk());
      EXPECT_EQ(resolved->state, verdict);
      EXPECT_EQ(now->state, verdict);
      EXPECT_EQ(now->review_at, std::nullopt);
      const EventRecord event = EventsOf(n).back();
      EXPECT_EQ(event.kind, "resolved");
      EXPECT_EQ(event.actor, "dana");
      EXPECT_EQ(event.evidence_json, R"({"note":"asked"})");
      EXPECT_EQ(event.at, At(500));
    }
  }
}

TEST_F(LedgerVerdictsTest, APersonsResultIsKeptWhereThereIsNone) {
  ClaimedIn(1, S::kReview);
  Resolution resolution = Verdict(1, S::kSucceeded);
  resolution.result_json = R"({"id":7})";
  ASSERT_THAT(Resolve(resolution), IsOk());
  EXPECT_EQ(Latest("intent1")->result_json, R"({"id":7})");
}

// A refusal would say that it is not on disk.
TEST_F(LedgerVerdictsTest, AVerdictIsToldAlsoWhileThereIsNoRoomForLookUps) {
  ClaimedIn(1, S::kReview);
  Close();
  SqliteLedger::Options options = DefaultOptions();
  options.lookup_queue = 0;
  OpenWith(std::move(options));
  ASSERT_THAT(Lookup({.tenant = "clinic", .intent_id = "intent1"}),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("behind")));
  const absl::StatusOr<IntentRecord> resolved = Resolve(Verdict(1, S::kSucceeded));
  ASSERT_THAT(resolved, IsOk());
  EXPECT_EQ(resolved->state, S::kSucceeded);
  EXPECT_EQ(resolved->tool, "book_appointment");
  EXPECT_EQ(resolved->last_seq, EventsOf(1).back().seq);
  Close();
  OpenDefault();
  EXPECT_EQ(Latest("intent1")->state, S::kSucceeded);
}

TEST_F(LedgerVerdictsTest, AVerdictThatIsCommittedAsTheLedgerClosesIsTold) {
  ClaimedIn(1, S::kReview);
  Close();
  SqliteLedger::Options options = DefaultOptions();
  options.threading = Threading::kManual;
  OpenWith(std::move(options));
  absl::StatusOr<IntentRecord> resolved;
  ledger_->Resolve(Verdict(1, S::kRejected),
                   [&](absl::StatusOr<IntentRecord> record) { resolved = std::move(record); });
  Close();
  ASSERT_THAT(resolved, IsOk());
  EXPECT_EQ(resolved->state, S::kRejected);
  OpenDefault();
  EXPECT_EQ(Latest("intent1")->state, S::kRejected);
}

TEST_F(LedgerVerdictsTest, AnotherTenantsIntentIsNotThere) {
  ClaimedIn(1, S::kReview);
  Resolution resolution = Verdict(1, S::kSucceeded);
  resolution.tenant = "other";
  EXPECT_THAT(Resolve(resolution), StatusIs(absl::StatusCode::kNotFound, HasSubstr("intent_id")));
  resolution = Verdict(1, S::kSucceeded);
  resolution.generation = 2;
  EXPECT_THAT(Resolve(resolution), StatusIs(absl::StatusCode::kNotFound, HasSubstr("intent_id")));
  resolution = Verdict(1, S::kReview);
  EXPECT_THAT(Resolve(resolution),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("verdict")));
}

TEST_F(LedgerVerdictsTest, AnOpenAttemptEndsWithThePersonsVerdict) {
  const int64_t row = ClaimedIn(1, S::kUnknown);
  Transition resend = MakeTransition(row, S::kUnknown, S::kUnknown);
  resend.attempt_begin = 2;
  ASSERT_THAT(Apply(resend), IsOk());
  ASSERT_THAT(Resolve(Verdict(1, S::kSucceeded)), IsOk());
  const std::vector<IntentDetail> details = Get("intent1").value();
  ASSERT_THAT(details[0].attempts, SizeIs(2));
  EXPECT_EQ(details[0].attempts[1].ended_at, At(500));
  EXPECT_THAT(details[0].attempts[1].end.error, HasSubstr("person"));
  EXPECT_EQ(ledger_->MarkCrashed(At(700)).value(), 0);
}

// Edge case 22
TEST_F(LedgerVerdictsTest, ALateOutcomeThatContradictsIsAConflictAndChangesNoVerdict) {
  const int64_t row = ClaimedIn(1, S::kUnknown);
  ASSERT_THAT(Resolve(Verdict(1, S::kRejected)), IsOk());
  const absl::StatusOr<IntentRecord> told = RecordLate(Late(row, S::kSucceeded));
  ASSERT_THAT(told, IsOk());
  EXPECT_TRUE(IsContradicted(*told));
  EXPECT_EQ(told->last_seq, EventsOf(1).back().seq);
  const std::optional<IntentRecord> now = Latest("intent1");
  EXPECT_EQ(now->state, S::kRejected);
  EXPECT_TRUE(IsContradicted(*now));
  EXPECT_EQ(EventsOf(1).back().kind, "conflict");
  ASSERT_THAT(Reviews(), SizeIs(1));
  EXPECT_EQ(InReview().count, 1);
  EXPECT_EQ(InReview().oldest, At(600));
}

TEST_F(LedgerVerdictsTest, ALateOutcomeThatAgreesIsOnlyKept) {
  int n = 0;
  for (const auto& [state, says] : std::vector<std::pair<S, S>>{{S::kSucceeded, S::kSucceeded},
                                                                {S::kReversed, S::kSucceeded},
                                                                {S::kRejected, S::kRejected},
                                                                {S::kReview, S::kSucceeded},
                                                                {S::kUnknown, S::kRejected}}) {
    const int64_t row = ClaimedIn(++n, state);
    const std::optional<absl::Time> review_at = Latest(absl::StrCat("intent", n))->review_at;
    ASSERT_THAT(RecordLate(Late(row, says)), IsOk());
    EXPECT_EQ(EventsOf(n).back().kind, "late") << ToString(state);
    EXPECT_EQ(Latest(absl::StrCat("intent", n))->review_at, review_at);
  }
}

TEST_F(LedgerVerdictsTest, NoNextGenerationWhileALateOutcomeContradicts) {
  const int64_t row = ClaimedIn(1, S::kRejected);
  ASSERT_THAT(RecordLate(Late(row, S::kSucceeded)), IsOk());
  ClaimRequest next = MakeClaim(1);
  next.intent.generation = 2;
  next.call.call_id = "call1b";
  next.call.tool_call_id = "toolu_1b";
  EXPECT_FALSE(Claim(next)->granted);
  ASSERT_THAT(Resolve(Verdict(1, S::kRejected)), IsOk()) << "a person stands by it";
  EXPECT_TRUE(Claim(next)->granted);
}

// R16, R18: the first one may be there, although the second one was refused.
TEST_F(LedgerVerdictsTest, AnEarlierGenerationThatIsContradictedHoldsTheNextOneToo) {
  const int64_t first = ClaimedIn(1, S::kRejected);
  ClaimRequest next = MakeClaim(1);
  const auto open = [&](int generation) {
    next.intent.generation = generation;
    next.call.call_id = next.call.tool_call_id = absl::StrCat("call1-", generation);
    return Claim(next);
  };
  const int64_t second = open(2)->row;
  ASSERT_THAT(RecordLate(Late(first, S::kSucceeded)), IsOk());
  EXPECT_EQ(Latest("intent1")->row, second) << "it is under way";
  Transition refused = MakeTransition(second, S::kInFlight, S::kRejected);
  refused.attempt_end = EndOf(1, "DEFINITE_REFUSAL");
  ASSERT_THAT(Apply(refused), IsOk());
  EXPECT_EQ(Latest("intent1")->row, first);
  EXPECT_FALSE(open(3)->granted);
  EXPECT_EQ(Lookup({.tenant = "clinic", .target_intent_id = "intent1"})->target->row, first);
  Resolution verdict = Verdict(1, S::kRejected);
  verdict.generation = 1;
  ASSERT_THAT(Resolve(verdict), IsOk());
  EXPECT_EQ(Latest("intent1")->row, second);
  const int64_t third = open(3)->row;
  ASSERT_THAT(Apply(Success(third, "{}")), IsOk());
  ASSERT_THAT(RecordLate(Late(first, S::kSucceeded)), IsOk());
  EXPECT_EQ(Latest("intent1")->row, third) << "what took effect is replayed";
}

TEST_F(LedgerVerdictsTest, APersonCorrectsAContradictedVerdict) {
  const int64_t row = ClaimedIn(1, S::kRejected);
  ASSERT_THAT(RecordLate(Late(row, S::kSucceeded)), IsOk());
  ASSERT_THAT(Resolve(Verdict(1, S::kSucceeded)), IsOk());
  const std::optional<IntentRecord> now = Latest("intent1");
  EXPECT_EQ(now->state, S::kSucceeded);
  EXPECT_FALSE(IsContradicted(*now));
  EXPECT_EQ(InReview().count, 0);
  EXPECT_THAT(Resolve(Verdict(1, S::kRejected)),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("SUCCEEDED")));
}

TEST_F(LedgerVerdictsTest, AReversalDoesNotAnswerWhatALateOutcomeAsked) {
  const int64_t row = ClaimedIn(1, S::kSucceeded);
  ASSERT_THAT(RecordLate(Late(row, S::kRejected)), IsOk());
  ASSERT_THAT(Apply(MakeTransition(row, S::kSucceeded, S::kReversed)), IsOk());
  EXPECT_EQ(InReview().count, 1);
  ASSERT_THAT(Resolve(Verdict(1, S::kRejected)), IsOk());
  EXPECT_EQ(Latest("intent1")->state, S::kReversed) << "it stays undone, whatever is said of it";
  EXPECT_EQ(InReview().count, 0);
}

TEST_F(LedgerVerdictsTest, APersonsYesToACancellationReversesWhatItUndid) {
  const int64_t booking = ClaimedIn(1, S::kSucceeded);
  ClaimRequest cancel = MakeClaim(2);
  cancel.intent.reverses_row = booking;
  const int64_t row = Claimed(cancel);
  ASSERT_THAT(Apply(MakeTransition(row, S::kInFlight, S::kUnknown)), IsOk());
  ASSERT_THAT(Resolve(Verdict(2, S::kSucceeded)), IsOk());
  EXPECT_EQ(Latest("intent1")->state, S::kReversed);
}

// R7: a cancellation names what it undoes by a result; which of the two is known first must not
// matter.
class LedgerUndoneResultTest : public LedgerVerdictsTest {
 protected:
  void SetUp() override {
    LedgerVerdictsTest::SetUp();
    booking_ = Claimed(MakeClaim(1));
    ClaimRequest cancel = MakeClaim(2);
    cancel.intent.tool = cancel.call.tool = "cancel_appointment";
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
    const auto chain = Await<absl::StatusOr<ChainPage>>(
        [&](auto done) { ledger_->VerifyChain(1, 100, std::move(done)); });
    ASSERT_THAT(chain, IsOk());
    EXPECT_FALSE(chain->finding.has_value()) << chain->finding->what;
  }

  const std::string undoes_ = absl::StrCat(kUndoes, "ref7");
  int64_t booking_ = 0;
  int64_t cancel_ = 0;
};

TEST_F(LedgerUndoneResultTest, ALateResultIsReversedByTheCancellationThatNamedIt) {
  Succeeds(cancel_, undoes_);
  Succeeds(booking_, "ref7");
  ExpectReversed();
}

TEST_F(LedgerUndoneResultTest, ALateCancellationReversesTheResultThatItNames) {
  Succeeds(booking_, "ref7");
  Succeeds(cancel_, undoes_);
  ExpectReversed();
}

TEST_F(LedgerUndoneResultTest, ALateResultThatAPersonToldIsReversedToo) {
  Succeeds(cancel_, undoes_);
  ASSERT_THAT(Apply(MakeTransition(booking_, S::kInFlight, S::kUnknown)), IsOk());
  Resolution verdict = Verdict(1, S::kSucceeded);
  verdict.result_ref = "ref7";
  ASSERT_THAT(Resolve(verdict), IsOk());
  ExpectReversed();
}

TEST_F(LedgerUndoneResultTest, NothingElseIsReversed) {
  Succeeds(cancel_, undoes_);
  Succeeds(booking_, "ref8");
  EXPECT_EQ(Latest("intent1")->state, S::kSucceeded);
  // What was written after it, it cannot have undone.
  const int64_t later = Claimed(MakeClaim(3));
  Succeeds(later, "ref7");
  EXPECT_EQ(Latest("intent3")->state, S::kSucceeded);
}

TEST_F(LedgerUndoneResultTest, AnotherTenantsCancellationReversesNothing) {
  ClaimRequest cancel = MakeClaim(3);
  cancel.intent.tenant = cancel.call.tenant = "other";
  Succeeds(Claimed(cancel), undoes_);
  Succeeds(booking_, "ref7");
  EXPECT_EQ(Latest("intent1")->state, S::kSucceeded);
}

TEST_F(LedgerUndoneResultTest, ACancellationThatIsInDoubtReversesNothing) {
  Succeeds(cancel_, undoes_);
  ASSERT_THAT(RecordLate(Late(cancel_, S::kRejected)), IsOk());
  Succeeds(booking_, "ref7");
  EXPECT_EQ(Latest("intent1")->state, S::kSucceeded);
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

TEST_F(LedgerReversalVerdictsTest, WhatIsBeingReversedIsNotReversedTwice) {
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

TEST_F(LedgerReversalVerdictsTest, ACorrectedReversalMakesWhatItUndidWaitForAPerson) {
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
  const auto chain = Await<absl::StatusOr<ChainPage>>(
      [&](auto done) { ledger_->VerifyChain(1, 100, std::move(done)); });
  ASSERT_THAT(chain, IsOk());
  EXPECT_FALSE(chain->finding.has_value());
}

// The look-up before the claim may be older than what contradicts.
TEST_F(LedgerReversalVerdictsTest, WhatAReversalInDoubtHasUndoneIsNotDoneAgain) {
  ASSERT_THAT(Resolve(Verdict(2, S::kSucceeded)), IsOk());
  ASSERT_THAT(RecordLate(Late(cancel_, S::kRejected)), IsOk());
  EXPECT_FALSE(BooksAgain());
  ASSERT_THAT(Resolve(Verdict(2, S::kSucceeded)), IsOk());
  EXPECT_TRUE(BooksAgain());
}

TEST_F(LedgerReversalVerdictsTest, WhatIsGoneAllTheSameMayBeDoneAgain) {
  ASSERT_THAT(Resolve(Verdict(2, S::kSucceeded)), IsOk());
  ASSERT_THAT(RecordLate(Late(cancel_, S::kRejected)), IsOk());
  ASSERT_THAT(Resolve(Verdict(2, S::kRejected)), IsOk());
  ASSERT_THAT(Resolve(Verdict(1, S::kRejected)), IsOk());
  EXPECT_EQ(Latest("intent1")->state, S::kReversed);
  EXPECT_TRUE(BooksAgain());
}

TEST_F(LedgerReversalVerdictsTest, AReversalThatAPersonStandsByLeavesWhatItUndidAlone) {
  ASSERT_THAT(Resolve(Verdict(2, S::kSucceeded)), IsOk());
  ASSERT_THAT(RecordLate(Late(cancel_, S::kRejected)), IsOk());
  ASSERT_THAT(Resolve(Verdict(2, S::kSucceeded)), IsOk());
  EXPECT_FALSE(Latest("intent1")->review_at.has_value());
  EXPECT_TRUE(BooksAgain());
}

TEST_F(LedgerReversalVerdictsTest, ARefusedReversalThatMayHaveHappenedIsFoundWithWhatItUndoes) {
  ASSERT_THAT(Resolve(Verdict(2, S::kRejected)), IsOk());
  EXPECT_FALSE(Found("intent1").reversal.has_value());
  ASSERT_THAT(RecordLate(Late(cancel_, S::kSucceeded)), IsOk());
  ASSERT_TRUE(Found("intent1").reversal.has_value());
  EXPECT_TRUE(IsContradicted(*Found("intent1").reversal));
  ASSERT_THAT(Resolve(Verdict(2, S::kSucceeded)), IsOk());
  EXPECT_EQ(Latest("intent1")->state, S::kReversed);
  EXPECT_FALSE(Found("intent1").reversal.has_value());
}

TEST_F(LedgerVerdictsTest, TheReviewListIsWhatWaitsAndNothingElse) {
  int n = 0;
  for (const S state : {S::kInFlight, S::kSucceeded, S::kRejected, S::kReversed, S::kUnknown,
                        S::kReview, S::kReview}) {
    ClaimedIn(++n, state);
  }
  EXPECT_THAT(Reviews(), SizeIs(2));
  EXPECT_EQ(InReview().count, 2);
  EXPECT_EQ(InReview().oldest, At(100));
}

// R15
class LedgerNearTest : public LedgerVerdictsTest {
 protected:
  int64_t ClaimSubject(int n, S state) {
    ClaimRequest request = MakeClaim(n);
    request.intent.subject = "subject";
    const int64_t row = Claimed(request);
    if (state == S::kSucceeded) {
      EXPECT_THAT(Apply(Success(row, "{}")), IsOk());
    } else if (state != S::kInFlight) {
      EXPECT_THAT(Apply(MakeTransition(row, S::kInFlight, state)), IsOk());
    }
    return row;
  }
  std::optional<IntentRecord> Near(int n, absl::Time since) {
    return Lookup({.tenant = "clinic",
                   .intent_id = absl::StrCat("intent", n),
                   .near_subject = "subject",
                   .near_since = since})
        ->near;
  }
};

TEST_F(LedgerNearTest, FindsTheNewestOfTheSubjectThatIsLiveOrRecent) {
  ClaimSubject(1, S::kSucceeded);
  EXPECT_EQ(Near(9, At(0))->intent_id, "intent1");
  EXPECT_EQ(Near(9, At(1))->intent_id, "intent1");
  EXPECT_FALSE(Near(9, At(2)).has_value()) << "too long ago";
  EXPECT_FALSE(Near(1, At(0)).has_value()) << "itself";
  ClaimSubject(2, S::kRejected);
  EXPECT_EQ(Near(9, At(0))->intent_id, "intent1") << "what had no effect is nothing to ask about";
  ClaimSubject(3, S::kUnknown);
  EXPECT_EQ(Near(9, At(1000))->intent_id, "intent3") << "in doubt, however old";
}

// R18
TEST_F(LedgerVerdictsTest, LookupCountsTheGenerationsThatNobodyHasLookedAt) {
  const std::vector<std::string> rules = {"limit.no_effect", "table.definite_refusal",
                                          "R20.withdrawn", "drain.not_sent", "limit.no_effect"};
  for (int i = 0; i < 5; ++i) {
    ClaimRequest claim = MakeClaim(1);
    claim.intent.generation = i + 1;
    claim.intent.key = absl::StrCat("key", i);
    claim.call.call_id = absl::StrCat("call", i);
    claim.call.tool_call_id = absl::StrCat("toolu", i);
    Transition refused = MakeTransition(Claimed(claim), S::kInFlight, S::kRejected);
    refused.attempt_end = EndOf(1, "NOT_SENT");
    refused.rule = rules[i];
    ASSERT_THAT(Apply(refused), IsOk());
  }
  EXPECT_EQ(Found("intent1").unheard, 4);
}

}  // namespace
}  // namespace onetake
