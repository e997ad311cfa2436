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
#include "tests/testing/tampering.h"

namespace onetake {
namespace {

using ::onetake::testing::At;
using ::onetake::testing::IsOk;
using ::onetake::testing::IsOkAndHolds;
using ::onetake::testing::LedgerFixture;
using ::onetake::testing::MakeClaim;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class LedgerUpgradeTest : public LedgerFixture {
 protected:
  // A ledger of the version, with these rows.
  void Fill(int version, const std::string& rows_file) {
    auto database = Database::Open({Path(), Database::Access::kWriter, ""});
    ASSERT_THAT(database, IsOk());
    size_t steps = 0;
    while (LedgerMigrations()[steps].version < version) ++steps;
    ASSERT_THAT(Migrate(**database, kLedgerApplicationId, LedgerMigrations().subspan(0, steps + 1)),
                IsOk());
    database->reset();
    const std::string rows = ReadFile(absl::StrCat(ONETAKE_TEST_SOURCES, "/", rows_file));
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

  std::string Text(const std::string& sql) { return testing::Tampering(Path()).Text(sql); }

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

class LedgerVersionTest : public LedgerUpgradeTest, public ::testing::WithParamInterface<int> {
 protected:
  void SetUp() override { Fill(GetParam(), absl::StrCat("ledger_v", GetParam(), ".sql")); }
};

TEST_P(LedgerVersionTest, IsEvidenceBeforeAndAfter) {
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

TEST_P(LedgerVersionTest, HasTheSchemaOfANewOne) {
  OpenDefault();
  Close();
  SqliteLedger::Options fresh = DefaultOptions();
  fresh.path = dir_.Path("fresh.db");
  OpenWith(fresh);
  Close();
  EXPECT_EQ(Objects(Path()), Objects(fresh.path));
}

TEST_P(LedgerVersionTest, RemembersAndGoesOn) {
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
  EXPECT_THAT(found->latest->result_json, Optional(HasSubstr("\"id\": 1")));
  EXPECT_EQ(found->call->role, CallRole::kReplayed);
  Claimed(MakeClaim(4));
  Close();
  ExpectIntact(12);
}

INSTANTIATE_TEST_SUITE_P(Versions, LedgerVersionTest, ::testing::Values(2),
                         ::testing::PrintToStringParamName());

// Version 2 recorded no digest of wrapped keys and attributes.
TEST_F(LedgerUpgradeTest, WhatIsSealedIsReadAndGoesOn) {
  Fill(2, "ledger_v2_sealed.sql");
  ExpectIntact(7);
  SqliteLedger::Options options = SealedOptions();
  OpenWith(std::move(options));
  const auto found =
      Lookup({.tenant = "default",
              .intent_id = Text("SELECT intent_id FROM intents WHERE intent_row = 1"),
              .session_id = "CA1",
              .tool_call_id = "t1"});
  ASSERT_THAT(found, IsOk());
  ASSERT_TRUE(found->latest.has_value());
  EXPECT_THAT(found->latest->result_json, Optional(HasSubstr("\"id\": 1")));
  EXPECT_THAT(found->latest->arguments_json, HasSubstr("p-1"));
  EXPECT_THAT(Await<absl::StatusOr<ErasureResult>>([&](auto done) {
                ledger_->Erase({.tenant = "default", .session_id = "CA1", .at = At(300)},
                               std::move(done));
              }),
              IsOk());
  Claimed(MakeClaim(4));
  Close();
  EXPECT_EQ(Text("SELECT count(*) FROM attributes"), "0");
  const auto report = VerifyLedger({.path = Path()});
  ASSERT_THAT(report, IsOk());
  EXPECT_FALSE(report->finding.has_value()) << report->finding->what;
}

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
