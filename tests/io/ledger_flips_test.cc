// One byte of a closed ledger's file is another: that is found by SQLite's integrity check, by
// whoever verifies the chain or by the start, or it changes no answer. Never a wrong one unseen.

#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
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
using ::onetake::testing::SimRandom;
using ::onetake::testing::SimScheduler;
using ::onetake::testing::TempDir;

constexpr int kFlips = 500;  // ctest makes so many

class LedgerFlipsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SetLogLevel(LogLevel::kError);
    Scenario scenario(ThePlace());
    scenario.Run();
    std::ifstream file(path_, std::ios::binary);
    bytes_ = std::string(std::istreambuf_iterator<char>(file), {});
  }
  Place ThePlace() {
    return {.path = path_,
            .vfs = vfs_.name(),
            .failures = [] { return int64_t{0}; },
            .is_well = [] { return true; },
            .heal = nullptr};
  }
  void Write(const std::string& bytes) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
  }

  // By what it is found, without the server; empty: it is not.
  std::string FoundBy() const {
    const absl::StatusOr<std::string> integrity = [&]() -> absl::StatusOr<std::string> {
      const auto db = Database::Open({path_, Database::Access::kReader, ""});
      if (!db.ok()) return db.status();
      return (*db)->QueryText("PRAGMA integrity_check");
    }();
    if (!integrity.ok() || *integrity != "ok") return "integrity_check";
    const auto report = VerifyLedger({.path = path_,
                                      .checkpoints = path_ + ".checkpoints",
                                      .public_key = path_ + ".signing-key.pub",
                                      .threads = 1});
    return report.ok() && !report->finding.has_value() ? "" : "verify";
  }
  absl::StatusOr<std::string> Told() {
    SimScheduler clock;
    const auto ledger = SqliteLedger::Open(WatchedLedger::Options(ThePlace()), clock);
    if (!ledger.ok()) return ledger.status();
    return Answers(**ledger);
  }

  FaultVfs vfs_{FaultVfs::Pace::kHurried};
  TempDir dir_;
  const std::string path_ = dir_.Path("ledger.db");
  std::string bytes_;  // of the closed file
};

TEST_F(LedgerFlipsTest, NoByteChangesAnAnswerUnseen) {
  ASSERT_EQ(FoundBy(), "");
  const absl::StatusOr<std::string> right = Told();
  ASSERT_THAT(right, IsOk());
  ASSERT_THAT(*right, ::testing::HasSubstr(R"({"ok":true,"of":2})"));
  SimRandom random(20261126);
  const int flips = std::max(1, static_cast<int>(kFlips * Scale()));
  std::map<std::string, int> tally;
  for (int flip = 0; flip < flips && !HasFailure(); ++flip) {
    std::string bytes = bytes_;
    const size_t at = random.Next() % bytes.size();
    const char with = static_cast<char>(1 + random.Next() % 255);
    bytes[at] = static_cast<char>(bytes[at] ^ with);
    SCOPED_TRACE(absl::StrCat("flip ", flip, ": byte ", at % 4096, " of page ", 1 + at / 4096));
    Write(bytes);
    const std::string found_by = FoundBy();
    const absl::StatusOr<std::string> told = Told();
    if (!found_by.empty()) {
      ++tally[told.ok() && *told != *right ? "found, but the server tells it" : found_by];
    } else if (!told.ok()) {
      ++tally["the server"];
    } else {
      EXPECT_EQ(*told, *right);
      ++tally["nobody, no answer is other"];
    }
  }
  std::cout << flips << " flips, found by:";
  for (const auto& [how, times] : tally) std::cout << " " << how << " " << times << ";";
  std::cout << "\n";
}

}  // namespace
}  // namespace onetake::io
