// What somebody has dated back in the file is not removed as old, with what tells of it.

#include <gmock/gmock.h>

#include <utility>

#include "tests/testing/planted_fixture.h"

namespace onetake {
namespace {

using ::onetake::testing::At;
using ::onetake::testing::IsOk;
using ::onetake::testing::MakeClaim;
using ::onetake::testing::PlantedFixture;
using ::onetake::testing::Success;
using ::testing::HasSubstr;

using PruningEditsTest = PlantedFixture;

TEST_F(PruningEditsTest, TimesThatSomebodyElseWroteMakeNothingOld) {
  Begin();
  Done(1);
  Done(2);
  Close();
  Plant(
      "UPDATE events SET at = 1000000 WHERE seq <= 3;"
      "UPDATE intents SET settled_at = 2000000, aged_at = 3000000 WHERE intent_row = 1");
  OpenWith(SealedOptions());
  EXPECT_EQ(Prune(At(200)), 0);
  EXPECT_TRUE(Latest("intent1").has_value());
  Close();
  EXPECT_THAT(Told(), HasSubstr("1 edited"));
}

TEST_F(PruningEditsTest, OutcomeThatSomebodyElseDatedBackIsNotRemoved) {
  Begin();
  const int64_t row = Claimed(MakeClaim(1));
  Transition late = Success(row, "{}");
  late.at = In7Years() - absl::Hours(1);
  ASSERT_THAT(Apply(std::move(late)), IsOk());
  Done(2);
  Close();
  Plant("UPDATE intents SET settled_at = 2000000, aged_at = 3000000 WHERE intent_row = 1");
  OpenWith(SealedOptions());
  EXPECT_EQ(Prune(), 0);
  EXPECT_TRUE(Latest("intent1").has_value());
  Close();
  EXPECT_THAT(Told(), HasSubstr("row edited row 1 of intents"));
}

TEST_F(PruningEditsTest, BeginningThatNoEventTellsOfIsGoneOnWithByNobody) {
  Begin();
  for (int n = 1; n <= 3; ++n) Done(n);
  Close();
  Plant(
      "INSERT INTO meta SELECT 'pruned_seq', '3' UNION ALL SELECT 'pruned_hash', lower(hex(hash))"
      " FROM events WHERE seq = 3 UNION ALL SELECT 'pruned_intents', '1'"
      " UNION ALL SELECT 'pruned_calls', '1' UNION ALL SELECT 'pruned_by', '0'");
  OpenWith(SealedOptions());
  EXPECT_EQ(Prune(), 0);
  Close();
  EXPECT_THAT(Told(), HasSubstr("4 removed"));
}

}  // namespace
}  // namespace onetake
