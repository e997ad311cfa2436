// The power fails before each change that the ledger makes to its files, syncs among them: of what
// was not synced everything reaches the medium, nothing, or some of its sectors; the next start
// finds what was told, whole.

#include <gmock/gmock.h>

#include <algorithm>
#include <iostream>
#include <string>

#include "runtime/base/log.h"
#include "tests/io/scale.h"
#include "tests/io/scenario.h"
#include "tests/sim/sim_disk.h"
#include "tests/testing/sim_scheduler.h"
#include "tests/testing/temp_dir.h"

namespace onetake::io {
namespace {

using ::onetake::sim::SimDisk;
using ::onetake::testing::SimRandom;
using ::onetake::testing::TempDir;

enum class Left { kNothing, kAll, kSome };

constexpr int kStep = 8;  // ctest takes one change of so many

// What was not synced reaches the medium, or not.
void LosePower(SimDisk& disk, const std::string& path, Left left) {
  disk.Freeze();
  for (const char* suffix : {"", "-wal"}) {
    if (left == Left::kSome || !disk.Exists(path + suffix)) continue;
    SimDisk::File& file = disk.At(path + suffix);
    if (left == Left::kAll) file.synced = file.bytes;
    file.unsynced.clear();
  }
  disk.LosePower();
  disk.Thaw();
}

class LedgerPowerLossTest : public ::testing::TestWithParam<Left> {
 protected:
  // The scenario, until the power is lost before its `change`-th change, and what is left then.
  // False: it does not make so many.
  static bool Run(int64_t change, uint64_t seed) {
    const TempDir folder;  // of the checkpoints and the lock: real files
    SimRandom random(seed);
    SimDisk disk(random);
    const std::string path = folder.Path("ledger.db");
    int64_t failures = 0;
    Scenario scenario({.path = path,
                       .vfs = disk.name(),
                       // Without power everything fails.
                       .failures = [&] { return disk.frozen() ? ++failures : failures; },
                       .is_well = [&] { return !disk.frozen(); },
                       .heal = nullptr});
    disk.DieAfter(change);
    scenario.Run();
    const bool lost = disk.frozen();
    disk.DieAfter(0);
    if (lost) LosePower(disk, path, GetParam());
    scenario.CheckWhatIsLeft();
    return lost;
  }
};

TEST_P(LedgerPowerLossTest, WhatWasToldIsThereAndWhole) {
  SetLogLevel(LogLevel::kError);
  const int64_t step = Step(kStep, 1);
  // Chance is asked again and again, once every change was seen.
  const int rounds = GetParam() == Left::kSome ? std::max(1, static_cast<int>(Scale() / kStep)) : 1;
  int64_t images = 0;
  for (int round = 0; round < rounds; ++round) {
    int64_t change = 1 + static_cast<int64_t>(GetParam()) % step;
    for (bool lost = true; lost && !HasFailure(); change += step) {
      SCOPED_TRACE(::testing::Message() << "no power from change " << change << " on, " << round);
      lost = Run(change, static_cast<uint64_t>(change * rounds + round));
      if (lost) ++images;
    }
  }
  EXPECT_GT(images, 0);
  std::cout << images << " images\n";
}

INSTANTIATE_TEST_SUITE_P(WhatReachesTheMedium, LedgerPowerLossTest,
                         ::testing::Values(Left::kNothing, Left::kAll, Left::kSome),
                         [](const auto& info) {
                           switch (info.param) {
                             case Left::kNothing: return "Nothing";
                             case Left::kAll: return "Everything";
                             case Left::kSome: return "SomeSectors";
                           }
                           return "";
                         });

}  // namespace
}  // namespace onetake::io
