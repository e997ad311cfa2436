// How the writer batches, sheds and isolates.

#include <gmock/gmock.h>

#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "runtime/ledger/job_queue.h"
#include "tests/testing/ledger_fixture.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOk;
using ::onetake::testing::IsOkAndHolds;
using ::onetake::testing::LedgerFixture;
using ::onetake::testing::MakeClaim;
using ::onetake::testing::StatusIs;
using ::onetake::testing::Success;
using ::testing::_;
using ::testing::HasSubstr;
using ::testing::SizeIs;

using S = IntentState;
using Answers = std::vector<absl::StatusOr<ClaimResult>>;

class GroupCommitTest : public LedgerFixture {
 protected:
  void OpenManual(size_t write_queue = 4096) {
    SqliteLedger::Options options = DefaultOptions();
    options.threading = Threading::kManual;
    options.write_queue = write_queue;
    OpenWith(std::move(options));
  }
  // Queues without running.
  void Queue(ClaimRequest request, Answers& answers) {
    ledger_->Claim(std::move(request), [&](absl::StatusOr<ClaimResult> result) {
      answers.push_back(std::move(result));
    });
  }
  void Queue(Transition transition, std::vector<absl::Status>& answers) {
    ledger_->Apply(std::move(transition),
                   [&](const absl::StatusOr<Applied>& done) { answers.push_back(done.status()); });
  }
  int64_t Commits() const { return ledger_->stats().writer.commits; }
};

TEST_F(GroupCommitTest, TakesEverythingQueuedInOneCommit) {
  OpenManual();
  Answers answers;
  for (int n = 0; n < 100; ++n) Queue(MakeClaim(n), answers);
  EXPECT_THAT(answers, SizeIs(0)) << "nobody is answered before the commit";
  EXPECT_TRUE(ledger_->RunPending());
  EXPECT_THAT(answers, SizeIs(100));
  for (const auto& answer : answers) EXPECT_TRUE(answer.ok() && answer->granted);
  EXPECT_EQ(Commits(), 1);
  EXPECT_FALSE(ledger_->RunPending());
}

TEST(JobQueueTest, WhatNobodyWaitsForWaitsForWhatSomebodyDoes) {
  using Queue = JobQueue<int>;
  Queue queue(8);
  const auto push = [&](int job, Queue::Urgency urgency) {
    EXPECT_EQ(queue.Push(job, Queue::Bound::kShed, urgency), Queue::Pushed::kQueued);
  };
  const auto all = [](int) { return true; };
  push(1, Queue::Urgency::kSoon);
  std::vector<int> taken;
  absl::Notification takes;
  std::thread taker([&] {
    takes.Notify();
    taken = queue.Take(absl::InfiniteDuration(), absl::InfiniteDuration(), all);
  });
  takes.WaitForNotification();
  // Time enough for one that would not wait.
  for (int i = 0; i < 10'000 && queue.size() == 1; ++i) std::this_thread::yield();
  EXPECT_EQ(queue.size(), 1u);
  push(2, Queue::Urgency::kSoon);
  push(3, Queue::Urgency::kNow);
  taker.join();
  EXPECT_EQ(taken, (std::vector<int>{1, 2, 3}));
  // Half full, or for want of patience, it goes alone.
  for (int job = 0; job < 4; ++job) push(job, Queue::Urgency::kSoon);
  EXPECT_THAT(queue.Take(absl::InfiniteDuration(), absl::InfiniteDuration(), all), SizeIs(4));
  push(1, Queue::Urgency::kSoon);
  EXPECT_THAT(queue.Take(absl::InfiniteDuration(), absl::ZeroDuration(), all), SizeIs(1));
  push(1, Queue::Urgency::kSoon);
  queue.Close();
  EXPECT_THAT(queue.Take(absl::InfiniteDuration(), absl::InfiniteDuration(), all), SizeIs(1));
}

TEST_F(GroupCommitTest, NeedsNoClockAndNobodyWhoListens) {
  const auto database = Database::Open({dir_.Path("other.db"), Database::Access::kWriter, ""});
  ASSERT_THAT(database, IsOk());
  GroupCommit commits(**database, {.queue_limit = 1,
                                   .idle = absl::Seconds(1),
                                   .on_fatal = [](const absl::Status&) {},
                                   .after_commit = nullptr,
                                   .before_commit = nullptr});
  absl::Status told = absl::CancelledError();
  commits.Submit({.run = [] { return absl::OkStatus(); },
                  .answer = [&told](const absl::Status& status) { told = status; }},
                 GroupCommit::Bound::kAlways);
  EXPECT_TRUE(commits.RunOnce());
  EXPECT_THAT(told, IsOk());
  EXPECT_EQ(commits.stats().commits, 1);
}

TEST_F(GroupCommitTest, BatchIsCappedByJobsAndByBytes) {
  OpenManual();
  Answers answers;
  for (int n = 0; n < 600; ++n) Queue(MakeClaim(n), answers);
  ledger_->RunPending();
  EXPECT_THAT(answers, SizeIs(GroupCommit::kBatchJobs));
  ledger_->RunPending();
  EXPECT_THAT(answers, SizeIs(600));
  answers.clear();
  for (int n = 600; n < 604; ++n) {
    ClaimRequest large = MakeClaim(n);
    large.intent.request = std::string(400 * 1024, 'x');
    Queue(std::move(large), answers);
  }
  ledger_->RunPending();
  EXPECT_THAT(answers, SizeIs(2));
  ledger_->RunPending();
  EXPECT_THAT(answers, SizeIs(4));
}

TEST_F(GroupCommitTest, ShedsClaimsAndCallsButNeverATransition) {
  OpenManual(/*write_queue=*/2);
  const int64_t row = Claimed(MakeClaim(1));
  Answers claims;
  Queue(MakeClaim(2), claims);
  Queue(MakeClaim(3), claims);
  Queue(MakeClaim(4), claims);
  ASSERT_THAT(claims, SizeIs(1)) << "the third is answered at once";
  EXPECT_THAT(claims[0], StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("behind")));
  ledger_->RecordCall(MakeClaim(5).call);
  EXPECT_EQ(ledger_->stats().calls_dropped, 1);
  EXPECT_EQ(ledger_->stats().writer.shed, 2);
  std::vector<absl::Status> applied;
  Queue(Success(row, "{}"), applied);
  ledger_->RunPending();
  EXPECT_THAT(claims, SizeIs(3));
  ASSERT_THAT(applied, SizeIs(1));
  EXPECT_THAT(applied[0], IsOk());
  EXPECT_FALSE(Latest("intent4").has_value());
}

TEST_F(GroupCommitTest, LookupsAreShedWhenReadersAreBehind) {
  SqliteLedger::Options options = DefaultOptions();
  options.threading = Threading::kManual;
  options.lookup_queue = 1;
  OpenWith(std::move(options));
  std::vector<absl::Status> answers;
  for (int i = 0; i < 2; ++i) {
    ledger_->Lookup(
        {.tenant = "clinic", .intent_id = "intent1"},
        [&](absl::StatusOr<LookupResult> result) { answers.push_back(result.status()); });
  }
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_THAT(answers[0], StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("behind")));
  ledger_->RunPending();
  ASSERT_THAT(answers, SizeIs(2));
  EXPECT_THAT(answers[1], IsOk());
}

TEST_F(GroupCommitTest, JobThatFailsAloneLeavesNothingAndTheRestIsCommitted) {
  OpenManual();
  Answers answers;
  Queue(MakeClaim(1), answers);
  ClaimRequest broken = MakeClaim(2);
  broken.call.call_id = "call1";  // found out only when its intent is already written
  Queue(broken, answers);
  Queue(MakeClaim(3), answers);
  ledger_->RunPending();
  ASSERT_THAT(answers, SizeIs(3));
  EXPECT_TRUE(answers[0].ok() && answers[0]->granted);
  EXPECT_THAT(answers[1], StatusIs(absl::StatusCode::kAlreadyExists, _));
  EXPECT_TRUE(answers[2].ok() && answers[2]->granted);
  EXPECT_FALSE(Latest("intent2").has_value());
  EXPECT_TRUE(Latest("intent3").has_value());
  EXPECT_THAT(Events(), IsOkAndHolds(SizeIs(2)));
}

// What was refused because of a job that is then left out is judged again without it.
TEST_F(GroupCommitTest, RefusalsAreJudgedAgainWithoutTheJobThatFailed) {
  OpenManual();
  Claimed(MakeClaim(9));
  Answers answers;
  ClaimRequest broken = MakeClaim(1);
  broken.call.call_id = "call9";
  Queue(broken, answers);
  ClaimRequest same_intent = MakeClaim(1);
  same_intent.call.call_id = "call2";
  same_intent.call.tool_call_id = "toolu_2";
  Queue(same_intent, answers);
  ledger_->RunPending();
  ASSERT_THAT(answers, SizeIs(2));
  EXPECT_FALSE(answers[0].ok());
  EXPECT_TRUE(answers[1].ok() && answers[1]->granted);
}

TEST_F(GroupCommitTest, JobsOfOneBatchSeeEachOther) {
  OpenManual();
  Answers claims;
  Queue(MakeClaim(1), claims);
  ClaimRequest again = MakeClaim(1);
  again.call.call_id = "call2";
  again.call.tool_call_id = "toolu_2";
  Queue(again, claims);
  std::vector<absl::Status> applied;
  Queue(Success(1, "{}"), applied);
  Queue(Success(1, "{}"), applied);
  ledger_->RunPending();
  EXPECT_EQ(Commits(), 1);
  EXPECT_TRUE(claims[0]->granted);
  EXPECT_FALSE(claims[1]->granted);
  EXPECT_THAT(applied[0], IsOk());
  EXPECT_THAT(applied[1], StatusIs(absl::StatusCode::kFailedPrecondition, _));
}

TEST_F(GroupCommitTest, CallbacksMayCallTheLedger) {
  OpenDefault();
  absl::Notification settled;
  ledger_->Claim(MakeClaim(1), [&](absl::StatusOr<ClaimResult> claimed) {
    ledger_->Apply(Success(claimed->row, "{}"), [&](const absl::StatusOr<Applied>& applied) {
      EXPECT_THAT(applied, IsOk());
      ledger_->Lookup({.tenant = "clinic", .intent_id = "intent1"},
                      [&](absl::StatusOr<LookupResult> found) {
                        EXPECT_EQ(found->latest->state, S::kSucceeded);
                        settled.Notify();
                      });
    });
  });
  settled.WaitForNotification();
}

TEST_F(GroupCommitTest, ClosingCommitsWhatIsQueued) {
  OpenManual();
  Answers answers;
  for (int n = 0; n < 10; ++n) Queue(MakeClaim(n), answers);
  Close();
  EXPECT_THAT(answers, SizeIs(10));
  for (const auto& answer : answers) EXPECT_TRUE(answer.ok() && answer->granted);
  OpenManual();
  EXPECT_THAT(Events(), IsOkAndHolds(SizeIs(10)));
}

TEST_F(GroupCommitTest, SubmitAfterStopIsRefused) {
  auto db = Database::Open({Path(), Database::Access::kWriter, ""});
  ASSERT_THAT(db, IsOk());
  GroupCommit commits(**db, {.queue_limit = 1, .idle = absl::Seconds(1), .on_fatal = {}});
  commits.Start();
  commits.Stop();
  absl::Status answer;
  commits.Submit({[] { return absl::OkStatus(); }, [&](absl::Status status) { answer = status; }},
                 GroupCommit::Bound::kAlways);
  EXPECT_THAT(answer, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("closed")));
}

}  // namespace
}  // namespace onetake
