// Verdicts that are not the engine's: a person's, and what arrives after one (R16).
#include <gmock/gmock.h>

#include "tests/testing/ledger_verdicts_fixture.h"

namespace onetake {
namespace {

using ::onetake::testing::At;
using ::onetake::testing::EndOf;
using ::onetake::testing::IsOk;
using ::onetake::testing::IsOkAndHolds;
using ::onetake::testing::LedgerForm;
using ::onetake::testing::LedgerVerdictsTest;
using ::onetake::testing::MakeClaim;
using ::onetake::testing::MakeTransition;
using ::onetake::testing::NameOf;
using ::onetake::testing::S;
using ::onetake::testing::StatusIs;
using ::onetake::testing::Success;
using ::testing::HasSubstr;
using ::testing::SizeIs;

INSTANTIATE_TEST_SUITE_P(Form, LedgerVerdictsTest,
                         ::testing::Values(LedgerForm::kThreads, LedgerForm::kMemory), NameOf);

TEST_P(LedgerVerdictsTest, APersonSettlesWhatOnlyAPersonCan) {
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

TEST_P(LedgerVerdictsTest, APersonsResultIsKeptWhereThereIsNone) {
  ClaimedIn(1, S::kReview);
  Resolution resolution = Verdict(1, S::kSucceeded);
  resolution.result_json = R"({"id":7})";
  ASSERT_THAT(Resolve(resolution), IsOk());
  EXPECT_EQ(Latest("intent1")->result_json, R"({"id":7})");
}

// The cases that need more than the interface of a ledger.
class LedgerVerdictsOnDiskTest : public LedgerVerdictsTest {};
INSTANTIATE_TEST_SUITE_P(Form, LedgerVerdictsOnDiskTest, ::testing::Values(LedgerForm::kThreads),
                         NameOf);

// A refusal would say that it is not on disk.
TEST_P(LedgerVerdictsOnDiskTest, AVerdictIsToldAlsoWhileThereIsNoRoomForLookUps) {
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

TEST_P(LedgerVerdictsOnDiskTest, AVerdictThatIsCommittedAsTheLedgerClosesIsTold) {
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

TEST_P(LedgerVerdictsTest, AnotherTenantsIntentIsNotThere) {
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

// R16: a 2xx was seen, and only its body is missing.
TEST_P(LedgerVerdictsTest, NotAppliedIsContradictedByASuccessThatCouldNotBeRead) {
  const int64_t row = Claimed(MakeClaim(1));
  Transition unread = MakeTransition(row, S::kInFlight, S::kUnknown);
  unread.attempt_end = EndOf(1, "BODY_UNREADABLE");
  ASSERT_THAT(Apply(unread), IsOk());
  const absl::StatusOr<IntentRecord> resolved = Resolve(Verdict(1, S::kRejected));
  ASSERT_THAT(resolved, IsOk());
  EXPECT_TRUE(IsContradicted(*resolved));
  const std::vector<EventRecord> events = EventsOf(1);
  EXPECT_EQ(events.back().kind, "conflict");
  EXPECT_EQ(events.back().rule, "R16.late_success");
  EXPECT_EQ(events[events.size() - 2].kind, "resolved");
  EXPECT_EQ(resolved->last_seq, events.back().seq);
  const absl::StatusOr<IntentRecord> again = Resolve(Verdict(1, S::kRejected));
  ASSERT_THAT(again, IsOk()) << "who looks once more has the last word";
  EXPECT_FALSE(IsContradicted(*again));
  EXPECT_EQ(again->state, S::kRejected);
}

TEST_P(LedgerVerdictsTest, AppliedIsNotContradictedByASuccessThatCouldNotBeRead) {
  const int64_t row = Claimed(MakeClaim(1));
  Transition unread = MakeTransition(row, S::kInFlight, S::kUnknown);
  unread.attempt_end = EndOf(1, "BODY_UNREADABLE");
  ASSERT_THAT(Apply(unread), IsOk());
  const absl::StatusOr<IntentRecord> resolved = Resolve(Verdict(1, S::kSucceeded));
  ASSERT_THAT(resolved, IsOk());
  EXPECT_FALSE(IsContradicted(*resolved));
  EXPECT_EQ(EventsOf(1).back().kind, "resolved");
}

TEST_P(LedgerVerdictsTest, NotAppliedIsContradictedByASuccessBeforeTheLastAttempt) {
  const int64_t row = Claimed(MakeClaim(1));
  Transition unread = MakeTransition(row, S::kInFlight, S::kUnknown);
  unread.attempt_end = EndOf(1, "BODY_UNREADABLE");
  unread.attempt_begin = 2;
  ASSERT_THAT(Apply(unread), IsOk());
  Transition lost = MakeTransition(row, S::kUnknown, S::kReview);
  lost.attempt_end = EndOf(2, "LOST");
  ASSERT_THAT(Apply(lost), IsOk());
  const absl::StatusOr<IntentRecord> resolved = Resolve(Verdict(1, S::kRejected));
  ASSERT_THAT(resolved, IsOk());
  EXPECT_TRUE(IsContradicted(*resolved));
  EXPECT_EQ(resolved->review_at, At(500));
}

TEST_P(LedgerVerdictsTest, AnOpenAttemptEndsWithThePersonsVerdict) {
  const int64_t row = ClaimedIn(1, S::kUnknown);
  Transition resend = MakeTransition(row, S::kUnknown, S::kUnknown);
  resend.attempt_begin = 2;
  ASSERT_THAT(Apply(resend), IsOk());
  ASSERT_THAT(Resolve(Verdict(1, S::kSucceeded)), IsOk());
  const std::vector<AttemptRecord> attempts = AttemptsOf("intent1");
  ASSERT_THAT(attempts, SizeIs(2));
  EXPECT_EQ(attempts[1].ended_at, At(500));
  EXPECT_THAT(attempts[1].end.error, HasSubstr("person"));
  EXPECT_EQ(ledger().MarkCrashed(At(700)).value(), 0);
}

// Somebody said that nothing was done while a request was under way.
TEST_P(LedgerVerdictsTest, WhatWasOpenAtNotAppliedIsAPersonsAgainAfterACrash) {
  for (int n = 1; n <= 3; ++n) {
    const int64_t row = ClaimedIn(n, S::kUnknown);
    Transition resend = MakeTransition(row, S::kUnknown, S::kUnknown);
    resend.attempt_begin = 2;
    ASSERT_THAT(Apply(resend), IsOk());
    ASSERT_THAT(Resolve(Verdict(n, n == 3 ? S::kSucceeded : S::kRejected)), IsOk());
    if (n != 2) continue;  // of that one it is known how it ended
    EXPECT_THAT(RecordLate(Late(row, S::kRejected)), IsOk());
  }
  for (int start = 0; start < 2; ++start) {
    ASSERT_THAT(ledger().MarkCrashed(At(700)), IsOk());
    EXPECT_EQ(Latest("intent1")->review_at, At(700));
    EXPECT_EQ(Latest("intent1")->state, S::kRejected);
    EXPECT_EQ(EventsOf(1).back().rule, "R16.late_unknown");
    EXPECT_THAT(EventsOf(1), SizeIs(5)) << "once";
    EXPECT_FALSE(Latest("intent2")->review_at.has_value());
    EXPECT_FALSE(Latest("intent3")->review_at.has_value());
  }
}

// What ran on runs on, whoever has died.
TEST_P(LedgerVerdictsTest, MarkCrashedKeepsThatAnAttemptStillRuns) {
  const int64_t row = Claimed(MakeClaim(1));
  Transition lost = MakeTransition(row, S::kInFlight, S::kUnknown);
  lost.attempt_end = EndOf(1, "LOST");
  ASSERT_THAT(Apply(lost), IsOk());
  Transition resend = MakeTransition(row, S::kUnknown, S::kUnknown);
  resend.rule = "R3.still_runs_resend";
  resend.attempt_begin = 2;
  ASSERT_THAT(Apply(resend), IsOk());
  EXPECT_THAT(ledger().MarkCrashed(At(200)), IsOkAndHolds(1));
  EXPECT_EQ(Latest("intent1")->reason, "R3.still_runs_resend");
  EXPECT_EQ(EventsOf(1).back().kind, "crashed");
}

// Edge case 22
TEST_P(LedgerVerdictsTest, ALateOutcomeThatContradictsIsAConflictAndChangesNoVerdict) {
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
  EXPECT_EQ(Waiting().count, 1);
  EXPECT_EQ(Waiting().oldest, At(600));
}

TEST_P(LedgerVerdictsTest, ALateOutcomeThatAgreesIsOnlyKept) {
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

TEST_P(LedgerVerdictsTest, NoNextGenerationWhileALateOutcomeContradicts) {
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
TEST_P(LedgerVerdictsTest, AnEarlierGenerationThatIsContradictedHoldsTheNextOneToo) {
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

// The first one is there, a person says, although the second one was refused.
TEST_P(LedgerVerdictsTest, AnEarlierGenerationThatAPersonFoundAppliedStands) {
  const int64_t first = ClaimedIn(1, S::kRejected);
  ClaimRequest next = MakeClaim(1);
  const auto open = [&](int generation) {
    next.intent.generation = generation;
    next.call.call_id = next.call.tool_call_id = absl::StrCat("call1-", generation);
    return Claim(next);
  };
  Transition refused = MakeTransition(open(2)->row, S::kInFlight, S::kRejected);
  refused.attempt_end = EndOf(1, "DEFINITE_REFUSAL");
  ASSERT_THAT(Apply(refused), IsOk());
  ASSERT_THAT(RecordLate(Late(first, S::kSucceeded)), IsOk());
  Resolution verdict = Verdict(1, S::kSucceeded);
  verdict.generation = 1;
  ASSERT_THAT(Resolve(verdict), IsOk());
  const LookupResult found = Lookup({.tenant = "clinic", .intent_id = "intent1"}).value();
  EXPECT_EQ(found.latest->row, first);
  EXPECT_EQ(found.highest, 2);
  EXPECT_EQ(Lookup({.tenant = "clinic", .target_intent_id = "intent1"})->target->row, first);
  EXPECT_FALSE(open(3)->granted);
  next.intent.reverses_row = ClaimedIn(2, S::kSucceeded);
  EXPECT_TRUE(open(3)->granted) << "of a cancellation: that was made since";
}

TEST_P(LedgerVerdictsTest, AnEarlierGenerationThatWasUndoneSinceStandsNoMore) {
  const int64_t first = ClaimedIn(1, S::kSucceeded);
  ClaimRequest cancel = MakeClaim(2);
  cancel.intent.reverses_row = first;
  ASSERT_THAT(Apply(Success(Claimed(cancel), "{}")), IsOk());
  ClaimRequest next = MakeClaim(1);
  next.intent.generation = 2;
  next.call.call_id = next.call.tool_call_id = "call1-2";
  const int64_t second = Claim(next)->row;
  Transition refused = MakeTransition(second, S::kInFlight, S::kRejected);
  refused.attempt_end = EndOf(1, "DEFINITE_REFUSAL");
  ASSERT_THAT(Apply(refused), IsOk());
  EXPECT_EQ(Latest("intent1")->row, second);
  next.intent.generation = 3;
  next.call.call_id = next.call.tool_call_id = "call1-3";
  EXPECT_TRUE(Claim(next)->granted);
}

// A verdict without a generation is about the one that every call is answered by.
TEST_P(LedgerVerdictsTest, AVerdictOnTheLatestIsAboutTheOneThatIsContradicted) {
  const int64_t first = ClaimedIn(1, S::kRejected);
  ClaimRequest next = MakeClaim(1);
  next.intent.generation = 2;
  next.call.call_id = next.call.tool_call_id = "call1-2";
  const int64_t second = Claim(next)->row;
  ASSERT_THAT(RecordLate(Late(first, S::kSucceeded)), IsOk());
  EXPECT_THAT(Resolve(Verdict(1, S::kSucceeded)),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("running")));
  Transition refused = MakeTransition(second, S::kInFlight, S::kRejected);
  refused.attempt_end = EndOf(1, "DEFINITE_REFUSAL");
  ASSERT_THAT(Apply(refused), IsOk());
  ASSERT_EQ(Latest("intent1")->row, first);
  const absl::StatusOr<IntentRecord> resolved = Resolve(Verdict(1, S::kSucceeded));
  ASSERT_THAT(resolved, IsOk());
  EXPECT_EQ(resolved->row, first);
}

TEST_P(LedgerVerdictsTest, APersonCorrectsAContradictedVerdict) {
  const int64_t row = ClaimedIn(1, S::kRejected);
  ASSERT_THAT(RecordLate(Late(row, S::kSucceeded)), IsOk());
  ASSERT_THAT(Resolve(Verdict(1, S::kSucceeded)), IsOk());
  const std::optional<IntentRecord> now = Latest("intent1");
  EXPECT_EQ(now->state, S::kSucceeded);
  EXPECT_FALSE(IsContradicted(*now));
  EXPECT_EQ(Waiting().count, 0);
  EXPECT_THAT(Resolve(Verdict(1, S::kRejected)),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("SUCCEEDED")));
}

TEST_P(LedgerVerdictsTest, AReversalDoesNotAnswerWhatALateOutcomeAsked) {
  const int64_t row = ClaimedIn(1, S::kSucceeded);
  ASSERT_THAT(RecordLate(Late(row, S::kRejected)), IsOk());
  ASSERT_THAT(Apply(MakeTransition(row, S::kSucceeded, S::kReversed)), IsOk());
  EXPECT_EQ(Waiting().count, 1);
  ASSERT_THAT(Resolve(Verdict(1, S::kRejected)), IsOk());
  EXPECT_EQ(Latest("intent1")->state, S::kReversed) << "it stays undone, whatever is said of it";
  EXPECT_EQ(Waiting().count, 0);
}

TEST_P(LedgerVerdictsTest, APersonsYesToACancellationReversesWhatItUndid) {
  const int64_t booking = ClaimedIn(1, S::kSucceeded);
  ClaimRequest cancel = MakeClaim(2);
  cancel.intent.reverses_row = booking;
  const int64_t row = Claimed(cancel);
  ASSERT_THAT(Apply(MakeTransition(row, S::kInFlight, S::kUnknown)), IsOk());
  ASSERT_THAT(Resolve(Verdict(2, S::kSucceeded)), IsOk());
  EXPECT_EQ(Latest("intent1")->state, S::kReversed);
}

TEST_P(LedgerVerdictsOnDiskTest, TheReviewListIsWhatWaitsAndNothingElse) {
  int n = 0;
  for (const S state : {S::kInFlight, S::kSucceeded, S::kRejected, S::kReversed, S::kUnknown,
                        S::kReview, S::kReview}) {
    ClaimedIn(++n, state);
  }
  ASSERT_THAT(RecordLate(Late(ClaimedIn(++n, S::kRejected), S::kSucceeded)), IsOk());
  EXPECT_THAT(List({.tenant = "clinic", .review_only = true}), IsOkAndHolds(SizeIs(3)));
  EXPECT_EQ(InReview().count, 3);
  EXPECT_EQ(InReview().oldest, At(100));

  ClaimRequest of_another = MakeClaim(++n);
  of_another.intent.tenant = of_another.call.tenant = "surgery";
  of_another.intent.created_at = At(50);
  const int64_t row = Claimed(of_another);
  ASSERT_THAT(Apply(MakeTransition(row, S::kInFlight, S::kUnknown)), IsOk());
  ASSERT_THAT(Apply(MakeTransition(row, S::kUnknown, S::kReview)), IsOk());
  EXPECT_EQ(InReview().count, 3);
  EXPECT_EQ(InReview("surgery").count, 1);
  EXPECT_EQ(InReview("").count, 4);
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

INSTANTIATE_TEST_SUITE_P(Form, LedgerNearTest,
                         ::testing::Values(LedgerForm::kThreads, LedgerForm::kMemory), NameOf);

TEST_P(LedgerNearTest, FindsTheNewestOfTheSubjectThatIsLiveOrRecent) {
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
TEST_P(LedgerVerdictsTest, LookupCountsTheGenerationsThatNobodyHasLookedAt) {
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
  EXPECT_EQ(Found("intent1").uncounted, 4);
}

}  // namespace
}  // namespace onetake
