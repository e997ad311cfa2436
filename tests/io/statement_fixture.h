#pragma once

#include <gmock/gmock.h>
#include <sqlite3.h>

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/check.h"
#include "runtime/base/log.h"
#include "runtime/base/status.h"
#include "runtime/ledger/verify_ledger.h"
#include "tests/io/answers.h"
#include "tests/io/statement_faults.h"
#include "tests/testing/fault_vfs.h"
#include "tests/testing/ledger_fixture.h"
#include "tests/testing/sim_scheduler.h"

namespace onetake::io {

// How a statement fails.
struct StatementFault {
  const char* name;
  int code;
  StatementFaults::Times times;
};
inline constexpr StatementFault kStopping[] = {
    {"no memory from then on", SQLITE_NOMEM, StatementFaults::Times::kFromThenOn},
    {"an I/O error", SQLITE_IOERR_READ, StatementFaults::Times::kOnce}};

// A sealed ledger in manual mode, on a clock that stands still, and operations of it, each of
// which is repeated with every one of its statements failing in its turn.
class StatementFixture : public testing::LedgerFixture {
 protected:
  using Operation = std::function<absl::Status()>;

  StatementFixture() {
    SetLogLevel(LogLevel::kError);
    Reopen();
  }
  ~StatementFixture() override { Close(); }  // before its VFS goes

  SqliteLedger::Options Options() {
    SqliteLedger::Options options = SealedOptions();
    options.key_ring = MakeKeyRing(masters_);
    options.threading = Threading::kManual;
    options.vfs = vfs_.name();
    options.attributes = {
        .names = {"phone"},
        .digest = [](absl::string_view, absl::string_view, absl::string_view value) {
          return absl::StrCat("digest of ", value);
        }};
    options.on_fatal = [this](const absl::Status&) { ++stops_; };
    return options;
  }
  absl::Status TryOpen(SqliteLedger::Options options) {
    stops_ = 0;
    threading_ = Threading::kManual;
    ledger_.reset();
    ONETAKE_ASSIGN_OR_RETURN(ledger_, SqliteLedger::Open(std::move(options), still_));
    return absl::OkStatus();
  }
  void Reopen() { ASSERT_THAT(TryOpen(Options()), testing::IsOk()); }
  // All that is told of the ledger.
  std::string All() {
    const absl::StatusOr<std::string> answers = Answers(*ledger_);
    EXPECT_THAT(answers, testing::IsOk());
    const auto latencies = ledger_->LoadLatencies();
    EXPECT_THAT(latencies, testing::IsOk());
    std::string all = answers.value_or("");
    for (const LatencyRecord& one : *latencies) absl::StrAppend(&all, one.tool, one.histogram);
    return all;
  }

  // Runs `operation` on the ledger as it is, with each of its statements failing in its turn. A
  // full disk refuses it without a trace, and the ledger goes on; anything else stops the ledger,
  // and then all of the operation is on record or nothing; all, when it was told as done.
  void FailEach(const Operation& operation) {
    FailEachStopping(operation);
    ForEachPlace("a full disk", [&](int64_t place) { Refuse(place, operation); });
    EXPECT_THAT(operation(), testing::IsOk());
    EXPECT_EQ(All(), became_);
    PutBack();
  }
  // The same of one that leaves a trace when it is refused.
  void FailEachStopping(const Operation& operation) {
    TakeExample(operation);
    for (const StatementFault& fault : kStopping) {
      ForEachPlace(fault.name, [&](int64_t place) {
        Restore();
        Reopen();
        Stop(place, fault, operation);
      });
    }
    PutBack();
  }

  // Opens the ledger as it is, with each statement of that failing in its turn, but for those that
  // have for another opening: it opens all the same or says why not, and opens the next time, as if
  // nothing had failed.
  void FailEachOfOpening(const std::function<SqliteLedger::Options()>& options) {
    Close();
    Keep();
    std::vector<std::string> asked;
    StatementFaults::Record(&asked);
    ASSERT_THAT(TryOpen(options()), testing::IsOk());
    StatementFaults::Record(nullptr);
    was_ = All();
    places_ = static_cast<int64_t>(asked.size());
    std::map<std::string, int> times;
    static std::set<std::pair<std::string, int>> seen;  // by the openings before
    ForEachPlace("an I/O error", [&](int64_t place) {
      const std::string& what = asked[static_cast<size_t>(place)];
      if (!seen.emplace(what, ++times[what]).second) return;
      SCOPED_TRACE(what);
      Restore();
      StatementFaults::Arm(place, SQLITE_IOERR_READ, StatementFaults::Times::kOnce);
      const absl::Status opened = TryOpen(options());
      StatementFaults::Heal();
      if (!opened.ok()) {
        ASSERT_THAT(TryOpen(options()), testing::IsOk()) << "after " << opened;
      }
      EXPECT_EQ(All(), was_);
    });
    Close();
    ExpectIntact();
    Restore();
  }

  // Asks with each statement of the question failing in its turn: the answer is right or an error.
  void FailEachOfAsking(const std::function<absl::StatusOr<std::string>()>& ask) {
    const int64_t first = StatementFaults::Count();
    const absl::StatusOr<std::string> right = ask();
    ASSERT_THAT(right, testing::IsOk());
    places_ = StatementFaults::Count() - first;
    int64_t errors = 0;
    for (const StatementFault& fault : kStopping) {
      ForEachPlace(fault.name, [&](int64_t place) {
        StatementFaults::Arm(place, fault.code, fault.times);
        const absl::StatusOr<std::string> answer = ask();
        StatementFaults::Heal();
        if (answer.ok()) {
          EXPECT_EQ(*answer, *right);
        } else {
          ++errors;
        }
      });
    }
    EXPECT_GT(errors, 0);
    EXPECT_EQ(ask(), right);
  }

  testing::FaultVfs vfs_{testing::FaultVfs::Pace::kHurried};
  testing::SimScheduler still_;
  std::vector<std::string> masters_ = {kMasterKey};
  std::string finding_;  // of the chain, in what is left; empty: it is intact

 private:
  // What `operation` makes of the ledger, and with how many statements.
  void TakeExample(const Operation& operation) {
    Close();
    Keep();
    Reopen();
    was_ = All();
    Close();
    rows_ = Rows();
    Restore();
    Reopen();
    const int64_t first = StatementFaults::Count();
    ASSERT_THAT(operation(), testing::IsOk());
    places_ = StatementFaults::Count() - first;
    ASSERT_GT(places_, 0);
    became_ = All();
  }
  void ForEachPlace(const char* fault, const std::function<void(int64_t place)>& fail) {
    for (int64_t place = 0; place < places_ && !HasFailure(); ++place) {
      SCOPED_TRACE(::testing::Message() << fault << " at statement " << place << " of " << places_);
      fail(place);
    }
  }

  void Stop(int64_t place, const StatementFault& fault, const Operation& operation) {
    const int64_t failures = StatementFaults::Failures();
    StatementFaults::Arm(place, fault.code, fault.times);
    const absl::Status outcome = operation();
    StatementFaults::Heal();
    EXPECT_GT(StatementFaults::Failures(), failures) << "the fault did not come";
    EXPECT_LE(stops_, 1);
    // DATA_LOSS is told of what is recorded and cannot be read back.
    const bool recorded = outcome.ok() || (stops_ == 0 && absl::IsDataLoss(outcome));
    EXPECT_TRUE(recorded || stops_ == 1) << "it goes on after " << outcome;
    Close();
    if (!recorded && Rows() == rows_) return;
    Reopen();
    EXPECT_EQ(All(), became_) << outcome;
    Close();
    ExpectIntact();
  }
  void Refuse(int64_t place, const Operation& operation) {
    StatementFaults::Arm(place, SQLITE_FULL, StatementFaults::Times::kOnce);
    const absl::Status outcome = operation();
    StatementFaults::Heal();
    EXPECT_EQ(stops_, 0);
    if (outcome.ok()) {
      EXPECT_EQ(All(), became_);
      PutBack();
      return;
    }
    EXPECT_TRUE(absl::IsResourceExhausted(outcome)) << outcome;
    EXPECT_EQ(All(), was_) << outcome;
  }

  // The rows of all tables of the closed ledger, sealed as they are.
  std::string Rows() {
    sqlite3* db = nullptr;
    ONETAKE_CHECK(sqlite3_open(Path().c_str(), &db) == SQLITE_OK);
    const auto texts = [db](const std::string& sql) {
      std::vector<std::string> found;
      const auto add = [](void* to, int columns, char** values, char**) {
        std::string& row = static_cast<std::vector<std::string>*>(to)->emplace_back();
        for (int i = 0; i < columns; ++i) absl::StrAppend(&row, values[i] ? values[i] : "", "|");
        return 0;
      };
      ONETAKE_CHECK(sqlite3_exec(db, sql.c_str(), add, &found, nullptr) == SQLITE_OK);
      return found;
    };
    std::string rows;
    for (std::string table : texts("SELECT name FROM sqlite_schema WHERE type = 'table'")) {
      table.pop_back();
      absl::StrAppend(&rows, table, "\n",
                      absl::StrJoin(texts(absl::StrCat("SELECT * FROM ", table)), "\n"), "\n");
    }
    sqlite3_close(db);
    return rows;
  }

  void ExpectIntact() {
    const auto report = VerifyLedger({.path = Path(), .threads = 1});
    ASSERT_THAT(report, testing::IsOk());
    EXPECT_EQ(report->finding.has_value() ? report->finding->how : "", finding_);
  }

  // The folder of the closed ledger as it was.
  void Keep() {
    std::filesystem::remove_all(kept_.path());
    std::filesystem::copy(dir_.path(), kept_.path());
  }
  void Restore() {
    Close();
    std::filesystem::remove_all(dir_.path());
    std::filesystem::copy(kept_.path(), dir_.path());
  }
  void PutBack() {
    Restore();
    Reopen();
  }

  testing::TempDir kept_;
  int stops_ = 0;
  int64_t places_ = 0;        // statements of the operation
  std::string was_, became_;  // what is told before and after it
  std::string rows_;          // before it
};

}  // namespace onetake::io
