// Every operation that the ledger makes on its files fails, once and from then on: nobody is told
// what is not so, and the next start goes on. A failed write or sync stops the ledger; a full disk
// does not.

#include <gmock/gmock.h>
#include <sqlite3.h>

#include <iostream>
#include <string>

#include "runtime/base/log.h"
#include "tests/io/scale.h"
#include "tests/io/scenario.h"
#include "tests/testing/fault_vfs.h"
#include "tests/testing/temp_dir.h"

namespace onetake::io {
namespace {

using ::onetake::testing::FaultVfs;
using ::onetake::testing::TempDir;
using Operation = FaultVfs::Operation;
using Times = FaultVfs::Times;

struct Kind {
  const char* name;
  Operation operation;
  int code;
  size_t torn_bytes = 0;
};

constexpr int kPlaces = 20;  // so many of each kind are tried by ctest

class LedgerFaultsTest : public ::testing::TestWithParam<Kind> {
 protected:
  static bool FailsChanges() {
    return GetParam().operation == Operation::kWrite || GetParam().operation == Operation::kSync;
  }
  static FaultVfs::Fault FaultAt(int64_t place, Times times) {
    return {.operation = GetParam().operation,
            .skip = place,
            .code = GetParam().code,
            .times = times,
            .torn_bytes = GetParam().torn_bytes};
  }

  // The scenario with this fault, and what is left of it. How many operations it made before the
  // start that looks.
  static int64_t Run(FaultVfs& vfs) {
    const TempDir dir;
    Scenario scenario({.path = dir.Path("ledger.db"),
                       .vfs = vfs.name(),
                       .failures = [&vfs] { return vfs.Failures(); },
                       .is_well = [&vfs] { return vfs.IsWell(); },
                       .heal = [&vfs] { vfs.Clear(); },
                       .fails_changes = FailsChanges()});
    scenario.Run();
    const int64_t operations = vfs.Count(GetParam().operation, FaultVfs::File::kAny);
    scenario.CheckWhatIsLeft();
    return operations;
  }
};

TEST_P(LedgerFaultsTest, NothingThatWasToldIsLostAndNothingIsLeftHalfDone) {
  SetLogLevel(LogLevel::kError);
  int64_t places = 0;
  {
    FaultVfs well(FaultVfs::Pace::kHurried);
    places = Run(well);
  }
  ASSERT_GT(places, 0);
  int64_t runs = 0;
  int64_t offset = GetParam().code;  // others for each kind of fault
  for (const Times times : {Times::kOnce, Times::kFromThenOn}) {
    const int64_t step = Step(places, kPlaces);
    for (int64_t place = offset++ % step; place < places && !HasFailure(); place += step) {
      SCOPED_TRACE(::testing::Message()
                   << "operation " << place << " of " << places
                   << (times == Times::kOnce ? " fails once" : " fails, and all after it"));
      FaultVfs vfs(FaultVfs::Pace::kHurried);
      vfs.Arm(FaultAt(place, times));
      Run(vfs);
      EXPECT_GT(vfs.Failures(), 0) << "the fault did not come";
      ++runs;
    }
  }
  std::cout << GetParam().name << ": " << runs << " faults at " << places << " places\n";
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, LedgerFaultsTest,
    ::testing::Values(Kind{"FullDisk", Operation::kWrite, SQLITE_FULL},
                      Kind{"FullDiskTorn", Operation::kWrite, SQLITE_FULL, 100},
                      Kind{"WriteError", Operation::kWrite, SQLITE_IOERR_WRITE},
                      Kind{"TornWrite", Operation::kWrite, SQLITE_IOERR_WRITE, 1000},
                      Kind{"SyncError", Operation::kSync, SQLITE_IOERR_FSYNC},
                      Kind{"ReadError", Operation::kRead, SQLITE_IOERR_READ},
                      Kind{"CannotOpen", Operation::kOpen, SQLITE_CANTOPEN},
                      Kind{"TruncateError", Operation::kTruncate, SQLITE_IOERR_TRUNCATE},
                      Kind{"FileBusy", Operation::kLock, SQLITE_BUSY},
                      Kind{"LockError", Operation::kLock, SQLITE_IOERR_LOCK},
                      Kind{"IndexBusy", Operation::kIndexLock, SQLITE_BUSY},
                      Kind{"IndexError", Operation::kIndexMap, SQLITE_IOERR_SHMMAP},
                      Kind{"DeleteError", Operation::kDelete, SQLITE_IOERR_DELETE}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace onetake::io
