// Ledgers that are lost, or put back from an older copy, and starts that fail while somebody goes
// on with one.

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <utility>

#include "runtime/ledger/checkpoint_file.h"
#include "runtime/ledger/event_log.h"
#include "runtime/ledger/restoration.h"
#include "runtime/store/transaction.h"
#include "tests/testing/ledger_fixture.h"
#include "tests/testing/planted_fixture.h"
#include "tests/testing/sim_scheduler.h"
#include "tests/testing/tampering.h"

namespace onetake {
namespace {

using ::onetake::testing::At;
using ::onetake::testing::IsOk;
using ::onetake::testing::LedgerFixture;
using ::onetake::testing::MakeClaim;
using ::onetake::testing::Owner;
using ::onetake::testing::StatusIs;
using ::onetake::testing::Success;
using ::onetake::testing::Tampering;
using ::testing::HasSubstr;
using ::testing::Not;

// What this program syncs with fsync(), before it is.
std::function<void(const std::string& path)> before_sync;

std::string NameOf(int file) {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(file), ignored);
}

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

class RestorationTest : public LedgerFixture {
 protected:
  SqliteLedger::Options Options(RestoredLedger restored = RestoredLedger::kRefuse) const {
    SqliteLedger::Options options = DefaultOptions();
    options.checkpoints.emplace().TakeNames(Path());
    options.restored = restored;
    return options;
  }
  absl::Status Try(RestoredLedger restored) {
    return SqliteLedger::Open(Options(restored), clock_).status();
  }
  std::string Checkpoints() const { return Path() + ".checkpoints"; }
  std::string Key() const { return Path() + ".signing-key"; }
  void LoseLedger() const {
    for (const char* part : {"", "-wal", "-shm", ".checkpoints"}) {
      std::filesystem::remove(Path() + part);
    }
  }
  static auto IsRefused(const std::string& why) {
    return StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(why));
  }
};

TEST_F(RestorationTest, ALostLedgerIsOneUntilAStartThatAcceptsItHasComeThrough) {
  OpenWith(Options());
  Claimed(MakeClaim(1));
  Close();
  LoseLedger();
  chmod(Key().c_str(), 0644);
  EXPECT_THAT(Try(RestoredLedger::kLost), IsRefused("chmod 600"));
  EXPECT_THAT(Try(RestoredLedger::kAccept), IsRefused("chmod 600"));
  chmod(Key().c_str(), 0600);
  for (int start = 0; start < 2; ++start) {
    EXPECT_THAT(Try(RestoredLedger::kRefuse), IsRefused("in the place of one that was lost"));
    EXPECT_FALSE(std::filesystem::exists(Checkpoints()));
  }
  OpenWith(Options(RestoredLedger::kAccept));
  ASSERT_TRUE(ledger_->restoration().has_value());
  EXPECT_EQ(ledger_->restoration()->lost_since, absl::UnixEpoch());
  Close();
  OpenWith(Options());
  EXPECT_TRUE(ledger_->restoration().has_value()) << "it is on record";
}

TEST_F(RestorationTest, OneThatIsThereIsNotBegunAnew) {
  OpenWith(Options());
  ASSERT_THAT(Apply(Success(Claimed(MakeClaim(1)), "{}")), IsOk());
  Close();
  OpenWith(Options(RestoredLedger::kLost));
  EXPECT_TRUE(Latest("intent1").has_value());
  EXPECT_TRUE(ledger_->restoration().has_value()) << "somebody says that it is no more";
}

// The checkpoints of a snapshot of the whole folder fit it.
TEST_F(RestorationTest, ACopyThatItsCheckpointsFitIsOneWhenSomebodySaysSo) {
  OpenWith(Options());
  Claimed(MakeClaim(1));
  Close();
  OpenWith(Options(RestoredLedger::kAccept));
  ASSERT_TRUE(ledger_->restoration().has_value());
  EXPECT_EQ(ledger_->restoration()->lost_since, At(1));
  EXPECT_EQ(Latest("intent1")->state, IntentState::kReview);
  // A supervisor repeats the start as it was: what came in between is the ledger's own.
  const absl::Time at = ledger_->restoration()->at;
  Claimed(MakeClaim(2));
  Close();
  OpenWith(Options(RestoredLedger::kAccept));
  EXPECT_EQ(ledger_->restoration()->at, at);
  EXPECT_EQ(Latest("intent2")->state, IntentState::kInFlight);
}

TEST_F(RestorationTest, AnAcceptanceOfLongAgoIsNotOfThisRestore) {
  OpenWith(Options(RestoredLedger::kAccept));
  Close();
  Tampering(Path()).Run("UPDATE meta SET value = value - 600000000 WHERE name = 'restored_at'");
  OpenWith(Options(RestoredLedger::kAccept));
  ASSERT_TRUE(ledger_->restoration().has_value());
  EXPECT_LT(clock_.Now() - ledger_->restoration()->at, absl::Minutes(5));
}

// SQLite ties a WAL to a database by its name alone.
TEST_F(RestorationTest, TheWalOfTheLedgerBeforeIsNotTakenForThatOfACopyInItsPlace) {
  OpenWith(Options());
  ASSERT_THAT(Apply(Success(Claimed(MakeClaim(1)), "{}")), IsOk());
  const std::string wal = dir_.Path("wal");
  std::filesystem::copy_file(Path() + "-wal", wal);  // as a server leaves it that is killed
  Close();
  const std::string copy = dir_.Path("copy.db");
  Owner(Path()).Run("VACUUM INTO '" + copy + "'");
  ASSERT_THAT(MarkAsCopy(**Database::Open({copy, Database::Access::kWriter, ""}), At(500)), IsOk());
  LoseLedger();
  std::filesystem::copy_file(copy, Path());
  std::filesystem::copy_file(wal, Path() + "-wal");
  const std::string before = ReadAll(Path() + "-wal");
  for (const RestoredLedger restored : {RestoredLedger::kRefuse, RestoredLedger::kAccept}) {
    EXPECT_THAT(Try(restored), IsRefused("move " + Path() + "-wal"));
    EXPECT_TRUE(ReadAll(Path()) == ReadAll(copy));
    EXPECT_TRUE(ReadAll(Path() + "-wal") == before);
  }
  std::filesystem::remove(Path() + "-wal");
  EXPECT_THAT(Try(RestoredLedger::kRefuse), IsRefused("is a backup's copy"));
  OpenWith(Options(RestoredLedger::kAccept));
  EXPECT_TRUE(Latest("intent1").has_value());
  // Killed from now on, it is a ledger like any other: its WAL is its own.
  Claimed(MakeClaim(2));
  for (const char* part : {"", "-wal"}) {
    std::filesystem::copy_file(Path() + part, dir_.Path("killed.db") + part);
  }
  Close();
  SqliteLedger::Options killed = DefaultOptions();
  killed.path = dir_.Path("killed.db");
  OpenWith(std::move(killed));
  EXPECT_TRUE(Latest("intent2").has_value());
}

TEST_F(RestorationTest, WhatIsLeftOfALostLedgerIsNotTakenForTheNewOnes) {
  OpenWith(Options());
  Claimed(MakeClaim(1));
  std::filesystem::copy_file(Path() + "-wal", dir_.Path("wal"));
  Close();
  LoseLedger();
  std::filesystem::rename(dir_.Path("wal"), Path() + "-wal");
  std::ofstream(Path() + ".new") << "of a start that was killed";
  OpenWith(Options(RestoredLedger::kLost));
  EXPECT_FALSE(Latest("intent1").has_value());
  Claimed(MakeClaim(2));
  Close();
  EXPECT_EQ(Tampering(Path()).Text("PRAGMA integrity_check"), "ok");
  EXPECT_EQ(Tampering(Path()).Text("SELECT group_concat(kind) FROM events"), "restored,claimed");
  EXPECT_FALSE(std::filesystem::exists(Path() + ".new"));
}

// As of a copy of the first minute, of a time before anything was signed.
TEST_F(RestorationTest, AFileOfCheckpointsThatIsMissedIsNotMadeByAStartThatFails) {
  OpenWith(Options());
  Close();
  std::filesystem::remove(Checkpoints());
  chmod(Key().c_str(), 0644);
  EXPECT_THAT(Try(RestoredLedger::kRefuse), IsRefused("chmod 600"));
  chmod(Key().c_str(), 0600);
  for (int start = 0; start < 2; ++start) {
    EXPECT_THAT(Try(RestoredLedger::kRefuse), IsRefused("had a file of checkpoints"));
    EXPECT_FALSE(std::filesystem::exists(Checkpoints()));
  }
  OpenWith(Options(RestoredLedger::kAccept));
  EXPECT_TRUE(ledger_->restoration().has_value());
  EXPECT_TRUE(std::filesystem::exists(Checkpoints()));
}

TEST_F(RestorationTest, AFolderThatIsMissingIsNoLossOfCheckpoints) {
  const std::string disk = dir_.Path("disk");
  std::filesystem::create_directory(disk);
  SqliteLedger::Options options = Options();
  options.checkpoints->path = disk + "/checkpoints";
  OpenWith(options);
  Claimed(MakeClaim(1));
  Close();
  options.restored = RestoredLedger::kAccept;
  std::filesystem::rename(disk, disk + ".unmounted");
  EXPECT_THAT(SqliteLedger::Open(options, clock_), IsRefused("cannot be opened"));
  std::filesystem::rename(disk + ".unmounted", disk);
  options.restored = RestoredLedger::kRefuse;
  OpenWith(options);
  EXPECT_FALSE(ledger_->restoration().has_value());
}

TEST_F(RestorationTest, TheFileOfCheckpointsIsOnDiskBeforeTheLedgerSaysSo) {
  const std::string disk = dir_.Path("disk");
  std::filesystem::create_directory(disk);
  SqliteLedger::Options options = Options();
  options.checkpoints->path = disk + "/checkpoints";
  int synced = 0;
  before_sync = [&](const std::string& path) {
    if (path != disk) return;
    ++synced;
    EXPECT_TRUE(std::filesystem::exists(disk + "/checkpoints"));
    EXPECT_THAT(ReadAll(Path() + "-wal"), Not(HasSubstr("checkpointed")));
  };
  OpenWith(std::move(options));
  before_sync = nullptr;
  EXPECT_EQ(synced, 1);
  EXPECT_THAT(ReadAll(Path() + "-wal"), HasSubstr("checkpointed"));
}

// Of a start that failed after it was on record.
TEST_F(RestorationTest, AcceptedAgainItHasLostNoLess) {
  OpenDefault();
  Claimed(MakeClaim(1));
  Close();
  const auto database = Database::Open({Path(), Database::Access::kWriter, ""});
  ASSERT_THAT(database, IsOk());
  const auto events = EventLog::Prepare(**database);
  ASSERT_THAT(events, IsOk());
  for (const int at : {10, 20}) {
    ASSERT_THAT(AcceptRestored(**database, **events, Checkpoints(), At(at)), IsOk());
    const auto last = LastRestoration(**database);
    ASSERT_TRUE(last.ok() && last->has_value());
    EXPECT_EQ((*last)->at, At(at));
    EXPECT_EQ((*last)->lost_since, At(1));
  }
}

// Events cannot have been removed sooner than retention may do that.
TEST_F(RestorationTest, WhatIsSaidToBeRemovedWasSignedLongAgo) {
  OpenWith(Options());
  Claimed(MakeClaim(1));
  Close();
  const auto key = SigningKey::Load(Key(), SigningKey::Missing::kRefuse);
  ASSERT_THAT(key, IsOk());
  auto last = CheckpointReader::Open(Checkpoints()).value()->Next().value();
  ASSERT_TRUE(last.has_value());
  Tampering(Path()).Run("INSERT INTO meta VALUES ('pruned_seq', '1')");
  for (const auto& [at, accepted] :
       {std::pair{"2020-01-01T00:00:00Z", true}, std::pair{"2100-01-01T00:00:00Z", false},
        std::pair{"long ago", false}}) {
    last->at = at;
    last->signature = key->Sign(last->Message());
    std::ofstream(Checkpoints()) << last->ToJson() << "\n";
    const absl::Status opened = Try(RestoredLedger::kRefuse);
    EXPECT_EQ(opened.ok(), accepted) << at << ": " << opened;
    if (accepted) continue;
    EXPECT_THAT(opened, IsRefused("says that event 1 was old and removed")) << at;
  }
}

TEST_F(RestorationTest, CheckpointsThatCannotBePutAsideAreToldOf) {
  OpenWith(Options());
  Claimed(MakeClaim(1));
  Close();
  const testing::SimScheduler still;
  std::filesystem::create_directories(
      absl::StrCat(Checkpoints(), ".before-", absl::ToUnixSeconds(still.Now()), "/there"));
  EXPECT_THAT(SqliteLedger::Open(Options(RestoredLedger::kAccept), still),
              IsRefused("cannot be moved to"));
}

TEST_F(RestorationTest, WhatIsInThePlaceOfAFileOfALostLedgerIsToldOf) {
  for (const char* name : {".new", "-wal"}) {
    std::filesystem::create_directories(Path() + name);
    EXPECT_THAT(Try(RestoredLedger::kLost), IsRefused("cannot be removed")) << name;
    std::filesystem::remove(Path() + name);
  }
  EXPECT_THAT(Try(RestoredLedger::kLost), IsOk());
}

TEST_F(RestorationTest, ALedgerThatSomebodyReadsIsNotGoneOnWith) {
  OpenWith(Options());
  Claimed(MakeClaim(1));
  Close();
  const auto reader = Database::Open({Path(), Database::Access::kReader, ""});
  ASSERT_THAT(reader, IsOk());
  auto snapshot = Transaction::Begin(**reader, Transaction::Kind::kRead);
  ASSERT_THAT(snapshot, IsOk());
  ASSERT_THAT((*reader)->QueryInt("SELECT count(*) FROM events"), IsOk());
  EXPECT_THAT(Try(RestoredLedger::kAccept), IsRefused("is in use by another process"));
  ASSERT_THAT(snapshot->Commit(), IsOk());
}

TEST_F(RestorationTest, ALedgerWithoutANameIsNone) {
  SqliteLedger::Options options;
  EXPECT_THAT(SqliteLedger::Open(std::move(options), clock_),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("path is empty")));
}

}  // namespace
}  // namespace onetake

// In the place of the C library's.
extern "C" int fsync(int file) {
  if (onetake::before_sync) onetake::before_sync(onetake::NameOf(file));
  return static_cast<int>(syscall(SYS_fsync, file));
}
