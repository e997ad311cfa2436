// Pages of events on a ledger where most are of others, by a clock that runs as SQLite works.
#include <gmock/gmock.h>

#include <atomic>
#include <limits>

#include "tests/testing/ledger_fixture.h"

namespace onetake {
namespace {

using ::onetake::testing::At;
using ::onetake::testing::IsOk;
using ::onetake::testing::IsOkAndHolds;
using ::onetake::testing::LedgerFixture;
using ::onetake::testing::MakeClaim;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Each look at it takes a while; SQLite looks every thousand instructions.
class LaboriousClock final : public Clock {
 public:
  absl::Time Now() const override { return At(0); }
  absl::Duration Elapsed() const override { return looks_++ * absl::Milliseconds(10); }

 private:
  mutable std::atomic<int64_t> looks_{0};
};

class LedgerEventsTest : public LedgerFixture {
 protected:
  static constexpr int kReads = 12'000;

  // One claim of "quiet", many READs of "clinic", one claim of "clinic".
  void SetUp() override {
    SqliteLedger::Options options = DefaultOptions();
    options.threading = threading_ = Threading::kManual;
    options.write_queue = 2 * kReads;
    options.query_time_limit = absl::Milliseconds(400);
    absl::StatusOr<std::unique_ptr<SqliteLedger>> ledger =
        SqliteLedger::Open(std::move(options), laborious_);
    ASSERT_THAT(ledger, IsOk());
    ledger_ = *std::move(ledger);
    ClaimRequest quiet = MakeClaim(1);
    quiet.intent.tenant = quiet.call.tenant = "quiet";
    Claimed(quiet);
    for (int n = 0; n < kReads; ++n) {
      CallRecord call = MakeClaim(2).call;
      call.call_id = absl::StrCat("read", n);
      call.tool_call_id = "call_1";  // some models number theirs
      call.session_id = absl::StrCat("CA-read-", n);
      call.role = CallRole::kRead;
      ledger_->RecordCall(std::move(call));
    }
    while (ledger_->RunPending()) {
    }
    ClaimRequest last = MakeClaim(3);
    last.call.tool_call_id = "call_1";
    Claimed(last);
    last_ = Await<absl::StatusOr<int64_t>>([&](auto done) {
              ledger_->LastSeq(std::move(done));
            }).value_or(0);
    ASSERT_GE(last_, kReads + 2);
  }
  void TearDown() override { Close(); }

  LaboriousClock laborious_;
  int64_t last_ = 0;
};

TEST_F(LedgerEventsTest, AQuietTenantIsAnsweredAtOnceAmongManyOthers) {
  const absl::StatusOr<EventPage> page = EventPageOf({.tenant = "quiet"});
  ASSERT_THAT(page, IsOk());
  ASSERT_THAT(page->events, SizeIs(1));
  EXPECT_EQ(page->events[0].tenant, "quiet");
  EXPECT_EQ(page->seen_seq, last_);
  EXPECT_FALSE(page->more);
  const absl::StatusOr<EventPage> nothing = EventPageOf({.tenant = "nobody"});
  ASSERT_THAT(nothing, IsOk());
  EXPECT_THAT(nothing->events, IsEmpty());
  const absl::StatusOr<EventPage> newest = Await<absl::StatusOr<EventPage>>(
      [&](auto done) { ledger_->LastEvents({.tenant = "quiet"}, 1, std::move(done)); });
  ASSERT_THAT(newest, IsOk());
  ASSERT_THAT(newest->events, SizeIs(1));
  EXPECT_EQ(newest->seen_seq, last_) << "nothing later is of this tenant";
  EXPECT_EQ(newest->searched_from, 0);
}

TEST_F(LedgerEventsTest, BeyondTheEndThereIsNothingHoweverFar) {
  for (const int64_t seq : {last_, last_ + 1, std::numeric_limits<int64_t>::max()}) {
    const absl::StatusOr<EventPage> page = EventPageOf({.tenant = "clinic"}, {.seq = seq});
    ASSERT_THAT(page, IsOk());
    EXPECT_THAT(page->events, IsEmpty());
    EXPECT_EQ(page->seen_seq, last_);
    EXPECT_FALSE(page->more);
  }
}

TEST_F(LedgerEventsTest, OneThatOnlyReadsComesThroughPageByPage) {
  std::vector<EventRecord> found;
  EventPage page{.more = true};
  int pages = 0;
  while (page.more) {
    const int64_t from = page.seen_seq;
    absl::StatusOr<EventPage> next = EventPageOf({.tenant = "clinic"}, {.seq = from});
    ASSERT_THAT(next, IsOk());
    page = *std::move(next);
    ASSERT_TRUE(page.seen_seq > from || !page.more) << "each one gets further";
    found.insert(found.end(), page.events.begin(), page.events.end());
    ++pages;
  }
  EXPECT_GT(pages, 1) << "none holds up the others for long";
  EXPECT_EQ(page.seen_seq, last_);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].seq, last_);
}

// What is not near the end is not worth that everybody waits for it.
TEST_F(LedgerEventsTest, TheLastEventsOfOneThatOnlyReadsAreSoonThere) {
  const absl::StatusOr<EventPage> page = Await<absl::StatusOr<EventPage>>(
      [&](auto done) { ledger_->LastEvents({.tenant = "clinic"}, 10, std::move(done)); });
  ASSERT_THAT(page, IsOk());
  ASSERT_THAT(page->events, SizeIs(1));
  EXPECT_EQ(page->events[0].seq, last_);
  EXPECT_EQ(page->seen_seq, last_);
  EXPECT_GT(page->searched_from, 1) << "it does not look as if there were no more";
  EXPECT_LT(page->searched_from, last_);
}

TEST_F(LedgerEventsTest, LastEventsThatFitAreThereInOrder) {
  const absl::StatusOr<EventPage> page = Await<absl::StatusOr<EventPage>>([&](auto done) {
    ledger_->LastEvents({.tenant = "clinic", .with_calls = true}, 100, std::move(done));
  });
  ASSERT_THAT(page, IsOk());
  ASSERT_THAT(page->events, SizeIs(100));
  EXPECT_EQ(page->searched_from, 0) << "it is full";
  for (int i = 0; i < 100; ++i) EXPECT_EQ(page->events[i].seq, last_ - 99 + i);
}

TEST_F(LedgerEventsTest, AnIdThatEverySessionUsesIsLookedForInTheOneThatIsNamed) {
  EXPECT_THAT(Calls({.tenant = "clinic", .session_id = "CA-read-7", .tool_call_id = "call_1"}),
              IsOkAndHolds(SizeIs(1)));
  EXPECT_THAT(List({.tenant = "clinic", .session_id = "CA1", .tool_call_id = "call_1"}),
              IsOkAndHolds(SizeIs(1)));
}

TEST_F(LedgerEventsTest, PagesOfWhatFitsLeaveNothingOut) {
  std::vector<int64_t> seqs;
  EventPage page{.more = true};
  while (page.more) {
    absl::StatusOr<EventPage> next =
        EventPageOf({.tenant = "clinic", .with_calls = true}, {.seq = page.seen_seq}, 200);
    ASSERT_THAT(next, IsOk());
    page = *std::move(next);
    for (const EventRecord& event : page.events) seqs.push_back(event.seq);
  }
  ASSERT_FALSE(seqs.empty());
  EXPECT_EQ(seqs.back(), last_);
  EXPECT_EQ(static_cast<int64_t>(seqs.size()), seqs.back() - seqs.front() + 1);
}

TEST_F(LedgerEventsTest, APlaceBeyondTheEndIsToldTheEnd) {
  for (const char* tenant : {"quiet", "clinic", ""}) {
    const absl::StatusOr<EventPage> page = EventPageOf({.tenant = tenant}, {.seq = last_ + 5});
    ASSERT_THAT(page, IsOk());
    EXPECT_THAT(page->events, IsEmpty());
    EXPECT_EQ(page->seen_seq, last_);
    EXPECT_FALSE(page->more);
  }
}

}  // namespace
}  // namespace onetake
