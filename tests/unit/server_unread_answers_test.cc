#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/server/unread_answers.h"
#include "tests/testing/sim_scheduler.h"

namespace onetake {
namespace {

class FakePeer final : public UnreadAnswers::Peer {
 public:
  void Cut() override { ++cuts; }
  int cuts = 0;
};

class UnreadAnswersTest : public ::testing::Test {
 protected:
  // An answer of its own peer, which has not taken it.
  std::shared_ptr<FakePeer> Add(const std::string& tenant, size_t bytes) {
    auto peer = std::make_shared<FakePeer>();
    holds_.push_back(std::make_unique<UnreadAnswers::Hold>(answers_.Add(tenant, bytes, peer)));
    return peer;
  }
  bool Admits(const std::string& tenant) {
    const absl::Status status = answers_.Admit(tenant);
    if (status.ok()) return true;
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    const std::optional<ErrorDetail> detail = GetDetail(status);
    EXPECT_TRUE(detail.has_value());
    EXPECT_EQ(detail->reason, "ANSWERS_UNREAD");
    EXPECT_TRUE(detail->safe_to_resend);
    EXPECT_GT(detail->retry_after_ms, 0);
    return false;
  }

  testing::SimScheduler clock_;
  UnreadAnswers answers_{{.bytes = 100, .tenant_bytes = 60, .patience = absl::Seconds(30)}, clock_};
  std::vector<std::unique_ptr<UnreadAnswers::Hold>> holds_;
};

TEST_F(UnreadAnswersTest, ATenantMayHaveSoManyBytesWaiting) {
  Add("a", 40);
  Add("a", 20);
  EXPECT_TRUE(Admits("a"));
  Add("a", 1);
  EXPECT_FALSE(Admits("a"));
  EXPECT_TRUE(Admits("b")) << "another tenant";
  EXPECT_EQ(answers_.refused(), 1);
  holds_.erase(holds_.begin());
  EXPECT_EQ(answers_.bytes(), 21u);
  EXPECT_TRUE(Admits("a")) << "after one was taken";
}

TEST_F(UnreadAnswersTest, WhoHasItsPartOrLessIsNotKeptOutByTheOthers) {
  Add("a", 60);
  Add("b", 41);
  EXPECT_FALSE(Admits("a")) << "more than half of all";
  EXPECT_TRUE(Admits("b"));
  Add("b", 10);
  EXPECT_FALSE(Admits("b"));
  EXPECT_TRUE(Admits("c")) << "nothing of it waits";
  Add("c", 33);
  EXPECT_TRUE(Admits("c")) << "its third";
  Add("c", 1);
  EXPECT_FALSE(Admits("c"));
  holds_.erase(holds_.begin());
  EXPECT_TRUE(Admits("b")) << "all together have room again";
}

TEST_F(UnreadAnswersTest, ACallThatWasLetInIsAnsweredWhateverWaitsByThen) {
  ASSERT_TRUE(Admits("a"));
  ASSERT_TRUE(Admits("b"));
  const auto first = Add("a", 70);
  EXPECT_FALSE(Admits("a"));
  Add("a", 50);
  Add("b", 50);
  EXPECT_EQ(answers_.bytes(), 170u);
  EXPECT_EQ(first->cuts, 0);
}

TEST_F(UnreadAnswersTest, OfTwiceTooMuchOfATenantTheOldestAreCutOff) {
  const auto first = Add("a", 50);
  const auto second = Add("a", 50);
  const auto other = Add("b", 10);
  const auto third = Add("a", 20);
  EXPECT_EQ(first->cuts, 0) << "not more than twice";
  const auto fourth = Add("a", 1);
  EXPECT_EQ(first->cuts, 1);
  EXPECT_EQ(second->cuts + third->cuts + fourth->cuts, 0);
  EXPECT_EQ(other->cuts, 0) << "of another tenant";
  EXPECT_EQ(answers_.bytes(), 81u) << "what is cut off waits no more";
  Add("a", 70);
  EXPECT_EQ(first->cuts, 1);
  EXPECT_EQ(second->cuts, 1);
  EXPECT_EQ(third->cuts, 0);
  holds_.clear();
  EXPECT_EQ(answers_.bytes(), 0u);
  EXPECT_TRUE(Admits("a"));
}

TEST_F(UnreadAnswersTest, OfTwiceTooMuchOfAllOnlyThoseThatHaveMoreThanTheirPartAreCutOff) {
  const auto small = Add("c", 30);
  const auto first = Add("a", 60);
  const auto second = Add("b", 60);
  Add("a", 40);
  Add("b", 10);
  EXPECT_EQ(first->cuts, 0);
  Add("b", 10);
  EXPECT_EQ(small->cuts, 0) << "the oldest, and of one that has little";
  EXPECT_EQ(first->cuts, 1);
  EXPECT_EQ(second->cuts, 0) << "then all together have room";
  EXPECT_EQ(answers_.bytes(), 150u);
  const auto large = Add("a", 50);
  Add("c", 1);
  EXPECT_EQ(large->cuts + small->cuts, 0);
  EXPECT_EQ(second->cuts, 1) << "also when one that has little makes it too much";
}

TEST_F(UnreadAnswersTest, WhoTakesNothingForTooLongIsCutOff) {
  const auto first = Add("a", 1);
  clock_.Advance(absl::Seconds(30) - absl::Milliseconds(1));
  const auto later = Add("a", 1);
  answers_.CutOff();
  EXPECT_EQ(first->cuts, 0);
  clock_.Advance(absl::Milliseconds(1));
  answers_.CutOff();
  EXPECT_EQ(first->cuts, 1);
  EXPECT_EQ(later->cuts, 0) << "it was answered later";
  EXPECT_EQ(answers_.bytes(), 1u);
  holds_.erase(holds_.begin());
  answers_.CutOff();
  EXPECT_EQ(first->cuts, 1) << "taken, if late";
}

}  // namespace
}  // namespace onetake
