#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "runtime/store/backup.h"
#include "runtime/store/database.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOk;
using ::onetake::testing::IsOkAndHolds;
using ::onetake::testing::StatusIs;
using ::onetake::testing::TempDir;
using ::testing::HasSubstr;

std::string Content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class BackUpTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = Database::Open({source_, Database::Access::kWriter, ""});
    ASSERT_THAT(opened, IsOk());
    writer_ = *std::move(opened);
    ASSERT_THAT(writer_->RunScript("PRAGMA user_version = 7; CREATE TABLE t (a INTEGER) STRICT;"
                                   "INSERT INTO t VALUES (1), (2)"),
                IsOk());
  }
  absl::StatusOr<int64_t> CountIn(const std::string& path) {
    auto database = Database::Open({path, Database::Access::kReader, ""});
    if (!database.ok()) return database.status();
    return (*database)->QueryInt("SELECT count(*) FROM t");
  }

  TempDir dir_;
  const std::string source_ = dir_.Path("source.db");
  const std::string target_ = dir_.Path("copy.db");
  std::unique_ptr<Database> writer_;
};

TEST_F(BackUpTest, CopiesWhatIsCommittedWhileAnotherConnectionWrites) {
  // The rows are in the WAL still, and more are on their way.
  ASSERT_THAT(writer_->RunScript("BEGIN IMMEDIATE; INSERT INTO t VALUES (3)"), IsOk());
  ASSERT_THAT(BackUp(source_, target_), IsOk());
  EXPECT_THAT(CountIn(target_), IsOkAndHolds(2));
  ASSERT_THAT(writer_->RunScript("COMMIT"), IsOk());
  EXPECT_THAT(CountIn(source_), IsOkAndHolds(3));
}

TEST_F(BackUpTest, TheCopyIsForItsOwnerOnlyAndStandsAlone) {
  ASSERT_THAT(BackUp(source_, target_), IsOk());
  struct stat file = {};
  ASSERT_EQ(stat(target_.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600u);
  EXPECT_FALSE(std::filesystem::exists(target_ + "-wal"));
  auto copy = Database::Open({target_, Database::Access::kReader, ""});
  ASSERT_THAT(copy, IsOk());
  EXPECT_THAT((*copy)->QueryInt("PRAGMA user_version"), IsOkAndHolds(7));
}

TEST_F(BackUpTest, OverwritesNothing) {
  std::ofstream(target_) << "mine";
  EXPECT_THAT(BackUp(source_, target_), StatusIs(absl::StatusCode::kAlreadyExists, ::testing::_));
  EXPECT_EQ(Content(target_), "mine");
  EXPECT_THAT(BackUp(source_, source_), StatusIs(absl::StatusCode::kAlreadyExists, ::testing::_));
}

TEST_F(BackUpTest, NoSourceLeavesNoTarget) {
  EXPECT_THAT(BackUp(dir_.Path("nothing.db"), target_),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("nothing.db")));
  EXPECT_FALSE(std::filesystem::exists(target_));
}

TEST_F(BackUpTest, ADamagedSourceLeavesNoTarget) {
  const std::string broken = dir_.Path("broken.db");
  std::ofstream(broken) << std::string(8192, 'x');
  EXPECT_THAT(BackUp(broken, target_), StatusIs(absl::StatusCode::kDataLoss, ::testing::_));
  EXPECT_FALSE(std::filesystem::exists(target_));
}

}  // namespace
}  // namespace onetake
