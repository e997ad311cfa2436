#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/dental/fate.h"

namespace onetake::dental {
namespace {

constexpr int kDraws = 20000;

std::vector<Fate> Deal(const FateDealer::Options& options, int count) {
  FateDealer dealer(options);
  std::vector<Fate> fates;
  fates.reserve(count);
  for (int i = 0; i < count; ++i) fates.push_back(dealer.Deal(absl::StrCat("thing-", i)));
  return fates;
}

absl::Duration Percentile(const std::vector<Fate>& fates, double p) {
  std::vector<absl::Duration> latencies;
  latencies.reserve(fates.size());
  for (const Fate& fate : fates) latencies.push_back(fate.before_commit + fate.after_commit);
  std::sort(latencies.begin(), latencies.end());
  return latencies[static_cast<size_t>(p * static_cast<double>(latencies.size()))];
}

TEST(FateDealerTest, LatenciesHaveTheMedianAndThe95thPercentileAskedFor) {
  const std::vector<Fate> fates = Deal({}, kDraws);
  EXPECT_NEAR(absl::ToDoubleMilliseconds(Percentile(fates, 0.5)), 1900, 60);
  EXPECT_NEAR(absl::ToDoubleMilliseconds(Percentile(fates, 0.95)), 4200, 200);
}

TEST(FateDealerTest, TimeScaleShrinksLatencyAndNothingElse) {
  const std::vector<Fate> full = Deal({.commit_then_reset = 0.3, .seed = 5}, 100);
  const std::vector<Fate> scaled =
      Deal({.time_scale = 0.01, .commit_then_reset = 0.3, .seed = 5}, 100);
  for (int i = 0; i < 100; ++i) {
    EXPECT_NEAR(absl::FDivDuration(scaled[i].after_commit, full[i].after_commit), 0.01, 1e-6);
    EXPECT_EQ(scaled[i].fault, full[i].fault);
  }
}

TEST(FateDealerTest, TheRowIsWrittenEarlyInTheLatency) {
  for (const Fate& fate : Deal({}, 100)) {
    EXPECT_GT(fate.before_commit, absl::ZeroDuration());
    EXPECT_LT(fate.before_commit * 3, fate.after_commit);
  }
}

TEST(FateDealerTest, FaultsComeAsOftenAsAskedFor) {
  std::map<Fault, int> count;
  for (const Fate& fate : Deal({.error_before_commit = 0.1,
                          .error_after_commit = 0.05,
                          .commit_then_stall = 0.02,
                          .commit_then_reset = 0.01},
                               kDraws)) {
    ++count[fate.fault];
  }
  EXPECT_NEAR(count[Fault::kErrorBeforeCommit], 0.10 * kDraws, 200);
  EXPECT_NEAR(count[Fault::kErrorAfterCommit], 0.05 * kDraws, 150);
  EXPECT_NEAR(count[Fault::kCommitThenStall], 0.02 * kDraws, 100);
  EXPECT_NEAR(count[Fault::kCommitThenReset], 0.01 * kDraws, 80);
}

TEST(FateDealerTest, NoFaultsUnlessAskedFor) {
  for (const Fate& fate : Deal({}, 1000)) EXPECT_EQ(fate.fault, Fault::kNone);
}

TEST(FateDealerTest, FateDependsOnSeedThingAndCountNotOnTheOrderOfArrival) {
  FateDealer first({.seed = 7});
  FateDealer second({.seed = 7});
  const Fate a1 = first.Deal("a");
  const Fate a2 = first.Deal("a");
  const Fate b1 = first.Deal("b");
  EXPECT_EQ(second.Deal("b").before_commit, b1.before_commit);
  EXPECT_EQ(second.Deal("a").before_commit, a1.before_commit);
  EXPECT_EQ(second.Deal("a").before_commit, a2.before_commit);
  EXPECT_NE(a1.before_commit, a2.before_commit);
  EXPECT_NE(FateDealer({.seed = 8}).Deal("a").before_commit, a1.before_commit);
}

}  // namespace
}  // namespace onetake::dental
