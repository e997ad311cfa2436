#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/server/event_watch.h"
#include "tests/testing/sim_scheduler.h"
#include "tests/testing/status_matchers.h"

namespace onetake {
namespace {

using ::onetake::testing::SimScheduler;
using ::onetake::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// Events 1 to `last`; answers at once, or when a test lets it.
class FakeLedger final : public LedgerQueries {
 public:
  void ListEvents(EventFilter filter, EventPosition position, int limit,
                  Done<EventPage> done) override {
    ++looks;
    if (!status.ok()) return done(status);
    EventPage page;
    page.seen_seq = at_once == 0 ? last : std::min(last, position.seq + at_once);
    page.more = page.seen_seq < last;
    for (int64_t seq = position.seq + 1; seq <= page.seen_seq; ++seq) {
      if (seq < fits_from) continue;
      if (!filter.session_id.empty() && seq % 2 == 0) continue;  // every other is of the session
      if (static_cast<int>(page.events.size()) == limit) break;
      page.events.push_back({.seq = seq});
    }
    if (static_cast<int>(page.events.size()) == limit) {
      page.seen_seq = page.events.back().seq;
      page.more = true;
    }
    done(std::move(page));
  }
  void LastEvents(EventFilter, int, Done<EventPage>) override {}
  void ListSessionEvents(std::string, std::string, int64_t, int, Done<EventPage>) override {}
  void LastSeq(Done<int64_t> done) override {
    if (fail_last_seqs > 0) {
      --fail_last_seqs;
      return done(absl::ResourceExhaustedError("the ledger's reader is behind"));
    }
    done(last);
  }
  void SetCommitListener(std::function<void()> listener) override {
    committed = std::move(listener);
  }
  void Commit(int64_t events) {
    last += events;
    committed();
  }
  void ListIntents(IntentFilter, IntentPosition, int, Done<IntentPage>) override {}
  void GetIntent(std::string, std::string, Done<std::vector<IntentDetail>>) override {}
  void ListCalls(CallFilter, CallPosition, int, Done<std::vector<CallSummary>>) override {}
  void GetDuplicates(DuplicateQuestion, Done<DuplicateStats>) override {}
  void GetReviewStats(std::string, Done<ReviewStats>) override {}

  int64_t last = 0;
  int fail_last_seqs = 0;
  int64_t fits_from = 0;
  int64_t at_once = 0;  // so many are looked at for a page; 0: all
  int looks = 0;
  absl::Status status;
  std::function<void()> committed;
};

// Takes every message at once, or none.
class FakeWatcher final : public EventWatch::Writer {
 public:
  explicit FakeWatcher(SimScheduler& loop) : loop_(loop) {}
  void Write(const v1::WatchEventsResponse& message) override {
    ASSERT_FALSE(busy_) << "one message at a time";
    busy_ = true;
    messages.push_back(message);
    if (takes) Take();
  }
  void End(absl::Status status) override { ended.push_back(std::move(status)); }
  void Take() {
    loop_.Post([this] {
      busy_ = false;
      if (watch != nullptr) watch->OnWritten();
    });
  }
  std::vector<int64_t> Seqs() const {
    std::vector<int64_t> seqs;
    for (const auto& message : messages) {
      for (const auto& event : message.events()) seqs.push_back(event.seq());
    }
    return seqs;
  }

  bool takes = true;
  std::shared_ptr<EventWatch> watch;
  std::vector<v1::WatchEventsResponse> messages;
  std::vector<absl::Status> ended;

 private:
  SimScheduler& loop_;
  bool busy_ = false;
};

class EventWatchTest : public ::testing::Test {
 protected:
  FakeWatcher& Watch(std::optional<int64_t> after_seq, EventFilter filter = {}) {
    watchers_.push_back(std::make_unique<FakeWatcher>(loop_));
    FakeWatcher& watcher = *watchers_.back();
    watcher.watch = watches_.Begin(std::move(filter), after_seq, still_allowed_, watcher);
    loop_.RunReady();
    return watcher;
  }

  SimScheduler loop_;
  FakeLedger ledger_;
  EventWatch::StillAllowed still_allowed_;
  StreamLimits limits_{{.watchers = 3}};
  EventWatches watches_{{.page = 3}, limits_, ledger_, loop_};
  std::vector<std::unique_ptr<FakeWatcher>> watchers_;
};

TEST_F(EventWatchTest, TellsWhatIsThereAndThenWhatComes) {
  ledger_.last = 7;
  FakeWatcher& watcher = Watch(2);
  EXPECT_THAT(watcher.Seqs(), ElementsAre(3, 4, 5, 6, 7));
  EXPECT_EQ(watcher.messages.back().seen_seq(), 7);
  loop_.Advance(absl::Seconds(1));
  ledger_.Commit(2);
  loop_.RunReady();
  EXPECT_THAT(watcher.Seqs(), ElementsAre(3, 4, 5, 6, 7, 8, 9));
}

TEST_F(EventWatchTest, TheFirstMessageSaysWhereItStandsEvenWithoutEvents) {
  ledger_.last = 7;
  FakeWatcher& watcher = Watch(std::nullopt);
  ASSERT_THAT(watcher.messages, SizeIs(1));
  EXPECT_THAT(watcher.Seqs(), IsEmpty());
  EXPECT_EQ(watcher.messages[0].seen_seq(), 7);
}

// Else who goes on as it was told would be told the whole ledger.
TEST_F(EventWatchTest, ABusyLedgerIsAskedForItsEndAgain) {
  ledger_.last = 7;
  ledger_.fail_last_seqs = 2;
  FakeWatcher& watcher = Watch(std::nullopt);
  ledger_.Commit(1);
  loop_.RunReady();
  EXPECT_THAT(watcher.messages, IsEmpty());
  loop_.Advance(absl::Seconds(1));
  EXPECT_THAT(watcher.ended, IsEmpty());
  ASSERT_THAT(watcher.messages, SizeIs(1));
  EXPECT_EQ(watcher.messages[0].seen_seq(), 8);
  EXPECT_THAT(watcher.Seqs(), IsEmpty());
}

TEST_F(EventWatchTest, WhoHasNoPlaceYetIsToldNone) {
  ledger_.fail_last_seqs = 1;
  FakeWatcher& watcher = Watch(std::nullopt);
  watches_.EndAll();
  ASSERT_THAT(watcher.ended, SizeIs(1));
  EXPECT_THAT(std::string(watcher.ended[0].message()), Not(HasSubstr("after_seq")));
  loop_.Advance(absl::Seconds(1));
  EXPECT_THAT(watcher.messages, IsEmpty());
}

TEST_F(EventWatchTest, AsksNothingWhileNothingIsCommitted) {
  Watch(0);
  loop_.Advance(absl::Seconds(1));
  const int looks = ledger_.looks;
  loop_.Advance(absl::Hours(1));
  EXPECT_EQ(ledger_.looks, looks);
}

TEST_F(EventWatchTest, ManyCommitsAreFewLooks) {
  FakeWatcher& watcher = Watch(0);
  loop_.Advance(absl::Seconds(1));
  const int looks = ledger_.looks;
  for (int i = 0; i < 1000; ++i) {
    ledger_.Commit(i % 100 == 0 ? 1 : 0);
    loop_.Advance(absl::Milliseconds(1));
  }
  loop_.Advance(absl::Seconds(1));
  EXPECT_THAT(watcher.Seqs(), SizeIs(10)) << "and none is forgotten";
  EXPECT_LE(ledger_.looks - looks, 1000 / 20 + 2);
}

TEST_F(EventWatchTest, AFilterMovesThePositionAlong) {
  ledger_.last = 6;
  FakeWatcher& watcher = Watch(0, {.session_id = "s"});
  EXPECT_THAT(watcher.Seqs(), ElementsAre(1, 3, 5));
  EXPECT_EQ(watcher.messages.back().seen_seq(), 5) << "the page was full";
  loop_.Advance(absl::Seconds(1));
  ledger_.Commit(1);
  loop_.RunReady();
  EXPECT_EQ(watcher.messages.back().seen_seq(), 7);
}

TEST_F(EventWatchTest, AWatcherOfAQuietTenantComesThroughWhatDoesNotFitAndIsToldHowFar) {
  ledger_.last = 35;
  ledger_.fits_from = 33;
  ledger_.at_once = 10;
  FakeWatcher& watcher = Watch(2);
  loop_.Advance(absl::Seconds(1));
  std::vector<int64_t> seen;
  for (const auto& message : watcher.messages) seen.push_back(message.seen_seq());
  EXPECT_THAT(seen, ElementsAre(12, 22, 32, 35));
  EXPECT_THAT(watcher.Seqs(), ElementsAre(33, 34, 35));
  EXPECT_THAT(watcher.ended, IsEmpty());
}

TEST_F(EventWatchTest, ASlowWatcherIsCutAndToldWhereToGoOn) {
  ledger_.last = 2;
  FakeWatcher& watcher = Watch(0);
  watcher.takes = false;
  loop_.Advance(absl::Seconds(1));
  ledger_.Commit(9);
  loop_.Advance(absl::Seconds(29));
  EXPECT_THAT(watcher.messages, SizeIs(2)) << "no message is sent before the last one is taken";
  EXPECT_THAT(watcher.ended, IsEmpty());
  loop_.Advance(absl::Seconds(2));
  ASSERT_THAT(watcher.ended, SizeIs(1));
  EXPECT_THAT(watcher.ended[0],
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("go on with after_seq 2")));
  EXPECT_EQ(GetDetail(watcher.ended[0])->reason, "SLOW_WATCHER");
  ledger_.Commit(1);
  loop_.Advance(absl::Seconds(1));
  EXPECT_THAT(watcher.messages, SizeIs(2)) << "after its end nothing is written";
}

TEST_F(EventWatchTest, AWatcherThatTakesItsTimeIsNotCut) {
  ledger_.last = 9;
  FakeWatcher& watcher = Watch(0);
  watcher.takes = false;
  ledger_.Commit(3);
  for (int i = 0; i < 4; ++i) {
    loop_.Advance(absl::Seconds(25));
    watcher.Take();
    loop_.RunReady();
  }
  EXPECT_THAT(watcher.ended, IsEmpty());
  EXPECT_EQ(watcher.Seqs().back(), 12);
}

TEST_F(EventWatchTest, AQuestionThatIsShedIsAskedAgain) {
  ledger_.last = 1;
  ledger_.status = absl::ResourceExhaustedError("behind");
  FakeWatcher& watcher = Watch(0);
  EXPECT_THAT(watcher.messages, IsEmpty());
  ledger_.status = absl::OkStatus();
  loop_.Advance(absl::Seconds(1));
  EXPECT_THAT(watcher.Seqs(), ElementsAre(1));
}

TEST_F(EventWatchTest, AnErrorOfTheLedgerEndsItWithThePlace) {
  ledger_.last = 4;
  FakeWatcher& watcher = Watch(3);
  ledger_.status = absl::DeadlineExceededError("took longer than 2 s");
  loop_.Advance(absl::Seconds(1));
  ledger_.Commit(1);
  loop_.Advance(absl::Seconds(1));
  ASSERT_THAT(watcher.ended, SizeIs(1));
  EXPECT_THAT(watcher.ended[0],
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("after_seq 4")));
}

TEST_F(EventWatchTest, APlaceBeyondTheEndIsRefused) {
  ledger_.last = 4;
  EXPECT_THAT(Watch(4).ended, IsEmpty());
  FakeWatcher& watcher = Watch(5);
  ASSERT_THAT(watcher.ended, SizeIs(1));
  EXPECT_THAT(watcher.ended[0],
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("ends with 4")));
}

TEST_F(EventWatchTest, ThereAreOnlySoMany) {
  for (int i = 0; i < 3; ++i) EXPECT_THAT(Watch(0).ended, IsEmpty());
  FakeWatcher& fourth = Watch(0);
  ASSERT_THAT(fourth.ended, SizeIs(1));
  EXPECT_EQ(GetDetail(fourth.ended[0])->reason, "TOO_MANY_WATCHERS");
  watchers_[0]->watch->OnClosed();
  watchers_[0]->watch.reset();
  loop_.Advance(absl::Minutes(1));  // its timers are gone
  EXPECT_THAT(Watch(0).ended, IsEmpty());
}

TEST_F(EventWatchTest, TheStopOfTheServerIsSaid) {
  ledger_.last = 4;
  FakeWatcher& watcher = Watch(0);
  watches_.EndAll();
  ASSERT_THAT(watcher.ended, SizeIs(1));
  EXPECT_THAT(watcher.ended[0],
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("go on with after_seq 4")));
  ledger_.Commit(1);
  loop_.Advance(absl::Seconds(1));
  EXPECT_THAT(watcher.Seqs(), SizeIs(4));
}

TEST_F(EventWatchTest, OneThatIsClosedIsNotWrittenTo) {
  FakeWatcher& watcher = Watch(0);
  watcher.watch->OnClosed();
  ledger_.Commit(1);
  loop_.Advance(absl::Seconds(1));
  EXPECT_THAT(watcher.messages, SizeIs(1));
}

}  // namespace
}  // namespace onetake
