#include <gtest/gtest.h>

#include "tests/testing/status_matchers.h"
#include "tests/unit/dental_temp_folder.h"
#include "tools/dental/key_desk.h"

namespace onetake::dental {
namespace {

using ::onetake::testing::IsOk;
using Verdict = KeyDesk::Verdict;

class KeyDeskTest : public ::testing::Test {
 protected:
  KeyDeskTest()
      : db_(*PracticeDb::Open(folder_.File("practice.db"))), desk_(*db_, absl::Hours(24)) {}

  Verdict Begin(const std::string& key, absl::string_view request) {
    const auto check = desk_.Begin(key, request, now_);
    EXPECT_THAT(check, IsOk());
    return check->verdict;
  }
  // The first request under `key` runs and is answered.
  void Serve(const std::string& key, const std::string& request) {
    ASSERT_EQ(Begin(key, request), Verdict::kFresh);
    ASSERT_THAT(db_->Transact([&](PracticeDb::Tables& tables) {
      return tables.Remember({key, request, 201, "answer", now_});
    }),
                IsOk());
    desk_.End(key);
  }

  TempFolder folder_;
  std::unique_ptr<PracticeDb> db_;
  KeyDesk desk_;
  absl::Time now_ = absl::FromUnixSeconds(1782327600);
};

TEST_F(KeyDeskTest, RepeatsTheRecordedAnswerForTheSameRequest) {
  Serve("k", "request");
  const auto check = desk_.Begin("k", "request", now_);
  ASSERT_THAT(check, IsOk());
  ASSERT_EQ(check->verdict, Verdict::kReplay);
  EXPECT_EQ(check->recorded->status, 201);
  EXPECT_EQ(check->recorded->body, "answer");
}

TEST_F(KeyDeskTest, RefusesAnotherRequestUnderTheSameKey) {
  Serve("k", "request");
  EXPECT_EQ(Begin("k", "other request"), Verdict::kReused);
  EXPECT_EQ(Begin("k", "request"), Verdict::kReplay);  // the refusal changed nothing
}

TEST_F(KeyDeskTest, IsInUseWhileTheFirstRequestRuns) {
  ASSERT_EQ(Begin("k", "request"), Verdict::kFresh);
  EXPECT_EQ(Begin("k", "request"), Verdict::kInUse);
  EXPECT_EQ(Begin("k", "other request"), Verdict::kReused);
  EXPECT_EQ(Begin("another", "request"), Verdict::kFresh);
}

TEST_F(KeyDeskTest, ARequestThatEndsWithoutAnAnswerLeavesTheKeyFresh) {
  ASSERT_EQ(Begin("k", "request"), Verdict::kFresh);
  desk_.End("k");
  EXPECT_EQ(Begin("k", "other request"), Verdict::kFresh);
}

TEST_F(KeyDeskTest, ForgetsAKeyAfterItsRetention) {
  Serve("k", "request");
  now_ += absl::Hours(24) - absl::Seconds(1);
  EXPECT_EQ(Begin("k", "request"), Verdict::kReplay);
  now_ += absl::Seconds(1);
  EXPECT_EQ(Begin("k", "request"), Verdict::kFresh);
}

TEST_F(KeyDeskTest, RemembersAcrossARestart) {
  Serve("k", "request");
  KeyDesk restarted(*db_, absl::Hours(24));
  const auto check = restarted.Begin("k", "request", now_);
  ASSERT_THAT(check, IsOk());
  EXPECT_EQ(check->verdict, Verdict::kReplay);
}

}  // namespace
}  // namespace onetake::dental
