// What is private at rest: sealed in the file, open to the engine, gone when its key is.

#include <gmock/gmock.h>

#include <fstream>
#include <iterator>

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
using ::onetake::testing::StatusIs;
using ::onetake::testing::Success;
using ::testing::_;
using ::testing::HasSubstr;
using ::testing::Not;

using S = IntentState;

constexpr char kCanary[] = "canary-5550199";

std::string FileText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class LedgerSealTest : public LedgerFixture {
 protected:
  void OpenWithMasters(std::vector<std::string> masters) {
    SqliteLedger::Options options = SealedOptions();
    options.key_ring = MakeKeyRing(std::move(masters));
    OpenWith(std::move(options));
  }
  absl::Status OpenStatus(SqliteLedger::Options options) {
    return SqliteLedger::Open(std::move(options), clock_).status();
  }
  static ClaimRequest PrivateClaim(int n) {
    ClaimRequest request = MakeClaim(n);
    request.intent.identity_json = absl::StrCat(R"({"phone":")", kCanary, "\"}");
    request.intent.arguments_json = absl::StrCat(R"({"notes":")", kCanary, "\"}");
    request.intent.request = absl::StrCat("POST ", kCanary);
    return request;
  }
  // One generation with everything that can be private in it.
  int64_t WriteOne(int n) {
    const int64_t row = Claimed(PrivateClaim(n));
    Transition lost = MakeTransition(row, S::kInFlight, S::kUnknown);
    lost.attempt_end = EndOf(1, "LOST");
    lost.attempt_end->error = absl::StrCat("cut after ", kCanary);
    lost.evidence_json = absl::StrCat(R"({"seen":")", kCanary, "\"}");
    EXPECT_THAT(Apply(lost), IsOk());
    Transition done = MakeTransition(row, S::kUnknown, S::kSucceeded);
    done.result_json = absl::StrCat(R"({"id":")", kCanary, "\"}");
    EXPECT_THAT(Apply(done), IsOk());
    return row;
  }
  // As somebody with the sqlite3 shell, while the ledger is closed.
  void Tamper(const char* sql) { testing::Tampering(Path()).Run(sql); }
};

TEST_F(LedgerSealTest, NothingPrivateIsInTheFilesAndTheEngineReadsItAll) {
  OpenWithMasters({kMasterKey});
  WriteOne(1);
  EXPECT_THAT(FileText(Path() + "-wal"), Not(HasSubstr(kCanary)));
  const IntentRecord record = *Latest("intent1");
  EXPECT_THAT(record.identity_json, HasSubstr(kCanary));
  EXPECT_THAT(record.arguments_json, HasSubstr(kCanary));
  EXPECT_THAT(record.request, HasSubstr(kCanary));
  EXPECT_THAT(*record.result_json, HasSubstr(kCanary));
  const IntentDetail detail = Get("intent1")->front();
  EXPECT_THAT(detail.attempts.at(0).end.error, HasSubstr(kCanary));
  EXPECT_THAT(detail.events.at(1).evidence_json, HasSubstr(kCanary));
  Close();
  EXPECT_THAT(FileText(Path()), Not(HasSubstr(kCanary)));
}

// So that the test above cannot pass for another reason.
TEST_F(LedgerSealTest, WithoutSealingItIsInTheFile) {
  OpenDefault();
  WriteOne(1);
  Close();
  EXPECT_THAT(FileText(Path()), HasSubstr(kCanary));
}

TEST_F(LedgerSealTest, ASealedFieldThatWasMovedToAnotherRowDoesNotOpen) {
  OpenWithMasters({kMasterKey});
  WriteOne(1);
  WriteOne(2);
  Close();
  Tamper(
      "UPDATE results SET result = (SELECT result FROM results WHERE intent_row = 1)"
      " WHERE intent_row = 2");
  OpenWithMasters({kMasterKey});
  EXPECT_THAT(Lookup({.tenant = "clinic", .intent_id = "intent2"}),
              StatusIs(absl::StatusCode::kDataLoss, _));
  EXPECT_THAT(Lookup({.tenant = "clinic", .intent_id = "intent1"}), IsOk());
}

// Even with the key of the row beside it.
TEST_F(LedgerSealTest, AFieldAndItsKeyThatWereMovedTogetherDoNotOpen) {
  OpenWithMasters({kMasterKey});
  WriteOne(1);
  WriteOne(2);
  Close();
  Tamper(
      "UPDATE results SET result = (SELECT result FROM results WHERE intent_row = 1)"
      " WHERE intent_row = 2;"
      "UPDATE intent_keys SET wrapped = (SELECT wrapped FROM intent_keys WHERE intent_row = 1)"
      " WHERE intent_row = 2");
  OpenWithMasters({kMasterKey});
  EXPECT_THAT(Lookup({.tenant = "clinic", .intent_id = "intent2"}),
              StatusIs(absl::StatusCode::kDataLoss, _));
}

TEST_F(LedgerSealTest, EachIntentHasAKeyOfItsOwnUnderOneOfItsTenant) {
  OpenWithMasters({kMasterKey});
  WriteOne(1);
  WriteOne(2);
  ClaimRequest other = PrivateClaim(3);
  other.intent.tenant = other.call.tenant = "other";
  Claimed(other);
  Close();
  testing::Tampering ledger(Path());
  EXPECT_EQ(ledger.Text("SELECT count(*) FROM seal_keys"), "2");
  EXPECT_EQ(ledger.Text("SELECT count(DISTINCT wrapped) FROM intent_keys"), "3");
}

TEST_F(LedgerSealTest, ALedgerOpensOnlyWithItsMasterKey) {
  OpenWithMasters({kMasterKey});
  WriteOne(1);
  Close();
  SqliteLedger::Options options = SealedOptions();
  options.key_ring = MakeKeyRing({"another master key of 32 bytes.."});
  EXPECT_THAT(OpenStatus(std::move(options)),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("sealing.previous")));
  EXPECT_THAT(OpenStatus(DefaultOptions()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("sealing.master")));
}

TEST_F(LedgerSealTest, AfterARotationTheOldMasterKeyIsNeededNoMore) {
  constexpr char kNew[] = "master key two, 32 bytes or more";
  SqliteLedger::Options options = SealedOptions();
  const std::shared_ptr<KeyRing> ring = options.key_ring;
  OpenWith(std::move(options));
  WriteOne(1);
  std::vector<Secret> masters;
  masters.emplace_back(kNew);
  EXPECT_THAT(ring->Rotate(std::move(masters), [&] { return ledger_->RewrapKeys(); }),
              IsOkAndHolds(1));
  EXPECT_THAT(ledger_->RewrapKeys(), IsOkAndHolds(0));
  WriteOne(2);
  Close();
  OpenWithMasters({kNew});
  EXPECT_THAT(*Latest("intent1")->result_json, HasSubstr(kCanary));
  EXPECT_THAT(*Latest("intent2")->result_json, HasSubstr(kCanary));
}

TEST_F(LedgerSealTest, AnOldDataKeyIsFollowedByANewOneAndStillOpensWhatItSealed) {
  SqliteLedger::Options options = SealedOptions();
  options.sealing.rotate_every = absl::Seconds(60);
  OpenWith(std::move(options));
  WriteOne(1);
  WriteOne(100);
  EXPECT_THAT(*Latest("intent1")->result_json, HasSubstr(kCanary));
  EXPECT_THAT(*Latest("intent100")->result_json, HasSubstr(kCanary));
  Close();
  Tamper(
      "SELECT CASE WHEN (SELECT count(*) FROM seal_keys) = 2"
      " THEN 1 ELSE abs(-9223372036854775808) END");
}

TEST_F(LedgerSealTest, WhatWasWrittenPlainIsReadAfterSealingIsTurnedOnAndTheOtherWayRound) {
  OpenDefault();
  WriteOne(1);
  Close();
  OpenWithMasters({kMasterKey});
  WriteOne(2);
  EXPECT_THAT(*Latest("intent1")->result_json, HasSubstr(kCanary));
  Close();
  SqliteLedger::Options off = SealedOptions();
  off.sealing.new_rows = RowKeys::NewRows::kPlain;
  OpenWith(std::move(off));
  WriteOne(3);
  for (const char* id : {"intent1", "intent2", "intent3"}) {
    EXPECT_THAT(*Latest(id)->result_json, HasSubstr(kCanary)) << id;
  }
}

}  // namespace
}  // namespace onetake
