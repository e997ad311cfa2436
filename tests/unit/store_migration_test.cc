#include <gmock/gmock.h>

#include <vector>

#include "runtime/store/migration.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOk;
using ::onetake::testing::IsOkAndHolds;
using ::onetake::testing::StatusIs;
using ::onetake::testing::TempDir;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int32_t kOurs = 0x0a0b;
constexpr Migration kFirst = {1,
                              "CREATE TABLE a (x);"
                              "PRAGMA application_id=0x0a0b; PRAGMA user_version=1;"};
constexpr Migration kSecond = {2,
                               "ALTER TABLE a ADD COLUMN y; INSERT INTO a VALUES (1, 2);"
                               "PRAGMA user_version=2;"};
constexpr Migration kBroken = {2,
                               "INSERT INTO a VALUES (7); INSERT INTO missing VALUES (1);"
                               "PRAGMA user_version=2;"};

class MigrateTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto db = Database::Open({dir_.Path("t.db"), Database::Access::kWriter, ""});
    ASSERT_THAT(db, IsOk());
    db_ = *std::move(db);
  }
  TempDir dir_;
  std::unique_ptr<Database> db_;
};

TEST_F(MigrateTest, BringsAnEmptyFileToTheNewest) {
  ASSERT_THAT(Migrate(*db_, kOurs, {kFirst, kSecond}), IsOk());
  EXPECT_THAT(db_->QueryInt("PRAGMA user_version"), IsOkAndHolds(2));
  EXPECT_THAT(db_->QueryInt("SELECT y FROM a"), IsOkAndHolds(2));
}

TEST_F(MigrateTest, TakesOnlyTheStepsThatAreMissing) {
  ASSERT_THAT(Migrate(*db_, kOurs, {kFirst}), IsOk());
  ASSERT_THAT(db_->RunScript("INSERT INTO a VALUES (5)"), IsOk());
  ASSERT_THAT(Migrate(*db_, kOurs, {kFirst, kSecond}), IsOk());
  ASSERT_THAT(Migrate(*db_, kOurs, {kFirst, kSecond}), IsOk());
  EXPECT_THAT(db_->QueryInt("SELECT count(*) FROM a"), IsOkAndHolds(2));
}

TEST_F(MigrateTest, FailedStepLeavesTheOneBefore) {
  EXPECT_THAT(Migrate(*db_, kOurs, {kFirst, kBroken}),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("migration 2")));
  EXPECT_THAT(db_->QueryInt("PRAGMA user_version"), IsOkAndHolds(1));
  EXPECT_THAT(db_->QueryInt("SELECT count(*) FROM a"), IsOkAndHolds(0));
}

TEST_F(MigrateTest, NewerFileIsRefused) {
  ASSERT_THAT(Migrate(*db_, kOurs, {kFirst, kSecond}), IsOk());
  EXPECT_THAT(Migrate(*db_, kOurs, {kFirst}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("version 2"), HasSubstr("up to 1"), HasSubstr("newer"))));
}

TEST_F(MigrateTest, FileFromBeforeTheFirstStepIsRefused) {
  ASSERT_THAT(Migrate(*db_, kOurs, {kFirst}), IsOk());
  EXPECT_THAT(Migrate(*db_, kOurs, {kSecond}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("version 1"), HasSubstr("before the first release"),
                             HasSubstr("version 2"))));
  EXPECT_THAT(db_->QueryInt("PRAGMA user_version"), IsOkAndHolds(1));
}

TEST_F(MigrateTest, FileOfAnotherProgramIsRefused) {
  ASSERT_THAT(db_->RunScript("CREATE TABLE theirs (x)"), IsOk());
  EXPECT_THAT(Migrate(*db_, kOurs, {kFirst}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("another program")));
  EXPECT_THAT(db_->QueryInt("SELECT count(*) FROM sqlite_schema"), IsOkAndHolds(1));
  ASSERT_THAT(db_->RunScript("PRAGMA user_version=1"), IsOk());
  EXPECT_THAT(Migrate(*db_, kOurs, {kFirst}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("another program")));
}

}  // namespace
}  // namespace onetake
