#include "tests/io/scenario.h"

#include "absl/strings/str_cat.h"
#include "runtime/ledger/verify_ledger.h"
#include "tests/testing/ledger_fixture.h"

namespace onetake::io {
namespace {

using ::onetake::testing::IsOk;
using ::onetake::testing::IsOkAndHolds;

void ExpectIntact(const Place& place) {
  {
    const auto db = Database::Open({place.path, Database::Access::kReader, ""});
    ASSERT_THAT(db, IsOk());
    EXPECT_THAT((*db)->QueryText("PRAGMA integrity_check"), IsOkAndHolds("ok"));
  }
  const auto report = VerifyLedger({.path = place.path,
                                    .checkpoints = place.path + ".checkpoints",
                                    .public_key = place.path + ".signing-key.pub",
                                    .threads = 1});
  ASSERT_THAT(report, IsOk());
  EXPECT_FALSE(report->finding.has_value()) << report->finding->how << " " << report->finding->what;
  EXPECT_GT(report->events, 0);
}

}  // namespace

void Scenario::Run() {
  FirstLife();
  if (!ledger_.has_stopped()) SecondLife();
}

void Scenario::FirstLife() {
  if (!ledger_.Open()) return;
  Claim(1);
  Succeed(1);
  AnswerCall(1);
  Claim(2);
  LoseSight(2);
  SendAgain(2);
  LoseSight(2);
  Review(2);
  Resolve(2);
  Claim(3);
  Refuse(3);
  Contradict(3);
  SaveLatency("first");
  ledger_.Idle();
  Claim(4);
  Unseal(2);
  Claim(5);
  Succeed(5);
  Erase(5);
  ClaimInOneBatchWithACall(6);
  LoseSight(6);
  EndLife();
}

void Scenario::SecondLife() {
  if (!ledger_.Open()) return;
  ledger_.Compare();
  MarkCrashed();
  RecordRead();
  Probe(4);
  ClaimToReverse(7, 1);
  Succeed(7);
  Age(1);
  Prune(1);
  SaveLatency("second");
  ledger_.Idle();
  EndLife();
}

void Scenario::EndLife() {
  ledger_.Compare();
  ledger_.ExpectToStayStopped();
  ledger_.Close();
}

void Scenario::CheckWhatIsLeft() {
  const Place& place = ledger_.place();
  if (place.heal != nullptr) place.heal();
  ASSERT_TRUE(ledger_.Open());
  ledger_.Compare();
  TakeDoubtful();
  MarkCrashed();
  MarkCrashed();  // finds nothing any more
  Claim(8);
  Succeed(8);
  EXPECT_TRUE(Is(8, IntentState::kSucceeded));
  EndLife();
  EXPECT_FALSE(ledger_.has_stopped());
  ExpectIntact(place);
}

}  // namespace onetake::io
