// What ledger.h promises to callers that race.

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "tests/testing/ledger_fixture.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOk;
using ::onetake::testing::IsOkAndHolds;
using ::onetake::testing::LedgerFixture;
using ::onetake::testing::MakeClaim;
using ::onetake::testing::Success;
using ::testing::SizeIs;

using S = IntentState;

class LedgerThreadsTest : public LedgerFixture {};

TEST_F(LedgerThreadsTest, OneOfSixteenRacingClaimsIsGranted) {
  OpenDefault();
  for (int round = 0; round < 10; ++round) {
    std::atomic<int> granted{0};
    std::atomic<int> refused{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 16; ++i) {
      threads.emplace_back([&, i] {
        ClaimRequest request = MakeClaim(round);
        request.call.call_id = absl::StrCat("call", round, ".", i);
        request.call.tool_call_id = absl::StrCat("toolu_", round, ".", i);
        const absl::StatusOr<ClaimResult> result = Claim(std::move(request));
        if (result.ok()) ++(result->granted ? granted : refused);
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(granted, 1);
    EXPECT_EQ(refused, 15);
  }
  EXPECT_THAT(Events(), IsOkAndHolds(SizeIs(10)));
}

TEST_F(LedgerThreadsTest, LookupSeesWhatWasAnsweredBefore) {
  OpenDefault();
  std::vector<std::thread> threads;
  std::atomic<int> missing{0};
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < 25; ++n) {
        const int id = i * 100 + n;
        const int64_t row = Claimed(MakeClaim(id));
        if (!Latest(absl::StrCat("intent", id)).has_value()) ++missing;
        EXPECT_THAT(Apply(Success(row, "{}")), IsOk());
        const std::optional<IntentRecord> settled = Latest(absl::StrCat("intent", id));
        if (!settled.has_value() || settled->state != S::kSucceeded) ++missing;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(missing, 0);
}

}  // namespace
}  // namespace onetake
