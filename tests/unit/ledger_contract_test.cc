// What ledger.h promises: with threads and without, sealed and plain, and in memory.

#include <gmock/gmock.h>

#include "tests/testing/ledger_contract_fixture.h"

namespace onetake {
namespace {

using ::onetake::testing::At;
using ::onetake::testing::EndOf;
using ::onetake::testing::IsOk;
using ::onetake::testing::IsOkAndHolds;
using ::onetake::testing::LedgerContractFixture;
using ::onetake::testing::LedgerForm;
using ::onetake::testing::MakeClaim;
using ::onetake::testing::MakeTransition;
using ::onetake::testing::NameOf;
using ::onetake::testing::StatusIs;
using ::onetake::testing::Success;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;
using ::testing::SizeIs;

using S = IntentState;

class LedgerTest : public LedgerContractFixture {};

INSTANTIATE_TEST_SUITE_P(Form, LedgerTest,
                         ::testing::Values(LedgerForm::kThreads, LedgerForm::kManual,
                                           LedgerForm::kSealed, LedgerForm::kMemory),
                         NameOf);

TEST_P(LedgerTest, ClaimKeepsEveryField) {
  ClaimRequest request = MakeClaim(1);
  request.intent.reason = "opened";
  const int64_t row = Claimed(request);
  const LookupResult found = Found("intent1", "toolu_1");
  ASSERT_TRUE(found.latest.has_value());
  const IntentRecord& intent = *found.latest;
  EXPECT_EQ(intent.row, row);
  EXPECT_EQ(intent.tenant, "clinic");
  EXPECT_EQ(intent.intent_id, "intent1");
  EXPECT_EQ(intent.generation, 1);
  EXPECT_EQ(intent.key, "key1");
  EXPECT_EQ(intent.tool, "book_appointment");
  EXPECT_EQ(intent.tool_version, "v1");
  EXPECT_EQ(intent.canonicaliser, 3);
  EXPECT_EQ(intent.scope, "session:CA1");
  EXPECT_EQ(intent.session_id, "CA1");
  EXPECT_EQ(intent.safety, "KEYED");
  EXPECT_EQ(intent.state, S::kInFlight);
  EXPECT_FALSE(intent.ambiguous);
  EXPECT_EQ(intent.attempts, 1);
  EXPECT_EQ(intent.reason, "opened");
  EXPECT_EQ(intent.identity_json, request.intent.identity_json);
  EXPECT_EQ(intent.arguments_json, request.intent.arguments_json);
  EXPECT_EQ(intent.request, request.intent.request);
  EXPECT_EQ(intent.result_json, std::nullopt);
  EXPECT_EQ(intent.created_at, At(1));
  EXPECT_EQ(intent.first_sent_at, At(1));
  EXPECT_EQ(intent.settled_at, std::nullopt);
  EXPECT_EQ(intent.next_attempt_at, std::nullopt);

  ASSERT_TRUE(found.call.has_value());
  EXPECT_EQ(found.call->call_id, "call1");
  EXPECT_EQ(found.call->role, CallRole::kOpened);
  EXPECT_EQ(found.call->intent_row, row);
  EXPECT_EQ(found.call->turn_id, "turn1");
  EXPECT_EQ(found.call->fingerprint, "print1");
  EXPECT_EQ(found.call->received_at, At(1));
  EXPECT_EQ(found.call->answered_at, std::nullopt);
  ASSERT_TRUE(found.call_intent.has_value());
  EXPECT_EQ(found.call_intent->row, row);
  EXPECT_EQ(found.call_intent->request, request.intent.request);
}

// What is known to have taken effect is so after a restart too.
TEST_P(LedgerTest, AnUnreadableSuccessIsRemembered) {
  const int64_t row = Claimed(MakeClaim(1));
  Transition cut = MakeTransition(row, S::kInFlight, S::kUnknown);
  cut.attempt_end = EndOf(1, "BODY_UNREADABLE");
  EXPECT_FALSE(Found("intent1").latest->happened);
  EXPECT_THAT(Apply(cut), IsOk());
  EXPECT_TRUE(Found("intent1").latest->happened);
}

TEST_P(LedgerTest, AnAttemptThatFoundItsKeyInUseIsCountedAsAWait) {
  const int64_t row = Claimed(MakeClaim(1));
  Transition busy = MakeTransition(row, S::kInFlight, S::kUnknown);
  busy.attempt_end = EndOf(1, "KEY_IN_USE");
  EXPECT_EQ(Found("intent1").latest->waits, 0);
  EXPECT_THAT(Apply(busy), IsOk());
  EXPECT_EQ(Found("intent1").latest->waits, 1);
}

TEST_P(LedgerTest, LookupFindsNothingWhereNothingIs) {
  const LookupResult found = Found("intent1", "toolu_1");
  EXPECT_FALSE(found.latest.has_value());
  EXPECT_FALSE(found.call.has_value());
  EXPECT_FALSE(found.call_intent.has_value());
}

TEST_P(LedgerTest, LookupKeepsTenantsAndSessionsApart) {
  Claimed(MakeClaim(1));
  LookupRequest other{
      .tenant = "other", .intent_id = "intent1", .session_id = "CA1", .tool_call_id = "toolu_1"};
  EXPECT_FALSE(Lookup(other)->latest.has_value());
  EXPECT_FALSE(Lookup(other)->call.has_value());
  other.tenant = "clinic";
  other.session_id = "CA2";
  EXPECT_TRUE(Lookup(other)->latest.has_value());
  EXPECT_FALSE(Lookup(other)->call.has_value());
}

TEST_P(LedgerTest, SameGenerationIsClaimedOnce) {
  Claimed(MakeClaim(1));
  ClaimRequest again = MakeClaim(1);
  again.call.call_id = "call2";
  again.call.tool_call_id = "toolu_2";
  const auto result = Claim(again);
  ASSERT_THAT(result, IsOk());
  EXPECT_FALSE(result->granted);
  EXPECT_FALSE(Found("", "toolu_2").call.has_value()) << "nothing is left behind";
  EXPECT_THAT(AllEvents(), SizeIs(1));
}

TEST_P(LedgerTest, SameGenerationInTwoTenantsIsTwoIntents) {
  Claimed(MakeClaim(1));
  ClaimRequest other = MakeClaim(1);
  other.intent.tenant = other.call.tenant = "other";
  other.call.call_id = "call2";
  EXPECT_GT(Claimed(other), 0);
}

TEST_P(LedgerTest, SameToolCallIdIsClaimedOnce) {
  Claimed(MakeClaim(1));
  ClaimRequest again = MakeClaim(2);
  again.call.tool_call_id = "toolu_1";
  const auto result = Claim(again);
  ASSERT_THAT(result, IsOk());
  EXPECT_FALSE(result->granted);
  EXPECT_FALSE(Latest("intent2").has_value()) << "nothing is left behind";
}

TEST_P(LedgerTest, CallsWithoutToolCallIdAreNotTheSame) {
  for (int n = 1; n <= 3; ++n) {
    ClaimRequest request = MakeClaim(n);
    request.call.tool_call_id = "";
    Claimed(request);
  }
}

TEST_P(LedgerTest, ToolCallIdWithoutASessionIsNoIdentity) {
  for (int n = 1; n <= 2; ++n) {
    ClaimRequest request = MakeClaim(n);
    request.call.session_id = "";
    request.call.tool_call_id = "call_0";
    Claimed(request);
  }
  EXPECT_FALSE(Lookup({.tenant = "clinic", .tool_call_id = "call_0"})->call.has_value());
}

TEST_P(LedgerTest, ToolCallIdOfACallThatCameToNothingMayStillOpen) {
  CallRecord held = MakeClaim(1).call;
  held.call_id = "call0";
  held.role = CallRole::kHeld;
  held.disposition = "REJECTED";
  Record(held);
  EXPECT_EQ(Found("", "toolu_1").call->call_id, "call0");
  const int64_t row = Claimed(MakeClaim(1));
  EXPECT_EQ(Found("", "toolu_1").call->call_id, "call1") << "the delivery that is about an intent";
  EXPECT_EQ(Found("", "toolu_1").call_intent->row, row);
}

TEST_P(LedgerTest, LookupFindsTheGenerationAskedFor) {
  const int64_t first = Claimed(MakeClaim(1));
  Transition rejected = MakeTransition(first, S::kInFlight, S::kRejected);
  ASSERT_THAT(Apply(rejected), IsOk());
  ClaimRequest next = MakeClaim(1);
  next.intent.generation = 2;
  next.call.call_id = "call2";
  next.call.tool_call_id = "toolu_2";
  const int64_t second = Claimed(next);
  LookupRequest request{.tenant = "clinic", .intent_id = "intent1"};
  EXPECT_EQ(Lookup(request)->latest->row, second);
  request.generation = 1;
  EXPECT_EQ(Lookup(request)->latest->row, first);
  request.generation = 3;
  EXPECT_FALSE(Lookup(request)->latest.has_value());
}

TEST_P(LedgerTest, NextGenerationWaitsForTheEndOfTheOneBefore) {
  const int64_t row = Claimed(MakeClaim(1));
  ClaimRequest next = MakeClaim(1);
  next.intent.generation = 2;
  next.intent.key = "key1:g2";
  next.call.call_id = "call2";
  next.call.tool_call_id = "toolu_2";
  EXPECT_FALSE(Claim(next)->granted) << "generation 1 is in flight";
  Transition rejected = MakeTransition(row, S::kInFlight, S::kRejected);
  rejected.attempt_end = EndOf(1, "DEFINITE_REFUSAL");
  ASSERT_THAT(Apply(rejected), IsOk());
  EXPECT_GT(Claimed(next), row);
  const std::optional<IntentRecord> latest = Latest("intent1");
  EXPECT_EQ(latest->generation, 2);
  EXPECT_EQ(latest->key, "key1:g2");
}

TEST_P(LedgerTest, NoGenerationFollowsASuccess) {
  const int64_t row = Claimed(MakeClaim(1));
  ASSERT_THAT(Apply(Success(row, "{}")), IsOk());
  ClaimRequest next = MakeClaim(1);
  next.intent.generation = 2;
  next.call.call_id = "call2";
  next.call.tool_call_id = "toolu_2";
  EXPECT_FALSE(Claim(next)->granted);
  ASSERT_THAT(Apply(MakeTransition(row, S::kSucceeded, S::kReversed)), IsOk());
  EXPECT_TRUE(Claim(next)->granted);
}

TEST_P(LedgerTest, CallIdUsedTwiceIsTheCallersBugAndLeavesNothing) {
  Claimed(MakeClaim(1));
  ClaimRequest again = MakeClaim(2);
  again.call.call_id = "call1";
  EXPECT_THAT(Claim(again), StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("call_id")));
  EXPECT_FALSE(Latest("intent2").has_value());
  EXPECT_THAT(AllEvents(), SizeIs(1));
  EXPECT_GT(Claimed(MakeClaim(3)), 0);
}

TEST_P(LedgerTest, OversizedClaimIsRefused) {
  ClaimRequest request = MakeClaim(1);
  request.intent.request = std::string(2'000'000, 'x');
  EXPECT_THAT(Claim(request),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("at most 1900000")));
  EXPECT_FALSE(Latest("intent1").has_value());
}

TEST_P(LedgerTest, ResultsAreReplayedByteForByte) {
  std::string every;
  for (int i = 0; i < 256; ++i) every.push_back(static_cast<char>(i));
  const std::vector<std::string> results = {"",
                                            "{}",
                                            every,
                                            std::string("a\0b\0", 4),
                                            "{\"name\":\"Zoë 日本 \\u0000\"}",
                                            std::string(1024 * 1024, 'x')};
  for (size_t i = 0; i < results.size(); ++i) {
    ClaimRequest request = MakeClaim(static_cast<int>(i));
    request.intent.request = results[i];
    ASSERT_THAT(Apply(Success(Claimed(request), results[i])), IsOk());
    const std::optional<IntentRecord> intent = Latest(request.intent.intent_id);
    ASSERT_TRUE(intent.has_value());
    EXPECT_EQ(intent->result_json, results[i]);
    EXPECT_EQ(intent->request, results[i]);
  }
}

TEST_P(LedgerTest, OutcomeIsRecordedWithItsAttempt) {
  const int64_t row = Claimed(MakeClaim(1));
  Transition success = Success(row, R"({"id":7})");
  success.evidence_json = R"({"status":201})";
  success.rule = "table.success";
  ASSERT_THAT(Apply(success), IsOk());
  const std::optional<IntentRecord> intent = Latest("intent1");
  EXPECT_EQ(intent->state, S::kSucceeded);
  EXPECT_EQ(intent->reason, "table.success");
  EXPECT_THAT(intent->settled_at, Optional(At(100)));
  EXPECT_THAT(intent->result_json, Optional(std::string(R"({"id":7})")));
  const std::vector<AttemptRecord> attempts = AttemptsOf("intent1");
  ASSERT_THAT(attempts, SizeIs(1));
  EXPECT_EQ(attempts[0].started_at, At(1));
  EXPECT_THAT(attempts[0].ended_at, Optional(At(100)));
  EXPECT_EQ(attempts[0].end.reached, "body_complete");
  EXPECT_EQ(attempts[0].end.http_status, 200);
  EXPECT_EQ(attempts[0].end.latency, absl::Milliseconds(4200));
  const std::vector<EventRecord> events = EventsOf("intent1");
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(events[0].kind, "claimed");
  EXPECT_EQ(events[0].from, "");
  EXPECT_EQ(events[0].to, "IN_FLIGHT");
  EXPECT_EQ(events[1].kind, "settled");
  EXPECT_EQ(events[1].from, "IN_FLIGHT");
  EXPECT_EQ(events[1].to, "SUCCEEDED");
  EXPECT_EQ(events[1].rule, "table.success");
  EXPECT_EQ(events[1].actor, "engine");
  EXPECT_EQ(events[1].evidence_json, R"({"status":201})");
  EXPECT_EQ(events[1].at, At(100));
  EXPECT_EQ(events[1].intent_id, "intent1");
  EXPECT_EQ(events[1].generation, 1);
  EXPECT_EQ(events[1].tool, "book_appointment");
  EXPECT_EQ(events[1].session_id, "CA1");
}

TEST_P(LedgerTest, WhoAppliesATransitionIsToldItsEventAndTheState) {
  const auto told = [this](const Transition& transition) {
    return Await<absl::StatusOr<Applied>>(
        [&](auto done) { ledger().Apply(transition, std::move(done)); });
  };
  const int64_t booking = Claimed(MakeClaim(1));
  const absl::StatusOr<Applied> lost = told(MakeTransition(booking, S::kInFlight, S::kUnknown));
  ASSERT_THAT(lost, IsOk());
  EXPECT_EQ(lost->state, S::kUnknown);
  EXPECT_EQ(lost->seq, AllEvents().back().seq);
  ASSERT_THAT(told(MakeTransition(booking, S::kUnknown, S::kSucceeded)), IsOk());
  ClaimRequest cancel = MakeClaim(2);
  cancel.intent.reverses_row = booking;
  const absl::StatusOr<Applied> cancelled = told(Success(Claimed(cancel), "{}"));
  ASSERT_THAT(cancelled, IsOk());
  EXPECT_EQ(cancelled->state, S::kSucceeded);
  EXPECT_EQ(cancelled->seq, EventsOf("intent2").back().seq) << "not that of what it undid";
}

TEST_P(LedgerTest, TransitionFromAnotherStateChangesNothing) {
  const int64_t row = Claimed(MakeClaim(1));
  ASSERT_THAT(Apply(Success(row, "first")), IsOk());
  EXPECT_THAT(Apply(Success(row, "second")),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("SUCCEEDED"), HasSubstr("not IN_FLIGHT"))));
  EXPECT_THAT(Latest("intent1")->result_json, Optional(std::string("first")));
  EXPECT_THAT(AllEvents(), SizeIs(2));
}

TEST_P(LedgerTest, TransitionOfNoRowIsRefused) {
  EXPECT_THAT(Apply(MakeTransition(99, S::kInFlight, S::kUnknown)),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no row 99")));
}

TEST_P(LedgerTest, ResendsAreCountedAndScheduled) {
  const int64_t row = Claimed(MakeClaim(1));
  Transition lost = MakeTransition(row, S::kInFlight, S::kUnknown);
  lost.attempt_end = EndOf(1, "LOST");
  lost.ambiguous = true;
  lost.next_attempt_at = At(105);
  ASSERT_THAT(Apply(lost), IsOk());
  EXPECT_THAT(Latest("intent1")->next_attempt_at, Optional(At(105)));
  EXPECT_TRUE(Latest("intent1")->ambiguous);
  EXPECT_EQ(Latest("intent1")->settled_at, std::nullopt);

  Transition resend = MakeTransition(row, S::kUnknown, S::kUnknown);
  resend.attempt_begin = 2;
  resend.at = At(105);
  ASSERT_THAT(Apply(resend), IsOk());
  EXPECT_EQ(Latest("intent1")->attempts, 2);
  EXPECT_EQ(Latest("intent1")->next_attempt_at, std::nullopt);

  Transition success = MakeTransition(row, S::kUnknown, S::kSucceeded);
  success.attempt_end = EndOf(2, "");
  success.result_json = "{}";
  ASSERT_THAT(Apply(success), IsOk());
  const std::vector<AttemptRecord> attempts = AttemptsOf("intent1");
  ASSERT_THAT(attempts, SizeIs(2));
  EXPECT_EQ(attempts[0].end.failure, "LOST");
  EXPECT_EQ(attempts[1].started_at, At(105));
  EXPECT_TRUE(Latest("intent1")->ambiguous) << "once ambiguous, always ambiguous (R14)";
  std::vector<std::string> kinds;
  for (const EventRecord& event : EventsOf("intent1")) kinds.push_back(event.kind);
  EXPECT_THAT(kinds, ElementsAre("claimed", "unknown", "resend", "settled"));
}

TEST_P(LedgerTest, ReversalKeepsTheTimeOfTheOutcome) {
  const int64_t row = Claimed(MakeClaim(1));
  ASSERT_THAT(Apply(Success(row, "{}")), IsOk());
  Transition reversed = MakeTransition(row, S::kSucceeded, S::kReversed);
  reversed.at = At(500);
  ASSERT_THAT(Apply(reversed), IsOk());
  EXPECT_THAT(Latest("intent1")->settled_at, Optional(At(100)));
  EXPECT_THAT(Latest("intent1")->result_json, Optional(std::string("{}")));
}

TEST_P(LedgerTest, PersonSettlesAReview) {
  const int64_t row = Claimed(MakeClaim(1));
  ASSERT_THAT(Apply(MakeTransition(row, S::kInFlight, S::kUnknown)), IsOk());
  ASSERT_THAT(Apply(MakeTransition(row, S::kUnknown, S::kReview)), IsOk());
  Transition resolved = MakeTransition(row, S::kReview, S::kSucceeded);
  resolved.actor = "dana";
  ASSERT_THAT(Apply(resolved), IsOk());
  const std::vector<EventRecord> events = AllEvents();
  ASSERT_THAT(events, SizeIs(4));
  EXPECT_EQ(events[2].kind, "review");
  EXPECT_EQ(events[3].kind, "resolved");
  EXPECT_EQ(events[3].actor, "dana");
}

TEST_P(LedgerTest, RecordCallInsertsThenUpdates) {
  const int64_t row = Claimed(MakeClaim(1));
  CallRecord call = MakeClaim(1).call;
  call.disposition = "DONE";
  call.answered_at = At(101);
  Record(call);
  const LookupResult found = Found("", "toolu_1");
  EXPECT_EQ(found.call->disposition, "DONE");
  EXPECT_THAT(found.call->answered_at, Optional(At(101)));
  EXPECT_EQ(found.call->intent_row, row) << "an update without a row keeps it";

  CallRecord read;
  read.call_id = "call9";
  read.tenant = "clinic";
  read.session_id = "CA1";
  read.tool_call_id = "toolu_9";
  read.role = CallRole::kRead;
  read.received_at = At(9);
  Record(read);
  ASSERT_TRUE(Found("", "toolu_9").call.has_value());
  EXPECT_EQ(Found("", "toolu_9").call->role, CallRole::kRead);
  EXPECT_EQ(Found("", "toolu_9").call->intent_row, 0);
  EXPECT_FALSE(Found("", "toolu_9").call_intent.has_value());
}

TEST_P(LedgerTest, RedeliveredToolCallIdIsARowOfItsOwn) {
  const int64_t row = Claimed(MakeClaim(1));
  for (int i = 2; i <= 4; ++i) {
    CallRecord again = MakeClaim(1).call;
    again.call_id = absl::StrCat("call", i);
    again.role = i == 3 ? CallRole::kJoined : CallRole::kRedelivered;
    again.intent_row = row;
    Record(again);
  }
  EXPECT_EQ(Found("", "toolu_1").call->call_id, "call1") << "the first delivery is found";
  ASSERT_THAT(CallsOf("intent1"), SizeIs(4));
  EXPECT_EQ(CallsOf("intent1")[3].tool_call_id, "toolu_1");
}

TEST_P(LedgerTest, MarkCrashedMakesOpenClaimsUnknownOnce) {
  const int64_t open = Claimed(MakeClaim(1));
  const int64_t done = Claimed(MakeClaim(2));
  ASSERT_THAT(Apply(Success(done, "{}")), IsOk());
  const int64_t resent = Claimed(MakeClaim(3));
  Transition lost = MakeTransition(resent, S::kInFlight, S::kUnknown);
  lost.attempt_end = EndOf(1, "LOST");
  ASSERT_THAT(Apply(lost), IsOk());
  Transition resend = MakeTransition(resent, S::kUnknown, S::kUnknown);
  resend.attempt_begin = 2;
  ASSERT_THAT(Apply(resend), IsOk());
  const int64_t scheduled = Claimed(MakeClaim(4));
  Transition not_sent = MakeTransition(scheduled, S::kInFlight, S::kInFlight);
  not_sent.attempt_end = EndOf(1, "NOT_SENT");
  not_sent.next_attempt_at = At(300);
  ASSERT_THAT(Apply(not_sent), IsOk());

  EXPECT_THAT(ledger().MarkCrashed(At(200)), IsOkAndHolds(3));
  EXPECT_THAT(ledger().MarkCrashed(At(201)), IsOkAndHolds(0));
  EXPECT_EQ(Latest("intent1")->state, S::kUnknown);
  EXPECT_TRUE(Latest("intent1")->ambiguous);
  EXPECT_EQ(Latest("intent2")->state, S::kSucceeded);
  EXPECT_EQ(Latest("intent3")->state, S::kUnknown);
  EXPECT_EQ(Latest("intent4")->state, S::kUnknown);
  EXPECT_THAT(Latest("intent4")->next_attempt_at, Optional(At(300))) << "Retry-After still holds";

  const AttemptRecord attempt = AttemptsOf("intent1").front();
  EXPECT_EQ(attempt.end.failure, "CRASH");
  EXPECT_THAT(attempt.ended_at, Optional(At(200)));
  const EventRecord crashed = EventsOf("intent1").back();
  EXPECT_EQ(crashed.kind, "crashed");
  EXPECT_EQ(crashed.rule, "R12.crash");
  EXPECT_EQ(crashed.actor, "recovery");
  EXPECT_EQ(AttemptsOf("intent3")[1].end.failure, "CRASH");
  EXPECT_EQ(AttemptsOf("intent4")[0].end.failure, "NOT_SENT") << "it had ended";

  const absl::StatusOr<std::vector<IntentRecord>> unsettled = ledger().Unsettled(0, 100);
  ASSERT_THAT(unsettled, IsOkAndHolds(SizeIs(3)));
  EXPECT_EQ((*unsettled)[0].row, open);
  EXPECT_EQ((*unsettled)[1].row, resent);
  EXPECT_EQ((*unsettled)[2].row, scheduled);
  EXPECT_THAT(ledger().Unsettled(0, 1), IsOkAndHolds(SizeIs(1)));
  EXPECT_THAT(ledger().Unsettled(open, 100), IsOkAndHolds(SizeIs(2)));
  EXPECT_EQ(ledger().Unsettled(0, 1)->front().request, MakeClaim(1).intent.request);
}

TEST_P(LedgerTest, EventsAreNumberedWithoutGaps) {
  for (int n = 1; n <= 20; ++n) {
    const int64_t row = Claimed(MakeClaim(n));
    if (n % 2 == 0) {
      ASSERT_THAT(Apply(Success(row, "{}")), IsOk());
    }
    EXPECT_FALSE(Claim(MakeClaim(n))->granted);
  }
  const std::vector<EventRecord> events = AllEvents();
  ASSERT_THAT(events, SizeIs(30));
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i].seq, static_cast<int64_t>(i) + 1);
  }
}

}  // namespace
}  // namespace onetake
