#include <gmock/gmock.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/server/ledger_request.h"
#include "tests/testing/status_matchers.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOk;
using ::onetake::testing::StatusIs;
using ::testing::_;

// The field that the error names.
template <typename T>
std::string FieldOf(const absl::StatusOr<T>& query) {
  EXPECT_THAT(query, StatusIs(absl::StatusCode::kInvalidArgument, _));
  const auto detail = GetDetail(query.status());
  return detail.has_value() ? detail->field : "";
}

TEST(ToQueryTest, TakesEveryFilterOfIntents) {
  v1::ListIntentsRequest request;
  request.set_session_id("CA1");
  request.set_tool("book");
  request.set_state(v1::INTENT_STATE_REVIEW);
  request.set_id_prefix("0123");
  request.mutable_created_after()->set_seconds(10);
  request.mutable_created_before()->set_seconds(20);
  request.set_held_back_only(true);
  request.set_review_only(true);
  request.set_tool_call_id("toolu_1");
  request.set_disposition(v1::DISPOSITION_NEEDS_REVIEW);
  request.mutable_attribute()->set_name("caller_phone");
  request.mutable_attribute()->set_value("+49123");
  request.set_replayed_only(true);
  request.set_drift_only(true);
  const auto query = ToQuery(request, "north");
  ASSERT_THAT(query, IsOk());
  const IntentFilter& filter = query->filter;
  EXPECT_EQ(filter.tenant, "north");
  EXPECT_EQ(filter.session_id, "CA1");
  EXPECT_EQ(filter.tool, "book");
  EXPECT_EQ(filter.state, IntentState::kReview);
  EXPECT_EQ(filter.id_prefix, "0123");
  EXPECT_EQ(filter.created_after, absl::FromUnixSeconds(10));
  EXPECT_EQ(filter.created_before, absl::FromUnixSeconds(20));
  EXPECT_TRUE(filter.held_back_only && filter.review_only && filter.replayed_only &&
              filter.drift_only);
  EXPECT_EQ(filter.tool_call_id, "toolu_1");
  EXPECT_EQ(filter.disposition, "NEEDS_REVIEW");
  EXPECT_EQ(filter.attribute, "caller_phone");
  EXPECT_EQ(filter.attribute_value, "+49123");
  EXPECT_EQ(query->page_size, 100);
}

TEST(ToQueryTest, NamesTheFieldOfIntentsThatIsWrong) {
  using Spoil = std::function<void(v1::ListIntentsRequest&)>;
  const std::vector<std::pair<std::string, Spoil>> cases = {
      {"id_prefix", [](auto& request) { request.set_id_prefix("012"); }},
      {"id_prefix", [](auto& request) { request.set_id_prefix(std::string(129, 'a')); }},
      {"session_id", [](auto& request) { request.set_session_id(std::string(129, 'a')); }},
      {"tool", [](auto& request) { request.set_tool(std::string(65, 'a')); }},
      {"tool_call_id", [](auto& request) { request.set_tool_call_id(std::string(129, 'a')); }},
      {"state", [](auto& request) { request.set_state(static_cast<v1::IntentState>(99)); }},
      {"disposition",
       [](auto& request) { request.set_disposition(static_cast<v1::Disposition>(99)); }},
      {"attribute.name", [](auto& request) { request.mutable_attribute()->set_value("x"); }},
      {"attribute.value",
       [](auto& request) {
         request.mutable_attribute()->set_name("x");
         request.mutable_attribute()->set_value(std::string(1025, 'a'));
       }},
      {"created_before",
       [](auto& request) {
         request.mutable_created_after()->set_seconds(20);
         request.mutable_created_before()->set_seconds(10);
       }},
      {"created_after", [](auto& request) { request.mutable_created_after()->set_nanos(-1); }},
      {"page_size", [](auto& request) { request.set_page_size(501); }},
      {"page_token", [](auto& request) { request.set_page_token("r17"); }},
  };
  for (const auto& [field, spoil] : cases) {
    v1::ListIntentsRequest request;
    spoil(request);
    EXPECT_EQ(FieldOf(ToQuery(request, "t")), field);
  }
}

TEST(ToQueryTest, NamesTheFieldOfEventsThatIsWrong) {
  using Spoil = std::function<void(v1::ListEventsRequest&)>;
  const std::vector<std::pair<std::string, Spoil>> cases = {
      {"after_seq", [](auto& request) { request.set_after_seq(-1); }},
      {"after_seq",
       [](auto& request) {
         request.set_after_seq(1);
         request.set_newest(true);
       }},
      {"after_seq",
       [](auto& request) {
         request.set_after_seq(1);
         request.mutable_after()->set_seconds(1);
       }},
      {"newest",
       [](auto& request) {
         request.set_newest(true);
         request.mutable_before()->set_seconds(1);
       }},
      {"before",
       [](auto& request) {
         request.mutable_after()->set_seconds(2);
         request.mutable_before()->set_seconds(1);
       }},
      {"page_token", [](auto& request) { request.set_page_token("?"); }},
  };
  for (const auto& [field, spoil] : cases) {
    v1::ListEventsRequest request;
    spoil(request);
    EXPECT_EQ(FieldOf(ToQuery(request, "t")), field);
  }
}

TEST(ToQueryTest, NamesTheFieldOfCallsWatchesAndReportsThatIsWrong) {
  v1::ListCallsRequest calls;
  calls.set_page_size(-1);
  EXPECT_EQ(FieldOf(ToQuery(calls, "t")), "page_size");
  calls.set_tool_call_id(std::string(129, 'a'));
  EXPECT_EQ(FieldOf(ToQuery(calls, "t")), "tool_call_id");
  v1::WatchEventsRequest watch;
  watch.set_from_now(true);
  watch.set_after_seq(3);
  EXPECT_EQ(FieldOf(ToQuery(watch, "t")), "after_seq");
  v1::DuplicateReportRequest report;
  report.set_calls(501);
  EXPECT_EQ(FieldOf(ToQuestion(report, "t", absl::UnixEpoch())), "calls");
  report.set_calls(0);
  report.mutable_after()->set_seconds(5);
  report.mutable_before()->set_seconds(4);
  EXPECT_EQ(FieldOf(ToQuestion(report, "t", absl::UnixEpoch())), "before");
}

TEST(ToQueryTest, AWatchBeginsAfterAnEventOrNow) {
  v1::WatchEventsRequest request;
  EXPECT_EQ(ToQuery(request, "t")->after_seq, 0);
  request.set_after_seq(7);
  EXPECT_EQ(ToQuery(request, "t")->after_seq, 7);
  request.set_after_seq(0);
  request.set_from_now(true);
  EXPECT_EQ(ToQuery(request, "t")->after_seq, std::nullopt);
}

}  // namespace
}  // namespace onetake
