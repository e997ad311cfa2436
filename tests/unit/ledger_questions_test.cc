// Questions at the edges of what may be asked, and those that come when nobody answers any more.

#include <gmock/gmock.h>

#include <utility>
#include <vector>

#include "runtime/ledger/atomic_histogram.h"
#include "tests/testing/ledger_fixture.h"

namespace onetake {
namespace {

using ::onetake::testing::At;
using ::onetake::testing::EndOf;
using ::onetake::testing::IsOk;
using ::onetake::testing::LedgerFixture;
using ::onetake::testing::MakeClaim;
using ::onetake::testing::MakeTransition;
using ::onetake::testing::StatusIs;
using ::onetake::testing::Success;
using ::testing::HasSubstr;
using ::testing::SizeIs;

using Code = absl::StatusCode;
using S = IntentState;

class LedgerQuestionsTest : public LedgerFixture {
 protected:
  void SetUp() override { OpenWith(ManualOptions()); }
  SqliteLedger::Options ManualOptions() const {
    SqliteLedger::Options options = DefaultOptions();
    options.threading = Threading::kManual;
    return options;
  }
  LookupRequest OfIntent1() const { return {.tenant = "clinic", .intent_id = "intent1"}; }
};

TEST_F(LedgerQuestionsTest, WhatWasUndoneIsListedByItsState) {
  const int64_t row = Claimed(MakeClaim(1));
  ASSERT_THAT(Apply(Success(row, "{}")), IsOk());
  ASSERT_THAT(Apply(MakeTransition(row, S::kSucceeded, S::kReversed)), IsOk());
  Claimed(MakeClaim(2));
  EXPECT_THAT(List({.tenant = "clinic", .state = S::kReversed}).value(), SizeIs(1));
}

TEST_F(LedgerQuestionsTest, APageOfAnotherQuestionHasNothingBehindIt) {
  Claimed(MakeClaim(1));
  const auto page = ListPage({.tenant = "clinic", .tool = "book_appointment"},
                             {.created_at = absl::InfiniteFuture(), .row = 5});
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(page->intents, SizeIs(0));
  EXPECT_FALSE(page->next.has_value());
}

TEST_F(LedgerQuestionsTest, CallsOfAllTenantsAreListedInTheirOrder) {
  for (int n = 1; n <= 2; ++n) {
    ClaimRequest claim = MakeClaim(n);
    claim.call.tenant = claim.intent.tenant = absl::StrCat("tenant", n);
    Claimed(std::move(claim));
  }
  const auto calls = Calls({});
  ASSERT_THAT(calls, IsOk());
  ASSERT_THAT(*calls, SizeIs(2));
  EXPECT_EQ(calls->front().call.call_id, "call1");
}

TEST_F(LedgerQuestionsTest, EventsBeforeATimeAreAPageByTimeAndTheLastOnesHaveNone) {
  for (int n = 1; n <= 3; ++n) Claimed(MakeClaim(n));
  EXPECT_THAT(Events({.tenant = "clinic", .at_before = At(3)}).value(), SizeIs(2));
  EXPECT_THAT(Await<absl::StatusOr<EventPage>>([&](auto done) {
                ledger_->LastEvents({.tenant = "clinic", .at_before = At(3)}, 5, std::move(done));
              }),
              StatusIs(Code::kInvalidArgument, HasSubstr("without a time")));
}

TEST_F(LedgerQuestionsTest, ThoseThatComeAtAStopAreRefused) {
  ledger_->RefuseQuestions();
  EXPECT_THAT(Await<absl::StatusOr<ChainPage>>(
                  [&](auto done) { ledger_->VerifyChain(1, 100, std::move(done)); }),
              StatusIs(Code::kUnavailable, HasSubstr("")));
  EXPECT_THAT(Await<absl::StatusOr<EventPage>>([&](auto done) {
                ledger_->ListSessionEvents("clinic", "CA1", 0, 10, std::move(done));
              }),
              StatusIs(Code::kUnavailable, HasSubstr("")));
}

TEST_F(LedgerQuestionsTest, ThoseThatFindTheQueueFullAreRefusedAndTheOthersAnsweredAtTheEnd) {
  Claimed(MakeClaim(1));
  Close();
  SqliteLedger::Options options = ManualOptions();
  options.lookup_queue = 1;
  OpenWith(std::move(options));
  absl::StatusOr<LookupResult> found;
  ledger_->Lookup(OfIntent1(), [&](absl::StatusOr<LookupResult> result) { found = result; });
  EXPECT_THAT(ledger_->Unsettled(0, 10), StatusIs(Code::kResourceExhausted, HasSubstr("behind")));
  absl::StatusOr<int64_t> last;
  ledger_->LastSeq([&](absl::StatusOr<int64_t> seq) { last = std::move(seq); });
  EXPECT_THAT(last, StatusIs(Code::kResourceExhausted, HasSubstr("behind")));
  Close();
  ASSERT_THAT(found, IsOk());
  EXPECT_TRUE(found->latest.has_value());
}

// A target that was refused may be known to a write that undid it before.
TEST_F(LedgerQuestionsTest, ATargetThatWasRefusedIsLookedForByWhatNamesIt) {
  Transition refusal = MakeTransition(Claimed(MakeClaim(1)), S::kInFlight, S::kRejected);
  refusal.attempt_end = EndOf(1, "REFUSED");
  refusal.result_ref = "booking 7";
  ASSERT_THAT(Apply(refusal), IsOk());
  ClaimRequest undoing = MakeClaim(2);
  undoing.intent.undoes_ref = "undoes:booking 7";
  Claimed(undoing);
  const auto found =
      Lookup({.tenant = "clinic", .target_tool = "book_appointment", .target_ref = "booking 7"});
  ASSERT_THAT(found, IsOk());
  ASSERT_TRUE(found->target.has_value());
  ASSERT_TRUE(found->target_reversal.has_value());
  EXPECT_EQ(found->target_reversal->intent_id, "intent2");
}

TEST_F(LedgerQuestionsTest, OnlySoManyUnsettledOnesAreTold) {
  for (int n = 1; n <= 3; ++n) {
    Transition loss = MakeTransition(Claimed(MakeClaim(n)), S::kInFlight, S::kUnknown);
    loss.attempt_end = EndOf(1, "TIMEOUT");
    ASSERT_THAT(Apply(loss), IsOk());
  }
  EXPECT_THAT(ledger_->Unsettled(0, 2).value(), SizeIs(2));
  EXPECT_THAT(ledger_->Unsettled(2, 2).value(), SizeIs(1));
}

TEST(AtomicHistogramTest, CountsWhatIsBeyondTheLastBoundApart) {
  AtomicHistogram::Bounds bounds;
  for (size_t i = 0; i < bounds.size(); ++i) bounds.at(i) = static_cast<double>(i + 1);
  AtomicHistogram histogram(bounds);
  histogram.Observe(1);
  histogram.Observe(1e9);
  const AtomicHistogram::Snapshot read = histogram.Read();
  EXPECT_EQ(read.counts.front(), 1u);
  EXPECT_EQ(read.counts.back(), 1u);
}

}  // namespace
}  // namespace onetake
