// What the walk along a chain makes of parts that others have verified, of a beginning that moves
// on meanwhile, and of a ledger that is none.

#include <gmock/gmock.h>

#include <utility>

#include "runtime/ledger/chain_verifier.h"
#include "runtime/ledger/verify_ledger.h"
#include "tests/testing/ledger_fixture.h"
#include "tests/testing/tampering.h"

namespace onetake {
namespace {

using ::onetake::testing::At;
using ::onetake::testing::IsOk;
using ::onetake::testing::IsOkAndHolds;
using ::onetake::testing::LedgerFixture;
using ::onetake::testing::MakeClaim;
using ::onetake::testing::StatusIs;
using ::onetake::testing::Success;
using ::onetake::testing::Tampering;
using ::testing::Eq;
using ::testing::HasSubstr;

// Six events of three intents.
class ChainVerifierTest : public LedgerFixture {
 protected:
  void SetUp() override {
    OpenDefault();
    for (int n = 1; n <= 3; ++n) {
      ASSERT_THAT(Apply(Success(Claimed(MakeClaim(n)), "{}")), IsOk());
    }
  }
  void Connect() {
    auto database = Database::Open({Path(), Database::Access::kReader, ""});
    ASSERT_THAT(database, IsOk());
    database_ = *std::move(database);
  }
  std::unique_ptr<ChainVerifier> Walk() {
    auto walk = ChainVerifier::Prepare(*database_, {});
    EXPECT_THAT(walk, IsOk());
    return *std::move(walk);
  }

  std::unique_ptr<Database> database_;
};

TEST_F(ChainVerifierTest, APartThatIsNotWholeIsNotTaken) {
  Close();
  Connect();
  const auto walk = Walk();
  const auto ahead = Walk();
  ASSERT_THAT(walk->Next(2), IsOkAndHolds(true));
  const auto part = ahead->VerifyPart(3, 2);
  ASSERT_TRUE(part.ok() && part->has_value());
  ChainVerifier::Part empty = **part;
  empty.hashes.clear();
  EXPECT_FALSE(walk->Take(empty));
  ChainVerifier::Part of_another_beginning = **part;
  of_another_beginning.base.event = 9;
  EXPECT_FALSE(walk->Take(of_another_beginning));
  EXPECT_EQ(walk->HashAt(3), std::nullopt);
  EXPECT_TRUE(walk->Take(**part));
  EXPECT_EQ(walk->head().seq, 4);
}

TEST_F(ChainVerifierTest, BehindAFindingNothingIsLookedAt) {
  Close();
  Tampering(Path()).Run("UPDATE events SET actor = 'x' WHERE seq = 5");
  Connect();
  const auto walk = Walk();
  const auto ahead = Walk();
  const auto part = ahead->VerifyPart(1, 4);
  ASSERT_TRUE(part.ok() && part->has_value());
  EXPECT_THAT(ahead->VerifyPart(5, 2), IsOkAndHolds(Eq(std::nullopt)));
  ASSERT_THAT(walk->Next(100), IsOkAndHolds(false));
  ASSERT_TRUE(walk->finding().has_value());
  EXPECT_EQ(walk->finding()->seq, 5);
  EXPECT_THAT(walk->Next(100), IsOkAndHolds(false));
  EXPECT_FALSE(walk->Take(**part));
  EXPECT_EQ(walk->events(), 4);
}

TEST_F(ChainVerifierTest, GoesOnFromABeginningThatHasMovedOn) {
  Connect();
  const auto walk = Walk();
  ASSERT_THAT(walk->Next(1), IsOkAndHolds(true));
  const auto aged = Await<absl::StatusOr<AgeResult>>([&](auto done) {
    ledger_->Age({}, At(100) + absl::Hours(24 * 365 * 8), 100, std::move(done));
  });
  ASSERT_THAT(aged, IsOk());
  ASSERT_EQ(aged->pruned, 4);
  ASSERT_THAT(walk->Next(100), IsOkAndHolds(false));
  EXPECT_FALSE(walk->finding().has_value()) << walk->finding()->what;
  EXPECT_EQ(walk->base().head.seq, 4);
  EXPECT_THAT(walk->VerifyPart(2, 1), IsOkAndHolds(Eq(std::nullopt))) << "it is gone";
}

TEST_F(ChainVerifierTest, ALedgerWithoutItsIdHasNoChain) {
  Close();
  Tampering(Path()).Run("DELETE FROM meta WHERE name = 'instance_id'");
  EXPECT_THAT(VerifyLedger({.path = Path()}),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("no instance id")));
}

}  // namespace
}  // namespace onetake
