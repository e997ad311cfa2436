// What somebody plants in the file where the chain does not reach is found, and not believed.

#include <gmock/gmock.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "runtime/ledger/chain.h"
#include "tests/testing/planted_fixture.h"

namespace onetake {
namespace {

using ::onetake::testing::At;
using ::onetake::testing::IsOk;
using ::onetake::testing::IsOkAndHolds;
using ::onetake::testing::PlantedFixture;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class PlantedTest : public PlantedFixture {
 protected:
  // Plants an event about the first generation that is there. All but the seq is in SQL.
  void PlantEvent(const std::string& seq, const std::string& kind,
                  const std::string& digests = "x''") {
    PlantCopy("events", {{"seq", seq}, {"call_row", "NULL"}, {"kind", kind}, {"digests", digests}},
              "intent_row = (SELECT min(intent_row) FROM intents) ORDER BY seq LIMIT 1");
  }
  // What an event has to say of row 1 of `intents` as it is now, in SQL.
  std::string DigestOfRow1() {
    const auto db = Database::Open({Path(), Database::Access::kReader, ""});
    EXPECT_THAT(db, IsOk());
    RowEncoding encoding;
    const auto add = [&](const char* table, SqlLiteral select) {
      auto statement = (*db)->Prepare(select);
      EXPECT_THAT(statement, IsOk());
      ::onetake::Run row(*statement);
      EXPECT_THAT(row.Step(), IsOkAndHolds(true));
      ColumnNames names;
      encoding.Begin(table);
      EXPECT_THAT(encoding.Columns(row, 0, names), IsOk());
      encoding.End();
    };
    add("intents", "SELECT * FROM intents");
    add("attempts", "SELECT * FROM attempts");
    ChainHasher hasher;
    return absl::StrCat("x'", absl::BytesToHexString("i"), hasher.Rows(encoding).ToHex(), "'");
  }
  std::vector<std::string> KindsOfIntent1() {
    const auto detail = Await<absl::StatusOr<std::vector<IntentDetail>>>(
        [&](auto done) { ledger_->GetIntent("clinic", "intent1", std::move(done)); });
    EXPECT_THAT(detail, IsOkAndHolds(SizeIs(1)));
    std::vector<std::string> kinds;
    if (!detail.ok()) return kinds;
    for (const EventRecord& event : detail->front().events) kinds.push_back(event.kind);
    return kinds;
  }
  std::vector<std::string> Kinds(EventFilter filter) {
    filter.tenant = "clinic";
    const auto page = Await<absl::StatusOr<EventPage>>(
        [&](auto done) { ledger_->ListEvents(filter, {}, 100, std::move(done)); });
    EXPECT_THAT(page, IsOk());
    std::vector<std::string> kinds;
    for (const EventRecord& event : page.value_or(EventPage{}).events) kinds.push_back(event.kind);
    return kinds;
  }
};

TEST_F(PlantedTest, RowsInFrontOfTheFirstAreFound) {
  const char* const smallest = "-9223372036854775807 - 1";
  for (const char* number : {smallest, "-9223372036854775807", "-1", "0"}) {
    const std::map<std::string, std::map<std::string, std::string>> tables = {
        {"intents", {{"intent_row", number}, {"generation", "2"}}},
        {"calls", {{"call_row", number}, {"call_id", "'forged'"}, {"delivery", "9"}}},
        {"bodies", {{"intent_row", number}}},
        {"requests", {{"intent_row", number}}},
        {"results", {{"intent_row", number}}},
        {"intent_keys", {{"intent_row", number}}},
        {"attempts", {{"intent_row", number}}},
        {"attributes", {{"call_row", number}}},
    };
    for (const auto& [table, values] : tables) {
      SCOPED_TRACE(absl::StrCat(table, " ", number));
      Begin();
      Done(1);
      Close();
      ASSERT_EQ(Told(), "intact");
      PlantCopy(table, values, "TRUE");
      for (const int64_t page : {2, 1000}) {
        EXPECT_THAT(Told(page), HasSubstr("row inserted")) << page;
        EXPECT_THAT(Told(page), HasSubstr(absl::StrCat(" of ", table))) << page;
      }
    }
  }
}

TEST_F(PlantedTest, KeyOfNoGenerationIsFound) {
  Begin();
  Done(1);
  Close();
  PlantCopy("intent_keys", {{"intent_row", "77"}}, "TRUE");
  EXPECT_THAT(Told(), HasSubstr("3 row inserted row 77 of "));
}

TEST_F(PlantedTest, EventsInFrontOfTheChainAreFound) {
  for (const auto& [seq, told] :
       {std::pair<const char*, const char*>{"-9223372036854775807 - 1", "-9223372036854775808"},
        std::pair<const char*, const char*>{"-1", "-1"},
        std::pair<const char*, const char*>{"0", "0"}}) {
    Begin();
    Done(1);
    Close();
    ASSERT_EQ(Told(), "intact");
    PlantEvent(seq, "'settled'");
    EXPECT_EQ(Told(), absl::StrCat(told, " inserted the chain begins with event 1"));
    // What it would be planted for: nothing says that this was removed.
    PlantEvent("-7", "'erased'");
    Plant(
        "DELETE FROM requests; DELETE FROM bodies; DELETE FROM intent_keys;"
        "DELETE FROM results; DELETE FROM attributes");
    EXPECT_THAT(Told(), HasSubstr("inserted the chain begins with event 1"));
  }
}

TEST_F(PlantedTest, EventsInPlaceOfThoseThatWereRemovedAreFound) {
  for (const char* seq : {"0", "1", "3"}) {
    Begin();
    Done(1);
    Done(2);
    EXPECT_EQ(Prune(), 3);
    Close();
    ASSERT_EQ(Told(), "intact");
    PlantEvent(seq, "'settled'");
    EXPECT_EQ(Told(), absl::StrCat(seq, " inserted the chain begins with event 4"));
  }
}

TEST_F(PlantedTest, EventsInFrontOfTheChainAreNotTold) {
  Begin();
  Done(1);
  Close();
  PlantEvent("-1", "'resolved'");
  PlantEvent("0", "'resolved'");
  OpenWith(SealedOptions());
  EXPECT_THAT(KindsOfIntent1(), ElementsAre("claimed", "settled"));
  EXPECT_THAT(Kinds({.intent_id = "intent1"}), ElementsAre("claimed", "settled"));
  EXPECT_THAT(Kinds({.session_id = "CA1"}), ElementsAre("claimed", "settled"));
  EXPECT_THAT(Kinds({.at_after = At(0)}), ElementsAre("claimed", "settled"));
  EXPECT_THAT(Kinds({}), ElementsAre("claimed", "settled"));
}

TEST_F(PlantedTest, EventsInPlaceOfThoseThatWereRemovedAreNotTold) {
  Begin();
  Done(1);
  Done(2);
  Prune();
  Close();
  PlantEvent("2", "'resolved'");
  OpenWith(SealedOptions());
  EXPECT_THAT(Kinds({.intent_id = "intent2"}), Not(Contains("resolved")));
  EXPECT_THAT(Kinds({.at_after = At(0)}), Not(Contains("resolved")));
  EXPECT_THAT(Kinds({}), Not(Contains("resolved")));
}

TEST_F(PlantedTest, EventInFrontOfTheChainVouchesForNoEdit) {
  Begin();
  Done(1);
  Close();
  Plant("UPDATE intents SET reason = 'other', last_seq = -1");
  PlantEvent("-1", "'settled'", DigestOfRow1());
  OpenWith(SealedOptions());
  EXPECT_THAT(RecordLate({.row = 1,
                          .says = IntentState::kSucceeded,
                          .rule = "R16.late",
                          .actor = "engine",
                          .at = At(201)}),
              IsOk());
  Close();
  Plant("DELETE FROM events WHERE seq = -1");
  EXPECT_THAT(Told(), HasSubstr("4 row edited row 1 of intents had been changed"));
}

}  // namespace
}  // namespace onetake
