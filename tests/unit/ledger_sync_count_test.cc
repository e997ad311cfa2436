// The count of syncs, against those that a VFS is asked for.

#include <gmock/gmock.h>

#include "runtime/ledger/sync_count.h"
#include "runtime/store/transaction.h"
#include "tests/testing/fault_vfs.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace onetake {
namespace {

using ::onetake::testing::FaultVfs;
using ::onetake::testing::IsOk;
using ::onetake::testing::TempDir;
using ::testing::Gt;
using Mode = Database::CheckpointMode;

class SyncCountTest : public ::testing::TestWithParam<Mode> {
 protected:
  void SetUp() override {
    writer_ = Open(Database::Access::kWriter);
    opening_ = Asked();
    ASSERT_THAT(writer_->RunScript("CREATE TABLE t (a)"), IsOk());
    count_.Committed(writer_->WalFrames());
    reader_ = Open(Database::Access::kReader);
  }
  std::unique_ptr<Database> Open(Database::Access access) {
    auto database = Database::Open({dir_.Path("t.db"), access, vfs_.name()});
    EXPECT_THAT(database, IsOk());
    return *std::move(database);
  }
  void Write(int commits) {
    for (int i = 0; i < commits; ++i) {
      ASSERT_THAT(writer_->RunScript("INSERT INTO t VALUES (zeroblob(9000))"), IsOk());
      count_.Committed(writer_->WalFrames());
    }
  }
  void Checkpoint() {
    const auto result = writer_->Checkpoint(GetParam());
    ASSERT_THAT(result, IsOk());
    count_.Checkpointed(*result);
  }
  int64_t Asked() const { return vfs_.Count(FaultVfs::Operation::kSync, FaultVfs::File::kAny); }
  int64_t SinceOpening() const { return Asked() - opening_; }

  TempDir dir_;
  FaultVfs vfs_;
  std::unique_ptr<Database> writer_, reader_;
  int64_t opening_ = 0;
  SyncCount count_{0};
};

TEST_P(SyncCountTest, CountsCommits) {
  EXPECT_EQ(count_.syncs(), SinceOpening());
  Write(3);
  EXPECT_EQ(count_.syncs(), SinceOpening());
  EXPECT_THAT(count_.syncs(), Gt(3));
}

TEST_P(SyncCountTest, CountsCheckpointsAndTheWalThatBeginsAnew) {
  for (int round = 0; round < 3; ++round) {
    Write(2);
    Checkpoint();
    EXPECT_EQ(count_.syncs(), SinceOpening()) << "all of it";
    Checkpoint();
    EXPECT_EQ(count_.syncs(), SinceOpening()) << "nothing anew";
    Write(1);
    EXPECT_EQ(count_.syncs(), SinceOpening()) << "a new WAL";
  }
}

TEST_P(SyncCountTest, CountsWhatAReaderLeavesOfACheckpoint) {
  Write(3);
  {
    auto snapshot = Transaction::Begin(*reader_, Transaction::Kind::kRead);
    ASSERT_THAT(snapshot, IsOk());
    ASSERT_THAT(reader_->QueryInt("SELECT count(*) FROM t"), IsOk());
    Write(2);
    Checkpoint();
    EXPECT_EQ(count_.syncs(), SinceOpening()) << "the part that was there before the reader";
    Write(1);
    Checkpoint();
    EXPECT_EQ(count_.syncs(), SinceOpening()) << "no more of it";
  }
  Checkpoint();
  EXPECT_EQ(count_.syncs(), SinceOpening()) << "the rest";
  Write(1);
  EXPECT_EQ(count_.syncs(), SinceOpening()) << "a new WAL";
}

INSTANTIATE_TEST_SUITE_P(Modes, SyncCountTest, ::testing::Values(Mode::kPassive, Mode::kTruncate),
                         [](const auto& info) {
                           return info.param == Mode::kPassive ? "Passive" : "Truncate";
                         });

}  // namespace
}  // namespace onetake
