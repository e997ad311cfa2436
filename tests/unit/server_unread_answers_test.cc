#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

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
  bool Add(const std::string& tenant, size_t bytes) {
    std::optional<UnreadAnswers::Hold> hold = answers_.Add(tenant, bytes, peer_);
    if (hold.has_value()) {
      holds_.push_back(std::make_unique<UnreadAnswers::Hold>(*std::move(hold)));
    }
    return hold.has_value();
  }

  testing::SimScheduler clock_;
  UnreadAnswers answers_{{.bytes = 100, .tenant_bytes = 60, .patience = absl::Seconds(30)}, clock_};
  std::shared_ptr<FakePeer> peer_ = std::make_shared<FakePeer>();
  std::vector<std::unique_ptr<UnreadAnswers::Hold>> holds_;
};

TEST_F(UnreadAnswersTest, ATenantMayHaveSoManyBytesWaiting) {
  EXPECT_TRUE(Add("a", 40));
  EXPECT_TRUE(Add("a", 20));
  EXPECT_FALSE(Add("a", 1));
  EXPECT_TRUE(Add("b", 40)) << "of another tenant";
  EXPECT_FALSE(Add("b", 1)) << "of all";
  holds_.erase(holds_.begin());
  EXPECT_EQ(answers_.bytes(), 60u);
  EXPECT_TRUE(Add("a", 40)) << "after one was taken";
}

TEST_F(UnreadAnswersTest, TheFirstAnswerOfATenantIsAlwaysGiven) {
  EXPECT_TRUE(Add("a", 1000)) << "however large it is";
  EXPECT_FALSE(Add("a", 1));
  EXPECT_TRUE(Add("b", 50)) << "whatever the others have";
  holds_.clear();
  EXPECT_EQ(answers_.bytes(), 0u);
}

TEST_F(UnreadAnswersTest, WhoTakesNothingForTooLongIsCutOff) {
  EXPECT_TRUE(Add("a", 1));
  clock_.Advance(absl::Seconds(30) - absl::Milliseconds(1));
  const std::shared_ptr<FakePeer> first = std::exchange(peer_, std::make_shared<FakePeer>());
  EXPECT_TRUE(Add("a", 1));
  answers_.CutOff();
  EXPECT_EQ(first->cuts, 0);
  clock_.Advance(absl::Milliseconds(1));
  answers_.CutOff();
  EXPECT_EQ(first->cuts, 1);
  EXPECT_EQ(peer_->cuts, 0) << "it was answered later";
  holds_.erase(holds_.begin());
  answers_.CutOff();
  EXPECT_EQ(first->cuts, 1) << "taken, if late";
}

}  // namespace
}  // namespace onetake
