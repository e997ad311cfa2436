#include "tests/sim/sim_disk.h"

#include <gtest/gtest.h>

#include "runtime/store/wal_rewrite.h"
#include "tests/sim/chance.h"
#include "tests/testing/status_matchers.h"

namespace onetake::sim {
namespace {

using testing::IsOk;

class SimDiskTest : public ::testing::Test {
 protected:
  SimDisk::File& Written(const std::string& bytes) {
    SimDisk::File& file = disk_.At("/f");
    EXPECT_EQ(disk_.Write(file, bytes.data(), static_cast<int64_t>(bytes.size()), 0), SQLITE_OK);
    return file;
  }
  void LosePower() {
    disk_.Freeze();
    disk_.LosePower();
    disk_.Thaw();
  }

  Chance chance_{7, 1};
  SimDisk disk_{chance_};
};

TEST_F(SimDiskTest, WhatWasSyncedSurvivesAPowerLoss) {
  SimDisk::File& file = Written(std::string(5000, 'a'));
  ASSERT_EQ(disk_.Sync(file), SQLITE_OK);
  LosePower();
  EXPECT_EQ(file.bytes, std::string(5000, 'a'));
}

TEST_F(SimDiskTest, WhatWasNotSyncedIsKeptOrLostOrTorn) {
  bool kept = false, lost = false, torn = false;
  for (int i = 0; i < 100; ++i) {
    SimDisk::File& file = disk_.At("/f");
    file.bytes = file.synced = std::string(2048, 'a');
    Written(std::string(2048, 'b'));
    LosePower();
    const auto sectors = std::count(file.bytes.begin(), file.bytes.end(), 'b') / 512;
    kept |= sectors == 4;
    lost |= sectors == 0;
    torn |= sectors > 0 && sectors < 4;
  }
  EXPECT_TRUE(kept && lost && torn);
}

TEST_F(SimDiskTest, ADeadProgramChangesNothing) {
  SimDisk::File& file = Written("before");
  disk_.DieAfter(2);
  EXPECT_EQ(disk_.Write(file, "middle", 6, 0), SQLITE_OK);
  EXPECT_EQ(disk_.Write(file, "after.", 6, 0), SQLITE_IOERR_WRITE);
  EXPECT_TRUE(disk_.frozen());
  EXPECT_NE(disk_.Sync(file), SQLITE_OK);
  EXPECT_EQ(file.bytes, "middle");
}

TEST_F(SimDiskTest, AFullDiskTakesNothingMoreButChangesWhatIsThere) {
  SimDisk::File& file = Written("12345");
  disk_.faults().full = true;
  EXPECT_EQ(disk_.Write(file, "67890", 5, 0), SQLITE_OK);
  EXPECT_EQ(disk_.Write(file, "x", 1, 5), SQLITE_FULL);
  EXPECT_EQ(file.bytes, "67890");
}

// What a system remembers after a failed sync no later sync brings to the medium; only a write
// does.
TEST_F(SimDiskTest, WhatAFailedSyncHasLeftInMemoryIsOnTheMediumAfterARewrite) {
  const std::string frames(3 * 1024 * 1024 + 17, 'f');
  SimDisk::File& wal = disk_.At("/ledger.db-wal");
  bool gap = false;
  for (int i = 0; i < 20 && !gap; ++i) {
    wal.synced.clear();
    ASSERT_EQ(disk_.Write(wal, frames.data(), static_cast<int64_t>(frames.size()), 0), SQLITE_OK);
    disk_.faults().sync_error = 1;
    EXPECT_EQ(disk_.Sync(wal), SQLITE_IOERR_FSYNC);
    disk_.faults().sync_error = 0;
    EXPECT_EQ(disk_.Sync(wal), SQLITE_OK);
    gap = wal.synced != frames;
  }
  ASSERT_TRUE(gap);
  ASSERT_THAT(RewriteWal("/ledger.db", disk_.name()), IsOk());
  EXPECT_EQ(wal.synced, frames);
  EXPECT_THAT(RewriteWal("/none.db", disk_.name()), IsOk());
}

}  // namespace
}  // namespace onetake::sim
