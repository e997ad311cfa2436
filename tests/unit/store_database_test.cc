#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "runtime/store/database.h"
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
using ::testing::AllOf;
using ::testing::Gt;
using ::testing::HasSubstr;

using Access = Database::Access;

// Every look at it is a second later.
class RacingClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::UnixEpoch() + Elapsed(); }
  absl::Duration Elapsed() const override { return absl::Seconds(++looks_); }

 private:
  mutable int looks_ = 0;
};

class DatabaseTest : public ::testing::Test {
 protected:
  std::unique_ptr<Database> Open(Access access, const std::string& vfs = "") {
    auto db = Database::Open({dir_.Path("t.db"), access, vfs});
    EXPECT_THAT(db, IsOk());
    return db.ok() ? *std::move(db) : nullptr;
  }
  static mode_t Mode(const std::string& path) {
    struct stat info = {};
    EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
    return info.st_mode & 0777;
  }
  int64_t WalBytes() { return std::filesystem::file_size(dir_.Path("t.db-wal")); }

  TempDir dir_;
};

TEST_F(DatabaseTest, WriterHasTheSettingsOfTheGuarantee) {
  auto db = Open(Access::kWriter);
  EXPECT_THAT(db->QueryText("PRAGMA journal_mode"), IsOkAndHolds("wal"));
  EXPECT_THAT(db->QueryInt("PRAGMA synchronous"), IsOkAndHolds(2));
  EXPECT_THAT(db->QueryInt("PRAGMA wal_autocheckpoint"), IsOkAndHolds(0));
  EXPECT_THAT(db->QueryInt("PRAGMA busy_timeout"), IsOkAndHolds(0));
  EXPECT_THAT(db->QueryInt("PRAGMA secure_delete"), IsOkAndHolds(1));
  EXPECT_THAT(db->QueryInt("PRAGMA cell_size_check"), IsOkAndHolds(1));
  EXPECT_THAT(db->QueryInt("PRAGMA trusted_schema"), IsOkAndHolds(0));
  EXPECT_THAT(db->QueryInt("PRAGMA foreign_keys"), IsOkAndHolds(1));
  EXPECT_THAT(db->QueryInt("PRAGMA mmap_size"), IsOkAndHolds(0));
  EXPECT_THAT(db->QueryInt("PRAGMA temp_store"), IsOkAndHolds(2));
  EXPECT_THAT(db->QueryInt("PRAGMA auto_vacuum"), IsOkAndHolds(0));
  EXPECT_THAT(db->QueryInt("PRAGMA journal_size_limit"), IsOkAndHolds(16777216));
}

TEST_F(DatabaseTest, EveryCommitSyncsTheWal) {
  FaultVfs vfs;
  auto db = Open(Access::kWriter, vfs.name());
  ASSERT_THAT(db->RunScript("CREATE TABLE t (a) "), IsOk());
  for (int i = 0; i < 3; ++i) {
    const int64_t before = vfs.Count(FaultVfs::Operation::kSync, FaultVfs::File::kWal);
    ASSERT_THAT(db->RunScript("INSERT INTO t VALUES (1)"), IsOk());
    EXPECT_THAT(vfs.Count(FaultVfs::Operation::kSync, FaultVfs::File::kWal), Gt(before));
  }
}

TEST_F(DatabaseTest, FilesAreForTheirOwnerOnly) {
  const mode_t before = umask(0);
  {
    auto db = Open(Access::kWriter);
    ASSERT_THAT(db->RunScript("CREATE TABLE t (a)"), IsOk());
    EXPECT_EQ(Mode(dir_.Path("t.db")), 0600u);
    EXPECT_EQ(Mode(dir_.Path("t.db-wal")), 0600u);
    EXPECT_EQ(Mode(dir_.Path("t.db-shm")), 0600u);
  }
  EXPECT_EQ(umask(before), 0u) << "the process's umask is back";
}

TEST_F(DatabaseTest, ReaderSeesCommitsAndWritesNothing) {
  auto writer = Open(Access::kWriter);
  ASSERT_THAT(writer->RunScript("CREATE TABLE t (a); INSERT INTO t VALUES (1)"), IsOk());
  auto reader = Open(Access::kReader);
  EXPECT_THAT(reader->QueryInt("SELECT count(*) FROM t"), IsOkAndHolds(1));
  ASSERT_THAT(writer->RunScript("INSERT INTO t VALUES (2)"), IsOk());
  EXPECT_THAT(reader->QueryInt("SELECT count(*) FROM t"), IsOkAndHolds(2));
  EXPECT_FALSE(reader->RunScript("INSERT INTO t VALUES (3)").ok());
  EXPECT_FALSE(reader->RunScript("PRAGMA query_only=0; INSERT INTO t VALUES (3)").ok());
  EXPECT_THAT(reader->QueryInt("PRAGMA busy_timeout"), IsOkAndHolds(250));
  EXPECT_THAT(writer->QueryInt("SELECT count(*) FROM t"), IsOkAndHolds(2));
}

TEST_F(DatabaseTest, ReaderNeedsAFile) {
  EXPECT_THAT(Database::Open({dir_.Path("none.db"), Access::kReader, ""}),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("none.db")));
  EXPECT_FALSE(std::filesystem::exists(dir_.Path("none.db")));
}

TEST_F(DatabaseTest, RefusesWhatOurCodeNeverDoes) {
  auto db = Open(Access::kWriter);
  ASSERT_THAT(db->RunScript("CREATE TABLE t (a)"), IsOk());
  EXPECT_FALSE(db->RunScript("ATTACH ':memory:' AS other").ok());
  EXPECT_FALSE(db->RunScript("PRAGMA writable_schema=ON; DELETE FROM sqlite_schema").ok());
  EXPECT_FALSE(db->RunScript("SELECT \"no such column\" FROM t").ok());
  ASSERT_THAT(db->QueryText("PRAGMA journal_mode=OFF"), IsOkAndHolds("wal"));
}

TEST_F(DatabaseTest, SecondWriterIsToldSo) {
  auto db = Open(Access::kWriter);
  ASSERT_THAT(db->RunScript("CREATE TABLE t (a)"), IsOk());
  auto transaction = Transaction::Begin(*db, Transaction::Kind::kWrite);
  ASSERT_THAT(transaction, IsOk());
  auto other = Open(Access::kWriter);
  EXPECT_THAT(other->RunScript("INSERT INTO t VALUES (1)"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("locked")));
}

TEST_F(DatabaseTest, OpenIsRefusedWhileAnotherProcessHoldsTheFile) {
  // As an old-style writer would: an exclusive lock before the file is in WAL mode.
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(dir_.Path("t.db").c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN EXCLUSIVE; CREATE TABLE t (a)", nullptr, nullptr, nullptr),
            SQLITE_OK);
  EXPECT_THAT(Database::Open({dir_.Path("t.db"), Access::kWriter, ""}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("another process has the ledger open"), HasSubstr("t.db"))));
  sqlite3_close(other);
}

TEST_F(DatabaseTest, FileOfAnotherKindIsRefused) {
  std::ofstream(dir_.Path("t.db")) << std::string(8192, 'x');
  EXPECT_THAT(Database::Open({dir_.Path("t.db"), Access::kWriter, ""}),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("not a database")));
}

TEST_F(DatabaseTest, RelativePathIsRefused) {
  EXPECT_THAT(Database::Open({"file:t.db?mode=memory", Access::kWriter, ""}),
              StatusIs(absl::StatusCode::kInvalidArgument, _));
}

TEST_F(DatabaseTest, TimeLimitEndsALongStatement) {
  auto db = Open(Access::kWriter);
  const RacingClock clock;
  static constexpr char kLong[] =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
      " SELECT count(*) FROM n";
  {
    const TimeLimit limit(*db, clock, absl::Seconds(2));
    EXPECT_THAT(db->QueryInt(kLong), StatusIs(absl::StatusCode::kDeadlineExceeded, _));
  }
  EXPECT_THAT(db->QueryInt(kLong), IsOkAndHolds(100000));
}

TEST_F(DatabaseTest, CheckpointTruncatesTheWal) {
  auto db = Open(Access::kWriter);
  ASSERT_THAT(db->RunScript("CREATE TABLE t (a); INSERT INTO t VALUES (1)"), IsOk());
  EXPECT_GT(db->WalFrames(), 0);
  EXPECT_GT(WalBytes(), 0);
  auto passive = db->Checkpoint(Database::CheckpointMode::kPassive);
  ASSERT_THAT(passive, IsOk());
  EXPECT_EQ(passive->copied, passive->frames);
  EXPECT_GT(WalBytes(), 0);
  ASSERT_THAT(db->Checkpoint(Database::CheckpointMode::kTruncate), IsOk());
  EXPECT_EQ(db->WalFrames(), 0);
  EXPECT_EQ(WalBytes(), 0);
}

TEST_F(DatabaseTest, ReaderInTheWayIsNoCheckpointError) {
  auto writer = Open(Access::kWriter);
  ASSERT_THAT(writer->RunScript("CREATE TABLE t (a)"), IsOk());
  auto reader = Open(Access::kReader);
  auto snapshot = Transaction::Begin(*reader, Transaction::Kind::kRead);
  ASSERT_THAT(snapshot, IsOk());
  ASSERT_THAT(reader->QueryInt("SELECT count(*) FROM t"), IsOkAndHolds(0));
  ASSERT_THAT(writer->RunScript("INSERT INTO t VALUES (1)"), IsOk());
  EXPECT_THAT(writer->Checkpoint(Database::CheckpointMode::kTruncate), IsOk());
  EXPECT_GT(writer->WalFrames(), 0);
  EXPECT_THAT(reader->QueryInt("SELECT count(*) FROM t"), IsOkAndHolds(0));
}

TEST_F(DatabaseTest, LastCloseRemovesTheWalUnlessKept) {
  { ASSERT_THAT(Open(Access::kWriter)->RunScript("CREATE TABLE t (a)"), IsOk()); }
  EXPECT_FALSE(std::filesystem::exists(dir_.Path("t.db-wal")));
  {
    auto db = Open(Access::kWriter);
    ASSERT_THAT(db->RunScript("INSERT INTO t VALUES (1)"), IsOk());
    db->KeepWalAtClose();
  }
  EXPECT_GT(WalBytes(), 0);
  EXPECT_THAT(Open(Access::kWriter)->QueryInt("SELECT count(*) FROM t"), IsOkAndHolds(1));
}

TEST(ResolveDatabasePathTest, GivesOneNameToOneFile) {
  TempDir dir;
  std::ofstream(dir.Path("real.db")) << "";
  std::filesystem::create_symlink("real.db", dir.Path("link.db"));
  const std::string real = std::filesystem::canonical(dir.Path("real.db"));
  EXPECT_THAT(ResolveDatabasePath(dir.Path("link.db")), IsOkAndHolds(real));
  EXPECT_THAT(ResolveDatabasePath(dir.Path("./x/../real.db")), IsOkAndHolds(real));
}

TEST(ResolveDatabasePathTest, SaysWhatIsWrong) {
  TempDir dir;
  EXPECT_THAT(ResolveDatabasePath(""), StatusIs(absl::StatusCode::kInvalidArgument, _));
  EXPECT_THAT(ResolveDatabasePath(dir.path()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("folder")));
  EXPECT_THAT(ResolveDatabasePath(dir.Path("missing/t.db")),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("create it")));
}

}  // namespace
}  // namespace onetake
