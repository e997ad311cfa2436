// How SQLite runs each statement that a serving ledger has prepared: through an index, for on a
// large ledger all that calls wait for would stand still behind a scan.
#include <gmock/gmock.h>
#include <sqlite3.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "runtime/ledger/rows.h"
#include "tests/testing/ledger_fixture.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOk;
using ::onetake::testing::LedgerFixture;
using ::onetake::testing::MakeClaim;
using ::onetake::testing::Success;

constexpr absl::string_view kListEvents = "SELECT " ONETAKE_EVENT_COLUMNS " FROM events e ";
constexpr absl::string_view kFullIntent = "SELECT " ONETAKE_FULL_INTENT;

std::vector<sqlite3*>& Connections() {
  static auto& connections = *new std::vector<sqlite3*>();
  return connections;
}

// One in memory is closed again when the schema was held against it.
int Opened(sqlite3* connection, char**, const struct sqlite3_api_routines*) {
  const absl::string_view file = sqlite3_db_filename(connection, "main");
  if (!file.empty()) Connections().push_back(connection);
  return SQLITE_OK;
}

// Its plan's steps.
std::vector<std::string> PlanOf(sqlite3_stmt* statement) {
  std::vector<std::string> steps;
  sqlite3_stmt* explained = nullptr;
  const std::string sql = absl::StrCat("EXPLAIN QUERY PLAN ", sqlite3_sql(statement));
  EXPECT_EQ(sqlite3_prepare_v2(sqlite3_db_handle(statement), sql.c_str(), -1, &explained, nullptr),
            SQLITE_OK);
  while (sqlite3_step(explained) == SQLITE_ROW) {
    steps.emplace_back(reinterpret_cast<const char*>(sqlite3_column_text(explained, 3)));
  }
  sqlite3_finalize(explained);
  return steps;
}

// A step that looks at more than belongs to one intent, call, session or subject: a whole table,
// all of a tenant, all from a row on.
bool IsLong(const std::string& step) {
  for (const char* small : {"intents_unsettled", "latencies", "tenant_keys", "seal_keys", "meta",
                            "SUBQUERY", "CONSTANT ROW"}) {
    if (absl::StrContains(step, small)) return false;
  }
  return absl::StartsWith(step, "SCAN ") || absl::EndsWith(step, "(tenant=?)") ||
         absl::EndsWith(step, "(rowid>?)");
}

// Looks at no row but those that it wants.
bool IsDirect(absl::string_view sql) {
  return absl::StartsWith(sql, "SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1") ||
         absl::StrContains(sql, "FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2") ||
         absl::StartsWith(sql, "INSERT INTO seal_keys ");  // what it refers to, if it is broken
}

class PlansTest : public LedgerFixture {
 protected:
  static void SetUpTestSuite() { sqlite3_auto_extension(reinterpret_cast<void (*)()>(&Opened)); }
  static void TearDownTestSuite() { sqlite3_reset_auto_extension(); }
  void SetUp() override {
    Connections().clear();
    OpenWith(SealedOptions());
    // Whatever is prepared when it is first needed.
    ASSERT_THAT(Apply(Success(Claimed(MakeClaim(1)), "{}")), IsOk());
    ASSERT_THAT(ledger_->Unsettled(0, 10), IsOk());
  }

  // All that the connection which has prepared one that begins so has prepared.
  static std::vector<sqlite3_stmt*> BesideOne(absl::string_view beginning) {
    for (sqlite3* connection : Connections()) {
      std::vector<sqlite3_stmt*> all;
      bool found = false;
      for (sqlite3_stmt* statement = nullptr;
           (statement = sqlite3_next_stmt(connection, statement)) != nullptr;) {
        all.push_back(statement);
        found |= absl::StartsWith(sqlite3_sql(statement), beginning);
      }
      if (found) return all;
    }
    return {};
  }
  static void ExpectShort(const std::vector<sqlite3_stmt*>& statements) {
    for (sqlite3_stmt* statement : statements) {
      if (IsDirect(sqlite3_sql(statement))) continue;
      for (const std::string& step : PlanOf(statement)) {
        EXPECT_FALSE(IsLong(step)) << step << " of " << sqlite3_sql(statement);
      }
    }
  }
};

TEST_F(PlansTest, NothingThatTheWriterDoesScansTheLedger) {
  const std::vector<sqlite3_stmt*> all = BesideOne("INSERT INTO intents ");
  EXPECT_GT(all.size(), 40);
  ExpectShort(all);
}

TEST_F(PlansTest, NothingThatCallsLookUpScansTheLedger) {
  const std::vector<sqlite3_stmt*> all = BesideOne(kFullIntent);
  EXPECT_GE(all.size(), 6);
  ExpectShort(all);
}

// Lists by seq, tenant, intent and session from either end, by time, and of one intent's details.
TEST_F(PlansTest, ListsOfEventsScanNothingAndTheLastEventIsOneRow) {
  int lists = 0;
  int last = 0;
  for (sqlite3_stmt* statement : BesideOne(kListEvents)) {
    const std::string sql = sqlite3_sql(statement);
    const std::string plan = absl::StrJoin(PlanOf(statement), "; ");
    if (absl::StartsWith(sql, "SELECT coalesce(max(seq), 0) FROM events")) {
      ++last;
      EXPECT_EQ(plan, "SEARCH events") << "one step to the end of the table";
    }
    if (!absl::StartsWith(sql, kListEvents)) continue;
    ++lists;
    EXPECT_THAT(plan, ::testing::Not(::testing::HasSubstr("SCAN "))) << sql;
    const bool by_seq = absl::StrContains(plan, "USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)");
    const bool by_index = absl::StrContains(plan, "SEARCH e USING INDEX events_");
    const bool by_rows = absl::StrContains(plan, "SEARCH e USING INTEGER PRIMARY KEY (rowid=?)");
    EXPECT_TRUE(by_seq || by_index || by_rows) << plan << " of " << sql;
  }
  EXPECT_EQ(lists, 10) << "with that of an intent's details";
  EXPECT_EQ(last, 1);
}

}  // namespace
}  // namespace onetake
