// The executor of plugins' tools, on a simulated clock and a scripted plugin.
#include "tools/plugin/plugin_executor.h"

#include <gmock/gmock.h>

#include "runtime/base/limits.h"
#include "tests/testing/sim_scheduler.h"
#include "tests/testing/status_matchers.h"
#include "tools/plugin/plugin_call.h"
#include "tools/plugin/plugin_report.h"

namespace onetake::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class FakeLink final : public PluginLink {
 public:
  uint64_t Invoke(Call call, Progress progress, Done done) override {
    calls.push_back(std::move(call));
    tell = std::move(progress);
    answer = std::move(done);
    return calls.size();
  }
  void Probe(Call call, ProbeDone done) override {
    probes.push_back(std::move(call));
    answer_probe = std::move(done);
  }
  const PluginDescription* description() const override {
    return describes.has_value() ? &*describes : nullptr;
  }
  PluginResult::Delivery Cancel(uint64_t id) override {
    cancelled.push_back(id);
    return delivery;
  }

  std::optional<PluginDescription> describes;
  std::vector<Call> calls;
  std::vector<Call> probes;
  std::vector<uint64_t> cancelled;
  PluginResult::Delivery delivery = PluginResult::Delivery::kSeen;
  Progress tell;
  Done answer;
  ProbeDone answer_probe;
};

class PluginExecutorTest : public ::testing::Test {
 protected:
  PluginExecutorTest() {
    auto link = std::make_unique<FakeLink>();
    link_ = link.get();
    std::map<std::string, std::unique_ptr<PluginLink>> links;
    links.emplace("pms", std::move(link));
    executor_ = std::make_unique<PluginExecutor>(sim_, sim_, std::move(links));
    tool_ = std::make_shared<Tool>();
    tool_->name = "book_appointment";
    tool_->plugin = PluginBinding{.plugin = "pms",
                                  .tool = "book",
                                  .arguments = JsonTemplate::Parse(Json{{"at", "$.slot"}}).value()};
  }
  std::string Rendered() {
    return executor_->Render(*tool_, Json{{"slot", "2 pm"}, {"notes", "x"}}, "k1").value();
  }
  AttemptId Start(std::string rendered) {
    return executor_->Start(
        tool_,
        {.rendered = std::move(rendered),
         .timeout = absl::Seconds(8),
         .number = 3,
         .on_progress =
             [this](const AttemptProgress& progress) { progress_.push_back(progress.text); }},
        [this](AttemptReport report) { reports_.push_back(report); });
  }

  SimScheduler sim_;
  FakeLink* link_;
  std::unique_ptr<PluginExecutor> executor_;
  std::shared_ptr<Tool> tool_;
  std::vector<AttemptReport> reports_;
  std::vector<std::string> progress_;
};

TEST_F(PluginExecutorTest, SaysWhileAPluginIsNotRunning) {
  EXPECT_GT(executor_->NotReadyFor(*tool_), absl::ZeroDuration());
  link_->describes.emplace();
  EXPECT_EQ(executor_->NotReadyFor(*tool_), absl::ZeroDuration());
  tool_->plugin->plugin = "nobody";
  EXPECT_EQ(executor_->NotReadyFor(*tool_), absl::ZeroDuration()) << "that will not change";
}

TEST_F(PluginExecutorTest, ThePluginGetsToolArgumentsKeyAndAttempt) {
  Start(Rendered());
  ASSERT_THAT(link_->calls, SizeIs(1));
  EXPECT_EQ(link_->calls[0].tool, "book");
  EXPECT_EQ(link_->calls[0].arguments_json, R"({"at":"2 pm"})");
  EXPECT_EQ(link_->calls[0].key, "k1");
  EXPECT_EQ(link_->calls[0].attempt, 3);
  EXPECT_EQ(link_->calls[0].timeout, absl::Seconds(8));
  sim_.Advance(absl::Seconds(2));
  link_->answer({.outcome = PluginResult::Outcome::kSucceeded, .result_json = R"({"id":7})"});
  ASSERT_THAT(reports_, SizeIs(1));
  EXPECT_FALSE(reports_[0].failure.has_value());
  EXPECT_EQ(reports_[0].result_json, R"({"id":7})");
  EXPECT_EQ(reports_[0].latency, absl::Seconds(2));
}

TEST_F(PluginExecutorTest, APluginThatHangsIsGivenUpAtTheHardTimeoutAndNotHeardLater) {
  Start(Rendered());
  sim_.Advance(absl::Seconds(8));
  ASSERT_THAT(reports_, SizeIs(1));
  EXPECT_EQ(reports_[0].failure, FailureKind::kLost);
  EXPECT_EQ(reports_[0].reached, Reached::kSomethingSent);
  EXPECT_TRUE(reports_[0].timed_out);
  EXPECT_THAT(link_->cancelled, ElementsAre(1));
  link_->tell({.text = "still here"});
  link_->answer({.outcome = PluginResult::Outcome::kSucceeded});
  EXPECT_THAT(reports_, SizeIs(1));
  EXPECT_THAT(progress_, IsEmpty());
}

TEST_F(PluginExecutorTest, ACallThatThePluginNeverSawIsSurelyNotSent) {
  link_->delivery = PluginResult::Delivery::kNeverDelivered;
  Start(Rendered());
  sim_.Advance(absl::Seconds(8));
  ASSERT_THAT(reports_, SizeIs(1));
  EXPECT_EQ(reports_[0].failure, FailureKind::kNotSent);
  EXPECT_EQ(reports_[0].reached, Reached::kNothingSent);
  EXPECT_FALSE(reports_[0].timed_out);
}

TEST_F(PluginExecutorTest, ACallThatRunsOnAfterItsTimeIsReportedAsRunning) {
  for (const auto delivery : {PluginResult::Delivery::kStillRuns, PluginResult::Delivery::kSeen}) {
    link_->delivery = delivery;
    Start(Rendered());
    sim_.Advance(absl::Seconds(8));
    EXPECT_EQ(reports_.back().failure, FailureKind::kLost);
    EXPECT_EQ(reports_.back().still_runs, delivery == PluginResult::Delivery::kStillRuns);
  }
}

TEST_F(PluginExecutorTest, NothingIsSaidToAPluginOnceItHasEnded) {
  const AttemptId id = Start(Rendered());
  executor_->Stop();
  sim_.Advance(absl::Seconds(20));  // its timeout
  executor_->Cancel(id);
  sim_.RunReady();
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_F(PluginExecutorTest, ACancelledAttemptIsReportedOnceAndThePluginIsTold) {
  const AttemptId id = Start(Rendered());
  executor_->Cancel(id);
  EXPECT_THAT(reports_, IsEmpty()) << "never inside Cancel()";
  sim_.RunReady();
  link_->answer({});
  executor_->Cancel(id);
  sim_.Advance(absl::Seconds(10));
  EXPECT_THAT(reports_, SizeIs(1));
  EXPECT_THAT(link_->cancelled, ElementsAre(1));
}

TEST_F(PluginExecutorTest, ACancelledAttemptIsReportedByWhatItsPluginHasSeenOfIt) {
  using Delivery = PluginResult::Delivery;
  for (const auto delivery : {Delivery::kNeverDelivered, Delivery::kStillRuns, Delivery::kSeen}) {
    link_->delivery = delivery;
    executor_->Cancel(Start(Rendered()));
    sim_.RunReady();
    const bool unseen = delivery == Delivery::kNeverDelivered;
    EXPECT_EQ(reports_.back().failure, unseen ? FailureKind::kNotSent : FailureKind::kLost);
    EXPECT_EQ(reports_.back().reached, unseen ? Reached::kNothingSent : Reached::kSomethingSent);
    EXPECT_EQ(reports_.back().still_runs, delivery == Delivery::kStillRuns);
  }
}

TEST_F(PluginExecutorTest, WhatNamesNoPluginIsSurelyNotSent) {
  tool_->plugin->plugin = "gone";
  Start(Rendered());
  Start(R"({"v":1,"method":"POST","url":"https://api.example.com/"})");
  EXPECT_THAT(reports_, IsEmpty()) << "never inside Start()";
  sim_.RunReady();
  ASSERT_THAT(reports_, SizeIs(2));
  for (const AttemptReport& report : reports_) {
    EXPECT_EQ(report.failure, FailureKind::kNotSent);
    EXPECT_EQ(report.reached, Reached::kNothingSent);
  }
  EXPECT_THAT(link_->calls, IsEmpty());
}

// The ledger's file may say what somebody has written into it.
TEST_F(PluginExecutorTest, WhatIsRecordedForAnotherPluginOrToolIsNotSent) {
  const std::string recorded = Rendered();
  const PluginBinding binding = *tool_->plugin;
  const auto is_refused = [&] {
    reports_.clear();
    Start(recorded);
    sim_.RunReady();
    EXPECT_THAT(reports_, SizeIs(1));
    EXPECT_EQ(reports_.at(0).failure, FailureKind::kNotSent);
    EXPECT_FALSE(executor_->Probe(tool_, recorded, absl::Seconds(5), [](const ProbeReport&) {}));
  };
  tool_->plugin->plugin = "other";
  is_refused();
  tool_->plugin = binding;
  tool_->plugin->tool = "cancel";
  is_refused();
  tool_->plugin.reset();
  is_refused();
  EXPECT_THAT(link_->calls, IsEmpty());
  EXPECT_THAT(link_->probes, IsEmpty());
}

TEST_F(PluginExecutorTest, ProgressIsCutAndMadePrintable) {
  Start(Rendered());
  link_->tell({.text = "a\nb\xff"});
  link_->tell({.text = std::string(10'000, 'x')});
  link_->tell({.text = std::string(limits::kProgressBytes, '\xff')});
  ASSERT_THAT(progress_, SizeIs(3));
  EXPECT_EQ(progress_[0], "a b\xef\xbf\xbd");
  EXPECT_EQ(progress_[1].size(), limits::kProgressBytes);
  EXPECT_LE(progress_[2].size(), limits::kProgressBytes) << "U+FFFD is three bytes";
}

TEST_F(PluginExecutorTest, AProbeAsksAboutTheWritesOwnCallAndIsBounded) {
  std::vector<ProbeReport> found;
  const auto probe = [&] {
    return executor_->Probe(tool_, Rendered(), absl::Seconds(5),
                            [&](ProbeReport report) { found.push_back(std::move(report)); });
  };
  ASSERT_TRUE(probe());
  EXPECT_EQ(link_->probes[0].key, "k1");
  link_->answer_probe({.finding = ProbeReport::Finding::kApplied, .result_json = "{}"});
  ASSERT_TRUE(probe());
  sim_.Advance(absl::Seconds(5));
  link_->answer_probe({.finding = ProbeReport::Finding::kApplied});
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_EQ(found[0].finding, ProbeReport::Finding::kApplied);
  EXPECT_EQ(found[1].finding, ProbeReport::Finding::kInconclusive) << "it came too late";
  EXPECT_FALSE(executor_->Probe(tool_, "{}", absl::Seconds(5), [](const ProbeReport&) {}));
}

struct ReportCase {
  const char* name;
  PluginResult result;
  Reached reached;
  std::optional<FailureKind> failure;
  std::string json;
};
class PluginReportTest : public ::testing::TestWithParam<ReportCase> {};

TEST_P(PluginReportTest, Means) {
  const AttemptReport report = ReportOf(GetParam().result);
  EXPECT_EQ(report.reached, GetParam().reached);
  EXPECT_EQ(report.failure, GetParam().failure);
  EXPECT_EQ(report.result_json, GetParam().json);
}

using Outcome = PluginResult::Outcome;
INSTANTIATE_TEST_SUITE_P(
    Table, PluginReportTest,
    ::testing::Values(
        ReportCase{"Nothing", {}, Reached::kSomethingSent, FailureKind::kLost, ""},
        ReportCase{"Succeeded",
                   {.outcome = Outcome::kSucceeded, .result_json = "[1]"},
                   Reached::kBodyComplete,
                   std::nullopt,
                   "[1]"},
        ReportCase{"SucceededWithNothing",
                   {.outcome = Outcome::kSucceeded},
                   Reached::kBodyComplete,
                   std::nullopt,
                   "null"},
        ReportCase{"SucceededWithGarbage",
                   {.outcome = Outcome::kSucceeded, .result_json = "{\"a\":"},
                   Reached::kBodyComplete,
                   FailureKind::kBodyUnreadable,
                   ""},
        ReportCase{"SucceededWithTooMuch",
                   {.outcome = Outcome::kSucceeded,
                    .result_json = "\"" + std::string(limits::kResultBytes, 'x') + "\""},
                   Reached::kBodyComplete,
                   FailureKind::kBodyUnreadable,
                   ""},
        ReportCase{"Rejected",
                   {.outcome = Outcome::kRejected, .result_json = R"({"error":"taken"})"},
                   Reached::kBodyComplete,
                   FailureKind::kDefiniteRefusal,
                   R"({"error":"taken"})"},
        ReportCase{"RejectedWithGarbage",
                   {.outcome = Outcome::kRejected, .result_json = "taken"},
                   Reached::kBodyComplete,
                   FailureKind::kDefiniteRefusal,
                   ""},
        ReportCase{"NoEffect",
                   {.outcome = Outcome::kNoEffect},
                   Reached::kBodyComplete,
                   FailureKind::kRefusedUnprocessed,
                   ""},
        ReportCase{
            "NeverDelivered",
            {.outcome = Outcome::kNoEffect, .delivery = PluginResult::Delivery::kNeverDelivered},
            Reached::kNothingSent,
            FailureKind::kNotSent,
            ""}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace onetake::testing
