// A ledger is not written under a schema that somebody else has made.

#include <gmock/gmock.h>

#include <string>
#include <utility>

#include "tests/testing/planted_fixture.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOk;
using ::onetake::testing::MakeClaim;
using ::onetake::testing::Owner;
using ::onetake::testing::PlantedFixture;
using ::onetake::testing::StatusIs;
using ::onetake::testing::Tampering;
using ::testing::AllOf;
using ::testing::HasSubstr;

using SchemaWatchTest = PlantedFixture;

constexpr char kTrigger[] =
    "CREATE TRIGGER zz AFTER INSERT ON attempts BEGIN"
    " UPDATE intents SET tool = 'other' WHERE intent_row = NEW.intent_row; END;";

TEST_F(SchemaWatchTest, LedgerWithAnotherSchemaDoesNotOpen) {
  const std::pair<std::string, const char*> cases[] = {
      {kTrigger, "trigger zz is none of version"},
      {"CREATE INDEX mine ON calls (detail)", "index mine is none of version"},
      {"CREATE TABLE mine (x)", "table mine is none of version"},
      {"ANALYZE", "table sqlite_stat1 is none of version"},
      {"DROP TRIGGER results_unchanged", "trigger results_unchanged is missing"},
      {"DROP INDEX calls_intent; CREATE INDEX calls_intent ON calls (role)",
       "index calls_intent is not that of version"},
  };
  for (const auto& [edit, told] : cases) {
    Begin();
    Done(1);
    Close();
    Owner(Path()).Run(edit);
    EXPECT_THAT(SqliteLedger::Open(SealedOptions(), clock_).status(),
                StatusIs(absl::StatusCode::kFailedPrecondition,
                         AllOf(HasSubstr(Path()), HasSubstr(told), HasSubstr("ledger verify"))))
        << edit;
    EXPECT_THAT(Told(), HasSubstr(told)) << edit;
  }
}

TEST_F(SchemaWatchTest, ViewsOfSomebodysOwnMayStay) {
  Begin();
  Done(1);
  Owner(Path()).Run("CREATE VIEW mine AS SELECT tool, count(*) FROM v_intents GROUP BY tool");
  Done(2);
  Close();
  OpenWith(SealedOptions());
  Close();
  EXPECT_EQ(Told(), "intact");
}

TEST_F(SchemaWatchTest, LedgerWhoseSchemaIsChangedWhileItIsInUseStops) {
  absl::Status fatal;
  SqliteLedger::Options options = SealedOptions();
  options.on_fatal = [&fatal](const absl::Status& status) { fatal = status; };
  OpenWith(std::move(options));
  Done(1);
  { const Tampering file(Path()); }  // drops the triggers and puts them back
  Done(2);
  EXPECT_THAT(fatal, IsOk());
  Owner(Path()).Run(kTrigger);
  EXPECT_THAT(Claim(MakeClaim(3)).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("trigger zz")));
  EXPECT_THAT(fatal.message(), HasSubstr("trigger zz is none of version"));
  Close();
  EXPECT_EQ(Tampering(Path()).Text("SELECT count(*) FROM intents"), "2");
}

}  // namespace
}  // namespace onetake
