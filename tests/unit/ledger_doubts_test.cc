// Verdicts and outcomes about what somebody else has ended, undone, erased or damaged meanwhile.

#include <gmock/gmock.h>

#include <utility>

#include "tests/testing/ledger_fixture.h"
#include "tests/testing/tampering.h"

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
using ::onetake::testing::Tampering;
using ::testing::HasSubstr;

using Code = absl::StatusCode;
using S = IntentState;

class LedgerDoubtsTest : public LedgerFixture {
 protected:
  void SetUp() override { OpenWith(SealedOptions()); }

  int64_t Succeeded(ClaimRequest claim) {
    const int64_t row = Claimed(std::move(claim));
    EXPECT_THAT(Apply(Success(row, R"({"ok":true})")), IsOk());
    return row;
  }
  static ClaimRequest ClaimUndoing(int n, int64_t row) {
    ClaimRequest request = MakeClaim(n);
    request.intent.reverses_row = row;
    return request;
  }
  absl::Status Contradict(int64_t row, S says) {
    return RecordLate({.row = row, .says = says, .rule = "R16.late", .actor = "e", .at = At(200)})
        .status();
  }
  absl::StatusOr<IntentRecord> Judge(const std::string& intent, S verdict) {
    Resolution resolution{.tenant = "clinic",
                          .intent_id = intent,
                          .verdict = verdict,
                          .by = "dana",
                          .evidence_json = R"({"note":"asked"})",
                          .at = At(500)};
    if (verdict == S::kSucceeded) resolution.result_json = R"({"from":"a person"})";
    return Resolve(std::move(resolution));
  }
};

TEST_F(LedgerDoubtsTest, WhatWasUndoneStaysSoWhoeverUndidIt) {
  // By a write that stands, and by the engine without one.
  const int64_t first = Succeeded(MakeClaim(1));
  Succeeded(ClaimUndoing(2, first));
  const int64_t third = Succeeded(MakeClaim(3));
  ASSERT_THAT(Apply(MakeTransition(third, S::kSucceeded, S::kReversed)), IsOk());
  for (const char* intent : {"intent1", "intent3"}) {
    ASSERT_THAT(Contradict(Latest(intent)->row, S::kRejected), IsOk());
    const auto judged = Judge(intent, S::kSucceeded);
    ASSERT_THAT(judged, IsOk());
    EXPECT_EQ(judged->state, S::kReversed);
    EXPECT_EQ(judged->result_json, R"({"ok":true})");
  }
}

TEST_F(LedgerDoubtsTest, ACorrectionDoubtsOnlyWhatWasUndone) {
  // What they would have undone: still under way; not there; not found by its result.
  const int64_t open = Claimed(MakeClaim(1));
  const int64_t undoing = Succeeded(ClaimUndoing(2, open));
  const int64_t undoing_nothing = Succeeded(ClaimUndoing(3, 999));
  ClaimRequest by_result = MakeClaim(4);
  by_result.intent.undoes_ref = "undoes:booking 7";
  const int64_t undoing_unknown = Succeeded(by_result);
  for (const int64_t row : {undoing, undoing_nothing, undoing_unknown}) {
    ASSERT_THAT(Contradict(row, S::kRejected), IsOk());
  }
  for (const char* intent : {"intent2", "intent3", "intent4"}) {
    const auto judged = Judge(intent, S::kRejected);
    ASSERT_THAT(judged, IsOk()) << intent;
    EXPECT_EQ(judged->state, S::kRejected) << intent;
  }
  EXPECT_EQ(InReview().count, 0);
  EXPECT_EQ(Latest("intent1")->state, S::kInFlight);
}

TEST_F(LedgerDoubtsTest, AVerdictOnWhatWasErasedKeepsNoResultAndItsEvidenceInClear) {
  const int64_t row = Succeeded(MakeClaim(1));
  const auto erased = Await<absl::StatusOr<ErasureResult>>([&](auto done) {
    ledger_->Erase({.tenant = "clinic", .intent_id = "intent1", .by = "dana", .at = At(150)},
                   std::move(done));
  });
  ASSERT_THAT(erased, IsOk());
  ASSERT_THAT(Contradict(row, S::kRejected), IsOk());
  const auto judged = Judge("intent1", S::kSucceeded);
  ASSERT_THAT(judged, IsOk());
  EXPECT_FALSE(judged->result_json.has_value());
  EXPECT_EQ(Events({.intent_id = "intent1"})->back().evidence_json, R"({"note":"asked"})");
}

TEST_F(LedgerDoubtsTest, AnOutcomeIsRecordedThoughItsKeyIsLost) {
  const int64_t row = Claimed(MakeClaim(1));
  Close();
  Tampering(Path()).Run("DELETE FROM intent_keys");
  OpenWith(SealedOptions());
  ASSERT_THAT(Apply(Success(row, "{}")), IsOk());
  Close();
  Tampering file(Path());
  EXPECT_EQ(file.Text("SELECT state FROM intents"), "SUCCEEDED");
  EXPECT_EQ(file.Text("SELECT count(*) FROM results"), "0");
}

TEST_F(LedgerDoubtsTest, AnErasureKeepsWhatIsHeldAndKnowsOnlyItsAttributes) {
  Succeeded(MakeClaim(1));
  const auto erase = [&](Erasure erasure) {
    erasure.tenant = "clinic";
    return Await<absl::StatusOr<ErasureResult>>(
        [&](auto done) { ledger_->Erase(std::move(erasure), std::move(done)); });
  };
  EXPECT_EQ(erase({.intent_id = "intent1", .held_intents = {"intent1"}})->held, 1);
  EXPECT_THAT(erase({.attribute = "fax", .value = "1"}),
              StatusIs(Code::kInvalidArgument, HasSubstr("ledger.indexed_attributes")));
  EXPECT_TRUE(Latest("intent1")->result_json.has_value());
}

TEST_F(LedgerDoubtsTest, AnAttemptEndsOnce) {
  const int64_t row = Claimed(MakeClaim(1));
  Transition loss = MakeTransition(row, S::kInFlight, S::kUnknown);
  loss.attempt_end = EndOf(1, "TIMEOUT");
  ASSERT_THAT(Apply(loss), IsOk());
  loss.from = S::kUnknown;
  EXPECT_THAT(Apply(loss), StatusIs(Code::kInvalidArgument, HasSubstr("attempt 1 is not open")));
}

TEST_F(LedgerDoubtsTest, AClaimThatNamesNoTimeOfItsSendingIsSentWhenItIsMade) {
  ClaimRequest claim = MakeClaim(1);
  claim.intent.first_sent_at = absl::Time();
  claim.intent.hides = true;
  const int64_t row = Claimed(std::move(claim));
  EXPECT_EQ(Latest("intent1")->first_sent_at, At(1));
  EXPECT_TRUE(Latest("intent1")->hides);
  // Its request goes with its outcome, and is not missed.
  ASSERT_THAT(Apply(Success(row, "{}")), IsOk());
  EXPECT_EQ(Latest("intent1")->request, "");
  const auto chain = Await<absl::StatusOr<ChainPage>>(
      [&](auto done) { ledger_->VerifyChain(1, 100, std::move(done)); });
  ASSERT_THAT(chain, IsOk());
  EXPECT_FALSE(chain->finding.has_value());
}

TEST_F(LedgerDoubtsTest, CallsThatAreDroppedAsADropIsRecordedAreRecordedNext) {
  const int64_t row = Claimed(MakeClaim(1));
  Close();
  SqliteLedger::Options options = SealedOptions();
  options.threading = Threading::kManual;
  options.write_queue = 1;
  OpenWith(std::move(options));
  ledger_->Apply(Success(row, "{}"), [&](const absl::StatusOr<Applied>&) {
    for (int n = 3; n <= 4; ++n) ledger_->RecordCall(MakeClaim(n).call);  // one finds room
  });
  ledger_->RecordCall(MakeClaim(2).call);
  while (ledger_->RunPending()) {
  }
  EXPECT_EQ(ledger_->stats().calls_dropped, 2);
  int shed = 0;
  for (const EventRecord& event : *Events({.tenant = "clinic"})) {
    if (event.kind != "shed") continue;
    ++shed;
    EXPECT_EQ(event.evidence_json, R"({"calls":1})");
  }
  EXPECT_EQ(shed, 2);
}

TEST_F(LedgerDoubtsTest, ACallMayComeToItsIntentLater) {
  const int64_t row = Succeeded(MakeClaim(1));
  CallRecord call = MakeClaim(2).call;
  call.role = CallRole::kJoined;
  Record(call);
  EXPECT_EQ(Calls({.tenant = "clinic"})->back().intent_id, "");
  call.intent_row = row;
  Record(call);
  EXPECT_EQ(Calls({.tenant = "clinic"})->back().intent_id, "intent1");
  call.intent_row = 0;
  call.role = CallRole::kReplayed;
  Record(call);
  const CallSummary last = Calls({.tenant = "clinic"})->back();
  EXPECT_EQ(last.intent_id, "intent1");
  EXPECT_EQ(last.call.role, CallRole::kReplayed);
}

}  // namespace
}  // namespace onetake
