// SQLite gets no memory, at one allocation and from then on: it is an error like any other, and the
// next start finds what was told. A program of its own, as its allocator is SQLite's for good.

#include <gmock/gmock.h>
#include <sqlite3.h>

#include <iostream>

#include "runtime/base/check.h"
#include "runtime/base/log.h"
#include "runtime/ledger/verify_ledger.h"
#include "tests/io/answers.h"
#include "tests/io/scale.h"
#include "tests/io/scenario.h"
#include "tests/testing/fault_vfs.h"
#include "tests/testing/sim_scheduler.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace onetake::io {
namespace {

using ::onetake::testing::FaultVfs;
using ::onetake::testing::IsOk;
using ::onetake::testing::TempDir;

constexpr int kPlaces = 150;  // so many allocations are tried by ctest

// SQLite's own allocator, which fails when it is told to. Single-threaded.
class Memory {
 public:
  enum class Times { kOnce, kFromThenOn };

  // Before anything else that is SQLite's.
  static void Install() {
    ONETAKE_CHECK(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_) == SQLITE_OK);
    sqlite3_mem_methods failing = real_;
    failing.xMalloc = [](int size) { return Fails() ? nullptr : real_.xMalloc(size); };
    failing.xRealloc = [](void* old, int size) {
      return Fails() ? nullptr : real_.xRealloc(old, size);
    };
    ONETAKE_CHECK(sqlite3_config(SQLITE_CONFIG_MALLOC, &failing) == SQLITE_OK);
  }
  static void FailAfter(int64_t allocations, Times times) {
    left_ = allocations;
    times_ = times;
    is_armed_ = true;
  }
  static void Heal() { is_armed_ = false; }
  static bool IsWell() { return !is_armed_; }
  static int64_t failures() { return failures_; }
  static int64_t allocations() { return allocations_; }

 private:
  static bool Fails() {
    ++allocations_;
    if (!is_armed_ || left_-- > 0) return false;
    if (times_ == Times::kOnce) is_armed_ = false;
    ++failures_;
    return true;
  }

  static inline sqlite3_mem_methods real_;
  static inline bool is_armed_ = false;
  static inline Times times_ = Times::kOnce;
  static inline int64_t left_ = 0, failures_ = 0, allocations_ = 0;
};

// How many allocations the scenario made.
int64_t RunScenario() {
  const TempDir dir;
  FaultVfs vfs(FaultVfs::Pace::kHurried);
  Scenario scenario({.path = dir.Path("ledger.db"),
                     .vfs = vfs.name(),
                     .failures = Memory::failures,
                     .is_well = Memory::IsWell,
                     .heal = Memory::Heal});
  const int64_t before = Memory::allocations();
  scenario.Run();
  const int64_t made = Memory::allocations() - before;
  scenario.CheckWhatIsLeft();
  return made;
}

class LedgerMemoryTest : public ::testing::TestWithParam<Memory::Times> {
 protected:
  static void SetUpTestSuite() {
    SetLogLevel(LogLevel::kError);
    static const bool once = (Memory::Install(), true);
    (void)once;
  }
};

TEST_P(LedgerMemoryTest, IsAnErrorLikeAnyOther) {
  const int64_t places = RunScenario();
  ASSERT_GT(places, 1000);
  int64_t runs = 0;
  const int64_t step = Step(places, kPlaces);
  const auto offset = GetParam() == Memory::Times::kOnce ? 0 : step / 2;
  for (int64_t place = offset; place < places && !HasFailure(); place += step) {
    SCOPED_TRACE(::testing::Message() << "allocation " << place << " of " << places);
    Memory::FailAfter(place, GetParam());
    RunScenario();
    Memory::Heal();
    ++runs;
  }
  std::cout << runs << " of " << places << " allocations failed\n";
}

// A ledger in which everything has happened, of which is only read.
class ReadMemoryTest : public LedgerMemoryTest {
 protected:
  ReadMemoryTest() {
    Scenario scenario(place_);
    scenario.Run();
    scenario.CheckWhatIsLeft();
  }
  // Has one allocation in so many of `ask` fail. `check` is given what came of it.
  template <typename Ask, typename Check>
  void FailEach(Ask ask, Check check) {
    const int64_t before = Memory::allocations();
    ASSERT_THAT(ask(), IsOk());
    const int64_t places = Memory::allocations() - before;
    const int64_t step = Step(places, kPlaces);
    int64_t runs = 0, errors = 0;
    for (int64_t place = 0; place < places && !HasFailure(); place += step) {
      SCOPED_TRACE(::testing::Message() << "allocation " << place << " of " << places);
      Memory::FailAfter(place, GetParam());
      const auto result = ask();
      Memory::Heal();
      check(result);
      ++runs;
      if (!result.ok()) ++errors;
    }
    std::cout << runs << " of " << places << " allocations failed, " << errors << " were told\n";
    EXPECT_GT(errors, 0);
  }

  const TempDir dir_;
  FaultVfs vfs_{FaultVfs::Pace::kHurried};
  const Place place_{.path = dir_.Path("ledger.db"),
                     .vfs = vfs_.name(),
                     .failures = Memory::failures,
                     .is_well = Memory::IsWell,
                     .heal = Memory::Heal};
};

TEST_P(ReadMemoryTest, AnAnswerIsRightOrAnError) {
  testing::SimScheduler clock;
  const auto ledger = SqliteLedger::Open(WatchedLedger::Options(place_), clock);
  ASSERT_THAT(ledger, IsOk());
  const absl::StatusOr<std::string> right = Answers(**ledger);
  FailEach([&] { return Answers(**ledger); },
           [&](const absl::StatusOr<std::string>& answer) {
             EXPECT_FALSE(absl::IsDataLoss(answer.status())) << answer.status();
             if (answer.ok()) {
               EXPECT_EQ(*answer, *right);
             }
           });
  EXPECT_EQ(Answers(**ledger), right);
}

TEST_P(ReadMemoryTest, AVerificationFindsNothingWrong) {
  FailEach(
      [&] {
        return VerifyLedger({.path = place_.path,
                             .checkpoints = place_.path + ".checkpoints",
                             .public_key = place_.path + ".signing-key.pub",
                             .threads = 1});
      },
      [](const absl::StatusOr<VerifyReport>& report) {
        EXPECT_FALSE(absl::IsDataLoss(report.status())) << report.status();
        if (report.ok() && report->finding.has_value()) {
          ADD_FAILURE() << report->finding->how << " " << report->finding->what;
        }
      });
}

INSTANTIATE_TEST_SUITE_P(Times, ReadMemoryTest,
                         ::testing::Values(Memory::Times::kOnce, Memory::Times::kFromThenOn),
                         [](const auto& info) {
                           return info.param == Memory::Times::kOnce ? "Once" : "FromThenOn";
                         });
INSTANTIATE_TEST_SUITE_P(Times, LedgerMemoryTest,
                         ::testing::Values(Memory::Times::kOnce, Memory::Times::kFromThenOn),
                         [](const auto& info) {
                           return info.param == Memory::Times::kOnce ? "Once" : "FromThenOn";
                         });

}  // namespace
}  // namespace onetake::io
