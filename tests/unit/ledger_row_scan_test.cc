#include <gmock/gmock.h>

#include <vector>

#include "runtime/ledger/row_scan.h"
#include "runtime/store/database.h"
#include "runtime/store/transaction.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace onetake {
namespace {

using testing::IsOk;
using testing::IsOkAndHolds;

class RowScanTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto db = Database::Open({dir_.Path("rows.db"), Database::Access::kWriter, ""});
    ASSERT_THAT(db, IsOk());
    db_ = *std::move(db);
    // The keys 1 to 100 without those that seven divides.
    ASSERT_THAT(db_->RunScript("CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT);"
                               "WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n"
                               " WHERE k < 100) INSERT INTO t SELECT k, 'v' || k FROM n"
                               " WHERE k % 7 != 0"),
                IsOk());
    absl::StatusOr<Statement> select = db_->Prepare("SELECT k, v FROM t WHERE k >= ?1 ORDER BY k");
    ASSERT_THAT(select, IsOk());
    scan_.Use(*std::move(select));
  }
  void TearDown() override { scan_.Close(); }

  void ExpectFinds(const std::vector<int64_t>& keys) {
    for (const int64_t key : keys) {
      const bool there = key >= 1 && key <= 100 && key % 7 != 0;
      EXPECT_THAT(scan_.Find(key), IsOkAndHolds(there)) << key;
      if (!there) continue;
      EXPECT_EQ(scan_.row().Text(1), absl::StrCat("v", key));
    }
  }

  testing::TempDir dir_;
  std::unique_ptr<Database> db_;
  RowScan scan_;
};

TEST_F(RowScanTest, FindsWhatIsThereInWhateverOrderItIsAskedFor) {
  ExpectFinds({1, 2, 3, 6, 7, 8, 9});                   // one after another
  ExpectFinds({9, 9, 10});                              // again
  ExpectFinds({7, 6, 8, 14, 13, 14, 15, 1, 0, -5, 2});  // back
  ExpectFinds({60, 61, 62, 95, 98, 99, 100});           // far ahead
  ExpectFinds({101, 500, 101, 100, 3});                 // behind the end
}

TEST_F(RowScanTest, SeesAfterACloseWhatWasWrittenMeanwhile) {
  ExpectFinds({6, 7});
  scan_.Close();
  ASSERT_THAT(db_->RunScript("INSERT INTO t VALUES (7, 'new')"), IsOk());
  EXPECT_THAT(scan_.Find(7), IsOkAndHolds(true));
}

}  // namespace
}  // namespace onetake
