#include "tests/testing/ledger_service_fixture.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOk;
using ::testing::Each;
using ::testing::Field;
using ::testing::SizeIs;

TEST_F(LedgerServiceTest, PagesEndWithoutAnEmptyOne) {
  queries_.rows = 4;
  v1::ListIntentsRequest request;
  request.set_page_size(2);
  v1::ListIntentsResponse page;
  ASSERT_TRUE(List(request, page).ok());
  EXPECT_EQ(page.intents(0).intent().id(), "4");
  ASSERT_EQ(page.intents_size(), 2);
  request.set_page_token(page.next_page_token());
  ASSERT_TRUE(List(request, page).ok());
  EXPECT_EQ(page.intents(1).intent().id(), "1");
  EXPECT_EQ(page.next_page_token(), "");
}

TEST_F(LedgerServiceTest, TheTenantIsTheServersOwn) {
  v1::ListIntentsResponse page;
  ASSERT_TRUE(List({}, page).ok());
  EXPECT_THAT(queries_.filters, Each(Field(&IntentFilter::tenant, "north")));
}

TEST_F(LedgerServiceTest, AWrongFieldIsNamedAndAsksNothing) {
  v1::ListIntentsRequest request;
  request.set_page_token("x");
  v1::ListIntentsResponse page;
  const grpc::Status status = List(request, page);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(DetailOf(status).field(), "page_token");
  EXPECT_FALSE(DetailOf(status).safe_to_resend());
  EXPECT_THAT(queries_.filters, SizeIs(0));
}

TEST_F(LedgerServiceTest, ADetailOfTheLedgerReachesTheClient) {
  queries_.status =
      WithDetail(absl::ResourceExhaustedError("too many questions"),
                 {.reason = "OVERLOADED", .safe_to_resend = true, .retry_after_ms = 250});
  v1::ListIntentsResponse page;
  const v1::ErrorDetail detail = DetailOf(List({}, page));
  EXPECT_EQ(detail.reason(), "OVERLOADED");
  EXPECT_TRUE(detail.safe_to_resend());
  EXPECT_EQ(detail.retry_after_ms(), 250);
}

TEST_F(LedgerServiceTest, AStatusWithoutADetailGetsItsCodesName) {
  queries_.status = absl::DeadlineExceededError("took longer than 2 s");
  v1::ListIntentsResponse page;
  const v1::ErrorDetail detail = DetailOf(List({}, page));
  EXPECT_EQ(detail.reason(), "DEADLINE_EXCEEDED");
  EXPECT_TRUE(detail.safe_to_resend());
}

TEST_F(LedgerServiceTest, AQuestionThatIsDroppedIsStillAnswered) {
  v1::GetIntentRequest request;
  request.set_id("abcd");
  v1::GetIntentResponse response;
  grpc::ClientContext context;
  const grpc::Status status = stub_->GetIntent(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNKNOWN);
  EXPECT_EQ(DetailOf(status).reason(), "STOPPED");
}

TEST_F(LedgerServiceTest, NewestAsksForTheLastEvents) {
  v1::ListEventsRequest request;
  request.set_page_size(1);
  request.set_after_seq(7);
  v1::ListEventsResponse response;
  grpc::ClientContext first;
  ASSERT_TRUE(stub_->ListEvents(&first, request, &response).ok());
  EXPECT_EQ(response.events(0).seq(), 8);
  EXPECT_EQ(response.searched_from_seq(), 0);
  request.set_after_seq(0);
  request.set_newest(true);
  grpc::ClientContext second;
  ASSERT_TRUE(stub_->ListEvents(&second, request, &response).ok());
  EXPECT_EQ(response.events(0).seq(), 1000);
  EXPECT_EQ(response.searched_from_seq(), 900);
}

TEST_F(LedgerServiceTest, APositionBeyondTheEndIsToldToBe) {
  v1::ListEventsRequest request;
  request.set_after_seq(queries_.last_seq);
  v1::ListEventsResponse response;
  grpc::ClientContext at_the_end;
  EXPECT_TRUE(stub_->ListEvents(&at_the_end, request, &response).ok());
  request.set_after_seq(queries_.last_seq + 1);
  grpc::ClientContext beyond;
  const grpc::Status status = stub_->ListEvents(&beyond, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(DetailOf(status).reason(), "BEYOND_THE_END");
  EXPECT_EQ(DetailOf(status).field(), "after_seq");
  EXPECT_THAT(status.error_message(), ::testing::HasSubstr("older copy"));
}

TEST_F(LedgerServiceTest, ChainIsVerifiedInParts) {
  chain_.page = ChainPage{.events = 3, .head = {.seq = 9, .hash = {}}};
  v1::VerifyChainResponse response;
  ASSERT_TRUE(Verify({}, response).ok());
  EXPECT_THAT(chain_.asked, ::testing::ElementsAre(std::pair(1, ChainQueries::kMaxEvents)));
  EXPECT_EQ(response.next_seq(), 10);
  EXPECT_EQ(response.hash(), std::string(64, '0'));
  EXPECT_FALSE(response.has_fault());
  chain_.page->at_end = true;
  response.Clear();
  ASSERT_TRUE(Verify({}, response).ok());
  EXPECT_EQ(response.next_seq(), 0);
  chain_.page->at_end = false;
  chain_.page->finding = Finding{10, "edited", "why"};
  ASSERT_TRUE(Verify({}, response).ok());
  EXPECT_EQ(response.next_seq(), 0);
  EXPECT_EQ(response.fault().seq(), 10);
  EXPECT_EQ(response.fault().how(), "edited");
}

TEST_F(LedgerServiceTest, ChainIsNotVerifiedFromNowhere) {
  v1::VerifyChainResponse response;
  v1::VerifyChainRequest request;
  request.set_from_seq(-1);
  EXPECT_EQ(DetailOf(Verify(request, response)).field(), "from_seq");
  request.set_from_seq(7);
  request.set_max_events(20'001);
  EXPECT_EQ(DetailOf(Verify(request, response)).field(), "max_events");
  EXPECT_THAT(chain_.asked, ::testing::IsEmpty());
  request.set_max_events(5);
  chain_.page = absl::NotFoundError("no event 6");
  const grpc::Status status = Verify(request, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(DetailOf(status).reason(), "NO_SUCH_EVENT");
  EXPECT_THAT(chain_.asked, ::testing::ElementsAre(std::pair(7, 5)));
}

TEST_F(LedgerServiceTest, ATokenOfAnotherFilterIsRefused) {
  queries_.rows = 4;
  v1::ListIntentsRequest request;
  request.set_page_size(2);
  v1::ListIntentsResponse page;
  ASSERT_TRUE(List(request, page).ok());
  request.set_page_token(page.next_page_token());
  request.set_page_size(1);
  EXPECT_TRUE(List(request, page).ok()) << "the size may change";
  request.set_tool("book");
  EXPECT_EQ(DetailOf(List(request, page)).field(), "page_token");
}

TEST_F(LedgerServiceTest, CallsComeInPages) {
  queries_.rows = 3;
  v1::ListCallsRequest request;
  request.set_page_size(2);
  v1::ListCallsResponse page;
  grpc::ClientContext first;
  ASSERT_TRUE(stub_->ListCalls(&first, request, &page).ok());
  ASSERT_EQ(page.calls_size(), 2);
  EXPECT_EQ(page.calls(1).intent_id(), "i");
  EXPECT_EQ(page.calls(1).generation(), 2);
  EXPECT_EQ(page.calls(1).opened_by(), "1");
  EXPECT_EQ(page.calls(1).tool(), "book");
  request.set_page_token(page.next_page_token());
  page.Clear();
  grpc::ClientContext second;
  ASSERT_TRUE(stub_->ListCalls(&second, request, &page).ok());
  EXPECT_EQ(page.calls(0).call_id(), "3");
  EXPECT_EQ(page.next_page_token(), "");
}

TEST_F(LedgerServiceTest, PagesOfEventsGoOnByToken) {
  v1::ListEventsRequest request;
  request.set_page_size(3);
  request.set_after_seq(2);
  std::vector<int64_t> seqs;
  do {
    v1::ListEventsResponse page;
    grpc::ClientContext context;
    ASSERT_TRUE(stub_->ListEvents(&context, request, &page).ok());
    for (const auto& event : page.events()) seqs.push_back(event.seq());
    EXPECT_EQ(page.seen_seq(), 0 + seqs.back());
    request.set_page_token(page.next_page_token());
    request.set_after_seq(0);
  } while (!request.page_token().empty());
  EXPECT_THAT(seqs, ::testing::ElementsAre(3, 4, 5, 6, 7, 8));
}

TEST_F(LedgerServiceTest, APageOfEventsWithoutAnyGoesOnByTokenWhenItHasNotSeenAll) {
  queries_.fits_from = 8;
  v1::ListEventsRequest request;
  std::vector<int64_t> seen;
  std::vector<int64_t> seqs;
  do {
    v1::ListEventsResponse page;
    grpc::ClientContext context;
    ASSERT_TRUE(stub_->ListEvents(&context, request, &page).ok());
    for (const auto& event : page.events()) seqs.push_back(event.seq());
    seen.push_back(page.seen_seq());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(seen, ::testing::ElementsAre(3, 6, 8));
  EXPECT_THAT(seqs, ::testing::ElementsAre(8));
}

TEST_F(LedgerServiceTest, TheDuplicateReportIsOfTheLastWeekUnlessSaidOtherwise) {
  v1::DuplicateReportResponse report;
  grpc::ClientContext context;
  ASSERT_TRUE(stub_->DuplicateReport(&context, {}, &report).ok());
  EXPECT_EQ(report.held_back(), 2);
  EXPECT_EQ(report.counts(0).role(), "replayed");
  EXPECT_EQ(report.newest_size(), 1);
  ASSERT_THAT(queries_.questions, SizeIs(1));
  EXPECT_EQ(queries_.questions[0].before, clock_.Now());
  EXPECT_EQ(queries_.questions[0].after, clock_.Now() - absl::Hours(7 * 24));
  EXPECT_EQ(report.before().seconds(), absl::ToUnixSeconds(clock_.Now()));
  v1::DuplicateReportRequest nowhere;
  nowhere.set_time_zone("Mars/Base");
  grpc::ClientContext wrong;
  EXPECT_EQ(DetailOf(stub_->DuplicateReport(&wrong, nowhere, &report)).field(), "time_zone");
}

TEST_F(LedgerServiceTest, AWatcherGetsWhatComes) {
  v1::WatchEventsRequest request;
  request.set_after_seq(6);
  grpc::ClientContext context;
  auto stream = stub_->WatchEvents(&context, request);
  v1::WatchEventsResponse message;
  ASSERT_TRUE(stream->Read(&message));
  EXPECT_EQ(message.events_size(), 2);
  EXPECT_EQ(message.seen_seq(), 8);
  queries_.last_seq = 9;
  queries_.committed();
  ASSERT_TRUE(stream->Read(&message));
  EXPECT_EQ(message.events(0).seq(), 9);
  context.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(LedgerServiceTest, AWrongWatchEndsAtOnce) {
  v1::WatchEventsRequest request;
  request.set_after_seq(-1);
  grpc::ClientContext context;
  auto stream = stub_->WatchEvents(&context, request);
  v1::WatchEventsResponse message;
  EXPECT_FALSE(stream->Read(&message));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(DetailOf(status).field(), "after_seq");
}

TEST_F(LedgerServiceTest, ASlowWatcherIsCutAndGoesOnWhereItWas) {
  queries_.last_seq = 4000;
  queries_.rule_bytes = 4000;
  v1::WatchEventsRequest request;
  int64_t seen = 0;
  grpc::Status status;
  {
    grpc::ClientContext context;
    auto stream = stub_->WatchEvents(&context, request);
    v1::WatchEventsResponse message;
    ASSERT_TRUE(stream->Read(&message));
    seen = message.seen_seq();
    // The server's patience ends while nobody reads.
    ASSERT_TRUE(::onetake::testing::Eventually([&] { return watches_.slow_watchers() > 0; }));
    while (stream->Read(&message)) {
      EXPECT_EQ(message.events(0).seq(), seen + 1);
      seen = message.seen_seq();
    }
    status = stream->Finish();
  }
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(DetailOf(status).reason(), "SLOW_WATCHER");
  EXPECT_LT(seen, 4000);
  // A machine that stands still makes a slow watcher of any; each goes on.
  while (seen < 4000) {
    request.set_after_seq(seen);
    grpc::ClientContext context;
    auto stream = stub_->WatchEvents(&context, request);
    v1::WatchEventsResponse message;
    ASSERT_TRUE(stream->Read(&message));
    do {
      EXPECT_EQ(message.events(0).seq(), seen + 1);
      seen = message.seen_seq();
    } while (seen < 4000 && stream->Read(&message));
    context.TryCancel();
  }
}

}  // namespace
}  // namespace onetake
