#pragma once

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
#include "runtime/base/system_clock.h"
#include "runtime/server/acceptor.h"
#include "runtime/server/grpc_server.h"
#include "runtime/server/ledger_service.h"
#include "tests/testing/eventually.h"
#include "tests/testing/sim_scheduler.h"
#include "tests/testing/status_matchers.h"

namespace onetake {

// Rows 1 to `rows`, and whatever a test wants to go wrong.
class FakeQueries final : public LedgerQueries {
 public:
  void ListIntents(IntentFilter filter, IntentPosition position, int limit,
                   Done<IntentPage> done) override {
    filters.push_back(std::move(filter));
    if (!status.ok()) return done(status);
    IntentPage page;
    int64_t row = position.row == 0 ? rows : position.row - 1;
    for (; row > 0 && static_cast<int>(page.intents.size()) < limit; --row) {
      page.intents.push_back({.intent = {.row = row, .intent_id = std::to_string(row)}});
    }
    if (row > 0) page.next = {absl::UnixEpoch(), row + 1};
    done(std::move(page));
  }
  // Drops the question, as a reader that is stopped does.
  void GetIntent(std::string, std::string, Done<std::vector<IntentDetail>>) override {}
  void ListEvents(EventFilter, EventPosition position, int limit, Done<EventPage> done) override {
    EventPage page;
    for (int64_t seq = position.seq + 1; seq <= last_seq; ++seq) {
      if (static_cast<int>(page.events.size()) == limit) break;
      page.seen_seq = seq;
      if (seq < fits_from) {
        if (seq % 3 != 0) continue;
        page.more = true;  // that took long
        break;
      }
      page.events.push_back({.seq = seq, .rule = std::string(rule_bytes, 'x')});
    }
    page.more |= static_cast<int>(page.events.size()) == limit;
    if (!page.more) page.seen_seq = last_seq;
    done(std::move(page));
  }
  void LastEvents(EventFilter, int limit, Done<EventPage> done) override {
    EventPage page;
    page.events.resize(static_cast<size_t>(limit), {.seq = 1000});
    page.seen_seq = 1000;
    page.searched_from = 900;
    done(std::move(page));
  }
  void ListSessionEvents(std::string, std::string, int64_t, int, Done<EventPage>) override {}
  void LastSeq(Done<int64_t> done) override { done(last_seq); }
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
  int64_t fits_from = 0;  // the first event that fits
  size_t rule_bytes = 0;
  std::function<void()> committed;
};

// Keeps what it was told.
class FakeUpkeep final : public LedgerUpkeep {
 public:
  void Erase(Erasure erasure, Done<ErasureResult> done) override {
    erasures.push_back(std::move(erasure));
    done(ErasureResult{.erased = 1});
  }
  void RecordUnsealing(Unsealing unsealing, Done<int64_t> done) override {
    unsealings.push_back(std::move(unsealing));
    if (!status.ok()) return done(status);
    done(1);
  }
  void Age(AgeRules, absl::Time, int, Done<AgeResult> done) override { done(AgeResult{}); }
  void KeepAgeClock(AgeClock) override {}

  absl::Status status;
  std::vector<Erasure> erasures;
  std::vector<Unsealing> unsealings;
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
    auto acceptor = Acceptor::Listen("127.0.0.1:0", 100, wall_);
    ASSERT_THAT(acceptor, testing::IsOk());
    acceptor_ = *std::move(acceptor);
    auto started =
        GrpcServer::Start(*acceptor_, TlsConfig{}, GrpcServer::Reflection::kOff, {&service_});
    ASSERT_THAT(started, testing::IsOk());
    server_ = *std::move(started);
    stub_ = v1::LedgerService::NewStub(
        grpc::CreateChannel(acceptor_->address(), grpc::InsecureChannelCredentials()));
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
  std::function<void()> while_resolving_;
  std::vector<MeasuredTool> measured_;
  // Before the loop, whose last tasks hold answers and places.
  UnreadAnswers unread_{{}, clock_};
  StreamLimits streams_{StreamLimits::Options()};
  EventLoop loop_;
  EventWatches watches_{{.write_patience = absl::Seconds(3)}, streams_, queries_, loop_};
  Access access_{{.mode = AccessRules::Mode::kOpen, .open_tenant = "north"}, clock_};
  Gate gate_{access_, unread_, nullptr};
  FakeUpkeep upkeep_;
  LedgerService service_{gate_,
                         {.queries = queries_,
                          .upkeep = upkeep_,
                          .chain = chain_,
                          .resolve =
                              [this](Resolution resolution, auto done) {
                                resolutions_.push_back(std::move(resolution));
                                if (while_resolving_) while_resolving_();
                                done(IntentRecord{.intent_id = "i1", .generation = 2});
                              },
                          .latencies = [this](auto done) { done(measured_); },
                          .watches = watches_},
                         clock_,
                         loop_};
  const SystemClock wall_{};
  std::unique_ptr<Acceptor> acceptor_;
  std::unique_ptr<GrpcServer> server_;
  std::unique_ptr<v1::LedgerService::Stub> stub_;
};

}  // namespace onetake
