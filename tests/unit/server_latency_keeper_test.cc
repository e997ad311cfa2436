#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/catalog/latency_rules.h"
#include "runtime/server/latency_keeper.h"
#include "tests/testing/sim_scheduler.h"

namespace onetake {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::SimScheduler;

class FakeStore final : public LatencyStore {
 public:
  void SaveLatencies(std::vector<LatencyRecord> records, Done done) override {
    saved.push_back(std::move(records));
    done(status);
  }
  absl::StatusOr<std::vector<LatencyRecord>> LoadLatencies() override {
    if (!status.ok()) return status;
    return saved.empty() ? std::vector<LatencyRecord>{} : saved.back();
  }
  std::vector<std::vector<LatencyRecord>> saved;
  absl::Status status;
};

std::shared_ptr<const Tool> BookTool(absl::Duration attempt) {
  auto tool = std::make_shared<Tool>();
  tool->name = "book";
  tool->version = absl::FormatDuration(attempt);
  tool->request_version = "r1";
  tool->executor = "scripted";
  tool->timeouts.attempt = attempt;
  return tool;
}

class LatencyKeeperTest : public ::testing::Test {
 protected:
  std::unique_ptr<LatencyKeeper> Keeper(LatencyBook& book, absl::Duration attempt) {
    auto tools =
        std::make_shared<ToolSet>(std::vector<std::shared_ptr<const Tool>>{BookTool(attempt)});
    return std::make_unique<LatencyKeeper>(book, tools, store_, sim_, sim_);
  }
  static void Measure(LatencyBook& book, int times, absl::Duration latency) {
    for (int i = 0; i < times; ++i) {
      book.AddAnswered(LatencySubjectOf(*BookTool(absl::Seconds(1))), latency);
    }
  }
  // What is written to the log while `work` runs.
  template <typename Work>
  static std::string Logged(Work work) {
    ::testing::internal::CaptureStderr();
    work();
    return ::testing::internal::GetCapturedStderr();
  }

  SimScheduler sim_;
  FakeStore store_;
};

TEST_F(LatencyKeeperTest, SavesWhatHasChangedEveryThirtySeconds) {
  LatencyBook book;
  const auto keeper = Keeper(book, absl::Seconds(9));
  keeper->Start();
  sim_.Advance(absl::Seconds(29));
  EXPECT_TRUE(store_.saved.empty());
  Measure(book, 3, absl::Seconds(2));
  sim_.Advance(absl::Seconds(1));
  ASSERT_EQ(store_.saved.size(), 1);
  const LatencyRecord& record = store_.saved[0].at(0);
  EXPECT_EQ(record.tool, "book");
  EXPECT_EQ(record.downstream, "scripted");
  EXPECT_EQ(record.version, "r1");
  EXPECT_EQ(record.samples, 3);
  EXPECT_GE(record.p50, absl::Seconds(2));
  EXPECT_GE(record.p999, record.p50);
  EXPECT_EQ(record.updated_at, sim_.Now());
  sim_.Advance(absl::Minutes(5));
  EXPECT_EQ(store_.saved.size(), 1) << "nothing had changed";
}

TEST_F(LatencyKeeperTest, WhatWasNotSavedIsSavedTheNextTime) {
  LatencyBook book;
  const auto keeper = Keeper(book, absl::Seconds(9));
  Measure(book, 3, absl::Seconds(2));
  store_.status = absl::ResourceExhaustedError("full");
  EXPECT_THAT(Logged([&] { keeper->Save(); }), HasSubstr("latency.not_saved"));
  store_.status = absl::OkStatus();
  sim_.RunReady();
  keeper->Save();
  ASSERT_EQ(store_.saved.size(), 2);
  EXPECT_EQ(store_.saved[1].at(0).samples, 3);
}

TEST_F(LatencyKeeperTest, ARestartGoesOnWithWhatWasMeasured) {
  LatencyBook before;
  Measure(before, 70, absl::Seconds(2));
  Keeper(before, absl::Seconds(9))->Save();
  LatencyBook after;
  const auto keeper = Keeper(after, absl::Seconds(5));  // times may change, the request may not
  keeper->Restore();
  EXPECT_EQ(keeper->Report().at(0).measured.count(), 70);
}

TEST_F(LatencyKeeperTest, ACorruptRowIsDroppedAndTheOthersCount) {
  LatencyBook before;
  Measure(before, 70, absl::Seconds(2));
  before.AddAnswered({"find", "scripted", ""}, absl::Seconds(1));
  Keeper(before, absl::Seconds(9))->Save();
  store_.saved.back().at(1).histogram = "12:x";
  LatencyBook after;
  const auto keeper = Keeper(after, absl::Seconds(9));
  const std::string log = Logged([&] { keeper->Restore(); });
  EXPECT_THAT(log, HasSubstr("latency.row_dropped"));
  EXPECT_THAT(log, HasSubstr("\"tool\":\"find\""));
  EXPECT_EQ(after.Find({"find", "scripted", ""}), nullptr);
  EXPECT_EQ(keeper->Report().at(0).measured.count(), 70);
}

TEST_F(LatencyKeeperTest, AStoreThatCannotBeReadIsNoReasonNotToStart) {
  store_.status = absl::UnavailableError("closed");
  LatencyBook book;
  const auto keeper = Keeper(book, absl::Seconds(9));
  EXPECT_THAT(Logged([&] { keeper->Restore(); }), HasSubstr("latency.not_restored"));
  EXPECT_EQ(keeper->Report().at(0).measured.count(), 0);
}

TEST_F(LatencyKeeperTest, ATimeoutBelowP95IsWarnedOfOnce) {
  LatencyBook book;
  Measure(book, 60, absl::Seconds(2));
  const auto keeper = Keeper(book, absl::Seconds(3));
  EXPECT_THAT(Logged([&] { keeper->Start(); }), Not(HasSubstr("timeout_too_short")));
  Measure(book, 60, absl::Milliseconds(4200));
  const std::string log = Logged([&] { sim_.Advance(absl::Seconds(30)); });
  EXPECT_THAT(log, HasSubstr("latency.timeout_too_short"));
  EXPECT_THAT(log, HasSubstr("attempt: 3s is below the measured p95 of 4.26s"));
  EXPECT_THAT(log, HasSubstr("set attempt: auto or at least 7s"));
  EXPECT_THAT(Logged([&] { sim_.Advance(absl::Minutes(5)); }), Not(HasSubstr("too_short")));
}

TEST_F(LatencyKeeperTest, NewToolsKeepWhatIsMeasuredOfTheSameRequestAndAreJudgedAtOnce) {
  LatencyBook book;
  Measure(book, 60, absl::Milliseconds(4200));
  const auto keeper = Keeper(book, absl::Seconds(20));
  keeper->Start();
  const std::string log = Logged([&] {
    keeper->SetTools(std::make_shared<ToolSet>(
        std::vector<std::shared_ptr<const Tool>>{BookTool(absl::Seconds(3))}));
  });
  EXPECT_THAT(log, HasSubstr("attempt: 3s is below the measured p95"));
  EXPECT_EQ(keeper->Report().at(0).measured.count(), 60);
  EXPECT_EQ(keeper->Report().at(0).tool->timeouts.attempt, absl::Seconds(3));
}

}  // namespace
}  // namespace onetake
