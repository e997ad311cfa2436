// What ledger.h promises to callers that race.

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "tests/testing/ledger_fixture.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOk;
using ::onetake::testing::IsOkAndHolds;
using ::onetake::testing::LedgerFixture;
using ::onetake::testing::MakeClaim;
using ::onetake::testing::Success;
using ::testing::IsEmpty;
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

// A question of an auditor that goes on until it is let go, and others that wait behind it.
class LedgerAuditorsTest : public LedgerThreadsTest {
 protected:
  static constexpr int kWaiting = 5;

  void SetUp() override {
    OpenDefault();
    Claimed(MakeClaim(1));
    ledger_->GetReviewStats("clinic", [this](const absl::StatusOr<ReviewStats>&) {
      running_.Notify();
      let_go_.WaitForNotification();
    });
    running_.WaitForNotification();
    for (int i = 0; i < kWaiting; ++i) {
      ledger_->GetReviewStats("clinic", [this](const absl::StatusOr<ReviewStats>& stats) {
        const absl::MutexLock lock(&mutex_);
        answers_.push_back(stats.status().code());
      });
    }
  }
  void TearDown() override {
    if (!let_go_.HasBeenNotified()) let_go_.Notify();
    Close();
  }
  std::vector<absl::StatusCode> Answers() {
    const absl::MutexLock lock(&mutex_);
    return answers_;
  }

  absl::Notification running_, let_go_;
  absl::Mutex mutex_;
  std::vector<absl::StatusCode> answers_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(LedgerAuditorsTest, AConversationDoesNotWaitForThem) {
  const absl::StatusOr<int64_t> last =
      Await<absl::StatusOr<int64_t>>([&](auto done) { ledger_->LastSeq(std::move(done)); });
  EXPECT_THAT(last, IsOkAndHolds(1));
  const std::string session = MakeClaim(1).intent.session_id;
  const absl::StatusOr<EventPage> page = Await<absl::StatusOr<EventPage>>(
      [&](auto done) { ledger_->ListSessionEvents("clinic", session, 0, 200, std::move(done)); });
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(page->events, SizeIs(1));
  EXPECT_THAT(Answers(), IsEmpty());
}

TEST_F(LedgerAuditorsTest, TheFiguresOfAlarmsDoNotWaitForThem) {
  EXPECT_THAT(Await<absl::StatusOr<ReviewStats>>(
                  [&](auto done) { ledger_->GetReviewStats("", std::move(done)); }),
              IsOk());
  EXPECT_THAT(Await<absl::StatusOr<std::vector<absl::Time>>>(
                  [&](auto done) { ledger_->GetUnsettled(std::move(done)); }),
              IsOkAndHolds(SizeIs(1)));
  EXPECT_THAT(Answers(), IsEmpty());
}

TEST_F(LedgerAuditorsTest, AStopDoesNotWaitForThoseThatHaveNotBegun) {
  ledger_->RefuseQuestions();
  EXPECT_EQ(Answers(), std::vector(kWaiting, absl::StatusCode::kUnavailable));
  ledger_->GetReviewStats("clinic", [](const absl::StatusOr<ReviewStats>& stats) {
    EXPECT_EQ(stats.status().code(), absl::StatusCode::kUnavailable);
  });
  ledger_->ListSessionEvents("clinic", "s", 0, 1, [](const absl::StatusOr<EventPage>& page) {
    EXPECT_EQ(page.status().code(), absl::StatusCode::kUnavailable);
  });
  EXPECT_TRUE(Latest("intent1").has_value()) << "calls are still looked up";
}

}  // namespace
}  // namespace onetake
