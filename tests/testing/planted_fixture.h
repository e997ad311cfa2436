#pragma once

#include <gmock/gmock.h>
#include <sqlite3.h>

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/ledger/verify_ledger.h"
#include "tests/testing/ledger_fixture.h"
#include "tests/testing/tampering.h"

namespace onetake::testing {

// Somebody who owns the file, while triggers stay as they are.
class Owner {
 public:
  explicit Owner(const std::string& path) {
    EXPECT_EQ(sqlite3_open(path.c_str(), &db_), SQLITE_OK);
  }
  ~Owner() { sqlite3_close(db_); }
  Owner(const Owner&) = delete;
  Owner& operator=(const Owner&) = delete;
  void Run(const std::string& sql) {
    EXPECT_EQ(sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db_) << " in " << sql;
  }

 private:
  sqlite3* db_ = nullptr;
};

// A ledger in whose file somebody plants what the server did not write.
class PlantedFixture : public LedgerFixture {
 protected:
  // Opens a new ledger in place of the last one.
  void Begin() {
    Close();
    std::filesystem::remove(Path());
    SqliteLedger::Options options = SealedOptions();
    options.attributes = {.names = {"caller_phone"},
                          .digest = [](absl::string_view, absl::string_view,
                                       absl::string_view value) { return std::string(value); }};
    OpenWith(std::move(options));
  }
  // Writes three events.
  void Done(int n) {
    ClaimRequest claim = MakeClaim(n);
    claim.call.attributes["caller_phone"] = "+4930123456";
    CallRecord call = claim.call;
    const int64_t row = Claimed(std::move(claim));
    ASSERT_THAT(Apply(Success(row, R"({"id":7})")), IsOk());
    call.intent_row = row;
    call.disposition = "DONE";
    call.answered_at = At(101);
    Record(std::move(call));
  }
  static absl::Time In7Years() { return At(100) + 7 * absl::Hours(24 * 365); }
  // Removes what is older than six years, and says how many events that were.
  int64_t Prune(absl::Time now = In7Years()) {
    const auto result = Await<absl::StatusOr<AgeResult>>(
        [&](auto done) { ledger_->Age({}, now, 1000, std::move(done)); });
    EXPECT_THAT(result, IsOk());
    return result.value_or(AgeResult{}).pruned;
  }
  void Plant(const std::string& sql) { Tampering(Path()).Run(sql); }
  // Plants a copy of a row with other values in the columns that `values` names.
  void PlantCopy(const std::string& table, const std::map<std::string, std::string>& values,
                 const std::string& where) {
    Tampering file(Path());
    std::vector<std::string> columns =
        file.Texts(absl::StrCat("SELECT name FROM pragma_table_info('", table, "')"));
    for (std::string& column : columns) {
      const auto value = values.find(column);
      if (value != values.end()) column = value->second;
    }
    file.Run(absl::StrCat("INSERT INTO ", table, " SELECT ", absl::StrJoin(columns, ", "), " FROM ",
                          table, " WHERE ", where));
  }
  std::string Told(int64_t page_events = 2) {
    const auto report = VerifyLedger({.path = Path(), .threads = 2, .page_events = page_events});
    EXPECT_THAT(report, IsOk());
    if (!report.ok() || !report->finding.has_value()) return "intact";
    return absl::StrCat(report->finding->seq, " ", report->finding->how, " ",
                        report->finding->what);
  }
};

}  // namespace onetake::testing
