#include <gmock/gmock.h>
#include <sqlite3.h>

#include <cerrno>

#include "runtime/store/transaction.h"
#include "tests/testing/fault_vfs.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace onetake {
namespace {

using ::onetake::testing::FaultVfs;
using ::onetake::testing::IsOk;
using ::onetake::testing::IsOkAndHolds;
using ::onetake::testing::StatusIs;
using ::onetake::testing::TempDir;
using ::testing::_;

class TransactionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    db_ = Open();
    ASSERT_NE(db_, nullptr);
    ASSERT_THAT(db_->RunScript("CREATE TABLE t (a)"), IsOk());
  }
  std::unique_ptr<Database> Open() {
    auto db = Database::Open({dir_.Path("t.db"), Database::Access::kWriter, vfs_.name()});
    EXPECT_THAT(db, IsOk());
    return db.ok() ? *std::move(db) : nullptr;
  }
  absl::Status Insert() {
    auto transaction = Transaction::Begin(*db_, Transaction::Kind::kWrite);
    if (!transaction.ok()) return transaction.status();
    absl::Status status = db_->RunScript("INSERT INTO t VALUES (1)");
    if (!status.ok()) return status;
    return transaction->Commit();
  }
  absl::StatusOr<int64_t> Rows() { return db_->QueryInt("SELECT count(*) FROM t"); }

  TempDir dir_;
  FaultVfs vfs_;
  std::unique_ptr<Database> db_;
};

TEST_F(TransactionTest, CommitKeeps) {
  ASSERT_THAT(Insert(), IsOk());
  EXPECT_THAT(Rows(), IsOkAndHolds(1));
}

TEST_F(TransactionTest, RollsBackUnlessCommitted) {
  {
    auto transaction = Transaction::Begin(*db_, Transaction::Kind::kWrite);
    ASSERT_THAT(transaction, IsOk());
    ASSERT_THAT(db_->RunScript("INSERT INTO t VALUES (1)"), IsOk());
    EXPECT_TRUE(db_->InTransaction());
  }
  EXPECT_FALSE(db_->InTransaction());
  EXPECT_THAT(Rows(), IsOkAndHolds(0));
}

// No room: on the disk, for this user, in a file.
class NoRoomTest : public TransactionTest, public ::testing::WithParamInterface<FaultVfs::Fault> {};
INSTANTIATE_TEST_SUITE_P(
    Reasons, NoRoomTest,
    ::testing::Values(FaultVfs::Fault{.code = SQLITE_FULL},
                      FaultVfs::Fault{.code = SQLITE_IOERR_WRITE, .system_error = EDQUOT},
                      FaultVfs::Fault{.code = SQLITE_IOERR_WRITE, .system_error = EFBIG}));

// At every write of a commit, clean or torn in the middle: nothing is kept, nothing is broken.
TEST_P(NoRoomTest, RollsBackAndTheNextOneWorks) {
  int64_t failed = 0;
  for (int write = 0; write < 16; ++write) {
    for (const size_t torn : {0, 10, 100}) {
      SCOPED_TRACE(::testing::Message() << "write " << write << " torn at " << torn);
      const absl::StatusOr<int64_t> before = Rows();
      vfs_.Arm({.operation = FaultVfs::Operation::kWrite,
                .skip = write,
                .code = GetParam().code,
                .times = FaultVfs::Times::kOnce,
                .torn_bytes = torn,
                .system_error = GetParam().system_error});
      const int64_t failures = vfs_.Failures();
      const absl::Status status = Insert();
      vfs_.Clear();
      if (vfs_.Failures() == failures) {
        EXPECT_THAT(status, IsOk());
        continue;
      }
      ++failed;
      EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, _));
      EXPECT_FALSE(db_->InTransaction());
      EXPECT_EQ(*Rows(), *before);
      EXPECT_THAT(Insert(), IsOk());
      EXPECT_EQ(*Rows(), *before + 1);
    }
  }
  EXPECT_GE(failed, 6);
  EXPECT_THAT(db_->QueryText("PRAGMA integrity_check"), IsOkAndHolds("ok"));
}

TEST_F(TransactionTest, FailedSyncIsDataLoss) {
  vfs_.Arm({.operation = FaultVfs::Operation::kSync, .code = SQLITE_IOERR_FSYNC});
  EXPECT_THAT(Insert(), StatusIs(absl::StatusCode::kDataLoss, _));
}

TEST_F(TransactionTest, ReadKeepsOneSnapshot) {
  auto reader = Database::Open({dir_.Path("t.db"), Database::Access::kReader, ""});
  ASSERT_THAT(reader, IsOk());
  {
    auto snapshot = Transaction::Begin(**reader, Transaction::Kind::kRead);
    ASSERT_THAT((*reader)->QueryInt("SELECT count(*) FROM t"), IsOkAndHolds(0));
    ASSERT_THAT(Insert(), IsOk());
    EXPECT_THAT((*reader)->QueryInt("SELECT count(*) FROM t"), IsOkAndHolds(0));
    ASSERT_THAT(snapshot->Commit(), IsOk());
  }
  EXPECT_THAT((*reader)->QueryInt("SELECT count(*) FROM t"), IsOkAndHolds(1));
}

}  // namespace
}  // namespace onetake
