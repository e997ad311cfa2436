#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "google/rpc/status.pb.h"
#include "runtime/base/event_loop.h"
#include "runtime/base/status.h"
#include "runtime/server/grpc_server.h"
#include "runtime/server/ledger_service.h"
#include "tests/testing/eventually.h"
#include "tests/testing/sim_scheduler.h"
#include "tests/testing/status_matchers.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOk;
using ::testing::Each;
using ::testing::Field;
using ::testing::SizeIs;

// Rows 1 to `rows`, and whatever a test wants to go wrong.
class FakeQueries final : public LedgerQueries {
 public:
  void ListIntents(IntentFilter filter, IntentPosition position, int limit,
                   Done<std::vector<IntentSummary>> done) override {
    filters.push_back(std::move(filter));
    if (!status.ok()) return done(status);
    std::vector<IntentSummary> page;
    for (int64_t row = position.row == 0 ? rows : position.row - 1;
         row > 0 && static_cast<int>(page.size()) < limit; --row) {
      page.push_back({.intent = {.row = row, .intent_id = std::to_string(row)}});
    }
    done(std::move(page));
  }
  // Drops the question, as a reader that is stopped does.
  void GetIntent(std::string, std::string, Done<std::vector<IntentDetail>>) override {}
  void ListEvents(EventFilter, EventPosition position, int limit, Done<EventPage> done) override {
    EventPage page;
    for (int64_t seq = position.seq + 1; seq <= last_seq; ++seq) {
      if (static_cast<int>(page.events.size()) == limit) break;
      page.events.push_back({.seq = seq, .evidence_json = std::string(evidence_bytes, 'x')});
    }
    page.seen_seq = page.events.empty() ? last_seq.load() : page.events.back().seq;
    done(std::move(page));
  }
  void LastEvents(EventFilter, int limit, Done<EventPage> done) override {
    EventPage page;
    page.events.resize(static_cast<size_t>(limit), {.seq = 1000});
    page.seen_seq = 1000;
    done(std::move(page));
  }
  void ListCalls(CallFilter filter, CallPosition position, int limit,
                 Done<std::vector<CallSummary>> done) override {
    EXPECT_EQ(filter.tenant, "north");
    std::vector<CallSummary> page;
    for (int64_t row = position.row + 1; row <= rows; ++row) {
      if (static_cast<int>(page.size()) == limit) break;
      page.push_back({.row = row,
                      .call = {.call_id = std::to_string(row), .tool = "book"},
                      .intent_id = "i",
                      .generation = 2,
                      .opened_by = "1"});
    }
    done(std::move(page));
  }
  void GetDuplicates(DuplicateQuestion question, Done<DuplicateStats> done) override {
    questions.push_back(std::move(question));
    DuplicateStats stats{.calls = 9, .intents = 5, .held_back = 2, .intents_held_back = 1};
    stats.counts.push_back(
        {.day = "2026-06-24", .tool = "book", .role = CallRole::kReplayed, .calls = 2});
    stats.newest.resize(1);
    done(std::move(stats));
  }
  void SetCommitListener(std::function<void()> listener) override {
    committed = std::move(listener);
  }

  void GetReviewStats(std::string tenant, Done<ReviewStats> done) override {
    EXPECT_EQ(tenant, "north");
    done(reviews);
  }

  int64_t rows = 5;
  ReviewStats reviews;
  absl::Status status;
  std::vector<IntentFilter> filters;
  std::vector<DuplicateQuestion> questions;
  std::atomic<int64_t> last_seq{8};
  size_t evidence_bytes = 0;
  std::function<void()> committed;
};

class FakeChain final : public ChainQueries {
 public:
  void VerifyChain(int64_t from_seq, int64_t max_events, Done done) override {
    asked.emplace_back(from_seq, max_events);
    done(page);
  }
  absl::StatusOr<ChainPage> page;
  std::vector<std::pair<int64_t, int64_t>> asked;
};

class LedgerServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    loop_.Start();
    auto started = GrpcServer::Start("127.0.0.1:0", {&service_});
    ASSERT_THAT(started, IsOk());
    server_ = *std::move(started);
    stub_ = v1::LedgerService::NewStub(
        grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials()));
  }
  void TearDown() override {
    server_->Shutdown(absl::ZeroDuration());
    loop_.Stop();
  }

  grpc::Status List(const v1::ListIntentsRequest& request, v1::ListIntentsResponse& response) {
    response.Clear();
    grpc::ClientContext context;
    return stub_->ListIntents(&context, request, &response);
  }

  static v1::ErrorDetail DetailOf(const grpc::Status& status) {
    google::rpc::Status envelope;
    EXPECT_TRUE(envelope.ParseFromString(status.error_details()));
    EXPECT_EQ(envelope.code(), status.error_code());
    EXPECT_EQ(envelope.message(), status.error_message());
    v1::ErrorDetail detail;
    EXPECT_EQ(envelope.details_size(), 1);
    if (envelope.details_size() == 1) {
      EXPECT_TRUE(envelope.details(0).UnpackTo(&detail));
    }
    return detail;
  }

  grpc::Status Verify(const v1::VerifyChainRequest& request, v1::VerifyChainResponse& response) {
    grpc::ClientContext context;
    return stub_->VerifyChain(&context, request, &response);
  }

  FakeQueries queries_;
  FakeChain chain_;
  testing::SimScheduler clock_;
  std::vector<Resolution> resolutions_;
  std::vector<MeasuredTool> measured_;
  EventLoop loop_;
  EventWatches watches_{{.write_patience = absl::Milliseconds(300)}, "north", queries_, loop_};
  LedgerService service_{"north",
                         clock_,
                         queries_,
                         [this](Resolution resolution, auto done) {
                           resolutions_.push_back(std::move(resolution));
                           done(IntentRecord{.intent_id = "i1", .generation = 2});
                         },
                         [this](auto done) { done(measured_); },
                         chain_,
                         watches_,
                         loop_};
  std::unique_ptr<GrpcServer> server_;
  std::unique_ptr<v1::LedgerService::Stub> stub_;
};

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
  request.set_after_seq(0);
  request.set_newest(true);
  grpc::ClientContext second;
  ASSERT_TRUE(stub_->ListEvents(&second, request, &response).ok());
  EXPECT_EQ(response.events(0).seq(), 1000);
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
  queries_.evidence_bytes = 4000;
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
  request.set_after_seq(seen);
  grpc::ClientContext context;
  auto stream = stub_->WatchEvents(&context, request);
  v1::WatchEventsResponse message;
  while (seen < 4000) {
    ASSERT_TRUE(stream->Read(&message));
    EXPECT_EQ(message.events(0).seq(), seen + 1);
    seen = message.seen_seq();
  }
  context.TryCancel();
}

TEST(GrpcServerTest, APortThatIsTakenIsAnError) {
  auto first = GrpcServer::Start("127.0.0.1:0", {});
  ASSERT_THAT(first, IsOk());
  EXPECT_THAT(GrpcServer::Start((*first)->address(), {}),
              ::onetake::testing::StatusIs(absl::StatusCode::kUnavailable,
                                           ::testing::HasSubstr("cannot listen on")));
  (*first)->Shutdown(absl::ZeroDuration());
}

v1::ResolveIntentRequest GoodResolution() {
  v1::ResolveIntentRequest request;
  request.set_intent_id("i1");
  request.set_verdict(v1::VERDICT_APPLIED);
  request.set_by("dana");
  request.set_evidence("the front desk sees it");
  return request;
}

TEST_F(LedgerServiceTest, AVerdictGoesToTheEngineWithWhoAndWhy) {
  v1::ResolveIntentRequest request = GoodResolution();
  request.set_result_json(R"({"id":7})");
  v1::ResolveIntentResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(stub_->ResolveIntent(&context, request, &response).ok());
  EXPECT_EQ(response.intent().intent().generation(), 2);
  ASSERT_THAT(resolutions_, SizeIs(1));
  EXPECT_EQ(resolutions_[0].tenant, "north");
  EXPECT_EQ(resolutions_[0].verdict, IntentState::kSucceeded);
  EXPECT_EQ(resolutions_[0].by, "dana");
  EXPECT_EQ(resolutions_[0].evidence_json, R"({"note":"the front desk sees it"})");
  EXPECT_EQ(resolutions_[0].result_json, R"({"id":7})");
  EXPECT_EQ(resolutions_[0].at, clock_.Now());
}

TEST_F(LedgerServiceTest, AVerdictNeedsItsFields) {
  const std::vector<std::pair<std::string, void (*)(v1::ResolveIntentRequest&)>> cases = {
      {"intent_id", [](v1::ResolveIntentRequest& request) { request.clear_intent_id(); }},
      {"generation", [](v1::ResolveIntentRequest& request) { request.set_generation(-1); }},
      {"verdict", [](v1::ResolveIntentRequest& request) { request.clear_verdict(); }},
      {"by", [](v1::ResolveIntentRequest& request) { request.clear_by(); }},
      {"by", [](v1::ResolveIntentRequest& request) { request.set_by(std::string(129, 'x')); }},
      {"evidence", [](v1::ResolveIntentRequest& request) { request.clear_evidence(); }},
      {"evidence",
       [](v1::ResolveIntentRequest& request) { request.set_evidence(std::string(4097, 'x')); }},
      {"result_json", [](v1::ResolveIntentRequest& request) { request.set_result_json("{"); }},
      {"result_json",
       [](v1::ResolveIntentRequest& request) {
         request.set_result_json("{}");
         request.set_verdict(v1::VERDICT_NOT_APPLIED);
       }},
  };
  for (const auto& [field, spoil] : cases) {
    v1::ResolveIntentRequest request = GoodResolution();
    spoil(request);
    v1::ResolveIntentResponse response;
    grpc::ClientContext context;
    const grpc::Status status = stub_->ResolveIntent(&context, request, &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << field;
    EXPECT_EQ(DetailOf(status).field(), field);
  }
  EXPECT_THAT(resolutions_, SizeIs(0));
}

TEST_F(LedgerServiceTest, TheReviewReportSaysHowLongTheOldestWaits) {
  v1::ReviewReportResponse response;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(stub_->ReviewReport(&context, {}, &response).ok());
    EXPECT_EQ(response.count(), 0);
    EXPECT_FALSE(response.has_oldest_at());
  }
  queries_.reviews = {.count = 3, .oldest = clock_.Now() - absl::Minutes(2)};
  grpc::ClientContext context;
  ASSERT_TRUE(stub_->ReviewReport(&context, {}, &response).ok());
  EXPECT_EQ(response.count(), 3);
  EXPECT_EQ(response.oldest_age_ms(), 120'000);
}

TEST_F(LedgerServiceTest, LatenciesAreOfAllToolsOrOfTheNamedOne) {
  auto book = std::make_shared<Tool>();
  book->name = "book";
  book->http.emplace().origin = "https://api.example.com";
  book->timeouts.attempt = absl::Seconds(3);
  auto find = std::make_shared<Tool>();
  find->name = "find";
  find->effect = Effect::kRead;
  measured_ = {{book, {}}, {find, {}}};
  for (int i = 0; i < 120; ++i) {
    measured_[0].measured.AddAnswered(i % 12 == 0 ? absl::Seconds(4.2) : absl::Seconds(2));
  }
  measured_[0].measured.AddCensored(absl::Seconds(3));
  v1::LatencyReportResponse report;
  grpc::ClientContext all;
  ASSERT_TRUE(stub_->LatencyReport(&all, {}, &report).ok());
  ASSERT_EQ(report.tools_size(), 2);
  const v1::ToolLatency& first = report.tools(0);
  EXPECT_EQ(first.tool(), "book");
  EXPECT_EQ(first.effect(), v1::EFFECT_WRITE);
  EXPECT_EQ(first.downstream(), "https://api.example.com");
  EXPECT_EQ(first.count(), 121);
  EXPECT_EQ(first.censored(), 1);
  EXPECT_NEAR(static_cast<double>(first.p50().latency_us()), 2e6, 6e4);
  EXPECT_NEAR(static_cast<double>(first.p95().latency_us()), 4.2e6, 1.3e5);
  EXPECT_FALSE(first.p999().at_least());
  EXPECT_EQ(first.configured_attempt_ms(), 3000);
  EXPECT_EQ(first.attempt_ms(), 3000);
  EXPECT_NEAR(first.share_cut(), 11.0 / 121, 1e-6);
  EXPECT_EQ(first.advice(0).weight(), v1::LatencyAdvice::WEIGHT_WARNING);
  EXPECT_EQ(first.advice(0).field(), "timeouts.attempt");
  EXPECT_EQ(first.histogram(), measured_[0].measured.Serialize());
  const v1::ToolLatency& second = report.tools(1);
  EXPECT_EQ(second.effect(), v1::EFFECT_READ);
  EXPECT_FALSE(second.has_p50());
  EXPECT_FALSE(second.has_configured_attempt_ms());
  EXPECT_EQ(second.attempt_ms(), 30'000);
  EXPECT_FALSE(second.has_share_cut());
  EXPECT_EQ(second.advice(0).weight(), v1::LatencyAdvice::WEIGHT_NOTE);

  v1::LatencyReportRequest request;
  request.set_tool("find");
  grpc::ClientContext one;
  ASSERT_TRUE(stub_->LatencyReport(&one, request, &report).ok());
  ASSERT_EQ(report.tools_size(), 1);
  EXPECT_EQ(report.tools(0).tool(), "find");

  request.set_tool("fnd");
  grpc::ClientContext none;
  const grpc::Status status = stub_->LatencyReport(&none, request, &report);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(DetailOf(status).reason(), "UNKNOWN_TOOL");
  EXPECT_EQ(DetailOf(status).field(), "tool");
}

}  // namespace
}  // namespace onetake
