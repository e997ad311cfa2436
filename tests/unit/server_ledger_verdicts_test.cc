#include "absl/strings/str_cat.h"
#include "runtime/access/bearer_token.h"
#include "tests/testing/ledger_service_fixture.h"

namespace onetake {
namespace {

using ::testing::SizeIs;

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
  EXPECT_EQ(resolutions_[0].evidence_json,
            R"({"credential":"anonymous","note":"the front desk sees it"})");
  EXPECT_EQ(resolutions_[0].result_json, R"({"id":7})");
  EXPECT_EQ(resolutions_[0].at, clock_.Now());
}

TEST_F(LedgerServiceTest, AVerdictThatWasTakenInIsToldAndNoneIsTakenInWhileAnswersAreUnread) {
  std::optional<UnreadAnswers::Hold> unread;
  while_resolving_ = [&] { unread.emplace(unread_.Add("north", 40 * 1024 * 1024, nullptr)); };
  v1::ResolveIntentResponse response;
  {
    grpc::ClientContext context;
    EXPECT_TRUE(stub_->ResolveIntent(&context, GoodResolution(), &response).ok());
  }
  {
    grpc::ClientContext context;
    const grpc::Status status = stub_->ResolveIntent(&context, GoodResolution(), &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    EXPECT_EQ(DetailOf(status).reason(), "ANSWERS_UNREAD");
    EXPECT_TRUE(DetailOf(status).safe_to_resend());
  }
  EXPECT_THAT(resolutions_, SizeIs(1));
  unread.reset();
  while_resolving_ = nullptr;
  grpc::ClientContext context;
  EXPECT_TRUE(stub_->ResolveIntent(&context, GoodResolution(), &response).ok());
  EXPECT_THAT(resolutions_, SizeIs(2));
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

// A tool that a tenant does not have is none for it, with its traffic and its downstream.
TEST_F(LedgerServiceTest, LatenciesAreOfTheToolsThatTheTenantHas) {
  auto book = std::make_shared<Tool>();
  book->name = "book";
  auto find = std::make_shared<Tool>();
  find->name = "find";
  measured_ = {{book, {}}, {find, {}}};
  const BearerToken token = *NewBearerToken();
  access_.SetTokens({{.id = token.id,
                      .digest = SecretDigest(token.secret),
                      .name = "operator",
                      .tenant = "north",
                      .roles = RoleSet::All(),
                      .created_at = clock_.Now(),
                      .expires_at = clock_.Now() + absl::Hours(1)}});
  access_.SetRules({.tenants = {{"north", std::make_shared<std::set<std::string>>(
                                              std::set<std::string>{"find"})}}});
  const std::string bearer = absl::StrCat("Bearer ", token.ToText().Reveal());
  v1::LatencyReportResponse report;
  grpc::ClientContext all;
  all.AddMetadata("authorization", bearer);
  ASSERT_TRUE(stub_->LatencyReport(&all, {}, &report).ok());
  ASSERT_EQ(report.tools_size(), 1);
  EXPECT_EQ(report.tools(0).tool(), "find");
  v1::LatencyReportRequest request;
  request.set_tool("book");
  grpc::ClientContext one;
  one.AddMetadata("authorization", bearer);
  const grpc::Status status = stub_->LatencyReport(&one, request, &report);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(DetailOf(status).reason(), "UNKNOWN_TOOL");
}

}  // namespace
}  // namespace onetake
