#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "runtime/access/bearer_token.h"
#include "runtime/base/event_loop.h"
#include "runtime/server/token_watch.h"
#include "tests/testing/eventually.h"
#include "tests/testing/sim_scheduler.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace onetake {
namespace {

using testing::IsOk;
using ::testing::Not;
using testing::SimScheduler;

constexpr char kGetIntent[] = "/onetake.v1.LedgerService/GetIntent";

class TokenWatchTest : public ::testing::Test {
 protected:
  void Write(const std::vector<TokenRecord>& tokens) {
    const auto replace = [&](std::vector<TokenRecord>& list) {
      list = tokens;
      return absl::OkStatus();
    };
    ASSERT_THAT(EditTokenFile(path_, replace), IsOk());
  }
  absl::Status Admit() const {
    const std::string header = "Bearer " + std::string(token_.ToText().Reveal());
    return access_.Admit({.authorization = {header}}, kGetIntent).status();
  }

  SimScheduler time_;  // of the clock, and of the disk where one thread will do
  const testing::TempDir folder_;
  const std::string path_ = folder_.Path("tokens");
  const BearerToken token_ = *NewBearerToken();
  TokenRecord record_{.id = token_.id,
                      .digest = SecretDigest(token_.secret),
                      .name = "night-audit",
                      .tenant = "north",
                      .roles = {Role::kAudit},
                      .created_at = time_.Now(),
                      .expires_at = time_.Now() + absl::Hours(1)};
  Access access_{AccessRules{}, time_};
};

TEST_F(TokenWatchTest, ATokenIsKnownAtTheNextLookAndEndsAtTheOneAfterItsRevocation) {
  TokenWatch watch({.path = path_}, access_, time_);
  ASSERT_THAT(watch.Load(), IsOk());  // no file: no tokens
  watch.Start();
  Write({record_});
  EXPECT_THAT(Admit(), Not(IsOk()));
  time_.Advance(TokenWatch::kEvery);
  EXPECT_THAT(Admit(), IsOk());
  EXPECT_EQ(watch.looks(), 1);
  record_.revoked_at = time_.Now();
  Write({record_});
  time_.Advance(TokenWatch::kEvery);
  EXPECT_THAT(Admit(), Not(IsOk()));
}

TEST_F(TokenWatchTest, AFileThatCannotBeUsedChangesNothing) {
  Write({record_});
  TokenWatch watch({.path = path_}, access_, time_);
  ASSERT_THAT(watch.Load(), IsOk());
  watch.Start();
  Write({});
  ASSERT_EQ(chmod(path_.c_str(), 0644), 0);
  time_.Advance(TokenWatch::kEvery);
  EXPECT_THAT(Admit(), IsOk());
  ASSERT_EQ(chmod(path_.c_str(), 0600), 0);  // the size and the time of the file stay
  time_.Advance(TokenWatch::kEvery);
  EXPECT_THAT(Admit(), Not(IsOk()));
}

// Waits for the first look, which is a second away.
TEST_F(TokenWatchTest, WhileTheDiskHangsTheTokensStayAndNoLookIsCounted) {
  EventLoop disk;
  std::atomic<bool> loaded{false};
  absl::Notification reading;
  absl::Notification go_on;
  TokenWatch watch({.path = path_,
                    .read =
                        [&](const std::string& path) {
                          if (loaded && !reading.HasBeenNotified()) {
                            reading.Notify();
                            go_on.WaitForNotification();
                          }
                          return ReadTokenFile(path);
                        }},
                   access_, disk);
  ASSERT_THAT(watch.Load(), IsOk());
  loaded = true;
  Write({record_});
  watch.Start();
  disk.Start();
  reading.WaitForNotification();
  EXPECT_EQ(watch.looks(), 0);
  EXPECT_THAT(Admit(), Not(IsOk()));
  go_on.Notify();
  ASSERT_TRUE(testing::Eventually([&] { return watch.looks() > 0; }));
  EXPECT_THAT(Admit(), IsOk());
  disk.Stop();
}

}  // namespace
}  // namespace onetake
