// What somebody changes in the file between two events of a row, or in what hangs on it, is found,
// whatever the server does afterwards.

#include <gmock/gmock.h>

#include <functional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "runtime/ledger/verify_ledger.h"
#include "tests/testing/ledger_fixture.h"
#include "tests/testing/tampering.h"

namespace onetake {
namespace {

using ::onetake::testing::At;
using ::onetake::testing::EndOf;
using ::onetake::testing::IsOk;
using ::onetake::testing::IsOkAndHolds;
using ::onetake::testing::LedgerFixture;
using ::onetake::testing::MakeClaim;
using ::onetake::testing::MakeTransition;
using ::onetake::testing::Success;
using ::onetake::testing::Tampering;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::Optional;

using S = IntentState;

class WitnessTest : public LedgerFixture {
 protected:
  SqliteLedger::Options Options() const {
    SqliteLedger::Options options = SealedOptions();
    options.attributes = {.names = {"caller_phone"},
                          .digest = [](absl::string_view, absl::string_view,
                                       absl::string_view value) { return std::string(value); }};
    return options;
  }
  void Open() { OpenWith(Options()); }
  // A claim of somebody's, with the call that made it.
  int64_t ClaimOf(int n) {
    ClaimRequest claim = MakeClaim(n);
    claim.call.attributes["caller_phone"] = "+4930123456";
    return Claimed(std::move(claim));
  }
  void Answer(int n, int64_t row) {
    CallRecord call = MakeClaim(n).call;
    call.intent_row = row;
    call.disposition = "DONE";
    call.answered_at = At(101);
    Record(std::move(call));
  }
  // Events 1 to 3.
  void Done(int n) {
    const int64_t row = ClaimOf(n);
    ASSERT_THAT(Apply(Success(row, R"({"id":7})")), IsOk());
    Answer(n, row);
  }
  std::optional<Finding> Verify() {
    const auto report = VerifyLedger({.path = Path(), .threads = 2, .page_events = 2});
    EXPECT_THAT(report, IsOk());
    return report.value_or(VerifyReport{}).finding;
  }
  std::string Told() {
    const std::optional<Finding> finding = Verify();
    return finding ? absl::StrCat(finding->seq, " ", finding->how, " ", finding->what) : "intact";
  }
  std::string Altered() {
    return Tampering(Path()).Text("SELECT count(*) FROM events WHERE kind = 'altered'");
  }
  void Age() {
    EXPECT_THAT(Await<absl::StatusOr<AgeResult>>([&](auto done) {
                  ledger_->Age({}, At(100) + absl::Hours(24 * 40), 10, std::move(done));
                }),
                IsOk());
  }
  void Erase() {
    EXPECT_THAT(Await<absl::StatusOr<ErasureResult>>([&](auto done) {
                  ledger_->Erase({.tenant = "clinic", .intent_id = "intent1", .at = At(300)},
                                 std::move(done));
                }),
                IsOk());
  }
  void Unseal() {
    EXPECT_THAT(Await<absl::StatusOr<int64_t>>([&](auto done) {
                  ledger_->RecordUnsealing(
                      {.tenant = "clinic", .intent_id = "intent1", .by = "dana", .at = At(300)},
                      std::move(done));
                }),
                IsOk());
  }
};

TEST_F(WitnessTest, NoLaterEventVouchesForWhatSomebodyElseWrote) {
  const std::pair<const char*, std::function<void()>> next[] = {
      {"aged", [this] { Age(); }},
      {"erased", [this] { Erase(); }},
      {"unsealed", [this] { Unseal(); }},
      {"late", [this] {
         EXPECT_THAT(RecordLate({.row = 1,
                                 .says = S::kSucceeded,
                                 .rule = "R16.late",
                                 .actor = "engine",
                                 .at = At(201)}),
                     IsOk());
       }}};
  for (const char* edit : {"UPDATE intents SET key = 'other'", "UPDATE intents SET reason = ''",
                           "UPDATE attempts SET http_status = 503",
                           "INSERT INTO attempts (intent_row, number, started_at)"
                           " VALUES (1, 2, 1)"}) {
    for (const auto& [kind, happens] : next) {
      SCOPED_TRACE(absl::StrCat(edit, ", then ", kind));
      std::filesystem::remove(Path());
      Open();
      Done(1);
      Close();
      EXPECT_EQ(Told(), "intact");
      Tampering(Path()).Run(edit);
      EXPECT_THAT(Told(), HasSubstr("row edited"));
      Open();
      happens();
      Close();
      EXPECT_EQ(Altered(), "1");
      EXPECT_THAT(Told(), HasSubstr("4 row edited row 1 of intents had been changed"));
    }
  }
}

// It could be another request, to another tool, with the secrets of this one.
TEST_F(WitnessTest, WhatSomebodyElseWroteIsNotSent) {
  for (const char* edit :
       {"UPDATE requests SET request = x'00', hides = 1", "UPDATE bodies SET arguments = x'00'",
        "UPDATE requests SET request = x'00'; UPDATE bodies SET request_digest = zeroblob(32)",
        "UPDATE intents SET tool = 'refund'", "UPDATE attempts SET started_at = 1",
        "UPDATE intents SET state = 'UNKNOWN'"}) {
    SCOPED_TRACE(edit);
    std::filesystem::remove(Path());
    Open();
    ClaimOf(1);
    ClaimOf(2);
    Close();
    Tampering(Path()).Run(absl::StrReplaceAll(absl::StrCat(edit, " WHERE intent_row = 1"),
                                              {{";", " WHERE intent_row = 1;"}}));
    Open();
    EXPECT_THAT(ledger_->MarkCrashed(At(200)), IsOk());
    Close();
    EXPECT_THAT(Tampering(Path()).Texts("SELECT state || ' ' || reason FROM intents"
                                        " ORDER BY intent_row"),
                ElementsAre("REVIEW chain.altered", "UNKNOWN R12.crash"));
  }
}

TEST_F(WitnessTest, WhatWasUnderWayWhenTheServerStoppedIsLookedAt) {
  Open();
  ClaimOf(1);
  Close();
  Tampering(Path()).Run("UPDATE attempts SET started_at = 1");
  Open();
  EXPECT_THAT(ledger_->MarkCrashed(At(200)), IsOkAndHolds(1));
  Close();
  EXPECT_EQ(Altered(), "1");
  EXPECT_THAT(Told(), HasSubstr("2 row edited row 1 of intents"));
}

TEST_F(WitnessTest, ACallThatWasNotAnsweredYetIsLookedAt) {
  Open();
  const int64_t row = ClaimOf(1);
  ASSERT_THAT(Apply(Success(row, "{}")), IsOk());
  Close();
  Tampering(Path()).Run("UPDATE calls SET turn_id = 'other'");
  Open();
  Answer(1, row);
  Close();
  EXPECT_EQ(Altered(), "1");
  EXPECT_THAT(Told(), HasSubstr("3 row edited row 1 of calls"));
}

TEST_F(WitnessTest, OfWhatNobodyTouchedNothingIsSaid) {
  Open();
  Done(1);
  Transition lost = MakeTransition(ClaimOf(2), S::kInFlight, S::kUnknown);
  lost.attempt_end = EndOf(1, "LOST");
  ASSERT_THAT(Apply(std::move(lost)), IsOk());
  ClaimOf(3);
  Close();
  Open();
  EXPECT_THAT(ledger_->MarkCrashed(At(200)), IsOkAndHolds(1));
  Unseal();
  ASSERT_THAT(Apply(MakeTransition(2, S::kUnknown, S::kRejected)), IsOk());
  Age();
  Close();
  EXPECT_EQ(Altered(), "0");
  EXPECT_EQ(Told(), "intact");
}

TEST_F(WitnessTest, WhatNamesAGenerationIsHeldAgainstItsClaim) {
  for (const char* column : {"tenant", "intent_id", "tool", "session_id"}) {
    std::filesystem::remove(Path());
    Open();
    Done(1);
    Close();
    Tampering(Path()).Run(absl::StrCat("UPDATE intents SET ", column, " = 'other'"));
    EXPECT_THAT(Told(), HasSubstr("1 row edited row 1 of intents is not the one")) << column;
  }
}

TEST_F(WitnessTest, WhatHangsOnAGenerationOrACallIsCovered) {
  const std::pair<const char*, const char*> cases[] = {
      {"DELETE FROM intent_keys", "1 row removed row 1 of intent_keys"},
      {"UPDATE intent_keys SET wrapped = x'00'", "1 row edited row 1 of intent_keys"},
      {"DELETE FROM seal_keys", "1 row removed row 1 of seal_keys"},
      {"DELETE FROM attributes", "1 row removed row 1 of attributes"},
      {"UPDATE attributes SET value_mac = 'other'", "1 row edited row 1 of attributes"},
      {"INSERT INTO attributes VALUES (1, 'x', 'y')", "1 row edited row 1 of attributes"},
      {"DROP VIEW v_calls", "schema edited view v_calls is missing"},
      {"CREATE INDEX mine ON calls (detail)", "schema edited index mine is none of version"},
      {"DROP VIEW v_replays; CREATE VIEW v_replays AS SELECT 1",
       "schema edited view v_replays is not that of version"},
  };
  for (const auto& [edit, told] : cases) {
    std::filesystem::remove(Path());
    Open();
    Done(1);
    Close();
    EXPECT_EQ(Told(), "intact");
    Tampering(Path()).Run(edit);
    EXPECT_THAT(Told(), HasSubstr(told)) << edit;
  }
}

TEST_F(WitnessTest, ARequestThatMayBeSentAgainIsThereAndOneOfWhatIsGoneIsNot) {
  Open();
  ClaimOf(1);
  Close();
  Tampering(Path()).Run("DELETE FROM requests");
  EXPECT_THAT(Told(), HasSubstr("1 row removed row 1 of requests"));
  std::filesystem::remove(Path());
  Open();
  Done(1);
  Erase();
  Close();
  EXPECT_EQ(Told(), "intact");
  Tampering(Path()).Run("INSERT INTO requests VALUES (1, x'00', 0)");
  EXPECT_THAT(Told(), HasSubstr("row inserted row 1 of requests"));
}

}  // namespace
}  // namespace onetake
