// What earlier schema versions left: ledger_v<version>.sql holds the rows of each.

#include <gmock/gmock.h>
#include <sqlite3.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "runtime/ledger/schema.h"
#include "runtime/ledger/verify_ledger.h"
#include "runtime/store/migration.h"
#include "tests/testing/ledger_fixture.h"

namespace onetake {
namespace {

using ::onetake::testing::At;
using ::onetake::testing::IsOk;
using ::onetake::testing::IsOkAndHolds;
using ::onetake::testing::LedgerFixture;
using ::onetake::testing::MakeClaim;
using ::testing::ElementsAre;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class LedgerUpgradeTest : public LedgerFixture, public ::testing::WithParamInterface<int> {
 protected:
  // A ledger of the version, with its rows.
  void SetUp() override {
    auto database = Database::Open({Path(), Database::Access::kWriter, ""});
    ASSERT_THAT(database, IsOk());
    size_t steps = 0;
    while (LedgerMigrations()[steps].version < GetParam()) ++steps;
    ASSERT_THAT(Migrate(**database, kLedgerApplicationId, LedgerMigrations().subspan(0, steps + 1)),
                IsOk());
    database->reset();
    const std::string rows =
        ReadFile(absl::StrCat(ONETAKE_TEST_SOURCES, "/ledger_v", GetParam(), ".sql"));
    ASSERT_FALSE(rows.empty());
    sqlite3* raw = nullptr;
    ASSERT_EQ(sqlite3_open(Path().c_str(), &raw), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(raw, rows.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(raw);
    EXPECT_EQ(sqlite3_close(raw), SQLITE_OK);
  }

  void ExpectIntact(int64_t events) {
    const auto report = VerifyLedger({.path = Path()});
    ASSERT_THAT(report, IsOk());
    EXPECT_FALSE(report->finding.has_value()) << report->finding->what;
    EXPECT_EQ(report->events, events);
  }

  static std::vector<std::string> Objects(const std::string& path) {
    std::vector<std::string> objects;
    auto database = Database::Open({path, Database::Access::kReader, ""});
    EXPECT_THAT(database, IsOk());
    auto select = (*database)->Prepare("SELECT type || ' ' || name FROM sqlite_schema ORDER BY 1");
    EXPECT_THAT(select, IsOk());
    EXPECT_THAT(::onetake::Run(*select).ForEach([&](const ::onetake::Run& row) {
      objects.emplace_back(row.Text(0));
      return absl::OkStatus();
    }),
                IsOk());
    return objects;
  }
};

TEST_P(LedgerUpgradeTest, IsEvidenceBeforeAndAfter) {
  ExpectIntact(11);  // a copy that was put away stays one
  OpenDefault();
  Close();
  auto database = Database::Open({Path(), Database::Access::kReader, ""});
  ASSERT_THAT(database, IsOk());
  EXPECT_THAT((*database)->QueryInt("PRAGMA user_version"),
              IsOkAndHolds(LedgerMigrations().back().version));
  EXPECT_THAT((*database)->QueryText("PRAGMA integrity_check"), IsOkAndHolds("ok"));
  ExpectIntact(11);
}

TEST_P(LedgerUpgradeTest, HasTheSchemaOfANewOne) {
  OpenDefault();
  Close();
  SqliteLedger::Options fresh = DefaultOptions();
  fresh.path = dir_.Path("fresh.db");
  OpenWith(fresh);
  Close();
  EXPECT_EQ(Objects(Path()), Objects(fresh.path));
}

TEST_P(LedgerUpgradeTest, RemembersAndGoesOn) {
  OpenDefault();
  const auto in_state = [&](IntentState state) {
    IntentFilter filter;
    filter.tenant = "default";
    filter.state = state;
    const auto found = List(std::move(filter));
    EXPECT_THAT(found, IsOk());
    std::vector<int64_t> rows;
    for (const IntentSummary& summary : *found) rows.push_back(summary.intent.row);
    return rows;
  };
  EXPECT_THAT(in_state(IntentState::kSucceeded), ElementsAre(1));
  EXPECT_THAT(in_state(IntentState::kRejected), ElementsAre(2));
  EXPECT_THAT(in_state(IntentState::kReview), ElementsAre(3));
  const auto found = Lookup({.tenant = "default",
                             .intent_id = "8bb5ab7b865c83df2cea675a65c2e569",
                             .session_id = "CA1",
                             .tool_call_id = "t2"});
  ASSERT_THAT(found, IsOk());
  ASSERT_TRUE(found->latest.has_value() && found->call.has_value());
  EXPECT_THAT(found->latest->result_json, ::testing::Optional(::testing::HasSubstr("\"id\": 1")));
  EXPECT_EQ(found->call->role, CallRole::kReplayed);
  Claimed(MakeClaim(4));
  Close();
  ExpectIntact(12);
}

INSTANTIATE_TEST_SUITE_P(Versions, LedgerUpgradeTest, ::testing::Values(2),
                         ::testing::PrintToStringParamName());

// Who adds a version adds the rows of the one before it.
TEST(LedgerVersions, AllButTheLastAreTested) {
  for (const Migration& migration : LedgerMigrations()) {
    if (migration.version == LedgerMigrations().back().version) continue;
    const std::string file =
        absl::StrCat(ONETAKE_TEST_SOURCES, "/ledger_v", migration.version, ".sql");
    EXPECT_TRUE(std::filesystem::exists(file)) << file;
  }
}

}  // namespace
}  // namespace onetake
