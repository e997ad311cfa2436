// What the schema costs the writer.

#include <gmock/gmock.h>
#include <sqlite3.h>

#include <string>
#include <vector>

#include "tests/testing/ledger_fixture.h"

namespace onetake {
namespace {

using ::onetake::testing::StatusIs;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class LedgerSchemaTest : public testing::LedgerFixture {
 protected:
  void SetUp() override {
    OpenDefault();
    Close();
    ASSERT_EQ(sqlite3_open(Path().c_str(), &db_), SQLITE_OK);
  }
  void TearDown() override { sqlite3_close(db_); }

  // The column `at` of every row.
  std::vector<std::string> Column(const std::string& sql, int at) {
    std::vector<std::string> texts;
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr), SQLITE_OK)
        << sql << ": " << sqlite3_errmsg(db_);
    while (sqlite3_step(statement) == SQLITE_ROW) {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, at));
      texts.emplace_back(text == nullptr ? "" : text);
    }
    sqlite3_finalize(statement);
    return texts;
  }

  sqlite3* db_ = nullptr;
};

// One such table costs as much as a dozen rows.
TEST_F(LedgerSchemaTest, NoWriteBuildsATableForItself) {
  for (const std::string table : {"intents", "bodies", "requests", "results", "intent_keys",
                                  "attempts", "calls", "attributes", "events"}) {
    const std::vector<std::string> names =
        Column(absl::StrCat("SELECT name FROM pragma_table_info('", table, "')"), 0);
    std::string values;
    std::string sets;
    for (const std::string& name : names) {
      absl::StrAppend(&values, values.empty() ? "" : ", ", "?");
      absl::StrAppend(&sets, sets.empty() ? "" : ", ", name, " = ?");
    }
    constexpr int kOpcode = 1;
    EXPECT_THAT(
        Column(absl::StrCat("EXPLAIN INSERT INTO ", table, " VALUES (", values, ")"), kOpcode),
        Not(Contains("OpenEphemeral")))
        << table;
    if (table == "attempts" || table == "attributes") continue;  // their keys are never changed
    EXPECT_THAT(
        Column(absl::StrCat("EXPLAIN UPDATE ", table, " SET ", sets.substr(sets.find(',') + 1),
                            " WHERE ", names.front(), " = ?"),
               kOpcode),
        Not(Contains("OpenEphemeral")))
        << table;
  }
}

TEST_F(LedgerSchemaTest, AnotherIntentKeyIsRefused) {
  SqliteLedger::Options options = DefaultOptions();
  OpenWith(options);
  Close();
  // One from before there were check values takes the first over.
  options.intent_key_check = "one";
  OpenWith(options);
  Close();
  options.intent_key_check = "other";
  EXPECT_THAT(SqliteLedger::Open(options, clock_),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("intent_key")));
  options.intent_key_check = "one";
  OpenWith(options);
}

}  // namespace
}  // namespace onetake
