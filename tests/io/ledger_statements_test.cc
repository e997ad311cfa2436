// Every statement of every change of a ledger fails, one at a time: the change is made and told, or
// refused without a trace, or the ledger stops over it and the next start finds all of it or
// nothing.

#include "tests/io/statement_fixture.h"
#include "tests/testing/tampering.h"

namespace onetake::io {
namespace {

using ::onetake::testing::At;
using ::onetake::testing::EndOf;
using ::onetake::testing::IsOk;
using ::onetake::testing::MakeClaim;
using ::onetake::testing::MakeTransition;
using S = IntentState;

class LedgerStatementsTest : public StatementFixture {
 protected:
  // Claim `n` came with an attribute.
  static ClaimRequest CallersClaim(int n) {
    ClaimRequest request = MakeClaim(n);
    request.call.attributes = {{"phone", "+4930123456"}};
    return request;
  }
  static ClaimRequest ClaimUndoing(int n, int64_t row) {
    ClaimRequest request = MakeClaim(n);
    request.intent.reverses_row = row;
    return request;
  }
  static ClaimRequest ClaimUndoingByResult(int n, const std::string& ref) {
    ClaimRequest request = MakeClaim(n);
    request.intent.undoes_ref = "undoes:" + ref;
    return request;
  }
  static ClaimRequest ClaimSetting(int n) {
    ClaimRequest request = MakeClaim(n);
    request.intent.subject = "sets:thing";
    return request;
  }
  static Transition Success(int64_t row, const std::string& ref = "") {
    Transition success = testing::Success(row, R"({"ok":true})");
    success.evidence_json = R"({"status":201})";
    if (!ref.empty()) success.result_ref = ref;
    return success;
  }
  static Transition Loss(int64_t row) {
    Transition loss = MakeTransition(row, S::kInFlight, S::kUnknown);
    loss.attempt_end = EndOf(1, "TIMEOUT");
    loss.attempt_end->error = "the connection was reset";
    loss.evidence_json = R"({"why":"slow"})";
    loss.ambiguous = true;
    return loss;
  }
  static Resolution Verdict(const std::string& intent, S verdict) {
    Resolution resolution{.tenant = "clinic",
                          .intent_id = intent,
                          .verdict = verdict,
                          .by = "dana",
                          .evidence_json = R"({"seen":"in the calendar"})",
                          .at = At(500)};
    if (verdict == S::kSucceeded) resolution.result_json = R"({"ok":true})";
    return resolution;
  }

  int64_t Succeeded(int n, const std::string& ref = "") {
    const int64_t row = Claimed(CallersClaim(n));
    EXPECT_THAT(Apply(Success(row, ref)), IsOk());
    return row;
  }
  // Waits for a person; its second attempt has not ended.
  int64_t InReview(int n) {
    const int64_t row = Claimed(CallersClaim(n));
    EXPECT_THAT(Apply(Loss(row)), IsOk());
    Transition resend = MakeTransition(row, S::kUnknown, S::kUnknown);
    resend.attempt_begin = 2;
    EXPECT_THAT(Apply(resend), IsOk());
    EXPECT_THAT(Apply(MakeTransition(row, S::kUnknown, S::kReview)), IsOk());
    return row;
  }

  void FailEachOfClaim(const ClaimRequest& request) {
    FailEach([&]() -> absl::Status {
      ONETAKE_ASSIGN_OR_RETURN(const ClaimResult result, Claim(request));
      EXPECT_TRUE(result.granted);
      return absl::OkStatus();
    });
  }
  void FailEachOfApply(const Transition& transition) {
    FailEach([&] { return Apply(transition); });
  }
  void FailEachOfVerdict(const Resolution& resolution) {
    FailEach([&] { return Resolve(resolution).status(); });
  }
  void FailEachOfErasing(Erasure erasure) {
    erasure.tenant = "clinic";
    erasure.by = "dana";
    erasure.reason = "case 7";
    erasure.at = At(160);
    FailEach([&] {
      return Await<absl::StatusOr<ErasureResult>>(
                 [&](auto done) { ledger_->Erase(erasure, std::move(done)); })
          .status();
    });
  }
  void FailEachOfAging(const AgeRules& rules, absl::Duration later) {
    FailEach([&] {
      return Await<absl::StatusOr<AgeResult>>(
                 [&](auto done) { ledger_->Age(rules, At(100) + later, 100, std::move(done)); })
          .status();
    });
  }
  // Nobody is told of a record. A full disk leaves another one: that it was dropped.
  void FailEachOfRecording(const CallRecord& call) {
    FailEachStopping([&]() -> absl::Status {
      const int64_t dropped = ledger_->stats().calls_dropped;
      ledger_->RecordCall(call);
      ledger_->RunWrites();
      if (ledger_->stats().calls_dropped == dropped) return absl::OkStatus();
      return absl::InternalError("dropped");
    });
  }
};

TEST_F(LedgerStatementsTest, TheFirstClaim) { FailEachOfClaim(CallersClaim(1)); }

TEST_F(LedgerStatementsTest, AClaimOfTheNextGeneration) {
  const int64_t row = Succeeded(1);
  ASSERT_THAT(Apply(Success(Claimed(ClaimUndoing(2, row)))), IsOk());
  ClaimRequest again = MakeClaim(1);
  again.intent.generation = 2;
  again.intent.key = "key1b";
  again.call.call_id = "call1b";
  again.call.tool_call_id = "toolu_1b";
  FailEachOfClaim(again);
}

TEST_F(LedgerStatementsTest, AClaimThatUndoesAnother) {
  FailEachOfClaim(ClaimUndoing(2, Succeeded(1)));
}

TEST_F(LedgerStatementsTest, AClaimThatUndoesWhatIsNotKnown) {
  FailEachOfClaim(ClaimUndoingByResult(2, "booking 7"));
}

TEST_F(LedgerStatementsTest, ASuccess) { FailEachOfApply(Success(Claimed(CallersClaim(1)))); }

TEST_F(LedgerStatementsTest, ASuccessThatUndoesAnother) {
  FailEachOfApply(Success(Claimed(ClaimUndoing(2, Succeeded(1)))));
}

TEST_F(LedgerStatementsTest, ASuccessThatUndoesByResult) {
  Succeeded(1, "booking 7");
  FailEachOfApply(Success(Claimed(ClaimUndoingByResult(2, "booking 7"))));
}

TEST_F(LedgerStatementsTest, ASuccessThatIsUndoneAlready) {
  const int64_t row = Claimed(CallersClaim(1));
  ASSERT_THAT(Apply(Success(Claimed(ClaimUndoingByResult(2, "booking 7")))), IsOk());
  FailEachOfApply(Success(row, "booking 7"));
}

TEST_F(LedgerStatementsTest, ALossAndASecondAttempt) {
  const int64_t row = Claimed(CallersClaim(1));
  FailEachOfApply(Loss(row));
  ASSERT_THAT(Apply(Loss(row)), IsOk());
  Transition resend = MakeTransition(row, S::kUnknown, S::kUnknown);
  resend.attempt_begin = 2;
  FailEachOfApply(resend);
}

TEST_F(LedgerStatementsTest, ALateOutcome) {
  const LateOutcome late{.row = Succeeded(1),
                         .says = S::kRejected,
                         .rule = "R16.late",
                         .actor = "engine",
                         .at = At(200),
                         .evidence_json = R"({"status":409})"};
  FailEach([&] { return RecordLate(late).status(); });
}

TEST_F(LedgerStatementsTest, AVerdict) {
  InReview(1);
  FailEachOfVerdict(Verdict("intent1", S::kSucceeded));
  FailEachOfVerdict(Verdict("intent1", S::kRejected));
}

TEST_F(LedgerStatementsTest, AVerdictThatASeenSuccessContradicts) {
  Transition loss = Loss(Claimed(CallersClaim(1)));
  loss.attempt_end->failure = "BODY_UNREADABLE";
  ASSERT_THAT(Apply(loss), IsOk());
  FailEachOfVerdict(Verdict("intent1", S::kRejected));
}

// A person says of a write that has undone another, of which a late outcome says the contrary, that
// it has not.
TEST_F(LedgerStatementsTest, AVerdictThatNothingWasUndone) {
  const int64_t undoing = Claimed(ClaimUndoing(2, Succeeded(1)));
  ASSERT_THAT(Apply(Success(undoing)), IsOk());
  ASSERT_THAT(RecordLate({.row = undoing,
                          .says = S::kRejected,
                          .rule = "R16.late",
                          .actor = "engine",
                          .at = At(200)}),
              IsOk());
  FailEachOfVerdict(Verdict("intent2", S::kRejected));
  ASSERT_THAT(Resolve(Verdict("intent2", S::kRejected)), IsOk());
  FailEachOfVerdict(Verdict("intent1", S::kSucceeded));
}

TEST_F(LedgerStatementsTest, AVerdictThatNothingWasUndoneByResult) {
  Succeeded(1, "booking 7");
  const int64_t undoing = Claimed(ClaimUndoingByResult(2, "booking 7"));
  ASSERT_THAT(Apply(Success(undoing)), IsOk());
  ASSERT_THAT(RecordLate({.row = undoing,
                          .says = S::kRejected,
                          .rule = "R16.late",
                          .actor = "engine",
                          .at = At(200)}),
              IsOk());
  FailEachOfVerdict(Verdict("intent2", S::kRejected));
}

TEST_F(LedgerStatementsTest, WhatSetsAThing) {
  ASSERT_THAT(Apply(Success(Claimed(ClaimSetting(1)))), IsOk());
  FailEachOfClaim(ClaimSetting(2));
  const int64_t row = Claimed(ClaimSetting(2));
  FailEachOfApply(Success(row));
  ASSERT_THAT(Apply(Success(row)), IsOk());
  ASSERT_THAT(
      RecordLate(
          {.row = row, .says = S::kRejected, .rule = "R16.late", .actor = "engine", .at = At(300)}),
      IsOk());
  FailEachOfVerdict(Verdict("intent2", S::kRejected));
  ASSERT_THAT(Resolve(Verdict("intent2", S::kRejected)), IsOk());
  EXPECT_TRUE(Found("intent1").latest->review_at.has_value());
  FailEachOfVerdict(Verdict("intent1", S::kSucceeded));
  ASSERT_THAT(Resolve(Verdict("intent1", S::kSucceeded)), IsOk());
  EXPECT_EQ(Found("intent1").latest->state, S::kSucceeded);
}

TEST_F(LedgerStatementsTest, AVerdictThatComesBehindALaterSetting) {
  ASSERT_THAT(Apply(MakeTransition(Claimed(ClaimSetting(1)), S::kInFlight, S::kRejected)), IsOk());
  ASSERT_THAT(
      RecordLate(
          {.row = 1, .says = S::kSucceeded, .rule = "R16.late", .actor = "engine", .at = At(300)}),
      IsOk());
  ASSERT_THAT(Apply(Success(Claimed(ClaimSetting(2)))), IsOk());
  FailEachOfVerdict(Verdict("intent1", S::kSucceeded));
  ASSERT_THAT(Resolve(Verdict("intent1", S::kSucceeded)), IsOk());
  EXPECT_EQ(Found("intent1").latest->state, S::kReversed);
}

TEST_F(LedgerStatementsTest, TheRecordOfACall) {
  CallRecord call = CallersClaim(1).call;
  call.role = CallRole::kRead;
  FailEachOfRecording(call);
}

TEST_F(LedgerStatementsTest, TheAnswerOfACallFromBeforeTheStart) {
  const int64_t row = Succeeded(1);
  CallRecord call = MakeClaim(1).call;
  call.intent_row = row;
  call.disposition = "DONE";
  call.answered_at = At(101);
  FailEachOfRecording(call);
  call.role = CallRole::kConflict;
  FailEachOfRecording(call);
}

TEST_F(LedgerStatementsTest, TheMarksOfACrash) {
  Claimed(CallersClaim(1));
  const int64_t row = Claimed(CallersClaim(2));
  ASSERT_THAT(Apply(Loss(row)), IsOk());
  FailEach([&] { return ledger_->MarkCrashed(At(200)).status(); });
}

TEST_F(LedgerStatementsTest, Latencies) {
  FailEach([&] {
    return Await<absl::Status>([&](auto done) {
      ledger_->SaveLatencies({{.tool = "book_appointment", .downstream = "", .histogram = "one"}},
                             std::move(done));
    });
  });
}

TEST_F(LedgerStatementsTest, AnErasureOfAnIntent) {
  Succeeded(1);
  FailEachOfErasing({.intent_id = "intent1"});
}

TEST_F(LedgerStatementsTest, AnErasureOfASession) {
  Succeeded(1);
  CallRecord call = CallersClaim(2).call;
  call.role = CallRole::kRead;
  Record(call);
  FailEachOfErasing({.session_id = "CA1", .held_sessions = {"another"}});
}

// What is asked then is whether there was such a session at all.
TEST_F(LedgerStatementsTest, AnErasureOfASessionWithoutAttributes) {
  CallRecord call = MakeClaim(1).call;
  call.role = CallRole::kRead;
  Record(call);
  FailEachOfErasing({.session_id = "CA1"});
}

TEST_F(LedgerStatementsTest, AnErasureOfACaller) {
  Succeeded(1);
  CallRecord call = CallersClaim(2).call;
  call.role = CallRole::kRead;
  Record(call);
  FailEachOfErasing({.attribute = "phone", .value = "+4930123456", .held_sessions = {"another"}});
}

TEST_F(LedgerStatementsTest, AnErasureOfWhatSomebodyHasAltered) {
  Succeeded(1);
  Close();
  testing::Tampering(Path()).Run("UPDATE intents SET tool = 'other'");
  finding_ = "row edited";
  FailEachOfErasing({.intent_id = "intent1"});
}

TEST_F(LedgerStatementsTest, AnUnsealing) {
  Succeeded(1);
  FailEach([&] {
    return Await<absl::StatusOr<int64_t>>([&](auto done) {
             ledger_->RecordUnsealing({"clinic", "intent1", "dana", At(150)}, std::move(done));
           })
        .status();
  });
}

TEST_F(LedgerStatementsTest, Aging) {
  Succeeded(1);
  FailEachOfAging({.held_sessions = {"another"}}, absl::Hours(24 * 40));
}

TEST_F(LedgerStatementsTest, Pruning) {
  Succeeded(1);
  CallRecord call = CallersClaim(2).call;
  call.role = CallRole::kRead;
  Record(call);
  Succeeded(3);
  FailEachOfAging({.held_sessions = {"another"}, .held_intents = {"intent3"}},
                  absl::Hours(24 * 365 * 8));
  // The same once more, behind what is gone by then.
  Await<absl::StatusOr<AgeResult>>([&](auto done) {
    ledger_->Age({}, At(100) + absl::Hours(24 * 365 * 8), 1, std::move(done));
  }).IgnoreError();
  FailEachOfAging({}, absl::Hours(24 * 365 * 8));
}

// A checkpoint that fails stops the ledger behind a change that is told.
TEST_F(LedgerStatementsTest, WhatIsDoneBetweenChanges) {
  const Transition success = Success(Claimed(CallersClaim(1)));
  FailEach([&] {
    const absl::Status applied = Apply(success);
    ledger_->KeepAgeClock({At(200), At(200), absl::ZeroDuration()});
    ledger_->RunWrites();
    ledger_->RunIdle();
    return applied;
  });
}

TEST_F(LedgerStatementsTest, TheNewWrappingOfKeys) {
  Succeeded(1);
  masters_.insert(masters_.begin(), "master key two, 32 bytes or more");
  Reopen();
  FailEach([&] { return ledger_->RewrapKeys().status(); });
}

}  // namespace
}  // namespace onetake::io
